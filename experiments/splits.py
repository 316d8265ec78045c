"""The examples to train on, to validate on and to evaluate."""

import dataclasses
import itertools
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.sources import Example
from contextnet_tf.errors import InputError
from contextnet_tf.runs.results import read_results
from experiments import flag_kinds, opening

NO_VALIDATION = "none"
SPLIT_TEXT = (
    "Split of the dataset, for example val or train. Default: the examples that the run held out or the split that it "
    "was validated on; val if there was none."
)

_logger = logging.getLogger(__name__)

flag_kinds.define_split_list("train_splits", ["train"], "Splits to train on, for example train,val.")
flag_kinds.define_split(
    "val_split",
    None,
    f"Split to validate on; {NO_VALIDATION}: no validation, and the last step's network is kept. "
    "Default: val, or the examples of --holdout.",
)
flags.DEFINE_list(
    "holdout",
    [],
    "Prefixes of example names: these examples are held out from training, and validated on.",
)
flags.disclaim_key_flags()

FLAGS = ("train_splits", "val_split", "holdout")


@dataclasses.dataclass(frozen=True)
class Splits:
    """The splits selected by the flags. `val` None: the default, which is val, or the held-out examples if any."""

    train: tuple[str, ...] = ("train",)
    val: str | None = None
    holdout: tuple[str, ...] = ()

    def __post_init__(self):
        if not self.train or not all(self.train):
            raise InputError("`train_splits` names no split; give for example `train_splits=train`")
        if self.holdout and self.val is not None:
            raise InputError(
                "`val_split` and `holdout` cannot be combined: the held-out examples are the validation examples"
            )
        if not self.holdout and self.validated in self.train:
            raise InputError(
                f"the split {self.validated} is both trained and validated on; give `val_split={NO_VALIDATION}`, "
                "another `val_split`, or a `holdout`"
            )

    @property
    def validated(self) -> str | None:
        """The validation split; None without validation and for held-out examples."""
        if self.holdout or self.val == NO_VALIDATION:
            return None
        return self.val or "val"

    @property
    def label(self) -> str | None:
        """The name of the validation data, for results; None without validation."""
        return _label(self.train, self.holdout, "held out") if self.holdout else self.validated

    @property
    def train_label(self) -> str:
        """The name of the training data, for results."""
        return _label(self.train, self.holdout, "left out") if self.holdout else "+".join(self.train)

    def require_validation(self) -> None:
        """For programs that compare networks by their accuracy.

        Raises:
          InputError: there is no validation.
        """
        if self.label is None:
            raise InputError(
                f"`val_split={NO_VALIDATION}`: networks are compared on validation images here; give a split, or "
                "`holdout`"
            )

    def settings(self) -> dict[str, Any]:
        """The entries of settings.json."""
        # Lists, as JSON reads them back: a resumed run compares the two.
        return {"splits": {"train": list(self.train), "val": self.label, "holdout": list(self.holdout)}}

    def flags(self) -> dict[str, Any]:
        """The flags that select these splits, for result.json; `recorded_splits` reads them."""
        return {"train_splits": list(self.train), "val_split": self.val, "holdout": list(self.holdout)}

    def examples(
        self, dataset: Dataset, data_dir: str | None, *, parameter: str = "holdout"
    ) -> tuple[list[Example], list[Example]]:
        """The training and the validation examples. `parameter`: what errors call the prefixes of `holdout`.

        Raises:
          InputError: a split is missing or empty, or a prefix of `holdout` fits no example, or all.
        """
        train, held_out = self._train_examples(dataset, data_dir, parameter)
        if self.holdout:
            return train, held_out
        return train, opening.list_examples(dataset, data_dir, self.validated) if self.validated else []

    def train_examples(self, dataset: Dataset, data_dir: str | None) -> list[Example]:
        """The training examples.

        Raises:
          InputError: as `examples`.
        """
        return self._train_examples(dataset, data_dir, "holdout")[0]

    def _train_examples(
        self, dataset: Dataset, data_dir: str | None, parameter: str
    ) -> tuple[list[Example], list[Example]]:
        """The training examples without those of `holdout`, and those of `holdout`."""
        train = list(itertools.chain.from_iterable(opening.list_examples(dataset, data_dir, x) for x in self.train))
        if not self.holdout:
            return train, []
        held_out = _with_prefixes(train, self.holdout, parameter)
        if len(held_out) == len(train):
            raise InputError(f"`{parameter}`: all {len(train)} examples are held out, none is left to train on")
        return [example for example in train if not example.name.startswith(self.holdout)], held_out


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """The examples to evaluate: all of the splits `names`, or those whose names begin with one of `prefixes`."""

    names: tuple[str, ...]
    prefixes: tuple[str, ...] = ()
    label: str = ""  # for results
    trained_on: tuple[str, ...] = ()  # those of `names` whose images the network was also trained on

    def examples(self, dataset: Dataset, data_dir: str | None) -> list[Example]:
        """The examples in the order of the splits.

        Raises:
          InputError: a split is missing or empty, or a prefix fits no example.
        """
        found = list(itertools.chain.from_iterable(opening.list_examples(dataset, data_dir, x) for x in self.names))
        return _with_prefixes(found, self.prefixes) if self.prefixes else found

    def warn_if_trained_on(self) -> None:
        """Logs a warning if the network was trained on these images, too."""
        if self.trained_on:
            _logger.warning(
                "the network was trained on %s too; on other images it is less accurate than these figures",
                " and ".join(self.trained_on),
            )


