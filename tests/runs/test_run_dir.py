"""Whose folder it is, and that one process at a time writes there."""

import pytest

from contextnet_tf.errors import InputError, InUseError
from contextnet_tf.runs.run_dir import claimed_run_dir


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
    with pytest.raises(InputError, match="its settings.json is not that of a run"):
        with claimed_run_dir(tmp_path, {"seed": 1}, True):
            pass


def test_what_a_killed_process_left_is_no_obstacle(tmp_path):
    # It was killed while it wrote the settings.
    (tmp_path / ".lock").touch()
    (tmp_path / ".settings.4711.json").write_text('{"se')
    with claimed_run_dir(tmp_path, {"seed": 1}, True):
        assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "settings.json"]
