"""Checks of arguments that several public functions take."""

import numbers
import os
import pathlib
from collections.abc import Sequence
from typing import Any, TypeGuard

from contextnet_tf.errors import InputError

LONGEST_NAME = 255  # bytes of a file or folder, as file systems have it
_MOST_THREADS = 1024  # a larger number is a mistake, and LiteRT would start as many


def checked_path(path: Any) -> pathlib.Path:
    """A path given as text or as a path object.

    Raises:
      InputError: it is something else, or a name in it is longer than file systems allow.
    """
    if not isinstance(path, str | os.PathLike) or not path:
        raise InputError(f"path {path!r}: it must be the path of a file or folder, not a {type(path).__name__}")
    long = [part for part in pathlib.Path(path).parts if len(os.fsencode(part)) > LONGEST_NAME]
    if long:
        raise InputError(f"path {path}: {long[0][:20]}... is longer than {LONGEST_NAME} bytes; give one path")
    return pathlib.Path(path)


def checked_choice(name: str, value: Any, known: Sequence[str], wrong: str = "is unknown") -> None:
    """Checks that the argument `name` has one of the `known` values.

    Raises:
      InputError: it has another value.
    """
    if not isinstance(value, str) or value not in known:
        raise InputError(f"{name} {value!r} {wrong}; choose from: {', '.join(known)}")


def checked_count(name: str, value: Any) -> int | None:
    """A number of threads as a Python integer, or None; NumPy integers are accepted.

    Raises:
      InputError: it is something else, or too large.
    """
    if value is None:
        return None
    if not is_whole(value) or value < 1:
        raise InputError(f"{name} = {value!r}: it must be a whole number, 1 or more, or None")
    if value > _MOST_THREADS:
        raise InputError(f"{name} = {value}: at most {_MOST_THREADS} are possible")
    return int(value)


def checked_size(size: Any, name: str = "size") -> tuple[int, int]:
    """A (height, width) as Python integers.

    Raises:
      InputError: it is not a pair of whole numbers, 1 or more.
    """
    is_pair = isinstance(size, Sequence) and not isinstance(size, str) and len(size) == 2
    if not is_pair or not all(is_whole(x) and x > 0 for x in size):
        shown = " x ".join(map(str, size)) if is_pair else repr(size)
        raise InputError(f"{name} {shown}: it must be (height, width), whole numbers of pixels, 1 or more")
    height, width = size
    return int(height), int(width)


def checked_seed(seed: Any) -> int:
    """A seed as a Python integer.

    Raises:
      InputError: it is not a whole number of 32 bits.
    """
    if not is_whole(seed) or not 0 <= seed < 1 << 32:
        raise InputError(f"seed {seed!r}: it must be a whole number from 0 to {(1 << 32) - 1}")
    return int(seed)


def is_whole(value: Any) -> TypeGuard[int]:
    """Whether `value` is an integer of Python or NumPy; a truth value is not."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)
