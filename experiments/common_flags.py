"""The flags that several programs share, and the values given for them."""

import types
from collections.abc import Mapping
from typing import Any

from absl import flags

from contextnet_tf.datasets.class_table import read_class_table
from contextnet_tf.errors import InputError
from contextnet_tf.models.registry import model_names
from contextnet_tf.presets import preset_names
from contextnet_tf.training.recipe import recipe_names
from experiments import flag_kinds

PRESET = f"preset:NAME ({', '.join(preset_names())})"  # in the help of --checkpoint
# Pixels per side; a larger image or crop is probably a mistake.
MAX_SIDE = 1 << 15
MAX_THREADS = 1024
MAX_SEED = (1 << 32) - 1


def dataset_text(default: str) -> str:
    """The help of --dataset in a program with this default."""
    return (
        "Dataset: streets (synthetic scenes of this project), cityscapes, camvid, folder (your own, with --classes), "
        f"or tfds:NAME (prepared by TensorFlow Datasets). Default: {default}."
    )


flags.DEFINE_string("dataset", None, dataset_text("the one recorded with the checkpoint"))
flag_kinds.define_path(
    "classes",
    None,
    "classes.json of your own dataset, see data/folder/README.md. Default: recorded with the checkpoint.",
)
flags.DEFINE_string("tfds_image_key", None, "tfds:NAME only: feature of the images. Default: image.")
flags.DEFINE_string("tfds_label_key", None, "tfds:NAME only: feature of the labels. Default: segmentation_mask.")
flags.DEFINE_string(
    "tfds_name_key", None, "tfds:NAME only: feature of the examples' names. Default: none, examples are numbered."
)
flag_kinds.define_path(
    "data_dir", None, "Folder of the dataset. Default: the one recorded with the checkpoint, else data/DATASET."
)
flags.DEFINE_integer(
    "crop_height",
    None,
    "Height of the training crops in pixels. Default: the largest valid size within the dataset's images.",
    lower_bound=1,
    upper_bound=MAX_SIDE,
)
flags.DEFINE_integer(
    "crop_width",
    None,
    "Width of the training crops in pixels. Default: the largest valid size within the dataset's images.",
    lower_bound=1,
    upper_bound=MAX_SIDE,
)
flag_kinds.define_split("split", "val", "Split of the dataset, for example val or train.")
flag_kinds.define_path("output_dir", None, "Folder to write to. Required.")
flags.DEFINE_enum(
    "recipe",
    "short",
    recipe_names(),
    "Training recipe: paper (section 3.1), modern (techniques of later networks), short (about an hour on a small "
    "dataset), smoke (only tests that training runs).",
)
flags.DEFINE_integer("seed", 0, "Seed of weights, sample order and augmentation.", lower_bound=0, upper_bound=MAX_SEED)
flags.DEFINE_list("seeds", ["0", "1"], "Seeds; every row is trained once per seed.")
flags.DEFINE_string(
    "model",
    None,
    f"Network: {', '.join(model_names())}; ContextNets also with a width factor, as in cn14x1.5. Default: cn14.",
)
flag_kinds.define_path(
    "checkpoint",
    None,
    f"Trained network: {PRESET}, the folder of a run (its best.keras) or a .keras file. Required.",
)
flags.DEFINE_integer(
    "rounds",
    None,
    "Measurement rounds; medians are reported. Default: 20.",
    lower_bound=1,
    upper_bound=1_000_000,
)
flag_kinds.define_path("image", None, "Image to segment. Required.")
flags.DEFINE_integer("images", 16, "Number of training images to read.", lower_bound=1, upper_bound=1_000_000)

# From here on this module declares flags in the name of the program that imports it.
flags.disclaim_key_flags()


# The flags that select a dataset.
DATASET_FLAGS = ("dataset", "data_dir", "classes", "tfds_image_key", "tfds_label_key", "tfds_name_key")


