"""An example, the listing of a split, and the steps of listing that all layouts share."""

import dataclasses
import hashlib
import os
import pathlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from contextnet_tf.errors import InputError

T = TypeVar("T")

_MAX_NAME = 180  # bytes of a name; files named by it add a suffix, and file systems allow 255


@dataclasses.dataclass(frozen=True)
class Example:
    """One image and its label file. `name` is unique within the split and valid as a file name.

    `label_path` is None where the ground truth is not public, as in Cityscapes' test split.
    """

    name: str
    image_path: str
    label_path: str | None


@dataclasses.dataclass(frozen=True)
class Listing:
    """The complete examples of a split, one line for each problem of the others, and notes on skipped files."""

    examples: list[Example]
    problems: list[str]
    notes: list[str] = dataclasses.field(default_factory=list)

    def complete(self) -> list[Example]:
        """The examples.

        Raises:
          InputError: there is a problem.
        """
        if self.problems:
            more = f" ({len(self.problems) - 1} more such problems)" if len(self.problems) > 1 else ""
            raise InputError(self.problems[0] + more)
        return self.examples


def checked_examples(name: str, examples: Any) -> list[Example]:
    """The argument `name` of a public function as a list of examples.

    Raises:
      InputError: it is something else.
    """
    listed: list[Any] = list(examples) if isinstance(examples, Iterable) and not isinstance(examples, str) else [None]
    if not all(isinstance(example, Example) for example in listed):
        raise InputError(f"{name}: it must be a list of examples, as dataset.list_examples gives them")
    return listed


def paired(
    images: Mapping[str, pathlib.Path], labels: Mapping[str, pathlib.Path], image_place: str, label_place: str
) -> Listing:
    """Pairs images and labels by name into sorted examples; reports each file without a partner.

    `image_place` and `label_place` describe the expected path of a partner, with NAME for the name.
    """
    problems = [
        f"{images[name]}: has no label file; expected {label_place.replace('NAME', name)}"
        for name in sorted(images.keys() - labels.keys())
    ] + [
        f"{labels[name]}: has no image; expected {image_place.replace('NAME', name)}"
        for name in sorted(labels.keys() - images.keys())
    ]
    both = sorted(images.keys() & labels.keys())
    return Listing([Example(name, str(images[name]), str(labels[name])) for name in both], problems)


def named(files: Iterable[tuple[str, pathlib.Path]]) -> tuple[dict[str, pathlib.Path], list[str]]:
    """Files by name; reports each file whose name is already taken or cannot be used.

    Names are normalized (Unicode NFC), since systems encode accented letters in two ways; very long ones are shortened.
    """
    found: dict[str, pathlib.Path] = {}
    problems = []
    for name, path in sorted(files, key=lambda file: file[1]):
        problem = _name_problem(name)
        if problem:
            problems.append(f"{os.fsencode(path).decode(errors='backslashreplace')}: {problem}".replace("\n", "\\n"))
            continue
        name = example_name(name)
        if name in found:
            problems.append(
                f"{path}: has the same name as {found[name]} ({name!r}); names must be unique in a split; rename one"
            )
        found.setdefault(name, path)
    return found, problems


def _name_problem(name: str) -> str | None:
    """Why `name` cannot be the name of an example; None if it can."""
    categories = {unicodedata.category(character) for character in name}
    if "Cs" in categories:  # how Python holds bytes that are not UTF-8
        return "its name is not UTF-8; rename the file"
    return "its name has a control character; rename the file" if "Cc" in categories else None


def example_name(name: str) -> str:
    """`name` in one form (Unicode NFC) for all systems; a very long one is shortened, but stays unique."""
    name = unicodedata.normalize("NFC", name)
    encoded = os.fsencode(name)
    if len(encoded) <= _MAX_NAME:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:16]
    return f"{encoded[: _MAX_NAME - 17].decode(errors='ignore')}_{digest}"


def unlabeled(images: Mapping[str, pathlib.Path]) -> Listing:
    """Turns images by name into sorted examples without labels."""
    return Listing([Example(name, str(images[name]), None) for name in sorted(images)], [])


def evenly_spread(items: Sequence[T], count: int) -> list[T]:
    """Picks `count` evenly spaced items (all, if there are fewer): the middles of equal segments."""
    count = min(count, len(items))
    return [items[(2 * index + 1) * len(items) // (2 * count)] for index in range(count)]
