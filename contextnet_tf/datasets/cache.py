"""Caches of decoded examples, in memory or on disk, so that no file is decoded twice.

A cache fills lazily: a missing example is decoded and stored on first use. A run therefore starts at once, and
filling is resumable. The pixels are the same with and without a cache.
"""

import dataclasses
import hashlib
import os
import pathlib
import shutil
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf

from contextnet_tf.datasets import sources
from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.errors import InputError
from contextnet_tf.files import atomic_write, ensure_writable_dir, file_size

_BYTES_PER_PIXEL = 4  # red, green, blue and the label
_KEY = 32  # bytes of a key
_READER = 2  # version of the rules by which files are read; 2 rotates all formats by their orientation tags
_HEADER = struct.Struct(f"<{_KEY}sII24x")  # key, height, width; 64 bytes, TensorFlow's alignment

Pixels = tuple[np.ndarray, np.ndarray]  # uint8 [H, W, 3], train ids uint8 [H, W]


class _Store(Protocol):
    def get(self, index: int) -> Pixels | None: ...

    def put(self, index: int, pixels: Pixels) -> None: ...


@dataclasses.dataclass
class ImageCache:
    """A cache of one split's decoded examples. Create one with `memory_cache` or `disk_cache`.

    Attributes:
      images: number of examples.
      missing_bytes: bytes still to be filled.
      failure: why storing an example failed; None if none failed.
    """

    images: int
    missing_bytes: int
    store: _Store
    failure: str | None = None

    def through(self, index: tf.Tensor, decode: Callable[[], tuple[tf.Tensor, tf.Tensor]]):
        """Reads example `index` (int64 []) from the cache, or calls `decode()` and stores the result.

        Thread-safe; works within `Dataset.map`.

        Returns:
          (uint8 [H, W, 3], train ids uint8 [H, W]).
        """
        found, image, label = tf.numpy_function(self._get, [index], (tf.bool, tf.uint8, tf.uint8))

        def decode_and_keep():
            image, label = decode()
            with tf.control_dependencies([tf.numpy_function(self._put, [index, image, label], [])]):
                return tf.identity(image), tf.identity(label)

        image, label = tf.cond(found, lambda: (image, label), decode_and_keep)
        return tf.ensure_shape(image, [None, None, 3]), tf.ensure_shape(label, [None, None])

    def _get(self, index: np.ndarray):
        pixels = self.store.get(int(index))
        if pixels is None:
            return np.bool_(False), np.zeros([0, 0, 3], np.uint8), np.zeros([0, 0], np.uint8)
        return np.bool_(True), *pixels

    def _put(self, index: np.ndarray, image: np.ndarray, label: np.ndarray) -> None:
        try:
            self.store.put(int(index), (image, label))
        except (OSError, InputError) as error:
            # TensorFlow reports the failure but drops the exception itself.
            self.failure = str(error)
            raise


def memory_cache(examples: Sequence[sources.Example]) -> ImageCache:
    """A cache in this process's memory.

    Raises:
      InputError: a file cannot be read, or too little memory is free.
    """
    needed = sum(_decoded_bytes(example) for example in examples)
    free = _free_memory()
    if free is not None and needed > free:
        raise InputError(
            f"`cache=memory`: {len(examples)} decoded images take {file_size(needed)}, "
            f"{file_size(free)} of memory are free; use `cache=FOLDER`, or no cache"
        )
    return ImageCache(len(examples), needed, _Memory())


def disk_cache(folder: str | os.PathLike, dataset: Dataset, examples: Sequence[sources.Example]) -> ImageCache:
    """A cache in `folder`, one file per example, that later runs reuse.

    An example is decoded again if its files (path, size or times) or the label table changed.

    Raises:
      InputError: a file cannot be read, the folder is not writable, or its disk lacks space.
    """
    folder = ensure_writable_dir(folder)
    store = _Disk(folder, examples, [_key(dataset, example) for example in examples])
    missing = sum(
        _decoded_bytes(example) + _HEADER.size for index, example in enumerate(examples) if store.get(index) is None
    )
    free = shutil.disk_usage(folder).free
    if missing > free:
        raise InputError(
            f"`cache={folder}`: {len(examples)} decoded images take {file_size(missing)} more, "
            f"{file_size(free)} are free on that disk; choose a folder on another disk, or use no cache"
        )
    return ImageCache(len(examples), missing, store)


class _Memory:
    """Examples in a dict."""

    def __init__(self):
        self._pixels: dict[int, Pixels] = {}

    def get(self, index: int) -> Pixels | None:
        return self._pixels.get(index)

    def put(self, index: int, pixels: Pixels) -> None:
        # Copied, because TensorFlow reuses the memory of these arrays.
        image, label = pixels
        self._pixels[index] = image.copy(), label.copy()


class _Disk:
    """Examples in files: a header, the image's pixels, the label's pixels. Truncated and outdated files count as
    missing."""

    def __init__(self, folder: pathlib.Path, examples: Sequence[sources.Example], keys: Sequence[bytes]):
        self._paths = [folder / _file_name(example) for example in examples]
        self._keys = keys
        self._writing = threading.Lock()

    def get(self, index: int) -> Pixels | None:
        try:
            # Memory-mapped, so that pages are read without holding the GIL.
            content = np.memmap(self._paths[index], np.uint8, mode="r")
        except (OSError, ValueError):  # missing, or empty
            return None
        if len(content) < _HEADER.size:
            return None
        key, height, width = _HEADER.unpack(content[: _HEADER.size].tobytes())
        if key != self._keys[index] or len(content) != _HEADER.size + _BYTES_PER_PIXEL * height * width:
            return None
        pixels = np.asarray(content)[_HEADER.size :]
        end = 3 * height * width
        return pixels[:end].reshape(height, width, 3), pixels[end:].reshape(height, width)

    def put(self, index: int, pixels: Pixels) -> None:
        # The lock keeps two threads that read the same example from writing its file at once.
        with self._writing, atomic_write(self._paths[index]) as temporary, open(temporary, "wb") as file:
            file.write(_HEADER.pack(self._keys[index], *pixels[1].shape))
            for array in pixels:
                file.write(np.ascontiguousarray(array).data)


def _file_name(example: sources.Example) -> str:
    """Unique also among splits and datasets, whose examples may have the same names."""
    paths = b"\0".join(os.fsencode(os.path.realpath(path)) for path in _files(example))
    return f"{example.name}.{hashlib.sha256(paths).hexdigest()[:12]}.pixels"


def _files(example: sources.Example) -> Iterator[str]:
    return filter(None, (example.image_path, example.label_path))


def _key(dataset: Dataset, example: sources.Example) -> bytes:
    """SHA-256 digest, 32 bytes, of everything a decoded example depends on."""
    digest = hashlib.sha256(sources.train_id_table(dataset.labels).tobytes())
    digest.update(f"{_READER} {sorted(dataset.label_colors.items())}".encode())
    for path in _files(example):
        try:
            status = os.stat(path)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from None
        # The time of the last change of the inode, unlike that of the content, cannot be set.
        digest.update(struct.pack("<qqq", status.st_size, status.st_mtime_ns, status.st_ctime_ns))
        digest.update(os.fsencode(os.path.realpath(path)) + b"\0")
    return digest.digest()


def _decoded_bytes(example: sources.Example) -> int:
    height, width = sources.stored_size(example.image_path)
    return _BYTES_PER_PIXEL * height * width


def _free_memory() -> int | None:
    """Bytes of available memory; None where unknown."""
    try:
        lines = pathlib.Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
