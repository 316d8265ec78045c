"""The program predict on folders in which images cannot be read."""

import re

import cv2
import numpy as np
import pytest
from tiny_network import write_tiny_export

from contextnet_tf.errors import InputError
from experiments import predict


@pytest.fixture(scope="module")
def exported_dir(tmp_path_factory):
    """A folder with a TFLite file for CamVid's classes and images of 64 x 96."""
    folder = tmp_path_factory.mktemp("exported")
    write_tiny_export(folder)
    return folder


@pytest.fixture
def photos(tmp_path):
    """a.png, c.png and e.png; b.jpg is truncated, and d.png is a text."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, value in (("a", 10), ("c", 120), ("e", 250)):
        cv2.imwrite(str(folder / f"{name}.png"), np.full((64, 96, 3), value, np.uint8))
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    content = cv2.imencode(".jpg", noise)[1].tobytes()
    (folder / "b.jpg").write_bytes(content[: len(content) // 2])
    (folder / "d.png").write_text("no image")
    return folder


@pytest.mark.parametrize("workers", [1, 2])
def test_unreadable_images_of_a_folder_are_skipped_and_named(call, exported_dir, photos, tmp_path, workers):
    out = tmp_path / "out"
    called = call(
        predict, f"--checkpoint={exported_dir}", f"--input={photos}", f"--output_dir={out}", f"--workers={workers}"
    )
    assert called.status == 1
    assert called.out.startswith("3 images: ") and f"written: {out}/predictions; " in called.out
    assert sorted(x.name for x in (out / "predictions").iterdir()) == [
        "a_labels.png", "a_overlay.png", "c_labels.png", "c_overlay.png", "e_labels.png", "e_overlay.png", "legend.png",
    ]  # fmt: skip
    assert re.findall("warning: an image is skipped: (.*?): (is .*)", called.err) == [
        (f"{photos}/b.jpg", "is missing, damaged or truncated (the JPEG data are truncated); copy or unpack it again"),
        (
            f"{photos}/d.png",
            "is not an image of a supported format, or its start is damaged; convert it to PNG, or copy it again",
        ),
    ]
    assert called.err.endswith(f"\nerror: {photos}: unreadable images were skipped, 2 of 5; replace or remove them\n")


def test_unreadable_images_after_the_last_one_asked_for_are_not_missed(call, exported_dir, photos, tmp_path):
    given = (f"--checkpoint={exported_dir}", f"--output_dir={tmp_path}/out")
    called = call(predict, *given, f"--input={photos}", "--max_frames=1")
    assert called.status == 0 and called.out.startswith("1 image: ")
    called = call(predict, *given, f"--input={photos}", "--max_frames=2")
    assert called.status == 1 and called.out.startswith("2 images: ")
    assert "unreadable images were skipped, 1 of 3" in called.err


def test_without_a_readable_image_predict_fails(call, exported_dir, photos, tmp_path):
    for name in "ace":
        (photos / f"{name}.png").unlink()
    given = (f"--checkpoint={exported_dir}", f"--output_dir={tmp_path}/out")
    called = call(predict, *given, f"--input={photos}")
    assert (called.status, called.out) == (1, "")
    assert called.err.count("warning: an image is skipped: ") == 2
    assert called.err.endswith(
        f"\nerror: {photos}: none of its 2 images can be read; replace them or give other images\n"
    )
    called = call(predict, *given, f"--input={photos}/d.png")
    assert (called.status, called.out) == (1, "") and "warning" not in called.err
    assert f"\nerror: {photos}/d.png: is not an image of a supported format" in called.err
    assert list((tmp_path / "out" / "predictions").iterdir()) == []


def test_an_unreadable_image_of_a_split_is_an_error(call, exported_dir, camvid_dir, tmp_path):
    image = sorted((camvid_dir / "val").glob("*.png"))[1]
    image.write_bytes(image.read_bytes()[:-20])
    called = call(predict, f"--checkpoint={exported_dir}", f"--data_dir={camvid_dir}", f"--output_dir={tmp_path}/out")
    assert (called.status, called.out) == (1, "")
    assert called.err.startswith(f"error: {image}: ")
    assert not (tmp_path / "out" / "predictions").exists()


def test_in_python_the_error_of_an_unreadable_image_is_raised(exported_dir, photos, tmp_path):
    with pytest.raises(InputError, match="b.jpg: is missing, damaged or truncated"):
        predict.run(checkpoint=str(exported_dir), input=str(photos), output_dir=str(tmp_path / "out"))
    assert (tmp_path / "out" / "predictions" / "a_labels.png").exists()
