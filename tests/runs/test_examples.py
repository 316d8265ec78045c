"""A run notices that the files of its examples have changed."""

import json

import pytest

from contextnet_tf.errors import InputError
from contextnet_tf.runs.examples import check_examples

BEFORE = {"train": [("a", "1", "2"), ("b", "3", "4")], "val": [("c", "5", None)]}


def test_unchanged_examples_and_runs_of_version_0_1(tmp_path):
    check_examples(tmp_path, BEFORE)  # an older run has no file: it gets one
    written = (tmp_path / "examples.json").read_text()
    assert json.loads(written)["train"][1] == ["b", "3", "4"]
    check_examples(tmp_path, BEFORE)
    assert (tmp_path / "examples.json").read_text() == written


@pytest.mark.parametrize(
    ("now", "message"),
    [
        ({"train": [("a", "1", "x"), ("b", "3", "y")]}, "2 labels of train, the first of a"),
        ({"train": [("a", "x", "2"), ("b", "3", "4")]}, "1 image of train, the first of a"),
        ({"val": [("c", "5", "6")]}, "1 label of val, the first of c"),
        ({"val": [("d", "5", None)]}, "val has other examples"),
    ],
)  # fmt: skip
def test_changed_examples_are_refused_and_named(tmp_path, now, message):
    check_examples(tmp_path, BEFORE)
    with pytest.raises(InputError) as refused:
        check_examples(tmp_path, BEFORE | now)
    assert f"the data have changed since this run was started: {message}. Restore the files" in str(refused.value)
    check_examples(tmp_path, BEFORE)  # restored


def test_a_damaged_file_is_named(tmp_path):
    for content, message in (
        ("{", "examples.json: is not JSON .*; remove it to resume without comparing the images"),
        ('{"train": [["a"]]}', "examples.json: is damaged"),
    ):
        (tmp_path / "examples.json").write_text(content)
        with pytest.raises(InputError, match=message):
            check_examples(tmp_path, BEFORE)
