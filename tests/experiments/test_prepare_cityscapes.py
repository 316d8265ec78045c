"""data.cityscapes.prepare as a person calls it, on archives of synthetic scenes."""

import zipfile

import pytest
from folders import write_streets, zip_cityscapes

from contextnet_tf.datasets.catalog import get_dataset
from data.cityscapes import prepare


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    root = tmp_path_factory.mktemp("packed")
    folder = write_streets(root, {"train": 2, "val": 1, "test": 1})
    return folder, zip_cityscapes(folder, root / "zips")


def test_archives_become_the_folder(packed, tmp_path, call):
    folder, zips = packed
    out = tmp_path / "out"
    called = call(prepare, f"--zip_dir={zips}", f"--data_dir={out}")
    assert called.status == 0
    assert called.out.splitlines() == [
        "train 2 of 2,975 images, 2 of 2,975 label files",
        "val   1 of 500 images, 1 of 500 label files",
        "test  1 of 1,525 images, 1 of 1,525 label files",
        f"unpacked: {out}",
    ]
    assert "unpacking" in called.err
    expected = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.png")}
    assert {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()} == expected
    dataset = get_dataset("cityscapes")
    assert [len(dataset.list_examples(out, split)) for split in ("train", "val", "test")] == [2, 1, 1]


def _refused(called, message):
    assert called.status == 1 and message in called.err.splitlines()[-1]
    assert called.err.splitlines()[-1].startswith("error: ")


def test_what_cannot_be_unpacked(packed, tmp_path, call):
    _, zips = packed
    out = f"--data_dir={tmp_path / 'out'}"
    _refused(call(prepare, out), "--zip_dir is missing")
    _refused(call(prepare, out, f"--zip_dir={tmp_path}"), "leftImg8bit_trainvaltest.zip: cannot be read")
    bad = tmp_path / "bad"
    bad.mkdir()
    for path in zips.iterdir():
        (bad / path.name).write_bytes(path.read_bytes())
    content = (bad / "gtFine_trainvaltest.zip").read_bytes()
    (bad / "gtFine_trainvaltest.zip").write_bytes(content[: len(content) // 2])
    _refused(call(prepare, out, f"--zip_dir={bad}"), "gtFine_trainvaltest.zip: is damaged or incomplete")
    with zipfile.ZipFile(bad / "gtFine_trainvaltest.zip", "w") as archive:
        archive.writestr("gtFine/train/bonn/../../../../x_gtFine_labelIds.png", b"")
    _refused(call(prepare, out, f"--zip_dir={bad}"), "is a link or has a path outside the folder; nothing was unpacked")
    with zipfile.ZipFile(bad / "gtFine_trainvaltest.zip", "w") as archive:
        archive.writestr("readme", b"")
    _refused(call(prepare, out, f"--zip_dir={bad}"), "holds no gtFine/SPLIT/CITY/*_gtFine_labelIds.png")
    assert not (tmp_path / "out").exists()
