"""Frozen dataclasses as JSON objects and back. The annotations are the schema, and reading is strict about types."""

import dataclasses
import functools
import math
import os
import sys
import types
import typing
from typing import Any, Self

import numpy as np

from contextnet_tf.errors import InputError

_EXPECTED = {
    bool: "true or false",
    int: "a whole number",
    float: "a finite number",
    str: "a text",
    tuple: "a list",
    dict: "an object",
}


INLINED = {"inlined": True}  # metadata of a field whose record has its keys in the surrounding object


class FieldError(ValueError):
    """A value of the wrong type. `path` leads to it, such as "rows[3].title"; it is empty for the whole object."""

    def __init__(self, path: str, problem: str):
        super().__init__(f"{path or 'it'} {problem}")
        self.path, self.problem = path, problem

    def below(self, name: str) -> "FieldError":
        """The error with `name` prepended to its path."""
        separator = "." if self.path and not self.path.startswith("[") else ""
        return FieldError(f"{name}{separator}{self.path}", self.problem)


class Record:
    """Base class of the frozen dataclasses that are stored in files of a run.

    A field's annotation is `Any`, bool, int, float, str, another record, `tuple[X, ...]`, `tuple[X, Y]`,
    `dict[str, X]`, or one of these `| None`. Fields with a default may be missing in a file. Keys without a field are
    ignored.
    """

    def to_json(self) -> dict[str, Any]:
        """All fields as JSON values; numbers that are not finite become None."""
        content: dict[str, Any] = {}
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = plain(getattr(self, field.name))
            content |= (value or {}) if field.metadata.get("inlined") else {field.name: value}
        return content

    @classmethod
    def from_json(cls, content: Any, origin: str) -> Self:
        """The record in `content`; `origin` names the file in errors.

        Raises:
          InputError: a value is missing or has the wrong type; the message names `origin` and the key.
        """
        try:
            return decoded(cls, content)
        except FieldError as error:
            raise InputError(f"{origin}: {error}") from None


def plain(value: Any) -> Any:
    """`value` in JSON types: records and mappings as objects, nan and infinities as None."""
    if isinstance(value, Record):
        return value.to_json()
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value


def decoded(kind: Any, value: Any) -> Any:
    """The JSON `value` as the type `kind`.

    Raises:
      FieldError: the value, or one inside it, has another type or is missing.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin is types.UnionType:
        if value is None:
            return None
        return decoded(arguments[0], value)  # X | None
    if origin is tuple:
        return _decoded_tuple(arguments, value)
    if origin is dict:
        _require(isinstance(value, dict), value, dict)
        return {name: _named(name, arguments[1], item) for name, item in value.items()}
    if issubclass(kind, Record):
        return _decoded_record(kind, value)
    if kind is float:
        known = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    else:
        known = type(value) is kind and (kind is not int or abs(value) < 1 << 63)  # not isinstance: True is an int
    _require(known, value, kind)
    return value


def _decoded_tuple(arguments: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    _require(isinstance(value, list), value, tuple)
    if arguments[-1] is Ellipsis:
        arguments = (arguments[0],) * len(value)
    if len(arguments) != len(value):
        raise FieldError("", f"has {len(value)} values, not {len(arguments)}")
    return tuple(_named(f"[{i}]", kind, item) for i, (kind, item) in enumerate(zip(arguments, value, strict=True)))


def _decoded_record(kind: Any, value: Any) -> Record:
    _require(isinstance(value, dict), value, dict)
    values = {}
    for field in dataclasses.fields(kind):
        annotation = _annotations(kind)[field.name]
        if field.metadata.get("inlined"):
            values[field.name] = decoded(annotation, value)
        elif field.name in value:
            values[field.name] = _named(field.name, annotation, value[field.name])
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise FieldError(field.name, "is missing")
    return kind(**values)


@functools.cache
def _annotations(kind: Any) -> dict[str, Any]:
    """The types of the fields by name."""
    return typing.get_type_hints(kind)


def _named(name: str, kind: Any, value: Any) -> Any:
    try:
        return decoded(kind, value)
    except FieldError as error:
        raise error.below(name) from None


def _require(fits: bool, value: Any, kind: type) -> None:
    if not fits:
        shown = repr(value)
        raise FieldError("", f"is {shown if len(shown) <= 40 else shown[:37] + '...'}, not {_EXPECTED[kind]}")
