"""The ablations of the paper: their rows, a step of each, and rows that are made of others' networks."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from folders import write_camvid
from tiny_network import TINY

from contextnet_tf.errors import InputError
from contextnet_tf.models.loading import load_network
from contextnet_tf.models.registry import build_model
from contextnet_tf.models.spec import VARIANTS
from contextnet_tf.runs.results import read_results
from contextnet_tf.training.recipe import get_recipe
from experiments import (
    ablate_branches,
    ablate_design,
    ablate_ensemble,
    ablate_parameters,
    ablate_resolution,
    ablation,
    compare_accuracy,
    recipe_flags,
)
from experiments.ablation_rows import Ablation, Row, run_name
from experiments.splits import Splits

PROGRAMS = (ablate_resolution, ablate_branches, ablate_parameters, ablate_design, compare_accuracy)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A CamVid folder, and a folder of runs: what several ablations of this file train, they train once."""
    root = tmp_path_factory.mktemp("shared")
    return write_camvid(root), root / "runs"


def _figures(section):
    return {row.name: row.mean_iou for row in section.rows}


def _arguments(shared, tmp_path):
    camvid_dir, runs_dir = shared
    return {
        "output_dir": str(tmp_path / "out"), "runs_dir": str(runs_dir), "recipe": "smoke", "dataset": "camvid",
        "data_dir": str(camvid_dir), "crop_size": (64, 96), "seeds": [0],
    }  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_rows_are_distinct(program):
    rows = program.ABLATION.rows
    names = [row.name for row in rows]
    assert len(set(names)) == len(names) and all(row.against in (None, *names) for row in rows)
    recipe = get_recipe(program.ABLATION.recipe)
    base = recipe_flags.changed(recipe, program.ABLATION.changes)
    trained = [(str(row.model), str(recipe_flags.changed(base, row.changes).to_json())) for row in rows]
    assert len(set(trained)) == len(rows)


def test_rows_have_the_papers_figures():
    def figures(program):
        return {row.model: (row.paper_mean_iou, row.paper_frames_per_second) for row in program.ROWS}

    assert figures(ablate_resolution) == {"cn14": (65.9, 18.3), "cn18": (60.1, 21.0), "cn12": (68.7, 11.4)}
    assert figures(ablate_branches) == {"cn14": (65.9, 18.3), "cn124": (67.3, 7.6), "cn12": (68.7, 11.4)}
    assert compare_accuracy.ROWS[0].paper_mean_iou == 66.1 and compare_accuracy.ROWS[3].model == "erfnet"
    assert [(row.paper_category_iou, row.paper_million_parameters) for row in compare_accuracy.ROWS[:4]] == [
        (82.7, 0.85), (80.4, 0.37), (None, 6.68), (86.5, 2.1),
    ]  # fmt: skip
    assert figures(ablate_parameters) == {"cn14": (65.9, 18.3), "cn14-500": (62.1, 20.6), "cn14-160": (57.7, 22.0)}


def test_design_rows_change_one_choice():
    specs = {row.name: row.model for row in ablate_design.ROWS if not isinstance(row.model, str)}
    changed = {
        name: {
            field.name
            for field in dataclasses.fields(spec)
            if getattr(spec, field.name) != getattr(VARIANTS["cn14"], field.name)
        }
        - {"name"}
        for name, spec in specs.items()
    }
    assert list(changed.values()) == [
        {"pyramid_bins"}, {"context_scale", "asymmetric_kernel"}, {"fusion_merge"}, {"fusion_order"},
    ]  # fmt: skip
    for spec in specs.values():
        assert build_model(spec, input_shape=(None, None, 3)).name == spec.name


