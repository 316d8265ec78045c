"""Runs side by side, on folders written by hand."""

import json

import cv2
import numpy as np
import pytest

from contextnet_tf.errors import InputError
from contextnet_tf.reporting.runs import differences_note, read_run, runs_plot, runs_table
from experiments import compare_runs


def write_run(folder, figures, results=None):
    folder.mkdir()
    lines = [{"step": 10 * e, "epoch": e, "loss": 1.0} for e in (1, 2)]
    lines += [{"step": 10 * e, "epoch": e, "val_mean_iou": figure} for e, figure in figures]
    (folder / "history.jsonl").write_text("\n".join(map(json.dumps, lines)))
    if results:
        (folder / "result.json").write_text(json.dumps(results))
    return folder


@pytest.fixture
def runs(tmp_path):
    training = {"recipe": {"name": "modern"}, "seed": 3, "steps": 1234, "minutes": 61.7}
    done = write_run(tmp_path / "done", [(1, 0.25), (2, 0.625), (3, 0.5)], {"training": training})
    return [read_run(done), read_run(write_run(tmp_path / "going", [(1, 0.125)]))]


def test_a_row_a_run(runs, tmp_path):
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in runs_table(runs).splitlines()[2:]]
    assert rows == [
        [f"{tmp_path}/done", "modern", "3", "1,234", "62", "62.50", "2", "50.00", "3"],
        [f"{tmp_path}/going", "–", "–", "–", "–", "12.50", "1", "12.50", "1"],
    ]


def test_runs_that_cannot_be_compared_get_a_column_and_a_note(tmp_path):
    def run(name, model, dataset, images=101):
        results = {"model": {"name": model}, "dataset": {"name": dataset, "split": "val", "images": images}}
        return read_run(write_run(tmp_path / name, [(1, 0.25)], {"format_version": 1, **results}))

    one, two, three = run("a", "cn14", "camvid"), run("b", "cn18", "camvid"), run("c", "cn14", "cityscapes", 500)
    assert differences_note([one, one]) == "" and "Network" not in runs_table([one, one])
    assert runs_table([one, two]).splitlines()[0].startswith("| Run | Network | Recipe |")
    assert differences_note([one, two]) == "the runs have different networks; compare their figures with care"
    header, _, first, last = runs_table([one, three]).splitlines()
    assert header.startswith("| Run | Dataset | Recipe |")
    assert "| CamVid val, 101 images |" in first and "| Cityscapes val, 500 images |" in last
    assert "different networks and datasets" in differences_note([one, two, three])
    going = read_run(write_run(tmp_path / "d", [(1, 0.25)]))
    assert differences_note([one, going]) == "" and "Dataset" in runs_table([one, going])


def test_the_image_has_a_curve_a_run(runs):
    def colors(png):
        image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
        saturated = image[np.ptp(image, axis=2) > 60]
        return {tuple(color) for color in np.unique(saturated, axis=0)}

    both = colors(runs_plot(runs))
    assert {(0x6E, 0x6B, 0x0F), (0x1C, 0x57, 0xB4)} <= both  # blue, green, red
    assert (0x1C, 0x57, 0xB4) not in colors(runs_plot(runs[:1]))
    assert (0x1C, 0x57, 0xB4) in colors(runs_plot([runs[0], runs[0]]))  # also of one name


def test_a_folder_without_a_validation_is_named(tmp_path):
    with pytest.raises(InputError, match=r"empty: holds no history.jsonl with a validation; `runs` takes folders"):
        read_run(write_run(tmp_path / "empty", []))


def test_unfinished_runs_are_told_apart_by_their_settings(tmp_path):
    runs = []
    for name, dataset, images in (("one", "camvid", 101), ("two", "cityscapes", 500)):
        folder = write_run(tmp_path / name, [(1, 0.25)])
        settings = {"format_version": 2, "network": "cn14", "dataset": dataset, "validation_images": images}
        (folder / "settings.json").write_text(json.dumps(settings))
        runs.append(read_run(folder))
    assert differences_note(runs) == "the runs have different datasets; compare their figures with care"
    header, _, first, last = runs_table(runs).splitlines()
    assert header.startswith("| Run | Dataset |") and "| CamVid val, 101 images |" in first
    assert "| Cityscapes val, 500 images |" in last


def test_runs_on_other_held_out_examples_are_told_apart(tmp_path):
    def run(name, val):
        results = {"model": {"name": "cn14"}, "dataset": {"name": "camvid", "split": "train", "images": 101}}
        folder = write_run(tmp_path / name, [(1, 0.25)], {"format_version": 1, **results} if val else None)
        settings = {"format_version": 2, "network": "cn14", "dataset": "camvid", "validation_images": 101}
        splits = {"splits": {"train": ["train"], "val": val, "holdout": [name]}} if val else {}
        (folder / "settings.json").write_text(json.dumps(settings | splits))
        return read_run(folder)

    one, two = run("p0", "train, p0 held out"), run("p1", "train, p1 held out")
    assert "| CamVid train, p0 held out, 101 images |" in runs_table([one, two])
    assert differences_note([one, two]) == "the runs have different datasets; compare their figures with care"
    # An unfinished run on the split val, and a finished one that recorded no settings.
    results = {"model": {"name": "cn14"}, "dataset": {"name": "camvid", "split": "val", "images": 101}}
    done = read_run(write_run(tmp_path / "done", [(1, 0.25)], {"format_version": 1, **results}))
    assert differences_note([run("going", None), done]) == ""
    (tmp_path / "done" / "settings.json").write_text("damaged")
    assert differences_note([run("going2", None), read_run(tmp_path / "done")]) == ""


def test_a_run_that_cannot_be_read_is_left_out_and_named(call, tmp_path):
    one, two = write_run(tmp_path / "one", [(1, 0.25)]), write_run(tmp_path / "two", [])
    called = call(compare_runs, f"--runs={one},{two},{tmp_path / 'gone'}", f"--output_dir={tmp_path / 'out'}")
    assert called.status == 0 and f"{one}" in called.out
    for text in (called.out, (tmp_path / "out" / "runs.md").read_text()):
        assert f"left out: {two}: holds no history.jsonl" in text and f"left out: {tmp_path / 'gone'}: holds no" in text
    called = call(compare_runs, f"--runs={two}", f"--output_dir={tmp_path / 'out'}")
    assert called.status == 1 and called.err.startswith(
        f"error: {two}: holds no history.jsonl with a validation; --runs"
    )
