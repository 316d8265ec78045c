"""What every program shares: the common flags, how flags are parsed, and errors as one line without a traceback."""

import io
import logging
import math
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import Any

from absl import app, flags
from absl import logging as absl_logging

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.class_table import read_class_table
from contextnet_tf.datasets.sources import Example
from contextnet_tf.errors import InputError, needed_by
from contextnet_tf.files import gigabytes
from contextnet_tf.models.registry import model_names
from contextnet_tf.training.recipe import recipe_names
from experiments import flag_kinds, load_tensorflow
from experiments.progress import progress_bar
from experiments.renamed_flags import refuse_renamed

# Pixels a side; a larger image or crop is probably a mistake.
MAX_SIDE = 1 << 15

flags.DEFINE_string(
    "dataset",
    None,
    "Dataset: streets (synthetic scenes of this project), cityscapes, camvid, folder (your own, with --classes), or "
    "tfds:NAME (prepared by TensorFlow Datasets). Default: the one recorded with the checkpoint.",
)
flag_kinds.define_path(
    "classes",
    None,
    "classes.json of your own dataset, see data/folder/README.md. Default: recorded with the checkpoint.",
)
flags.DEFINE_string("tfds_image_key", None, "tfds:NAME only: the feature that holds the image. Default: image.")
flags.DEFINE_string(
    "tfds_label_key", None, "tfds:NAME only: the feature that holds the labels. Default: segmentation_mask."
)
flags.DEFINE_string("tfds_name_key", None, "tfds:NAME only: the feature that names an example. Default: its number.")
flag_kinds.define_path(
    "data_dir", None, "Folder of the dataset. Default: the one recorded with the checkpoint, else data/DATASET."
)
flags.DEFINE_integer(
    "crop_height",
    None,
    "Height of the training images in pixels. Default: the largest that fits the dataset's images.",
    lower_bound=1,
    upper_bound=MAX_SIDE,
)
flags.DEFINE_integer(
    "crop_width",
    None,
    "Width of the training images in pixels. Default: the largest that fits the dataset's images.",
    lower_bound=1,
    upper_bound=MAX_SIDE,
)
flag_kinds.define_split("split", "val", "Split of the dataset, for example val or train.")
flag_kinds.define_path("output_dir", None, "Folder to write to.")
flags.DEFINE_enum(
    "recipe",
    "short",
    recipe_names(),
    "Training recipe: paper is that of section 3.1, short takes about an hour on a small dataset, modern has the "
    "techniques of later networks, smoke only tests that training runs.",
)
flags.DEFINE_integer(
    "seed", 0, "Seed of weights, sample order and augmentation.", lower_bound=0, upper_bound=(1 << 32) - 1
)
flags.DEFINE_list("seeds", ["0", "1"], "Seeds, each a run of every row.")
flags.DEFINE_string("model", None, f"Network: {', '.join(model_names())}. Default: cn14.")
flag_kinds.define_path(
    "checkpoint",
    None,
    "Trained network: preset:NAME (one that comes with the project), the folder of a run (its best.keras) or a .keras "
    "file.",
)
flags.DEFINE_integer(
    "rounds",
    None,
    "Measurement rounds; medians are reported. Default: 20.",
    lower_bound=1,
    upper_bound=1_000_000,
)
flags.DEFINE_enum(
    "log_level", "warning", ["debug", "info", "warning", "error"], "Least severe log level shown on standard error."
)
flag_kinds.define_path("image", None, "Image to segment.")
flags.DEFINE_integer("images", 16, "Number of training images to read.", lower_bound=1, upper_bound=1_000_000)

# From here on this module declares flags in the name of the program that imports it.
flags.disclaim_key_flags()


# The flags that select a dataset.
DATASET_FLAGS = ("dataset", "data_dir", "classes", "tfds_image_key", "tfds_label_key", "tfds_name_key")


# The texts of flags whose default differs where no checkpoint has recorded a dataset.
UNRECORDED = {
    "dataset": flags.FLAGS["dataset"].help.replace("the one recorded with the checkpoint", "streets"),
    "data_dir": "Folder of the dataset. Default: data/DATASET; for streets data/streets/drawn.",
    "classes": "classes.json of your own dataset, see data/folder/README.md.",
}
_shared_texts: dict[str, str] = {}