def evaluated(
    split: str | None, holdout: Sequence[str], trained: Splits | None, defaults: Splits | None = None
) -> Evaluated:
    """The examples that `split` and `holdout` select; `trained` are the splits of the training, None if unknown.

    `split` None: the examples that `defaults` hold out, or the split that they validate on; val if there is none. With
    `holdout`, the splits that they train on. `defaults` None: the splits of the training.
    """
    run = defaults or trained or Splits()
    prefixes = tuple(holdout) or (run.holdout if split is None else ())
    names = (split,) if split is not None else run.train if prefixes else (run.validated or "val",)
    trained_on = tuple(name for name in names if trained and name in trained.train)
    if not prefixes:
        return Evaluated(names, (), "+".join(names), trained_on)
    unseen = set(prefixes) <= set((trained or run).holdout)
    word = "held out" if unseen and trained_on == names else "only"
    return Evaluated(names, prefixes, _label(names, prefixes, word), () if unseen else trained_on)


def recorded_splits(flags_of_train: Mapping[str, Any]) -> Splits:
    """The splits of a run, by the flags of train in its result.json."""

    def names(flag: str) -> tuple[str, ...]:
        value = flags_of_train.get(flag)
        return tuple(map(str, value)) if isinstance(value, list) else ()

    train, holdout, val = names("train_splits") or ("train",), names("holdout"), flags_of_train.get("val_split")
    if holdout:
        return Splits(train, None, holdout)
    if not isinstance(val, str):
        val = "val"  # train's default
    return Splits(train, NO_VALIDATION if val in train else val)


def splits_of_run(folders: Sequence[str | os.PathLike], dataset: Dataset) -> Splits | None:
    """The splits of the run that recorded itself in one of `folders`; None if none was trained on `dataset`.

    Raises:
      InputError: a result.json is damaged.
    """
    for folder in folders:
        results = read_results(folder, missing_ok=True)
        if results.dataset and results.dataset.name == dataset.name:
            return recorded_splits(results.flags.get("train", {}))
    return None


def given_splits() -> Splits:
    """The splits selected by the flags.

    Raises:
      InputError: the flags contradict each other.
    """
    values = flags.FLAGS
    return Splits(tuple(values.train_splits), values.val_split, tuple(values.holdout))


def _with_prefixes(examples: Sequence[Example], prefixes: Sequence[str], parameter: str = "holdout") -> list[Example]:
    for prefix in prefixes:
        if not any(prefix and example.name.startswith(prefix) for example in examples):
            raise InputError(
                f"`{parameter}`: no name of the {len(examples)} examples begins with {prefix!r}; the first is "
                f"{examples[0].name!r}"
            )
    return [example for example in examples if example.name.startswith(tuple(prefixes))]


def _label(names: Sequence[str], prefixes: Sequence[str], word: str) -> str:
    return f"{'+'.join(names)}, {' and '.join(prefixes)} {word}"