# The texts of flags whose default differs where no checkpoint has recorded a dataset.
UNRECORDED = {
    "dataset": dataset_text("streets"),
    "data_dir": "Folder of the dataset. Default: data/DATASET; for streets data/streets/drawn.",
    "classes": "classes.json of your own dataset, see data/folder/README.md. Required with --dataset=folder.",
}
_shared_texts: dict[str, tuple[str, str]] = {}  # the help and the shown default, by flag


def key_flags(*names: str, defaults: Mapping[str, str] = types.MappingProxyType({}), **texts: str) -> None:
    """Lists common flags in the `--help` of the program that calls this at import.

    `texts` are the help of flags that this program describes in its own words, with "Default: " where it has another
    default. `defaults` are the defaults to show where the program has its own; its `main` applies them where a flag is
    not `given`.
    """
    for name in dict.fromkeys((*names, *defaults, *texts)):
        flags.declare_key_flag(name)
        flag = flags.FLAGS[name]
        shared_help, shared_default = _shared_texts.setdefault(name, (flag.help, flag.default_as_str))
        flag.help = texts.get(name, shared_help)
        own = repr(defaults[name]) if name in defaults else None  # None: a text that states its default shows no other
        flag.default_as_str = own if own or "Default: " in texts.get(name, "") else shared_default


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
    """The value of the flag `name`; None if it was not given."""
    flag = flags.FLAGS[name]
    return flag.value if flag.present else None


def given_size(height: str, width: str) -> tuple[int, int] | None:
    """The values of the flags `height` and `width`; None where neither was given.

    Raises:
      InputError: only one of them was given.
    """
    size = flags.FLAGS[height].value, flags.FLAGS[width].value
    if (size[0] is None) != (size[1] is None):
        raise InputError(f"--{height} and --{width} must be given together, or neither")
    return None if None in size else size


def whole_numbers(name: str) -> list[int]:
    """The values of the list flag `name` as whole numbers from 0 to `MAX_SEED`.

    Raises:
      InputError: one of them is not such a number, or is there twice: the mean of one seed has no spread.
    """
    texts = flags.FLAGS[name].value
    for text in texts:
        if not (text.isascii() and text.isdecimal()):
            raise InputError(f"--{name}: {text!r} is not a whole number; give them as --{name}=0,1")
        if int(text) > MAX_SEED:
            raise InputError(f"--{name}: {text} is too large; the largest is {MAX_SEED}")
    values = [int(text) for text in texts]
    if len(set(values)) < len(values):
        raise InputError(f"--{name}={','.join(texts)}: gives a number twice; give each once, as --{name}=0,1")
    return values


def numbers(name: str) -> list[float]:
    """The values of the list flag `name` as numbers.

    Raises:
      InputError: one of them is not a number.
    """
    try:
        return [float(text) for text in flags.FLAGS[name].value]
    except ValueError as error:
        raise InputError(f"--{name}: {error}; give numbers separated by commas") from None


def given_dataset(default: str | None = None) -> dict[str, Any]:
    """The arguments `dataset`, `data_dir` and `class_table` by the flags; `default`: the dataset without --dataset.

    Raises:
      InputError: the file of --classes is missing or wrong.
    """
    values = flags.FLAGS
    return {
        "dataset": values.dataset or default,
        "data_dir": values.data_dir,
        "class_table": _given_class_table(),
    }


def _given_class_table() -> dict[str, Any] | None:
    """The content of --classes with the features of --tfds_..._key, for `get_dataset`; None without --classes."""
    keys = {name: flags.FLAGS[f"tfds_{name}"].value for name in ("image_key", "label_key", "name_key")}
    keys = {name: value for name, value in keys.items() if value}
    classes = flags.FLAGS["classes"].value
    if not classes:
        if keys:
            raise InputError(f"--tfds_{next(iter(keys))} needs --classes=classes.json, which lists the classes")
        return None
    return read_class_table(classes).content | keys
