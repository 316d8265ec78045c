"""A small dataset as TensorFlow Datasets prepares it."""

import pathlib

import numpy as np
import tensorflow_datasets as tfds

MASKS = {"classes": [{"name": "pet"}, {"name": "ground"}, {"name": "rim"}]}


class TinyMasks(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """JPEG images "photo" of 32 x 64 (H x W), PNG masks "mask", a text "species" that names nothing, a "number" that
    does, and an "outline" that is neither.

    Mask i of a split is filled with i: three to train on, one to validate on.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "photo": tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg"),
                    "mask": tfds.features.Image(shape=(None, None, 1), encoding_format="png"),
                    "species": tfds.features.Text(),
                    "number": np.int64,
                    "outline": tfds.features.Tensor(shape=(2,), dtype=np.int64),
                }
            ),
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(3), "validation": self._generate_examples(1)}

    def _generate_examples(self, count):
        for i in range(count):
            yield (
                i,
                {
                    "photo": np.full((32, 64, 3), 20 * i + 10, np.uint8),
                    "mask": np.full((32, 64, 1), i, np.uint8),
                    "species": "cat",
                    "number": 7 + i,
                    "outline": np.zeros(2, np.int64),
                },
            )


def prepare_masks(data_dir: pathlib.Path, file_format: str = "tfrecord") -> pathlib.Path:
    """Prepares `TinyMasks` in `data_dir` and returns it."""
    TinyMasks(data_dir=data_dir, file_format=file_format).download_and_prepare()
    return data_dir
