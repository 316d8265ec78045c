"""Whose folder it is, and that one process at a time writes there."""

import dataclasses
import json
import pathlib
import shutil

import pytest

from contextnet_tf.errors import InputError, InUseError
from contextnet_tf.runs.results import read_results
from contextnet_tf.runs.run_dir import check_same_run, claimed_run_dir
from contextnet_tf.training.compute_config import ComputeConfig
from contextnet_tf.training.recipe import SMOKE

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "run"


def test_two_at_once_are_refused(tmp_path):
    with claimed_run_dir(tmp_path / "run", {"seed": 1}, True):
        with pytest.raises(InUseError, match="run: another process trains in it"):
            with claimed_run_dir(tmp_path / "run", {"seed": 1}, True):
                pass
    with claimed_run_dir(tmp_path / "run", {"seed": 1}, True):
        pass


def test_all_differences_are_shown(tmp_path):
    with claimed_run_dir(tmp_path, {"seed": 1, "recipe": {"epochs": 2, "crop": [8, 8]}}, True):
        pass
    message = r"\(decay was None and is now 0.5; recipe.crop was \[8, 8\] and is now \[8, 16\]\); choose another"
    with pytest.raises(InputError, match=message):
        with claimed_run_dir(tmp_path, {"seed": 1, "decay": 0.5, "recipe": {"epochs": 2, "crop": [8, 16]}}, True):
            pass


def test_settings_of_another_program(tmp_path):
    (tmp_path / "settings.json").write_text('["editor"]')
    with pytest.raises(InputError, match="settings.json: is not that of a run, and no checkpoint has a copy"):
        with claimed_run_dir(tmp_path, {"seed": 1}, True):
            pass


def test_what_a_killed_process_left_is_no_obstacle(tmp_path):
    # It was killed while it wrote the settings.
    (tmp_path / ".lock").touch()
    (tmp_path / ".settings.4711.json").write_text('{"se')
    with claimed_run_dir(tmp_path, {"seed": 1}, True):
        assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "settings.json"]


@pytest.mark.parametrize("damaged", ["", '{"seed": ', "[1]"])
def test_damaged_settings_are_restored_from_a_checkpoint_or_named(tmp_path, damaged):
    with claimed_run_dir(tmp_path, {"seed": 1}, True):
        pass
    whole = (tmp_path / "settings.json").read_text()
    (tmp_path / "settings.json").write_text(damaged)
    with pytest.raises(InputError, match="settings.json: is not .*, and no checkpoint has a copy; restore it or"):
        with claimed_run_dir(tmp_path, {"seed": 1}, True):
            pass
    with pytest.raises(InputError, match=r"other settings \(seed was 2 and is now 1\)"):
        with claimed_run_dir(tmp_path, {"seed": 1}, True, lambda folder: {"seed": 2, "format_version": 2}):
            pass
    assert (tmp_path / "settings.json").read_text() == damaged
    with claimed_run_dir(tmp_path, {"seed": 1}, True, lambda folder: {"seed": 1, "format_version": 2}):
        assert (tmp_path / "settings.json").read_text() == whole


def test_missing_settings_are_restored_from_a_checkpoint(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(InputError, match="is not empty and holds no run"):
        with claimed_run_dir(tmp_path, {"seed": 1}, True):
            pass
    saved = {"seed": 1, "format_version": 2}
    with pytest.raises(InputError, match="holds a run; set `resume=True` to resume it"):
        with claimed_run_dir(tmp_path, {"seed": 1}, False, lambda folder: saved):
            pass
    with pytest.raises(InputError, match=r"other settings \(seed was 1 and is now 2\)"):
        with claimed_run_dir(tmp_path, {"seed": 2}, True, lambda folder: saved):
            pass
    with claimed_run_dir(tmp_path, {"seed": 1}, True, lambda folder: saved):
        assert json.loads((tmp_path / "settings.json").read_text()) == saved


def test_initial_weights_may_have_moved(tmp_path):
    settings = {"initial": {"source": "runs/one", "sha256": "5e"}, "seed": 1}
    with claimed_run_dir(tmp_path, settings, True):
        pass
    moved = {"initial": {"source": "/copies/one", "sha256": "5e"}, "seed": 1}
    with claimed_run_dir(tmp_path, moved, True):
        assert json.loads((tmp_path / "settings.json").read_text())["initial"]["source"] == "runs/one"
    with pytest.raises(InputError, match=r"\(seed was 1 and is now 2\)"):
        check_same_run(tmp_path, {**moved, "seed": 2})
    other = {"initial": {"source": "/copies/one", "sha256": "6f"}, "seed": 1}
    expected = r"\(initial.sha256 was '5e' and is now '6f'; initial.source was 'runs/one' and is now '/copies/one'\)"
    with pytest.raises(InputError, match=expected):
        check_same_run(tmp_path, other)
    with pytest.raises(InputError, match=r"\(initial.sha256 was '5e' and is now None; initial.source was"):
        check_same_run(tmp_path, {"seed": 1})


def test_a_newer_format_is_refused(tmp_path):
    (tmp_path / "settings.json").write_text('{"format_version": 3, "seed": 1}')
    with pytest.raises(InputError, match="settings.json: is of format 3, this version reads up to 2; update"):
        with claimed_run_dir(tmp_path, {"seed": 1}, True):
            pass


def test_settings_of_version_0_1_are_migrated(tmp_path):
    shutil.copy(GOLDEN / "settings.json", tmp_path)
    recipe = dataclasses.replace(SMOKE, epochs=4)
    settings = {
        "network": "tiny",
        "outputs": ["aux", "main"],
        "dataset": "streets",
        "class_table": None,
        "training_images": 6,
        "validation_images": 2,
        "image_names": "2df01445888ddf4e",
        "crop_size": [64, 128],
        "seed": 0,
        "recipe": recipe.to_json(),
        "compute_config": ComputeConfig().to_json(),
    }
    with claimed_run_dir(tmp_path, settings, True):
        assert json.loads((tmp_path / "settings.json").read_text()) == {"format_version": 2, **settings}
    with pytest.raises(InputError, match=r"\(recipe.ema_decay was 0.998 and is now 0.5\)"):
        with claimed_run_dir(tmp_path, settings | {"recipe": settings["recipe"] | {"ema_decay": 0.5}}, True):
            pass


def test_a_name_that_is_too_long_is_one_line(tmp_path):
    folder = tmp_path / ("x" * 300)
    check_same_run(folder, {"seed": 1})  # no run with other settings
    with pytest.raises(InputError, match="cannot be written as a folder .File name too long"):
        with claimed_run_dir(folder, {"seed": 1}, True):
            pass
    with pytest.raises(InputError, match="result.json: is missing"):
        read_results(folder)


@pytest.mark.parametrize("name", ["history.jsonl", "train.log", ".lock", "flags.txt", "examples.json", "settings.json"])
def test_a_folder_in_the_place_of_a_file_is_named(tmp_path, name):
    with claimed_run_dir(tmp_path, {"seed": 0}, resume=True):
        pass
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match=f"{name}: is a folder"), claimed_run_dir(tmp_path, {"seed": 0}, resume=True):
        pass


