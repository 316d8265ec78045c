"""The parts of a recipe, trained with and without: that each run is made, once, and found in the table."""

import json

import pytest

from contextnet_tf.errors import InputError
from contextnet_tf.reporting.ablation import ALL
from contextnet_tf.training.recipe import get_recipe
from experiments import ablate_recipe

WITHOUT_CLASS_WEIGHTS = 3


def test_every_row_changes_the_recipe_in_one_part():
    recipe = get_recipe("modern")
    for name, changes in ablate_recipe.ROWS.items():
        assert len(changes) == (0 if name == ALL else 1)
        for field, value in changes.items():
            own = recipe.optimizer.weight_decay if field == "weight_decay" else getattr(recipe, field)
            assert own != value, name


def test_runs_are_made_once(camvid_dir, tmp_path):
    arguments = {
        "output_dir": tmp_path / "out", "rows": [WITHOUT_CLASS_WEIGHTS], "recipe": "smoke", "model": "detail-only",
        "dataset": "camvid", "data_dir": str(camvid_dir), "crop_size": (64, 96),
    }  # fmt: skip
    first = ablate_recipe.run(seeds=[0], **arguments)
    history = tmp_path / "out" / "all-parts-seed0" / "history.jsonl"
    written = history.read_text()  # with the pictures a second, which no second run would repeat
    second = ablate_recipe.run(seeds=[0, 1], **arguments)
    assert history.read_text() == written

    assert list(second) == [ALL, "without class weights"]
    assert all(len(figures) == 2 and figures[:1] == first[name] for name, figures in second.items())
    last = tmp_path / "out" / "without-class-weights-seed1"
    result = json.loads((last / "result.json").read_text())
    assert result["training"]["recipe"]["class_balance"] == 0.0 and result["training"]["seed"] == 1
    assert second["without class weights"][1] == result["evaluation"]["mean_iou"]
    assert (tmp_path / "out" / "ablation.md").read_text().startswith("|  | seed 0 | seed 1 |")
    with pytest.raises(InputError, match="all-parts-seed0: holds a run with other settings"):
        ablate_recipe.run(seeds=[0], epochs=2, **arguments)


def test_refuses_wrong_rows_and_seeds(tmp_path, call):
    with pytest.raises(InputError, match="--rows=9: the rows are 0 to 7"):
        ablate_recipe.run(output_dir=tmp_path / "out", rows=[9], dataset="camvid")
    called = call(ablate_recipe, "--seeds=one", f"--output_dir={tmp_path / 'out'}")
    assert (called.status, called.err) == (1, "error: --seeds: 'one' is no whole number; give them as --seeds=0,1\n")
    assert not (tmp_path / "out").exists()
