"""The parts of a recipe, trained with and without: that each run is made, once, and found in the table."""

import json
import threading
import time

import pytest

from contextnet_tf.errors import InputError, InUseError
from contextnet_tf.runs.results import read_results
from contextnet_tf.runs.run_dir import claimed_run_dir
from contextnet_tf.training.recipe import AdamW, get_recipe
from experiments import ablate_recipe, recipe_flags
from experiments.ablate_recipe import ALL

WITHOUT_CLASS_WEIGHTS = 3


def _parts(recipe):
    """The recipe's fields and its optimizer's, by name."""
    assert isinstance(recipe.optimizer, AdamW)
    return recipe.to_json() | recipe.to_json()["optimizer"]


def test_every_row_changes_the_recipe_in_one_part():
    own = _parts(get_recipe("modern"))
    for row in ablate_recipe.ROWS:
        parts = _parts(recipe_flags.changed(get_recipe("modern"), row.changes))
        differing = {field for field in own if parts[field] != own[field]} - {"optimizer"}
        assert differing == set(row.changes) and len(differing) == (0 if row.name == ALL else 1)


def figures(section):
    """Mean IoU of each seed by row."""
    return {row.name: row.mean_iou for row in section.rows}


def test_runs_are_made_once(camvid_dir, tmp_path):
    arguments = {
        "output_dir": tmp_path / "out", "rows": [WITHOUT_CLASS_WEIGHTS], "recipe": "smoke", "model": "detail-only",
        "dataset": "camvid", "data_dir": str(camvid_dir), "crop_size": (64, 96),
    }  # fmt: skip
    first = figures(ablate_recipe.run(seeds=[0], **arguments))
    history = tmp_path / "out" / "detail-only-seed0" / "history.jsonl"
    written = history.read_text()  # with the images a second, which no second run would repeat
    second = figures(ablate_recipe.run(seeds=[0, 1], **arguments))
    assert history.read_text() == written

    assert list(second) == [ALL, "without class weights"]
    assert all(len(values) == 2 and values[:1] == first[name] for name, values in second.items())
    last = tmp_path / "out" / "detail-only-class-weight-exponent-0-seed1"
    result = json.loads((last / "result.json").read_text())
    assert result["training"]["recipe"]["class_weight_exponent"] == 0.0 and result["training"]["seed"] == 1
    assert second["without class weights"][1] == result["evaluation"]["mean_iou"]
    assert "\n| Row | Flag | Seed 0 | Seed 1 |" in (tmp_path / "out" / "ablation.md").read_text()
    with pytest.raises(InputError, match="detail-only-seed0: holds a run with other settings"):
        ablate_recipe.run(seeds=[0], changes={"epochs": 2}, **arguments)


def test_given_flags_hold_for_all_rows(camvid_dir, call, tmp_path):
    out = tmp_path / "out"
    called = call(
        ablate_recipe, "--dataset=camvid", f"--data_dir={camvid_dir}", "--model=detail-only", f"--output_dir={out}",
        "--seeds=5", "--rows=3", "--whole_images", "--epochs=2", "--batch_size=6", "--class_weight_exponent=0.25",
    )  # fmt: skip
    assert called.status == 0
    balance = {}
    for row, name in (("all-parts", "detail-only"), ("without-class-weights", "detail-only-class-weight-exponent-0")):
        settings = json.loads((out / f"{name}-seed5" / "settings.json").read_text())
        recipe = settings["recipe"]
        assert (recipe["name"], recipe["epochs"], recipe["batch_size"], recipe["crop"]) == ("modern", 2, 6, "whole")
        balance[row] = recipe["class_weight_exponent"]
    assert balance == {"all-parts": 0.25, "without-class-weights": 0.0}
    assert "detail-only on CamVid, 2 epochs of the recipe modern with --epochs=2 --batch_size=6" in called.out
    section = read_results(out).ablation
    changes = {row.name: row.changes for row in section.rows}
    assert changes == {ALL: {}, "without class weights": {"class_weight_exponent": 0.0}}
    assert (section.images, section.recipe["batch_size"]) == (2, 6)


def test_what_another_process_trains_comes_last(camvid_dir, capsys, tmp_path):
    out = tmp_path / "out"
    arguments = {
        "output_dir": out, "seeds": [0], "rows": [WITHOUT_CLASS_WEIGHTS], "recipe": "smoke", "model": "detail-only",
        "dataset": "camvid", "data_dir": str(camvid_dir), "crop_size": (64, 96),
    }  # fmt: skip
    settings_path = out / "detail-only-seed0" / "settings.json"

    def train_elsewhere():
        with claimed_run_dir(out / "detail-only-seed0", {}, True):
            settings_path.unlink()  # as before it writes any, and as if it were then killed
            claimed.set()
            while not (out / "detail-only-class-weight-exponent-0-seed0" / "result.json").exists():
                time.sleep(0.005)

    claimed = threading.Event()
    threading.Thread(target=train_elsewhere, daemon=True).start()
    claimed.wait()
    ablate_recipe.run(**arguments)
    told = capsys.readouterr().out.splitlines()
    first, second = (f"{name}, seed 0: {out}/" for name in (ALL, "without class weights"))
    assert [line.startswith(start) for line, start in zip(told, (first, "skipped for now", second, first), strict=True)]
    with claimed_run_dir(out / "detail-only-seed0", json.loads(settings_path.read_text()), True):
        with pytest.raises(InUseError, match="detail-only-seed0: another process trains in it"):
            ablate_recipe.run(**arguments)


def test_refuses_wrong_rows_and_seeds(tmp_path, call):
    with pytest.raises(InputError, match="`rows=9`: the rows are 0 to 7"):
        ablate_recipe.run(output_dir=tmp_path / "out", rows=[9], dataset="camvid")
    called = call(ablate_recipe, "--seeds=one", f"--output_dir={tmp_path / 'out'}")
    assert (called.status, called.err) == (1, "error: --seeds: 'one' is not a whole number; give them as --seeds=0,1\n")
    called = call(ablate_recipe, "--seeds=0,1,0", f"--output_dir={tmp_path / 'out'}")  # as if it were a third run
    assert called.err == "error: --seeds=0,1,0: gives a number twice; give each once, as --seeds=0,1\n"
    called = call(ablate_recipe, "--class_weight_exponent=0", f"--output_dir={tmp_path / 'out'}")
    assert (called.status, called.err) == (
        1, "error: row 3, without class weights, trains the same as row 0, all parts, here; leave it out by "
        "--rows=0,1,2,4,5,6,7\n",
    )  # fmt: skip
    assert not (tmp_path / "out").exists()
