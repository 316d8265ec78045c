"""What every program shares: the common flags, and errors that are one line and not a traceback."""

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from absl import app, flags
from absl import logging as absl_logging

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.class_table import read_class_table
from contextnet_tf.datasets.sources import Example
from contextnet_tf.errors import InputError, Stopped
from contextnet_tf.files import atomic_write, gigabytes
from experiments.progress import progress_bar

flags.DEFINE_string(
    "dataset",
    None,
    "Name of the dataset: streets (drawn by this project), cityscapes, camvid, folder (your own, with --classes), or "
    "tfds:NAME (prepared by TensorFlow Datasets). Default: the trained network's own; streets where there is none.",
)
flags.DEFINE_string(
    "classes", None, "classes.json of your own dataset: see data/folder/README.md. Default: the trained network's own."
)
flags.DEFINE_string("tfds_image_key", None, "tfds:NAME only: the feature that holds the image. Default: image.")
flags.DEFINE_string(
    "tfds_label_key", None, "tfds:NAME only: the feature that holds the labels. Default: segmentation_mask."
)
flags.DEFINE_string("tfds_name_key", None, "tfds:NAME only: the feature that names an example. Default: its number.")
flags.DEFINE_string("data_dir", None, "Folder that holds the dataset. Default: where it was in training, or data/NAME.")
flags.DEFINE_integer("crop_height", None, "Height of the training images. Default: the dataset's, cut to fit.")
flags.DEFINE_integer("crop_width", None, "Width of the training images. Default: the dataset's, cut to fit.")
flags.DEFINE_string("split", "val", "Split of the dataset, for example val or train.")
flags.DEFINE_string("output_dir", None, "Folder of the run: everything that the program writes goes there.")
flags.DEFINE_string("recipe", "short", "Training recipe: short, modern, paper or smoke.")
flags.DEFINE_integer("seed", 0, "Seed of weights, sample order and augmentation.", lower_bound=0)
flags.DEFINE_string("model", None, "Name of the network, for example cn14. Default: cn14, or the checkpoint's own.")
flags.DEFINE_string(
    "checkpoint",
    None,
    "Trained network: a .keras file, or the folder of a run (its best network is taken); "
    "for evaluate and predict also an exported .tflite file or SavedModel folder.",
)
flags.DEFINE_integer(
    "rounds",
    None,
    "How often everything is measured in turn; medians are reported. Default: the program's own.",
    lower_bound=1,
)
flags.DEFINE_enum(
    "log_level", "warning", ["debug", "info", "warning", "error"], "What goes to standard error besides the results."
)
flags.DEFINE_integer("images", 16, "For benchmarks: how many training images are read.", lower_bound=1)
flags.DEFINE_string(
    "precision", "float32", "train: float32, mixed_float16 or mixed_bfloat16. export: float32, float16 or int8."
)

# From here on this module declares flags in the name of the program that imports it.
flags.disclaim_key_flags()


_logger = logging.getLogger(__name__)

# What says which dataset is meant.
DATASET_FLAGS = ("dataset", "data_dir", "classes", "tfds_image_key", "tfds_label_key", "tfds_name_key")


def key_flags(*names: str) -> None:
    """Lists common flags in the `--help` of the program that calls this at import."""
    for name in names:
        flags.declare_key_flag(name)


def required(name: str) -> str:
    """The value of the string flag `name`.

    Raises:
      InputError: the flag was not given.
    """
    value = flags.FLAGS[name].value
    if not value:
        raise InputError(f"--{name} is missing; say --{name}=..., or see --help")
    return value


def given_size(height: str, width: str) -> tuple[int, int] | None:
    """The values of the flags `height` and `width`; None where neither was given.

    Raises:
      InputError: only one of them was given.
    """
    size = flags.FLAGS[height].value, flags.FLAGS[width].value
    if (size[0] is None) != (size[1] is None):
        raise InputError(f"--{height} and --{width} go together; give both or neither")
    return None if None in size else size


def whole_numbers(name: str) -> list[int]:
    """The values of the list flag `name` as whole numbers from 0.

    Raises:
      InputError: one of them is none.
    """
    texts = flags.FLAGS[name].value
    for text in texts:
        if not text.isdecimal():
            raise InputError(f"--{name}: {text!r} is no whole number; give them as --{name}=0,1")
    return [int(text) for text in texts]