@pytest.mark.parametrize(
    ("program", "row", "number"),
    [
        (ablate_resolution, "cn18, context at 1/8", 1),
        (ablate_branches, "cn124, three branches", 1),
        (ablate_parameters, "cn14-160", 2),
        (ablate_design, "no auxiliary loss", 5),
        (compare_accuracy, "ENet", 1),
    ],
    ids=["resolution", "branches", "parameters", "design", "accuracy"],
)
def test_a_step_of_each(program, row, number, shared, call, tmp_path):
    camvid_dir, runs_dir = shared
    out = tmp_path / "out"
    called = call(
        program, "--dataset=camvid", f"--data_dir={camvid_dir}", f"--output_dir={out}", "--recipe=smoke", "--seeds=3",
        f"--rows={number}", "--crop_height=64", "--crop_width=64", "--batch_size=6", f"--runs_dir={runs_dir}",
        "--class_weight_exponent=0",
    )  # fmt: skip
    assert called.status == 0, called.err
    assert (runs_dir / "cn14-seed3" / "history.jsonl").read_text().count('"loss"') == 1  # row 0 of them all
    section = read_results(out).ablation
    assert [found.name for found in section.rows] == [program.ROWS[0].name, row]
    assert section.title == program.ABLATION.title and section.recipe["name"] == "smoke"
    page = (out / "ablation.md").read_text()
    assert page.startswith(f"# {section.title}\n") and f"\n| {row} |" in page and "\n| Class |" in page
    assert (out / "ablation.png").read_bytes().startswith(b"\x89PNG")
    assert f"\n{row} " in called.out


def _mean_of_kernels(networks):
    """A network that is made of others': the mean of their classifiers' biases on the first one's weights."""
    made = keras.models.clone_model(networks[0])
    made.set_weights(networks[0].get_weights())
    biases = [network.get_layer("classifier").bias.numpy() for network in networks]
    made.get_layer("classifier").bias.assign(np.mean(biases, axis=0))
    return made


MADE = Ablation(
    "ablate_made",
    "Made of others",
    (
        Row("detail", model="detail-only"),
        Row("context", model="context-only", paper_mean_iou=63.3),
        Row(
            "both", made_of=("detail", "context"), make=lambda networks: _mean_of_kernels(networks),
            paper_mean_iou=60.3, against="context",
        ),
    ),
)  # fmt: skip


def test_a_row_made_of_other_rows_networks(shared, tmp_path):
    arguments = _arguments(shared, tmp_path)
    section = ablation.run(MADE, rows=[2], **arguments)
    assert list(_figures(section)) == ["detail", "context", "both"]
    out = shared[1]
    detail, context, both = (load_network(out / f"{name}-seed0") for name in ("detail-only", "context-only", "both"))
    np.testing.assert_array_equal(
        both.get_layer("classifier").bias,
        (detail.get_layer("classifier").bias.numpy() + context.get_layer("classifier").bias.numpy()) / 2,
    )
    evaluated = json.loads((out / "both-seed0" / "result.json").read_text())["evaluation"]
    assert _figures(section)["both"] == (evaluated["mean_iou"],) and evaluated["images"] == 2
    assert section.rows[2].paper_mean_iou == pytest.approx(0.603) and section.rows[2].parameters > 0
    # Made again, not trained: there is no history.
    assert not (out / "both-seed0" / "history.jsonl").exists()
    assert _figures(ablation.run(MADE, **arguments)) == _figures(section)


def test_all_rows_are_measured_on_the_held_out_images(shared, tmp_path):
    arguments = _arguments(shared, tmp_path) | {"runs_dir": str(tmp_path / "runs")}
    held_out = Splits(("train", "val"), None, ("p0", "p1"))  # of both splits
    section = ablation.run(MADE, data_splits=held_out, changes={"batch_size": 2}, **arguments)
    assert (section.split, section.images) == ("train+val, p0 and p1 held out", 4)
    for folder in (tmp_path / "runs").iterdir():
        evaluation = read_results(folder).evaluation
        assert (evaluation.split, evaluation.accuracy.images) == ("train+val, p0 and p1 held out", 4), folder


def test_the_ensemble_of_the_branches(shared, tmp_path):
    rows = ablate_ensemble.ROWS
    assert [row.paper_mean_iou for row in rows] == [65.9, 63.3, 25.1, 60.3]
    # cn14 itself is trained by the other programs' tests.
    without_cn14 = dataclasses.replace(ablate_ensemble.ABLATION, rows=rows[1:])
    section = ablation.run(without_cn14, **_arguments(shared, tmp_path))
    assert [row.name for row in section.rows] == ["context branch", "detail branch", "ensemble of the branches"]
    context, detail, both = (row.parameters for row in section.rows)
    assert both == context + detail
    assert section.rows[2].mean_iou[0] > 0


