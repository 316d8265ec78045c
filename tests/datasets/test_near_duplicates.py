"""Images of two splits that look alike."""

import numpy as np
import pytest

from contextnet_tf.datasets.near_duplicates import similar_between_splits, thumbnail


def scene(seed):
    """A scene uint8 [48, 64, 3] of large random patches."""
    patches = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return patches.repeat(8, axis=0).repeat(8, axis=1)


def next_frame(image):
    """The image a frame later: shifted by a pixel, a little brighter, with noise."""
    noise = np.random.default_rng(9).integers(0, 10, image.shape)
    return np.clip(np.roll(image, 1, axis=1) * 0.9 + 12 + noise, 0, 255).astype(np.uint8)


def thumbnails(**images):
    return [thumbnail(name, image) for name, image in images.items()]


def test_neighboring_frames_in_two_splits_are_named():
    lines = similar_between_splits(
        {
            "train": thumbnails(a=scene(0), b=scene(1), c=scene(2)),
            "val": thumbnails(d=scene(3), e=next_frame(scene(1))),
            "test": thumbnails(f=scene(4)),
        }
    )
    assert lines == [
        "val: 1 of 2 images look like one of train, most of all e like b; if they are neighboring frames of one video, "
        "figures on val are too good"
    ]


def test_frames_of_one_split_may_look_alike():
    assert similar_between_splits({"train": thumbnails(a=scene(0), b=next_frame(scene(0))), "val": []}) == []


@pytest.mark.parametrize("size", [(1, 1), (24, 32), (7, 500)])
def test_thumbnails_of_any_size(size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    found = thumbnail("a", image)
    if size == (1, 1):
        assert found is None  # one gray
    else:
        assert found.values.shape == (768,) and np.linalg.norm(found.values) == pytest.approx(1, abs=1e-5)
        assert found.values.mean() == pytest.approx(0, abs=1e-5)
