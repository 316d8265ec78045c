"""Files that the system does not let a program read or write are one line."""

import contextlib
import os
import pathlib
import types

import pytest

from experiments import inputs, predict

NOBODY = 65534


@contextlib.contextmanager
def _without_rights():
    """The rights of a user who owns nothing: root may read everything."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def closed_dir(tmp_path):
    """A folder that nobody may enter, within folders that everybody may."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"x")
    folder.chmod(0)
    yield folder
    folder.chmod(0o700)


@pytest.mark.parametrize(
    ("name", "work"),
    [
        ("a.png", inputs.opened_video),
        ("a.png", inputs.named_images),
        ("best.keras", lambda path: pathlib.Path(path).is_file()),
        ("a.json", lambda path: pathlib.Path(path).read_bytes()),
        ("new.json", lambda path: pathlib.Path(path).write_bytes(b"x")),
    ],
)
def test_a_closed_folder(call, closed_dir, name, work):
    path = closed_dir / name
    program = types.SimpleNamespace(__name__=predict.__name__, main=lambda argv: work(str(path)))
    with _without_rights():
        called = call(program)
    expected = f"error: {path}: cannot be read or written (Permission denied)\n"
    assert (called.status, called.out, called.err) == (1, "", expected)