def test_frames_per_second_come_from_the_runtime_comparison(shared, tmp_path):
    row = {
        "model": "detail-only", "size": [64, 96], "runtime": "litert", "title": "LiteRT", "threads": 1,
        "mode": "sequential", "milliseconds_median": 4.0, "milliseconds_spread": [3.0, 5.0],
        "frames_per_second": 250.0, "parts": {}, "peak_memory": 1, "label_parity": 1.0,
    }  # fmt: skip
    smaller, other = row | {"size": [32, 48], "frames_per_second": 999.0}, row | {"threads": 2}
    comparison = {
        "weights": "random", "frames": "4", "rounds": 1, "warm_up": 1, "distributions": [], "left_out": {},
        "rows": [smaller, row, other],
    }  # fmt: skip
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime" / "result.json").write_text(
        json.dumps({"format_version": 1, "runtime_comparison": comparison})
    )
    arguments = _arguments(shared, tmp_path)
    section = ablation.run(MADE, rows=[0], runtime_dir=str(tmp_path / "runtime"), **arguments)
    assert section.rows[0].frames_per_second == 250.0
    assert section.speed == "LiteRT on one thread, images of 64 x 96"
    with pytest.raises(InputError, match="run compare_runtime first"):
        ablation.run(MADE, rows=[0], runtime_dir=str(tmp_path / "out"), **arguments)


def test_rows_of_networks_that_accept_other_sizes_have_crops_of_one_size(shared, tmp_path, capsys):
    eighth = dataclasses.replace(TINY, name="eighth", context_scale=8)
    rows = Ablation("tiny", "Tiny", (Row("tiny", model=TINY), Row("eighth", model=eighth)))
    arguments = _arguments(shared, tmp_path) | {"crop_size": None}
    ablation.run(rows, **arguments)  # images of 64 x 96; the networks take multiples of 16 and 64
    assert "crops of 64 x 64 in all rows" in capsys.readouterr().out
    for name in ("tiny", "eighth"):
        settings = json.loads((shared[1] / f"{name}-crop64x64-seed0" / "settings.json").read_text())
        assert settings["crop_size"] == [64, 64]
    ablation.run(rows, **arguments | {"output_dir": str(tmp_path / "whole")}, changes={"whole_images": True})
    assert "crops of 64 x 128 in all rows" in capsys.readouterr().out
    ablation.run(Ablation("tiny", "Tiny", rows.rows[:1]), **arguments | {"output_dir": str(tmp_path / "alone")})
    settings = json.loads((shared[1] / "tiny-seed0" / "settings.json").read_text())
    assert settings["crop_size"] == [64, 96]


def test_runs_are_named_by_what_is_trained():
    recipe = get_recipe("modern")
    assert run_name("cn14", recipe, {"batch_size": recipe.batch_size, "aux_weight": 0.4}, 7) == "cn14-seed7"
    assert run_name("cn14x1.5", recipe, {"batch_size": 16, "aux_weight": 0.0}, 0) == (
        "cn14x1.5-aux-weight-0-batch-size-16-seed0"
    )
    names = {
        run_name(row.model, recipe, {**program.ABLATION.changes, **row.changes}, 0)
        for program in PROGRAMS
        for row in program.ROWS
    }
    distinct = {(str(row.model), str(recipe_flags.changed(recipe, {**program.ABLATION.changes, **row.changes})))
                for program in PROGRAMS for row in program.ROWS}  # fmt: skip
    assert len(names) == len(distinct) < sum(len(program.ROWS) for program in PROGRAMS)


def test_what_cannot_be_compared_is_refused(tmp_path):
    arguments = {"output_dir": str(tmp_path / "out"), "dataset": "camvid"}
    with pytest.raises(InputError, match="--seeds is empty"):
        ablation.run(MADE, seeds=[], **arguments)
    with pytest.raises(InputError, match="`val_split=none`: networks are compared on validation images here"):
        ablation.run(MADE, data_splits=Splits(("train",), "none"), **arguments)
    with pytest.raises(InputError, match="--model: the rows of this ablation have their own networks"):
        ablation.run(MADE, model="cn14", **arguments)
    with pytest.raises(
        InputError, match="row 7, batch size 16, trains the same as row 0, cn14, here; leave it out by --rows=0,5$"
    ):
        ablate_design.run(changes={"batch_size": 16}, rows=[5, 7, 8], **arguments)  # row 8 is compared with row 7
    assert not (tmp_path / "out").exists()
