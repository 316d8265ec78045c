"""The training images that a benchmark reads: the first of a dataset, or synthetic scenes."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.sources import Example
from contextnet_tf.errors import InputError
from data.streets import generate
from experiments import opening


@contextmanager
def benchmark_images(
    dataset: Dataset, drawn: bool, data_dir: str | None, count: int, size: tuple[int, int], seed: int
) -> Iterator[list[Example]]:
    """The first `count` examples of the training split; `drawn`: synthetic scenes of `size`, in a temporary folder.

    Raises:
      InputError: there are fewer examples, or the dataset is missing.
    """
    if not drawn:
        examples = opening.list_examples(dataset, data_dir, "train")
        if len(examples) < count:
            raise InputError(f"there are {len(examples)} training images; give --images={len(examples)} or less")
        yield examples[:count]
        return
    with tempfile.TemporaryDirectory(prefix="streets") as folder:
        generate.run(
            output_dir=folder, seed=seed, image_height=size[0], image_width=size[1], train_images=count,
            val_images=1,
        )  # fmt: skip
        yield dataset.list_examples(folder, "train")
