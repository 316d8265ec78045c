"""Dataclasses through JSON and back: what is written, and what is refused."""

import dataclasses
import json
import math
import pathlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contextnet_tf.errors import InputError
from contextnet_tf.runs.records import INLINED, Record, plain


@dataclasses.dataclass(frozen=True)
class Place(Record):
    city: str | None = None
    cores: int | None = None


@dataclasses.dataclass(frozen=True)
class Part(Record):
    name: str
    share: float


@dataclasses.dataclass(frozen=True)
class Whole(Record):
    name: str
    size: tuple[int, int]
    done: bool = False
    parts: tuple[Part, ...] = ()
    shares: dict[str, float | None] | None = None
    notes: Any = None
    place: Place = dataclasses.field(default=Place(), metadata=INLINED)


CONTENT = {
    "name": "a", "size": [3, 4], "done": True, "parts": [{"name": "b", "share": 0.5}], "shares": {"x": 1, "y": None},
    "notes": {"free": [1, "text"]}, "city": "Ulm", "cores": 2,
}  # fmt: skip
WHOLE = Whole("a", (3, 4), True, (Part("b", 0.5),), {"x": 1, "y": None}, {"free": [1, "text"]}, Place("Ulm", 2))


def test_there_and_back():
    assert WHOLE.to_json() == CONTENT
    assert Whole.from_json(CONTENT, "file") == WHOLE
    assert Whole.from_json({"name": "a", "size": [3, 4]}, "file") == Whole("a", (3, 4))


def test_keys_without_a_field_are_ignored():
    assert Whole.from_json(CONTENT | {"later": 1}, "file") == WHOLE


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 3}, "name is 3, not a text"),
        ({"name": None}, "name is None, not a text"),
        ({"size": [3]}, "size has 1 values, not 2"),
        ({"size": "34"}, "size is '34', not a list"),
        ({"size": [3, 4.0]}, "size[1] is 4.0, not a whole number"),
        ({"size": [3, True]}, "size[1] is True, not a whole number"),
        ({"done": 1}, "done is 1, not true or false"),
        ({"parts": [{"name": "b"}]}, "parts[0].share is missing"),
        ({"parts": [{"name": "b", "share": math.nan}]}, "parts[0].share is nan, not a finite number"),
        ({"parts": [{"name": "b", "share": "0.5"}]}, "parts[0].share is '0.5', not a finite number"),
        ({"parts": {}}, "parts is {}, not a list"),
        ({"parts": [5]}, "parts[0] is 5, not an object"),
        ({"shares": {"x": [1]}}, "shares.x is [1], not a finite number"),
        ({"cores": "two"}, "cores is 'two', not a whole number"),
        ({"name": list(range(99))}, "name is [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11..., not a text"),
    ],
)
def test_a_wrong_value_is_one_line_with_file_and_key(change, message):
    with pytest.raises(InputError) as caught:
        Whole.from_json(CONTENT | change, "folder/file.json")
    assert str(caught.value) == f"folder/file.json: {message}"


def test_what_is_no_object_is_refused():
    with pytest.raises(InputError, match=r"^file: it is \[\], not an object$"):
        Whole.from_json([], "file")


def test_values_that_json_lacks_are_made_plain():
    values = {1: (np.float32(0.5), np.array([[1, 2]])), "p": pathlib.PurePosixPath("a/b"), "n": [math.nan, -math.inf]}
    assert plain(values) == {"1": [0.5, [[1, 2]]], "p": "a/b", "n": [None, None]}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(list(CONTENT)), _JSON)
def test_any_value_is_read_or_refused_in_one_line(key, value):
    try:
        read = Whole.from_json(CONTENT | {key: value}, "file")
    except InputError as error:
        assert str(error).startswith("file: ") and "\n" not in str(error)
    else:
        json.dumps(read.to_json(), allow_nan=False)


@pytest.mark.parametrize("value", [10**400, -(10**400), float("inf"), float("nan")])
def test_numbers_that_nobody_can_compute_with_are_refused(value):
    with pytest.raises(InputError, match=r"file: parts\[0\].share is .*, not a finite number"):
        Whole.from_json(CONTENT | {"parts": [{"name": "b", "share": value}]}, "file")
    if isinstance(value, int):
        with pytest.raises(InputError, match="file: cores is .*, not a whole number"):
            Whole.from_json(CONTENT | {"cores": value}, "file")