def key_flags(*names: str, **texts: str) -> None:
    """Lists common flags in the `--help` of the program that calls this at import.

    `texts` are those of flags that the program describes itself: what it takes, and its default.
    """
    for name in dict.fromkeys((*names, *texts)):
        flags.declare_key_flag(name)
        flag = flags.FLAGS[name]
        flag.help = texts.get(name, _shared_texts.setdefault(name, flag.help))


def required(name: str) -> str:
    """The value of the string flag `name`.

    Raises:
      InputError: the flag was not given.
    """
    value = flags.FLAGS[name].value
    if not value:
        raise InputError(f"--{name} is missing; set --{name}=..., or see --help")
    return value


def given(name: str) -> Any:
    """The value of the flag `name`; None where it has its default because it was not given."""
    flag = flags.FLAGS[name]
    return flag.value if flag.present else None


def given_size(height: str, width: str) -> tuple[int, int] | None:
    """The values of the flags `height` and `width`; None where neither was given.

    Raises:
      InputError: only one of them was given.
    """
    size = flags.FLAGS[height].value, flags.FLAGS[width].value
    if (size[0] is None) != (size[1] is None):
        raise InputError(f"--{height} and --{width} go together; give both or neither")
    return None if None in size else size


def whole_numbers(name: str, largest: int = (1 << 32) - 1) -> list[int]:
    """The values of the list flag `name` as whole numbers from 0 to `largest`.

    Raises:
      InputError: one of them is not such a number.
    """
    texts = flags.FLAGS[name].value
    for text in texts:
        if not (text.isascii() and text.isdecimal()):
            raise InputError(f"--{name}: {text!r} is not a whole number; give them as --{name}=0,1")
        if int(text) > largest:
            raise InputError(f"--{name}: {text} is too large; the largest is {largest}")
    return [int(text) for text in texts]


def numbers(name: str) -> list[float]:
    """The values of the list flag `name` as numbers.

    Raises:
      InputError: one of them is no number.
    """
    try:
        return [float(text) for text in flags.FLAGS[name].value]
    except ValueError as error:
        raise InputError(f"--{name}: {error}; give numbers separated by commas") from None


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
            raise InputError(f"--tfds_{next(iter(keys))} needs --classes=classes.json, which lists the classes")
        return None
    return read_class_table(classes).content | keys


def list_examples(dataset: Dataset, data_dir: str | None, split: str) -> list[Example]:
    """The examples of a split, with a note where cities are missing; a prepared split is first extracted to files.

    Raises:
      InputError: the folder is missing, empty or in another layout, or a file has no partner.
    """
    if dataset.prepared and data_dir:
        load_tensorflow(f"the dataset {dataset.name}")
        lay_out(dataset, data_dir, split)
    listing = dataset.listing(data_dir, split)
    examples = listing.complete()
    missing = dataset.missing_examples_note(split, examples) if dataset.part_sizes else None
    for note in [missing, *listing.notes] if missing else listing.notes:
        print(f"note: {note}", file=sys.stderr)
    return examples


def lay_out(dataset: Dataset, data_dir: str, split: str) -> None:
    """Extracts a prepared split to files unless that is done; prints its size first and shows a progress bar.

    Raises:
      InputError: the split is not prepared, or there is too little disk space.
    """
    pending = dataset.prepared.pending(data_dir, split)
    if not pending:
        return
    print(
        f"note: {split} of {dataset.name} is extracted to files once: {pending.examples:,} examples, "
        f"{gigabytes(pending.num_bytes)}, in {pending.folder}",
        file=sys.stderr,
    )
    with progress_bar(total=pending.examples, desc="extracting", unit="image") as bar:
        dataset.prepared.lay_out(data_dir, split, on_example=bar.update)


