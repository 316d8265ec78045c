"""The folder of a run: the settings that it was started with, and a lock for one process at a time."""

import contextlib
import dataclasses
import fcntl
import logging
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from contextnet_tf.errors import InputError, InUseError
from contextnet_tf.files import (
    atomic_write,
    ensure_writable_dir,
    is_system_file,
    json_text,
    read_json,
    refuse_broken_link,
    remove_leftovers,
)
from contextnet_tf.runs import layout
from contextnet_tf.runs.migration import migrated_settings
from contextnet_tf.runs.records import Record

FORMAT_VERSION = 2  # of settings.json; version 1 had none written inside

_VERSION = "format_version"
_LOCK = ".lock"
# Settings that `train` in Python does not write, nor did earlier versions of the program.
_DEFAULTS = {"splits.train": ["train"], "splits.val": "val", "splits.holdout": []}
_CLASS_TABLE, _HASHES = "class_table", "class_table.older_hashes"
# By setting that differs: what to do, besides choosing another folder.
_REMEDIES = {
    # Those of a run are in two places: auxiliary heads come from its newest checkpoint.
    "initial.sha256": "restore the initial weights, with the checkpoints/ of their run",
    _CLASS_TABLE: "restore the class table (an older version started this run; its result.json holds it)",
}
_SHOWN = 8  # differences in an error
_FILES = (layout.SETTINGS, layout.RESULT, layout.HISTORY, layout.FLAGS, layout.LOG, layout.EXAMPLES, _LOCK)
_FOLDERS = (layout.CHECKPOINTS, layout.TENSORBOARD)

_logger = logging.getLogger(__name__)


@contextlib.contextmanager
def claimed_run_dir(
    output_dir: str | os.PathLike,
    settings: Mapping[str, Any],
    resume: bool,
    saved_settings: Callable[[pathlib.Path], Mapping[str, Any] | None] = lambda folder: None,
) -> Iterator[pathlib.Path]:
    """Locks `output_dir` for the run with these `settings`; the folder of another run is not changed.

    Args:
      output_dir: the folder; created if missing.
      settings: JSON values that determine the final weights.
      resume: whether the folder may already hold this run.
      saved_settings: returns the copy of the settings in the folder's newest checkpoint, or None. The copy replaces a
        missing or damaged settings.json.

    Raises:
      InputError: the folder cannot be written; holds no run, but other files, or a folder in the place of a file; holds
        a run and `resume` is off; holds a run with other settings; or its settings are damaged and no checkpoint has a
        copy.
      InUseError: another process trains in it.
    """
    folder = ensure_writable_dir(output_dir)
    path = folder / layout.SETTINGS
    is_saved = not path.exists() and saved_settings(folder) is not None
    if not (is_saved or path.exists()) and not all(is_system_file(entry.name) for entry in folder.iterdir()):
        raise InputError(f"{folder}: is not empty and holds no run; choose another `output_dir`")
    _check_kinds(folder)
    with _locked(folder):
        if not (is_saved or path.exists()):  # asked again: another process may have claimed the folder meanwhile
            _write(path, settings)
        elif resume:
            before = _read(path, saved_settings)
            _check_same(folder, before, settings)
            _write(path, before)
        else:
            raise InputError(f"{folder}: holds a run; set `resume=True` to resume it, or choose another `output_dir`")
        remove_leftovers(folder)
        yield folder


def check_same_run(output_dir: str | os.PathLike, settings: Mapping[str, Any]) -> None:
    """Refuses the folder of a run with other settings, without writing anything.

    A damaged settings.json passes: `claimed_run_dir` restores or refuses it.

    Raises:
      InputError: the folder holds a run that was started with other settings.
    """
    path = pathlib.Path(output_dir) / layout.SETTINGS
    try:
        # Not `path.exists`, which raises OSError for a name that is too long.
        before = _read(path, lambda folder: None) if os.path.exists(path) else settings
    except InputError:
        return
    _check_same(path.parent, before, settings)


@dataclasses.dataclass(frozen=True)
class StartedWith(Record):
    """The settings of a run that pages show; None if unknown."""

    network: str | None = None
    dataset: str | None = None
    validation_images: int | None = None
    splits: dict[str, Any] | None = None

    @property
    def split(self) -> str | None:
        """The name of the validation data; settings name only what is not the default, the split val."""
        if self.network is None:
            return None
        name = (self.splits or {}).get("val", "val")
        return name if isinstance(name, str) else None


def read_started_with(run_dir: str | os.PathLike) -> StartedWith:
    """The settings of the run in `run_dir`, finished or not; all unknown without a settings.json.

    Raises:
      InputError: settings.json is damaged or of a newer version.
    """
    path = pathlib.Path(run_dir) / layout.SETTINGS
    return StartedWith.from_json(_read(path, lambda folder: None), str(path)) if path.exists() else StartedWith()