def given_class_table() -> dict[str, Any] | None:
    """What --classes and --tfds_..._key say of a dataset, as `get_dataset` takes it; None without --classes.

    Raises:
      InputError: the file is missing or wrong.
    """
    keys = {name: flags.FLAGS[f"tfds_{name}"].value for name in ("image_key", "label_key", "name_key")}
    keys = {name: value for name, value in keys.items() if value}
    classes = flags.FLAGS["classes"].value
    if not classes:
        if keys:
            raise InputError(f"--tfds_{next(iter(keys))} goes with --classes; say which classes the labels have")
        return None
    return read_class_table(classes).content | keys


def list_examples(dataset: Dataset, data_dir: str | None, split: str) -> list[Example]:
    """The examples of a split, with a note where cities are missing; a prepared split is first laid out as files.

    Raises:
      InputError: the folder is missing, empty or in another layout, or a file has no partner.
    """
    if dataset.prepared and data_dir:
        lay_out(dataset, data_dir, split)
    examples = dataset.list_examples(data_dir, split)
    note = dataset.missing_examples_note(split, examples) if dataset.part_sizes else None
    if note:
        print(f"note: {note}", file=sys.stderr)
    return examples


def lay_out(dataset: Dataset, data_dir: str, split: str) -> None:
    """Lays a prepared split out as files where that is still to do; says before what it takes, and shows a bar.

    Raises:
      InputError: it is not prepared, or there is too little space.
    """
    pending = dataset.prepared.pending(data_dir, split)
    if not pending:
        return
    print(
        f"note: {split} of {dataset.name} is laid out as files once: {pending.examples:,} examples, "
        f"{gigabytes(pending.num_bytes)}, in {pending.folder}",
        file=sys.stderr,
    )
    with progress_bar(total=pending.examples, desc="laying out", unit="image") as bar:
        dataset.prepared.lay_out(data_dir, split, on_example=bar.update)


def given_flags() -> dict[str, Any]:
    """The flags that the running program lists as its own, as name -> value."""
    return {flag.name: flag.value for flag in _own_flags()}


def write_flagfile(path: str | os.PathLike) -> None:
    """Writes the running program's flags as a file that `--flagfile` takes."""
    with atomic_write(path) as temporary:
        temporary.write_text("".join(f"{flag.serialize()}\n" for flag in _own_flags() if flag.value is not None))


@contextlib.contextmanager
def logged_to(path: str | os.PathLike) -> Iterator[None]:
    """Adds to the file `path` what the library logs meanwhile, at any --log_level, and how it ended."""
    handler = _LogFile(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    _logger.info("begins: %s", " ".join(sys.argv))
    try:
        yield
        _logger.info("ended")
    except BaseException as error:
        known = isinstance(error, (InputError, Stopped, KeyboardInterrupt, SystemExit))
        _logger.info("ended by %s: %s", type(error).__name__, error, exc_info=not known)
        raise
    finally:
        root.removeHandler(handler)
        handler.close()


class _LogFile(logging.FileHandler):
    """A log must not end a run: a disk that is full is told by whoever cannot do without it."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Does without the line."""


def _set_log_level(level: str) -> None:
    absl_logging.set_verbosity(level)
    # Ours reach the log file in any case, and standard error from `level` on.
    logging.getLogger("contextnet_tf").setLevel(logging.DEBUG)
    _logger.setLevel(logging.DEBUG)
    absl_logging.get_absl_handler().setLevel(level.upper())


def _own_flags() -> list[flags.Flag]:
    # absl's own flags (logging, profiling) come with `app.run`; they say nothing about a result.
    return [flag for flag in flags.FLAGS.get_key_flags_for_module(sys.argv[0]) if flag.name != "only_check_args"]


def run(main: Callable[[Sequence[str]], None]) -> None:
    """Parses the flags and calls `main(argv)`; an InputError becomes one line and exit status 1."""
    absl_logging.set_verbosity(absl_logging.WARNING)
    app.run(with_plain_errors(main))


def with_plain_errors(main: Callable[[Sequence[str]], None]) -> Callable[[Sequence[str]], None]:
    """`main`, but what a person can mend ends the process with one line instead of a traceback."""

    def guarded(argv: Sequence[str]) -> None:
        try:
            if len(argv) > 1:
                raise InputError(f"{argv[1]!r} is not a flag; flags look like --name=value, see --help")
            _set_log_level(flags.FLAGS.log_level)
            main(argv)
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)
        except KeyboardInterrupt:
            sys.exit(130)  # as shells report a process that Ctrl-C ended

    return guarded
