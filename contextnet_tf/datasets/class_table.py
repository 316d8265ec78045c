"""classes.json: the class table of a user's own dataset, validated key by key.

```json
{
  "classes": [
    {"name": "road", "value": 7, "color": [128, 64, 128], "category": "flat"},
    {"name": "vehicle", "value": [26, 27, 28]}
  ],
  "ignored": [0, 255],
  "images": "images/{split}/**/*",
  "labels": "labels/{split}/**/*"
}
```

Only "classes" is required. Label files hold values (0 to 255) if the classes have a "value", colors if they have
only a "color", and otherwise the class's index in the list, from 0. One class may list several values or colors.
data/folder/README.md describes every key.
"""

import dataclasses
import os
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from contextnet_tf.datasets.colors import Color, spare_color
from contextnet_tf.datasets.labels import IGNORE, Label
from contextnet_tf.errors import InputError
from contextnet_tf.files import read_json
from contextnet_tf.renamed import CLASS_TABLE

MOST_CLASSES = IGNORE - 1  # train ids are bytes; 255 is ignored, 254 is reserved as a mark (`inspection`)
PATTERNS = {"images": "images/{split}/**/*", "labels": "labels/{split}/**/*"}
_FEATURES = ("image_key", "label_key", "name_key")
_KEYS = ("classes", "ignored", *PATTERNS, "list", *_FEATURES, "image_size")
_CLASS_KEYS = ("name", "value", "color", "category")


@dataclasses.dataclass(frozen=True)
class ClassTable:
    """A validated class table; `content` is its JSON source, from which it can be recreated."""

    labels: tuple[Label, ...]  # rows of one class share its train id; ignored values have IGNORE
    colors: dict[Color, int]  # train id by color; empty if label files hold values
    images: str
    label_pattern: str
    list_pattern: str | None
    features: dict[str, str]  # feature names of a prepared dataset, by "image_key", "label_key", "name_key"
    image_size: tuple[int, int] | None
    content: dict[str, Any]


def read_class_table(source: Mapping[str, Any] | str | os.PathLike) -> ClassTable:
    """Reads and validates a class table from the path or the content of a classes.json.

    Raises:
      InputError: a key is missing, unknown or invalid; the message names the file and the key.
    """
    if isinstance(source, Mapping):
        return _Checked(_renewed(dict(source)), "the class table").class_table()
    return _Checked(_renewed(read_json(source)), os.fspath(source)).class_table()


def _renewed(content: Any) -> Any:
    """`content` with the keys of version 0.1 renamed to today's."""
    if isinstance(content, Mapping):
        return {CLASS_TABLE.get(key, key): _renewed(value) for key, value in content.items()}
    return [_renewed(item) for item in content] if isinstance(content, list) else content