def own_flags() -> list[flags.Flag]:
    """The flags that the running program lists in its help."""
    # absl's own flags (logging, profiling) come with `app.run`; they do not affect a result.
    return [flag for flag in flags.FLAGS.get_key_flags_for_module(sys.argv[0]) if flag.name != "only_check_args"]


def given_flags() -> dict[str, Any]:
    """The values of the running program's own flags, by name."""
    return {flag.name: flag.value for flag in own_flags()}


def _set_log_level(level: str) -> None:
    absl_logging.set_verbosity(level)
    # Records always reach the log file of a run; standard error shows them from `level` on.
    logging.getLogger("contextnet_tf").setLevel(logging.DEBUG)
    absl_logging.get_absl_handler().setLevel(level.upper())


def run(main: Callable[[Sequence[str]], None], *, needs_tensorflow: bool = True) -> None:
    """Parses the flags and calls `main(argv)`; an InputError becomes one line and exit status 1.

    A program imports TensorFlow, Keras and what needs them in its functions, so that --help and wrong flags are
    answered at once. `needs_tensorflow` False: it may do its work without them.
    """

    def loaded(argv: Sequence[str]) -> None:
        if needs_tensorflow:
            load_tensorflow()
        main(argv)

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal cannot show must not end the work
            stream.reconfigure(errors="backslashreplace")
    absl_logging.set_verbosity(absl_logging.WARNING)
    app.run(with_plain_errors(loaded), flags_parser=parse_flags)


def parse_flags(argv: Sequence[str]) -> list[str]:
    """Parses the flags of the running program; returns what is left of `argv`. A wrong flag ends the process with one
    line on standard error and status 1."""
    try:
        own_flags = {flag.name for flag in flags.FLAGS.get_key_flags_for_module(argv[0])}
        refuse_renamed(flags.FLAGS.read_flags_from_files(argv[1:], force_gnu=False), own_flags)
        rest = flags.FLAGS(argv)
        for name in flags.FLAGS:
            value = flags.FLAGS[name].value
            if isinstance(value, float) and not math.isfinite(value):  # no bound refuses nan
                raise flags.IllegalFlagValueError(f"flag --{name}={value}: is not a finite number")
        return rest
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except UnicodeDecodeError as error:
        print(f"error: --flagfile: is not text ({error.reason}); see --help", file=sys.stderr)
        sys.exit(1)
    except flags.Error as error:
        message = " ".join(str(error).removeprefix("flag ").split())
        print(f"error: {message}; see --help", file=sys.stderr)
        sys.exit(1)


# Parameters of the library whose flag has another name.
FLAG_OF_PARAMETER = {"num_threads": "threads"}


def with_flags(message: str) -> str:
    """A message of the library as a program prints it: `data_dir` becomes --data_dir, `resume=True` --resume.

    The library knows no flags, so its errors name parameters, in backquotes. Names without a matching flag in the
    running process are not changed.
    """

    def flag(match: re.Match[str]) -> str:
        name, value = FLAG_OF_PARAMETER.get(match[1], match[1]), match[2]
        if name not in flags.FLAGS:
            return match[0]
        if value in ("True", "False"):
            return f"--{name}" if value == "True" else f"--no{name}"
        return f"--{name}" if value is None else f"--{name}={shlex.quote(value)}"

    return re.sub(r"`([a-z][a-z_]*)(?:=([^`]*))?`", flag, message)


def with_plain_errors(main: Callable[[Sequence[str]], None]) -> Callable[[Sequence[str]], None]:
    """`main`, but an InputError ends the process with one line and status 1 instead of a traceback."""

    def guarded(argv: Sequence[str]) -> None:
        try:
            if len(argv) > 1:
                raise InputError(f"{argv[1]!r} is not a flag; flags look like --name=value, see --help")
            _set_log_level(flags.FLAGS.log_level)
            with needed_by("this program"):
                main(argv)
            sys.stdout.flush()
        except BrokenPipeError:  # the reader of the output, such as `head`, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        except InputError as error:
            print(f"error: {with_flags(str(error))}", file=sys.stderr)
            sys.exit(1)
        except KeyboardInterrupt:
            sys.exit(130)  # as shells report a process that Ctrl-C ended

    return guarded