@contextlib.contextmanager
def copied_run_dir(output_dir: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields a temporary copy of the files that a run resumes from, for processes other than the chief."""
    with tempfile.TemporaryDirectory(prefix="worker") as copy:
        for entry in pathlib.Path(output_dir).iterdir():
            if entry.name == layout.CHECKPOINTS:
                shutil.copytree(entry, pathlib.Path(copy) / entry.name)
            elif entry.suffix in (".keras", ".jsonl"):
                shutil.copy(entry, copy)
        yield pathlib.Path(copy)


def _check_kinds(folder: pathlib.Path) -> None:
    """Checks that no folder has the name of a file of the run, no file that of a folder, and no broken link either."""
    for name in (*_FILES, *_FOLDERS):
        refuse_broken_link(folder / name)
    for path in (folder / name for name in _FILES):
        if path.is_dir():
            raise InputError(f"{path}: is a folder where a run writes a file; move it away")
    for path in (folder / name for name in _FOLDERS):
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: is a file where a run creates a folder; move it away")


@contextlib.contextmanager
def _locked(folder: pathlib.Path) -> Iterator[None]:
    """Holds a lock that the system releases when the process ends."""
    with (folder / _LOCK).open("w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUseError(
                f"{folder}: another process trains in it; wait for it to end, or choose another `output_dir`"
            ) from None
        except OSError as error:  # some network file systems have no locks
            _logger.warning("%s: cannot be locked (%s); do not start a second process in it", folder, error.strerror)
        yield


def _write(path: pathlib.Path, settings: Mapping[str, Any]) -> None:
    text = json_text({_VERSION: FORMAT_VERSION} | dict(settings), indent=2)
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(f"{text}\n")
        # Synced before the rename: otherwise a power failure may leave the new name without the content.
        file.flush()
        os.fsync(file.fileno())


def _read(path: pathlib.Path, saved_settings: Callable[[pathlib.Path], Mapping[str, Any] | None]) -> Mapping[str, Any]:
    """The settings in `path`, or in a checkpoint if the file is damaged; in today's format."""
    try:
        settings = read_json(path)
        damage = None if isinstance(settings, Mapping) else f"{path}: is not that of a run"
    except InputError as error:
        damage = str(error)
    if damage:
        settings = saved_settings(path.parent)
        if settings is None:
            raise InputError(f"{damage}, and no checkpoint has a copy; restore it or choose another `output_dir`")
        _logger.warning("%s; restored from the newest checkpoint", damage)
    version = settings.get(_VERSION, 1)
    if version not in (1, FORMAT_VERSION):
        raise InputError(
            f"{path}: is of format {version}, this version reads up to {FORMAT_VERSION}; update contextnet_tf"
        )
    return migrated_settings(settings) if version == 1 else settings


def _check_same(folder: pathlib.Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    differing = differing_settings(before, now)
    if differing:
        changes = "; ".join(f"{name} was {old!r} and is now {new!r}" for name, old, new in differing[:_SHOWN])
        more = f"; and {len(differing) - _SHOWN} more" if len(differing) > _SHOWN else ""
        names = [name for name, _, _ in differing]
        advice = "".join(f"{_REMEDIES[name]}, or " for name in names if name in _REMEDIES)
        begin = begin_with_weights_of(folder) if "recipe.epochs" in names else ""  # to train longer, for example
        raise InputError(
            f"{folder}: holds a run with other settings ({changes}{more}); {advice}choose another `output_dir`{begin}"
        )


def begin_with_weights_of(run_dir: str | os.PathLike) -> str:
    """How to use the network of a run that cannot be resumed, as the end of an error; empty if it has none yet."""
    trained = any(pathlib.Path(run_dir).glob("*.keras"))
    return f" and `initial={run_dir}` to begin a new run with the weights of this one" if trained else ""


def differing_settings(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """(name, value in `one`, value in `other`) of each difference; the names of nested settings are joined by dots.

    A missing setting has its default, if there is one. A "source" whose "sha256" is the same may have another name: the
    same file, moved or named by another path.
    """
    one, other = _with_comparable_class_tables(_DEFAULTS | _flattened(one), _DEFAULTS | _flattened(other))
    for settings in (one, other):
        settings.pop(_VERSION, None)
    names = [name for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name)]
    moved = [name for name in names if name.endswith(".source") and f"{name.removesuffix('source')}sha256" not in names]
    return [(name, one.get(name), other.get(name)) for name in names if name not in moved]


def _with_comparable_class_tables(*pair: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Older versions recorded a hash of the class table: beside one, the other class table is reduced to its hash."""
    one, other = ({name: value for name, value in settings.items() if name != _HASHES} for settings in pair)
    for old, new, hashes in ((one, other, pair[1].get(_HASHES)), (other, one, pair[0].get(_HASHES))):
        recorded = old.get(_CLASS_TABLE)
        if recorded is None or hashes is None:
            continue
        for name in [name for name in new if name.startswith(f"{_CLASS_TABLE}.")]:
            del new[name]
        new[_CLASS_TABLE] = recorded if recorded in hashes else hashes[0]
    return one, other


def _flattened(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flattened(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
