"""examples.json: digests of the files that a run was started with, so that it does not resume on changed files."""

import os
import pathlib
from collections.abc import Mapping, Sequence

from contextnet_tf.errors import InputError
from contextnet_tf.files import read_json, write_json
from contextnet_tf.runs.layout import EXAMPLES
from contextnet_tf.runs.records import FieldError, decoded
from contextnet_tf.runs.run_dir import begin_with_weights_of

Digests = Sequence[tuple[str, str, str | None]]  # (name, of the image, of the label file) of each example


def check_examples(run_dir: str | os.PathLike, digests: Mapping[str, Digests]) -> None:
    """Compares the digests, by split, with those in `run_dir`/examples.json; writes the file if it is missing.

    Runs of version 0.1 have no such file. They get one when they resume.

    Raises:
      InputError: files have changed since the run was started, or examples.json is damaged.
    """
    path = pathlib.Path(run_dir) / EXAMPLES
    if not path.exists():
        write_json(path, digests)
        return
    remedy = "remove it to resume without comparing the images"
    try:
        before = decoded(dict[str, tuple[tuple[str, str, str | None], ...]], read_json(path, remedy=remedy))
    except FieldError as error:
        raise InputError(f"{path}: is damaged ({error}); {remedy}") from None
    changes = [change for split in digests for change in changed_examples(split, before.get(split, ()), digests[split])]
    if changes:
        raise InputError(
            f"{run_dir}: the data have changed since this run was started: {'; '.join(changes)}. Restore the files, or "
            f"set another `output_dir`{begin_with_weights_of(run_dir)}"
        )


def changed_examples(split: str, before: Digests, now: Digests) -> list[str]:
    """The differences between two lists of digests, in words: "3 labels of train, the first of p0"."""
    if [name for name, *_ in before] != [name for name, *_ in now]:
        return [f"{split} has other examples"]
    found = []
    for place, kind in ((1, "image"), (2, "label")):
        names = [own[0] for other, own in zip(before, now, strict=True) if other[place] != own[place]]
        if names:
            found.append(f"{len(names)} {kind}{'s' if len(names) > 1 else ''} of {split}, the first of {names[0]}")
    return found
