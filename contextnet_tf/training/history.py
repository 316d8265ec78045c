"""history.jsonl: the figures of a run, one JSON object a line."""

import json
import pathlib
from collections.abc import Mapping

from contextnet_tf.files import naming_full_disk, replacing_file


class History:
    """Writes the lines. `length` is their number; what an earlier process wrote beyond `length` is dropped."""

    def __init__(self, path: pathlib.Path, length: int):
        self._path = path
        self.length = length
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        with replacing_file(path) as temporary:
            temporary.write_bytes(b"".join(lines[:length]))

    def append(self, step: int, epoch: float, figures: Mapping[str, float]) -> None:
        """Adds the figures of a step.

        Raises:
          InputError: the disk is full.
        """
        with naming_full_disk(self._path), self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, "epoch": epoch, **figures}) + "\n")
        self.length += 1
