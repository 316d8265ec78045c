"""Datasets prepared by TensorFlow Datasets: each split is extracted once to image and label files.

The pipeline needs random access, so that a run resumes at once and its order is a function of seed and position.
The default record files of TensorFlow Datasets allow sequential reading only. Its own random access needs another
file format, so existing datasets would have to be prepared again. Extraction works with both formats and copies
the encoded images byte for byte, without decoding. Only GIF, which TensorFlow decodes but our reader does not, becomes
PNG.

Nothing is downloaded: a prepared dataset is opened by its metadata, without its builder code.
"""

import dataclasses
import os
import pathlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from contextnet_tf.datasets.sources.example import Listing, example_name, named, paired, unlabeled
from contextnet_tf.datasets.sources.finding import find_files
from contextnet_tf.datasets.sources.pillow import gif_as_png
from contextnet_tf.datasets.sources.signatures import GIF_START, JPEG_START, PNG_START
from contextnet_tf.datasets.uninterrupted import Uninterrupted
from contextnet_tf.errors import InputError, reason_of
from contextnet_tf.files import ensure_writable_dir, one_at_a_time, read_json, require_space, write_json
from contextnet_tf.folders import atomic_write_dir

FOLDER = "prepared"  # within the dataset's folder
_RECORD = "prepared.json"  # in the folder of a split: the source of its files
_RANDOM_ACCESS = ("array_record", "parquet")  # file formats, which `as_dataset` cannot read
_SUFFIXES = {PNG_START: ".png", JPEG_START: ".jpg", b"BM": ".bmp"}  # by the start of a file
_SPLIT_NAMES = {"val": ("val", "validation")}  # names of our splits in TensorFlow Datasets


@dataclasses.dataclass(frozen=True)
class Pending:
    """The size of a split that is not extracted yet."""

    examples: int
    num_bytes: int
    folder: pathlib.Path