class _Checked:
    """The parts of a class table, each validated on access."""

    def __init__(self, content: Any, origin: str):
        self._content, self._origin = content, origin
        if not isinstance(content, dict):
            raise self._wrong("", 'must be an object such as {"classes": [{"name": "road", "value": 0}, ...]}')
        self._refuse_unknown(content, _KEYS, "")
        self._rows = self._class_rows()

    def class_table(self) -> ClassTable:
        """The validated class table."""
        labels, colors = self._tables()
        return ClassTable(
            labels=labels,
            colors=colors,
            images=self._pattern("images"),
            label_pattern=self._pattern("labels"),
            list_pattern=self._list(),
            features={key: self._text(self._content, key, "") for key in _FEATURES if key in self._content},
            image_size=self._image_size(),
            content=self._content,
        )

    def _class_rows(self) -> list[dict[str, Any]]:
        rows = self._content.get("classes")
        if not isinstance(rows, list) or not 2 <= len(rows) <= MOST_CLASSES:
            raise self._wrong("classes", f"must be a list of 2 to {MOST_CLASSES} classes, each an object with a name")
        names = []
        for place, row in enumerate(rows):
            where = f"classes[{place}]"
            if not isinstance(row, dict):
                raise self._wrong(where, 'must be an object such as {"name": "road", "value": 0}')
            self._refuse_unknown(row, _CLASS_KEYS, f"{where}.")
            # Accented letters have two forms, which look the same, as names with blanks around them do.
            names.append(unicodedata.normalize("NFC", self._text(row, "name", f"{where}.").strip()))
            if any(unicodedata.category(character) in ("Cc", "Cs") for character in row["name"]):
                raise self._wrong(f"{where}.name", f"{row['name']!r} has a character that is not text")
            if names[-1] in names[:-1]:
                raise self._wrong(f"{where}.name", f"{row['name']!r} is the name of another class too")
        return rows

    def _tables(self) -> tuple[tuple[Label, ...], dict[Color, int]]:
        """The label rows, and the train id of each label color (empty for label files of values)."""
        with_value = [place for place, row in enumerate(self._rows) if "value" in row]
        if with_value and len(with_value) < len(self._rows):
            missing = next(place for place in range(len(self._rows)) if place not in with_value)
            raise self._wrong(f"classes[{missing}].value", "is missing; all classes have a value, or none has")
        if with_value or not any("color" in row for row in self._rows):
            return self._by_value(), {}
        return self._by_color()

    def _by_value(self) -> tuple[Label, ...]:
        labels: list[Label] = []
        taken: dict[int, str] = {}
        for place, row in enumerate(self._rows):
            values = self._values(row.get("value", place), f"classes[{place}].value")
            colors = self._colors(row["color"], f"classes[{place}].color") if "color" in row else [spare_color(place)]
            for value in values:
                self._claim(taken, value, row["name"], f"classes[{place}].value")
                labels.append(self._label(row, value, place, colors[0]))
        ignored = self._content.get("ignored", [IGNORE] if IGNORE not in taken else [])
        for value in self._values(ignored, "ignored", may_be_empty=True):
            self._claim(taken, value, "ignored", "ignored")
            labels.append(Label("ignored", value, IGNORE, "void", False, (0, 0, 0)))
        return tuple(labels)

    def _by_color(self) -> tuple[tuple[Label, ...], dict[Color, int]]:
        labels: list[Label] = []
        taken: dict[Color, str] = {}
        train_ids: dict[Color, int] = {}
        for place, row in enumerate(self._rows):
            if "color" not in row:
                raise self._wrong(f"classes[{place}].color", "is missing; all classes have a color, or all a value")
            colors = self._colors(row["color"], f"classes[{place}].color")
            for color in colors:
                self._claim(taken, color, row["name"], f"classes[{place}].color")
                train_ids[color] = place
            labels.append(self._label(row, place, place, colors[0]))
        for color in self._colors(self._content.get("ignored", []), "ignored", may_be_empty=True):
            self._claim(taken, color, "ignored", "ignored")
            train_ids[color] = IGNORE
        return tuple(labels), train_ids

    def _label(self, row: dict[str, Any], value: int, place: int, color: Color) -> Label:
        # A class without a category forms its own, so that the mean over categories includes every class.
        category = self._text(row, "category", f"classes[{place}].") if "category" in row else row["name"]
        return Label(row["name"], value, place, category, False, color)

    def _claim(self, taken: dict, thing: Any, name: str, where: str) -> None:
        if thing in taken:
            raise self._wrong(where, f"{thing} belongs to {taken[thing]!r} already")
        taken[thing] = name

    def _values(self, given: Any, where: str, may_be_empty: bool = False) -> list[int]:
        values = given if isinstance(given, list) else [given]
        if not all(_is_byte(value) for value in values) or not (values or may_be_empty):
            raise self._wrong(where, f"must be a whole number from 0 to 255, or a list of such, not {given!r}")
        return values

    def _colors(self, given: Any, where: str, may_be_empty: bool = False) -> list[Color]:
        triples = [given] if isinstance(given, list) and given and not isinstance(given[0], list) else given
        valid = isinstance(triples, list) and all(_is_color(triple) for triple in triples)
        if not valid or not (triples or may_be_empty):
            raise self._wrong(where, f"must be a color [R, G, B] of 0 to 255, or a list of such, not {given!r}")
        return [tuple(triple) for triple in triples]

    def _pattern(self, key: str) -> str:
        # Backslashes separate folders, as in lists.
        pattern = self._text(self._content, key, "").replace("\\", "/") if key in self._content else PATTERNS[key]
        last = pattern.split("/")[-1]
        if "{split}" not in pattern or last.removesuffix(".*").count("*") != 1 or pattern.startswith("/"):
            raise self._wrong(
                key,
                f"must be relative to `data_dir`, with {{split}}, and one * for the name in its last part, such as "
                f'"{PATTERNS[key]}", not {pattern!r}',
            )
        return pattern

    def _list(self) -> str | None:
        if "list" not in self._content:
            return None
        if any(key in self._content for key in PATTERNS):
            raise self._wrong("list", "and the patterns images, labels exclude each other; keep one of the two")
        pattern = self._text(self._content, "list", "").replace("\\", "/")
        if "{split}" not in pattern:
            raise self._wrong("list", f'must name a file for each split, such as "{{split}}.txt", not {pattern!r}')
        return pattern

    def _image_size(self) -> tuple[int, int] | None:
        size = self._content.get("image_size")
        whole = isinstance(size, list) and len(size) == 2 and all(type(x) is int and x > 0 for x in size)
        if size is not None and not whole:
            raise self._wrong("image_size", f"must be [height, width] in pixels, not {size!r}")
        return tuple(size) if size else None

    def _text(self, holder: dict[str, Any], key: str, where: str) -> str:
        value = holder.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self._wrong(f"{where}{key}", f"must be a text, not {value!r}" if key in holder else "is missing")
        return value

    def _refuse_unknown(self, holder: dict[str, Any], known: Sequence[str], where: str) -> None:
        for key in holder:
            if key not in known:
                raise self._wrong(f"{where}{key}", f"is not a known key; choose from {', '.join(known)}")

    def _wrong(self, where: str, message: str) -> InputError:
        return InputError(f"{self._origin}: {f'{where} ' if where else ''}{message}")


def _is_byte(value: Any) -> bool:
    return type(value) is int and 0 <= value <= 255


def _is_color(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(_is_byte(part) for part in value)
