"""What is written as JSON can be read by every program, not by Python's alone."""

import ast
import pathlib

import pytest

import contextnet_tf
from contextnet_tf.files import checked_json, json_text, read_json, write_json

LIBRARY = pathlib.Path(contextnet_tf.__file__).parent


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_json_does_not_know_are_never_written(tmp_path, number):
    write_json(tmp_path / "a.json", {"share": 0.5})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"shares": [0.5, number]})
    assert read_json(tmp_path / "a.json") == {"share": 0.5} and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(ValueError):
        json_text(number)


def test_arguments_become_what_json_gives_back():
    assert checked_json("notes", {"size": (2, 3), 4: None}) == {"size": [2, 3], "4": None}
    assert checked_json("notes", None) == {}


def test_there_is_one_writer():
    users = set()
    for folder in (LIBRARY, LIBRARY.parent / "experiments", LIBRARY.parent / "data"):
        for path in folder.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and ast.unparse(node) in ("json.dump", "json.dumps"):
                    users.add(path.name)
    assert users == {"files.py"}
