"""Folders that are written as a whole, and never replace what is not of their kind."""

import resource
import shutil

import pytest

from contextnet_tf.errors import InputError
from contextnet_tf.folders import atomic_write_dir


def _write(path, content="new"):
    with atomic_write_dir(path, marker="mark") as folder:
        (folder / "mark").write_text(content)


def _contents(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_an_empty_folder_and_one_of_the_same_kind_are_replaced(tmp_path):
    (tmp_path / "a").mkdir()
    for content in ("older", "new"):
        _write(tmp_path / "a", content)
        assert _contents(tmp_path) == {"a/mark": content}
    (tmp_path / "a" / "more").touch()
    _write(tmp_path / "a")
    assert _contents(tmp_path) == {"a/mark": "new"}
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_of_other_files_is_refused_before_the_work(tmp_path):
    (tmp_path / "a" / "mark").mkdir(parents=True)  # a folder is no such file
    (tmp_path / "a" / ".hidden").write_text("kept")
    with pytest.raises(InputError, match="/a: holds other files; only a folder with mark is replaced; choose another"):
        with atomic_write_dir(tmp_path / "a", marker="mark"):
            raise AssertionError("the work began")
    assert _contents(tmp_path) == {"a/.hidden": "kept"}


def test_a_file_is_refused(tmp_path):
    (tmp_path / "a").write_text("kept")
    with pytest.raises(InputError, match="/a: is a file; give a folder"):
        _write(tmp_path / "a")


def test_a_link_is_replaced_and_its_folder_stays(tmp_path):
    _write(tmp_path / "elsewhere", "older")
    (tmp_path / "a").symlink_to(tmp_path / "elsewhere")
    _write(tmp_path / "a")
    assert _contents(tmp_path) == {"a/mark": "new", "elsewhere/mark": "older"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "elsewhere"]
    (tmp_path / "b").symlink_to(tmp_path / "gone")
    with pytest.raises(InputError, match="/b: is a link to .*/gone, which is missing"):
        _write(tmp_path / "b")


def test_a_full_disk_is_named_and_the_older_folder_stays(tmp_path):
    _write(tmp_path / "a", "older")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    try:
        with pytest.raises(
            InputError, match=r"/a: cannot be written \(File too large\); free disk space and start aga"
        ):
            _write(tmp_path / "a", "new" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert _contents(tmp_path) == {"a/mark": "older"}


def test_another_file_that_is_missing_is_not_called_unwritable(tmp_path):
    with pytest.raises(FileNotFoundError, match="other"):
        with atomic_write_dir(tmp_path / "a", marker="mark"):
            (tmp_path / "other").read_text()
    assert list(tmp_path.iterdir()) == []


def test_the_older_folder_is_back_if_the_new_one_cannot_take_its_place(tmp_path):
    _write(tmp_path / "a", "older")
    with pytest.raises(InputError, match=r"/a: cannot be written \(No such file or directory\)$"):
        with atomic_write_dir(tmp_path / "a", marker="mark") as folder:
            shutil.rmtree(folder)  # as by a cleaner of temporary files
    assert _contents(tmp_path) == {"a/mark": "older"}
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