@dataclasses.dataclass(frozen=True)
class PreparedSet:
    """A dataset of TensorFlow Datasets by its name there ("cityscapes/semantic_segmentation"), and the names of its
    image, label and (optional) example name features."""

    name: str
    image_key: str
    label_key: str
    name_key: str | None = None
    placeholder: Callable[[str], bool] = lambda label_path: False  # whether a test label is a placeholder

    def listing(self, data_dir: str | os.PathLike, split: str) -> Listing:
        """The examples of an extracted split, sorted by name.

        Raises:
          InputError: the split is not extracted, or the prepared dataset has changed since.
        """
        if self.pending(data_dir, split):
            raise InputError(
                f"{self._folder(data_dir, split)}: split {split!r} of {self.name} is not extracted to files yet; run "
                f"experiments.check_data with `dataset=tfds:{self.name}` and `data_dir={data_dir}`"
            )
        folder = self._folder(data_dir, split)
        found = (find_files(folder, f"{part}/*").paths for part in ("images", "labels"))
        images, labels = (named((path.stem, path) for path in paths)[0] for paths in found)
        if split == "test" and labels and self.placeholder(str(next(iter(labels.values())))):
            return unlabeled(images)
        return paired(images, labels, "NAME in images", "NAME in labels")

    def pending(self, data_dir: str | os.PathLike, split: str) -> Pending | None:
        """The size of the split that remains to be extracted; None if the split is extracted and up to date.

        Raises:
          InputError: the dataset is not prepared in `data_dir`, or has no such split.
        """
        builder = self._builder(data_dir)
        info = self._split_info(builder, split)
        folder = self._folder(data_dir, split)
        if (folder / _RECORD).is_file() and _is_current(read_json(folder / _RECORD), self._record(builder, info)):
            parts = (find_files(folder, f"{part}/*").paths for part in ("images", "labels"))
            if all(len(paths) == info.num_examples for paths in parts):  # none was removed since
                return None
        return Pending(info.num_examples, info.num_bytes, folder)

    def extract(self, data_dir: str | os.PathLike, split: str, on_example: Callable[[], None] = lambda: None) -> None:
        """Extracts the split's images and labels to files, unless up to date.

        `on_example` is called after each example. The folder is written atomically; of several processes, one
        extracts and the others wait.

        Raises:
          InputError: the dataset is not prepared in `data_dir` or has no such split or features, two examples
            have the same name, or the folder is not writable or lacks space.
        """
        pending = self.pending(data_dir, split)
        if not pending:
            return
        try:
            ensure_writable_dir(pending.folder.parent)
        except InputError:
            raise InputError(
                f"{pending.folder.parent}: cannot be written, but {split} of {self.name} is extracted to files there; "
                f"set `data_dir` to a writable folder with a link to {self._root(data_dir)}"
            ) from None
        with one_at_a_time(pending.folder):
            if self.pending(data_dir, split):  # no other process has extracted it meanwhile
                self._extract(data_dir, split, pending, on_example)

    def _extract(
        self, data_dir: str | os.PathLike, split: str, pending: Pending, on_example: Callable[[], None]
    ) -> None:
        builder = self._builder(data_dir)
        info = self._split_info(builder, split)
        require_space(pending.folder.parent, pending.num_bytes)
        with atomic_write_dir(pending.folder, marker=_RECORD) as folder:
            for part in ("images", "labels"):
                (folder / part).mkdir()
            names = set()
            for place, example in enumerate(self._examples(builder, info.name)):
                name = self._name(place, example)
                if name in names:
                    raise InputError(f"{self.name}: two examples have the name {name!r}; leave out `tfds_name_key`")
                names.add(name)
                self._write(folder, name, example)
                on_example()
            if len(names) != info.num_examples:
                raise _damaged(builder.data_dir, f"{len(names)} of {info.num_examples} examples are there")
            write_json(folder / _RECORD, self._record(builder, info))

    def _builder(self, data_dir: str | os.PathLike):
        # Imported on use, because the import takes a second or two.
        import tensorflow_datasets as tfds

        folder = self._prepared_folder(data_dir)
        try:
            return tfds.builder_from_directory(folder)
        except Exception as error:  # of many types, for damaged or missing metadata
            raise _damaged(folder, reason_of(error)) from None

    def _prepared_folder(self, data_dir: str | os.PathLike) -> pathlib.Path:
        """DATA_DIR/NAME/VERSION or DATA_DIR/NAME/CONFIG/VERSION, by default the newest version and the only
        configuration."""
        found = self._versions(data_dir)
        if not found:
            raise self._not_prepared(data_dir)
        if len({path.parent for path in found}) > 1:
            name = self.name.partition(":")[0]
            configurations = ", ".join(sorted({f"{name}/{path.parent.name}" for path in found}))
            raise InputError(
                f"{self._root(data_dir)}: holds several configurations; choose one of tfds:{configurations}"
            )
        return max(found, key=lambda path: [int(number) for number in re.findall(r"\d+", path.name)])

    def _root(self, data_dir: str | os.PathLike) -> pathlib.Path:
        return pathlib.Path(data_dir).expanduser() / self.name.partition(":")[0]

    def _versions(self, data_dir: str | os.PathLike, version: str | None = None) -> list[pathlib.Path]:
        """The folders of the dataset's versions in `data_dir`: of `version`, by default the one that the name gives,
        or all."""
        version = version or self.name.partition(":")[2] or "*"
        root = self._root(data_dir)
        found = [path.parent for path in root.glob(f"{version}/dataset_info.json")]
        return found or [path.parent for path in root.glob(f"*/{version}/dataset_info.json")]

    def _not_prepared(self, data_dir: str | os.PathLike) -> InputError:
        """The error for a folder without the dataset; names the right folder if it is above or in this one."""
        name, _, version = self.name.partition(":")
        others = ", ".join(sorted({path.name for path in self._versions(data_dir, "*")}))
        if others:
            return InputError(f"{self._root(data_dir)}: has no version {version}; it has {others}")
        folder = pathlib.Path(os.path.abspath(pathlib.Path(data_dir).expanduser()))
        for other in (*folder.parents, *sorted(folder.glob("*/"))):
            if self._versions(other):
                return InputError(f"{data_dir}: holds no folder {name}, but {other} does; set `data_dir` to {other}")
        found = [path for depth in ("*/*", "*/*/*") for path in folder.glob(f"{depth}/dataset_info.json")]
        others = ", ".join(sorted({path.relative_to(folder).parts[0] for path in found}))
        return InputError(
            f"{data_dir}: holds no prepared dataset {self.name!r}{others and f' (it holds {others})'}, and nothing is "
            f"downloaded here; put archives that it asks for into {data_dir}/downloads/manual and run: python -c "
            f"\"import tensorflow_datasets as tfds; tfds.load('{self.name}', data_dir='{data_dir}')\""
        )

    def _split_info(self, builder, split: str):
        splits = builder.info.splits
        for name in _SPLIT_NAMES.get(split, (split,)):
            if name in splits:
                return splits[name]
        advice = "; set `val_split` to one of them, or to none, or give `holdout`" if split == "val" else ""
        raise InputError(f"{self.name}: has no split {split!r}; it has {', '.join(splits)}{advice}")

    def _record(self, builder, info) -> Mapping[str, Any]:
        return {
            "data_set": builder.info.full_name,
            "split": info.name,
            "examples": info.num_examples,
            "bytes": info.num_bytes,
            # A set that is prepared again may have as many bytes.
            "shards": {path.name: _size_and_time(path) for path in map(pathlib.Path, info.filepaths) if path.exists()},
            "features": [self.image_key, self.label_key, self.name_key],
        }

    def _folder(self, data_dir: str | os.PathLike, split: str) -> pathlib.Path:
        return pathlib.Path(data_dir).expanduser() / FOLDER / re.sub(r"[^\w.-]", "_", self.name) / split

    def _examples(self, builder, split: str) -> Iterator[Mapping[str, Any]]:
        """The split's examples in file order, with images still encoded."""
        import tensorflow_datasets as tfds

        features = builder.info.features
        images = [key for key in features if isinstance(features[key], tfds.features.Image)]
        for key, flag in ((self.image_key, "image"), (self.label_key, "label")):
            if key not in images:
                other = f" ({key!r} is a {type(features[key]).__name__})" if key in features else ""
                raise InputError(
                    f"{self.name}: has no image feature {key!r}{other}; it has {', '.join(sorted(images)) or 'none'}; "
                    f"set `tfds_{flag}_key` to one of them"
                )
            if features[key].np_dtype != np.uint8:
                raise InputError(
                    f"{self.name}: feature {key!r} is {np.dtype(features[key].np_dtype).name}, but images and labels "
                    "have 8 bits; prepare the dataset with uint8"
                )
        wanted = {self.image_key, self.label_key} | ({self.name_key} if self.name_key else set())
        if self.name_key and self.name_key not in features:
            raise InputError(f"{self.name}: has no feature {self.name_key!r} for names; it has {', '.join(features)}")
        encoded = {key: tfds.decode.SkipDecoding() for key in images}
        try:
            if builder.info.file_format.value in _RANDOM_ACCESS:
                source = builder.as_data_source(split=split, decoders=encoded)
                yield from (source[index] for index in range(len(source)))
            else:
                records = builder.as_dataset(
                    split=split,
                    shuffle_files=False,
                    read_config=tfds.ReadConfig(interleave_cycle_length=1),
                    decoders=tfds.decode.PartialDecoding(
                        dict.fromkeys(wanted, True), decoders={key: encoded[key] for key in wanted & encoded.keys()}
                    ),
                )
                yield from Uninterrupted(tfds.as_numpy(records))
        except Exception as error:  # of many types, for damaged or missing records
            raise _damaged(builder.data_dir, reason_of(error)) from None

    def _name(self, place: int, example: Mapping[str, Any]) -> str:
        if not self.name_key:
            return f"{place:06d}"
        value = example[self.name_key]
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        elif not isinstance(value, str | int | np.integer):
            raise InputError(
                f"{self.name}: feature {self.name_key!r} is neither text nor a whole number; set `tfds_name_key` to "
                "another one, or leave it out"
            )
        return example_name(re.sub(r"[^\w.-]|^\.", "_", str(value)))  # a file that begins with a dot is hidden

    def _write(self, folder: pathlib.Path, name: str, example: Mapping[str, Any]) -> None:
        for part, key in (("images", self.image_key), ("labels", self.label_key)):
            content = example[key]
            if not isinstance(content, bytes):
                raise InputError(f"{self.name}: example {name!r} has no {key!r}; copy or prepare the dataset again")
            if content.startswith(GIF_START):
                content = gif_as_png(content, f"{self.name}: feature {key!r} of example {name!r}")
            suffix = next((suffix for start, suffix in _SUFFIXES.items() if content.startswith(start)), None)
            if suffix is None:
                raise InputError(f"{self.name}: feature {key!r} of example {name!r} is no PNG, JPEG, BMP or GIF")
            (folder / part / f"{name}{suffix}").write_bytes(content)


def _is_current(before: dict[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether files extracted with the record `before` are those of `now`; shards may have been removed since."""
    return before == {**now, "shards": before.get("shards", {}) | now["shards"]}


def _size_and_time(path: pathlib.Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _damaged(folder: str | os.PathLike, reason: str) -> InputError:
    return InputError(f"{folder}: the prepared dataset is damaged ({reason}); copy or prepare it again")