@pytest.mark.parametrize("name", ["checkpoints", "tensorboard"])
def test_a_file_in_the_place_of_a_folder_is_named(tmp_path, name):
    with claimed_run_dir(tmp_path, {"seed": 0}, resume=True):
        (tmp_path / name).write_text("")
    with pytest.raises(InputError, match=f"{name}: is a file"), claimed_run_dir(tmp_path, {"seed": 0}, resume=True):
        pass


@pytest.mark.parametrize("name", ["checkpoints", "tensorboard", "train.log", ".lock"])
def test_a_link_to_what_is_missing_is_named(tmp_path, name):
    with claimed_run_dir(tmp_path, {"seed": 0}, resume=True):
        pass
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).symlink_to(tmp_path / "unmounted")
    with pytest.raises(InputError, match=f"{name}: is a link to .*unmounted, which is missing; restore it or remove"):
        with claimed_run_dir(tmp_path, {"seed": 0}, resume=True):
            pass


def test_an_output_folder_that_links_to_what_is_missing_is_named(tmp_path):
    (tmp_path / "runs").symlink_to(tmp_path / "unmounted")
    with pytest.raises(InputError, match="runs: is a link to .*unmounted, which is missing; restore it or remove"):
        with claimed_run_dir(tmp_path / "runs", {"seed": 0}, resume=True):
            pass


_CLASS_TABLE = {"classes[0].name": "road", "classes[0].value": [0], "older_hashes": ["e09be7a9", "f3caa1b1"]}


def test_a_changed_class_table_is_named_by_its_key(tmp_path):
    with claimed_run_dir(tmp_path, {"class_table": _CLASS_TABLE}, True):
        pass
    check_same_run(tmp_path, {"class_table": _CLASS_TABLE | {"older_hashes": ["00000000", "11111111"]}})
    message = r"\(class_table.classes\[0\].value was \[0\] and is now \[7\]\); choose another `output_dir`$"
    with pytest.raises(InputError, match=message):
        check_same_run(tmp_path, {"class_table": _CLASS_TABLE | {"classes[0].value": [7]}})


@pytest.mark.parametrize("recorded", ["e09be7a9", "f3caa1b1"])
def test_a_hash_of_an_older_version_is_compared_with_that_of_the_class_table(tmp_path, recorded):
    with claimed_run_dir(tmp_path, {"class_table": recorded, "seed": 1}, True):
        pass
    with claimed_run_dir(tmp_path, {"class_table": _CLASS_TABLE, "seed": 1}, True):
        pass
    with claimed_run_dir(tmp_path, {"class_table": _CLASS_TABLE, "seed": 1}, True):  # and again
        pass
    other = _CLASS_TABLE | {"older_hashes": ["00000000", "11111111"]}
    message = rf"\(class_table was '{recorded}' and is now '00000000'\); restore the class table \(an older version"
    with pytest.raises(InputError, match=message):
        check_same_run(tmp_path, {"class_table": other, "seed": 1})
    with pytest.raises(InputError, match=rf"\(class_table was '{recorded}' and is now None\)"):
        check_same_run(tmp_path, {"class_table": None, "seed": 1})


def test_how_to_train_longer_is_said(tmp_path):
    run = tmp_path / "run"
    with claimed_run_dir(run, {"recipe": {"epochs": 2}}, True):
        pass
    with pytest.raises(InputError, match=r"\(recipe.epochs was 2 and is now 4\); choose another `output_dir`$"):
        check_same_run(run, {"recipe": {"epochs": 4}})
    (run / "best.keras").touch()
    advice = rf"choose another `output_dir` and `initial={run}` to begin a new run with the weights of this one$"
    with pytest.raises(InputError, match=advice):
        check_same_run(run, {"recipe": {"epochs": 4}})
