"""The keys of result.json, and the names of a run's files, are spelled in `contextnet_tf.runs` only."""

import ast
import dataclasses
import pathlib

import pytest

import contextnet_tf
from contextnet_tf.runs import benchmarks, layout, sections, studies
from contextnet_tf.runs.provenance import Machine, Provenance
from contextnet_tf.runs.records import Record
from contextnet_tf.runs.results import Results

LIBRARY = pathlib.Path(contextnet_tf.__file__).parent
OTHERS = sorted(
    path
    for folder in (LIBRARY, LIBRARY.parent / "experiments")
    for path in folder.rglob("*.py")
    if path.parent != LIBRARY / "runs" and path != LIBRARY / "deployment" / "metadata.py"  # of exported files' own JSON
)


def _records():
    defined = [x for module in (sections, studies, benchmarks) for x in vars(module).values() if isinstance(x, type)]
    return {Results, Machine, Provenance} | {x for x in defined if issubclass(x, Record) and x is not Record}


# "name" is a key of everything.
KEYS = {field.name for record in _records() for field in dataclasses.fields(record)} - {"name"}


def _spelled_keys(source):
    """Constant keys by which a value is taken out of a mapping; exported files' JSON and flags are ignored."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Subscript):
            key, mapping = node.slice, node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            if node.func.attr not in ("get", "pop", "setdefault"):
                continue
            key, mapping = node.args[0], node.func.value
        else:
            continue
        if isinstance(key, ast.Constant) and not ast.unparse(mapping).endswith(("metadata", "FLAGS")):
            yield key.value


def test_the_check_finds_a_key():
    assert {"mean_iou", "recipe"} <= KEYS
    source = 'results["training"].get("recipe"); file.metadata["dataset"]; row["name"]'
    assert set(_spelled_keys(source)) & KEYS == {"training", "recipe"}


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: str(path.relative_to(LIBRARY.parent)))
def test_no_key_of_a_result_is_spelled(path):
    source = path.read_text(encoding="utf-8")
    if path.is_relative_to(LIBRARY) and "contextnet_tf.runs" not in source:
        return  # it handles no results
    assert set(_spelled_keys(source)) & KEYS == set()


@pytest.mark.parametrize("name", [layout.RESULT, layout.HISTORY, layout.FLAGS, layout.REPORT])
def test_no_file_of_a_run_is_named(name):
    for path in OTHERS:
        constants = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
        assert name not in constants, path
