"""Datasets of TensorFlow Datasets: the same examples as from the folder, and what is refused."""

import concurrent.futures
import io
import json
import pathlib
import shutil
import struct

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds
from folders import write_streets, zip_cityscapes
from PIL import Image
from prepared_sets import MASKS, prepare_masks
from refusals import refused

from contextnet_tf.datasets import sources
from contextnet_tf.datasets.archives import members, unpack
from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.sources import prepared

UPSTREAM = "tfds:cityscapes/semantic_segmentation"


@pytest.fixture(scope="module")
def cityscapes(tmp_path_factory):
    """Synthetic scenes as a folder, their two archives, and what the upstream builder prepares from these.

    Drawn at 64 x 128: the builder copies the files' bytes, and nothing here decodes them with the size that it
    announces. The names of its cities have letters only, as ours have.
    """
    root = tmp_path_factory.mktemp("upstream")
    folder = write_streets(root, {"train": 3, "val": 2, "test": 2})
    for path in (folder / "gtFine" / "test").rglob("*labelIds.png"):  # as the archive holds them: ignored everywhere
        cv2.imwrite(str(path), np.full((64, 128), 3, np.uint8))
    zips = zip_cityscapes(folder, root / "zips")
    builder = tfds.builder("cityscapes/semantic_segmentation", data_dir=root / "tfds")
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=zips, extract_dir=root / "extracted")
    )
    return folder, zips, root / "tfds"


@pytest.fixture
def masks(tmp_path):
    """The folder of a prepared dataset of another kind: see `prepared_sets.prepare_masks`."""
    return prepare_masks(tmp_path / "tfds")


def _content(examples):
    """Name, image bytes and label bytes of each example."""
    return [
        (e.name, pathlib.Path(e.image_path).read_bytes(), e.label_path and pathlib.Path(e.label_path).read_bytes())
        for e in examples
    ]


def test_folder_archives_and_upstream_builder_give_the_same_bytes(cityscapes, tmp_path):
    folder, zips, tfds_dir = cityscapes
    for name in ("leftImg8bit_trainvaltest.zip", "gtFine_trainvaltest.zip"):
        unpack(members(zips / name, lambda parts: parts[-1].endswith(".png")), tmp_path / "unpacked")
    plain, upstream = get_dataset("cityscapes"), get_dataset(UPSTREAM)
    for split, count in (("train", 3), ("val", 2), ("test", 2)):
        expected = _content(plain.list_examples(folder, split))
        assert len(expected) == count and expected[0][0] == f"drawn{split}_000000_000000"
        assert _content(plain.list_examples(tmp_path / "unpacked", split)) == expected
        upstream.prepared.extract(tfds_dir, split)
        assert _content(upstream.list_examples(tfds_dir, split)) == expected
        assert all((label is None) == (split == "test") for _, _, label in expected)
    example = upstream.list_examples(tfds_dir, "train")[0]
    image, label = sources.read_example(example, upstream)
    assert image.shape == (64, 128, 3) and label.shape == (64, 128) and upstream.num_classes == 19


def test_what_is_laid_out_is_not_laid_out_again(cityscapes):
    upstream, tfds_dir = get_dataset(UPSTREAM), cityscapes[2]
    folder = tfds_dir / "prepared" / "cityscapes_semantic_segmentation" / "val"
    shutil.rmtree(folder, ignore_errors=True)
    pending = upstream.prepared.pending(tfds_dir, "val")
    assert (pending.examples, pending.folder) == (2, folder) and pending.num_bytes > 1000
    seen = []
    upstream.prepared.extract(tfds_dir, "val", on_example=lambda: seen.append(0))
    assert len(seen) == 2 and upstream.prepared.pending(tfds_dir, "val") is None
    upstream.prepared.extract(tfds_dir, "val", on_example=lambda: seen.append(0))
    assert len(seen) == 2
    # Another version of the dataset was prepared since.
    record = json.loads((folder / "prepared.json").read_text())
    (folder / "prepared.json").write_text(json.dumps(record | {"examples": 7}))
    assert upstream.prepared.pending(tfds_dir, "val").examples == 2


@pytest.mark.parametrize("removed", ["*/000001.*", "labels/000001.png"])
def test_files_that_were_removed_since_are_extracted_again(masks, removed):
    dataset = get_dataset("tfds:tiny_masks", MASKS | {"image_key": "photo", "label_key": "mask"})
    dataset.prepared.extract(masks, "train")
    folder = masks / "prepared" / "tiny_masks" / "train"
    for path in folder.glob(removed):
        path.unlink()
    (folder / "images" / ".DS_Store").write_bytes(b"x")  # is no file of the dataset
    assert dataset.prepared.pending(masks, "train").examples == 3
    dataset.prepared.extract(masks, "train")
    assert [e.name for e in dataset.list_examples(masks, "train")] == ["000000", "000001", "000002"]


@pytest.mark.parametrize("form", ["tfrecord", "array_record"])
def test_a_set_that_was_prepared_again_is_extracted_again(tmp_path, form):
    dataset, data_dir = _masks(), prepare_masks(tmp_path, form)
    dataset.prepared.extract(data_dir, "train")
    (shard,) = (data_dir / "tiny_masks" / "1.0.0").glob("*train*")
    content = shard.read_bytes()
    shard.unlink()  # to free space
    assert dataset.prepared.pending(data_dir, "train") is None
    shard.write_bytes(content)  # as many bytes, at another time
    assert dataset.prepared.pending(data_dir, "train").examples == 3
    dataset.prepared.extract(data_dir, "train")
    assert dataset.prepared.pending(data_dir, "train") is None


def test_a_set_of_any_kind(masks):
    dataset = get_dataset("tfds:tiny_masks", MASKS | {"image_key": "photo", "label_key": "mask"})
    dataset.prepared.extract(masks, "train")
    examples = dataset.list_examples(masks, "train")
    assert sorted(e.name for e in examples) == ["000000", "000001", "000002"]
    assert all(e.image_path.endswith(".jpg") and e.label_path.endswith(".png") for e in examples)
    labels = [sources.read_example(e, dataset)[1] for e in examples]
    assert sorted(int(label[0, 0]) for label in labels) == [0, 1, 2] and labels[0].shape == (32, 64)
    dataset.prepared.extract(masks, "val")
    assert len(dataset.list_examples(masks, "val")) == 1


@pytest.fixture(scope="module")
def both_formats(tmp_path_factory):
    """The folders of the prepared masks, by their file format."""
    return {form: prepare_masks(tmp_path_factory.mktemp(form), form) for form in ("tfrecord", "array_record")}


def _masks(**keys):
    return get_dataset("tfds:tiny_masks", MASKS | {"image_key": "photo", "label_key": "mask"} | keys)


def test_records_of_both_formats_give_the_same_files(both_formats, tmp_path):
    contents = []
    for form, folder in both_formats.items():
        data_dir = shutil.copytree(folder, tmp_path / form)
        numbered = _masks(name_key="number")
        numbered.prepared.extract(data_dir, "train")
        contents.append(_content(numbered.list_examples(data_dir, "train")))
        refused(
            "'outline' is neither text nor a whole number", _masks(name_key="outline").prepared.extract, data_dir, "val"
        )
    assert contents[0] == contents[1] and sorted(name for name, _, _ in contents[0]) == ["7", "8", "9"]


def _cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _change_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def _first_record_only(path):
    content = path.read_bytes()
    path.write_bytes(content[: 16 + struct.unpack("<Q", content[:8])[0]])


@pytest.mark.parametrize(
    ("form", "pattern", "damage"),
    [
        ("tfrecord", "*train*", _cut),
        ("tfrecord", "*train*", _change_a_byte),
        ("tfrecord", "*train*", _first_record_only),
        ("tfrecord", "*train*", pathlib.Path.unlink),
        ("array_record", "*train*", _cut),
        ("array_record", "*train*", _change_a_byte),
        ("array_record", "*train*", pathlib.Path.unlink),
        ("tfrecord", "features.json", pathlib.Path.unlink),
        ("tfrecord", "features.json", _cut),
        ("tfrecord", "dataset_info.json", _cut),
    ],
)
def test_damaged_records_and_metadata_are_one_line(both_formats, tmp_path, form, pattern, damage):
    data_dir = shutil.copytree(both_formats[form], tmp_path / "set")
    (path,) = (data_dir / "tiny_masks" / "1.0.0").glob(pattern)
    damage(path)
    message = "tiny_masks/1.0.0: the prepared dataset is damaged|example '000000' has no 'photo'"
    refused(message, _masks().prepared.extract, data_dir, "train")
    assert not list(data_dir.rglob("*.png")), "nothing half-written is left"


def test_a_set_without_validation_split_says_how_it_is_trained(both_formats, monkeypatch):
    monkeypatch.setattr(prepared, "_SPLIT_NAMES", {})
    message = (
        "has no split 'val'; it has train, validation; set `val_split` to one of them, or to none, or give `holdout`"
    )
    refused(message, _masks().prepared.pending, both_formats["tfrecord"], "val")


def test_what_is_not_prepared_or_not_there_is_refused(masks, tmp_path, monkeypatch):
    upstream = get_dataset(UPSTREAM)
    refused(
        "holds no prepared dataset 'cityscapes/semantic_segmentation'.*tfds.load", upstream.list_examples, masks, "val"
    )
    refused("set `data_dir` to the folder", upstream.list_examples, None, "val")
    wrong = get_dataset("tfds:tiny_masks", MASKS)
    refused(
        "has no image feature 'image'; it has mask, photo; set `tfds_image_key`",
        wrong.prepared.extract,
        masks,
        "train",
    )
    refused("has no split 'test'; it has train, validation", wrong.prepared.extract, masks, "test")
    named = get_dataset("tfds:tiny_masks", MASKS | {"image_key": "photo", "label_key": "mask", "name_key": "species"})
    refused("two examples have the name 'cat'", named.prepared.extract, masks, "train")
    refused("is not extracted to files yet; run experiments.check_data", named.list_examples, masks, "train")
    assert not list((masks / "prepared").rglob("*.png")), "nothing half-written is left"
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))
    refused("kB are needed and 0.0 kB are free", named.prepared.extract, masks, "train")


@pytest.mark.parametrize("given", ["tiny_masks/1.0.0", "tiny_masks", "downloads/manual", ".."])
def test_a_folder_too_deep_or_too_shallow_says_which_one_is_right(masks, given):
    (masks / "downloads" / "manual").mkdir(parents=True, exist_ok=True)
    message = f"{given}: holds no folder tiny_masks, but {masks} does; set `data_dir` to {masks}$"
    refused(message, _masks().prepared.pending, masks / given, "train")


def test_another_name_or_version_says_what_is_there(masks):
    pets = get_dataset("tfds:pets", MASKS)
    refused(r"holds no prepared dataset 'pets' \(it holds tiny_masks\), and", pets.prepared.pending, masks, "train")
    old = get_dataset("tfds:tiny_masks:0.9.0", MASKS)
    refused("tiny_masks: has no version 0.9.0; it has 1.0.0$", old.prepared.pending, masks, "train")


def test_a_folder_that_is_not_writable_says_how_it_is_read_anyway(masks, tmp_path):
    (masks / "prepared").touch()  # a file: nothing can be written below
    message = f"set `data_dir` to a writable folder with a link to {masks}/tiny_masks$"
    refused(message, _masks().prepared.extract, masks, "train")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "tiny_masks").symlink_to(masks / "tiny_masks")
    _masks().prepared.extract(tmp_path / "own", "train")
    assert len(_masks().list_examples(tmp_path / "own", "train")) == 3


def test_two_processes_extract_a_split_once(masks):
    """The workers of a run start at the same time."""
    written = []

    def extract(_):
        _masks().prepared.extract(masks, "train", on_example=lambda: written.append(0))

    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        list(threads.map(extract, range(2)))
    assert len(written) == 3 and len(_masks().list_examples(masks, "train")) == 3


def _gif() -> bytes:
    """4 x 6 pixels (H x W) of index 0, and one of index 1 at the top left; index 0 is (200, 30, 40), 1 is (5, 6, 7)."""
    indices = np.zeros((4, 6), np.uint8)
    indices[0, 0] = 1
    image, file = Image.fromarray(indices, "P"), io.BytesIO()
    image.putpalette([200, 30, 40, 5, 6, 7])
    image.save(file, "GIF")
    return file.getvalue()


class OddKinds(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Images of several kinds, two of which no image file of 8 bits can hold; "bmp" and "gif" are contents of files."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "bmp": tfds.features.Image(shape=(None, None, 3)),
                    "gif": tfds.features.Image(shape=(None, None, 3)),
                    "mask": tfds.features.Image(shape=(None, None, 1)),
                    "deep": tfds.features.Image(shape=(None, None, 1), dtype=np.uint16),
                    "real": tfds.features.Image(shape=(None, None, 1), dtype=np.float32),
                    "tensor": tfds.features.Tensor(shape=(4, 6), dtype=np.int32),
                    "name": tfds.features.Text(),
                }
            ),
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for name in ("._hidden", "x" * 300, b"M\xfcnchen"):
            yield (
                name,
                {
                    "bmp": io.BytesIO(cv2.imencode(".bmp", np.full((4, 6, 3), 9, np.uint8))[1].tobytes()),
                    "gif": io.BytesIO(_gif()),
                    "mask": np.ones((4, 6, 1), np.uint8),
                    "deep": np.ones((4, 6, 1), np.uint16),
                    "real": np.ones((4, 6, 1), np.float32),
                    "tensor": np.ones((4, 6), np.int32),
                    "name": name,
                },
            )


def test_images_of_other_types_and_names_of_any_kind(tmp_path):
    OddKinds(data_dir=tmp_path).download_and_prepare()

    def dataset(**keys):
        return get_dataset("tfds:odd_kinds", MASKS | {"image_key": "bmp", "label_key": "mask"} | keys)

    for keys, message in (
        ({"image_key": "deep"}, "odd_kinds: feature 'deep' is uint16, but images and labels have 8 bits; prepare"),
        ({"image_key": "real"}, "odd_kinds: feature 'real' is float32, but images and labels have 8 bits"),
        (
            {"label_key": "tensor"},
            r"has no image feature 'tensor' \('tensor' is a Tensor\); it has bmp, deep, gif, mask",
        ),
    ):
        refused(message, dataset(**keys).prepared.extract, tmp_path, "train")
    named = dataset(name_key="name")
    named.prepared.extract(tmp_path, "train")
    assert named.prepared.pending(tmp_path, "train") is None, "it would be extracted again by each program"
    first, second, third = named.list_examples(tmp_path, "train")
    assert (first.name, second.name) == ("M_nchen", "__hidden") and third.name.startswith("xxx")
    assert sources.read_example(third, named)[0].tolist() == np.full((4, 6, 3), 9).tolist()
    of_gif = dataset(image_key="gif", label_key="gif", name_key="name")
    of_gif.prepared.extract(tmp_path, "train")
    image, label = sources.read_example(of_gif.list_examples(tmp_path, "train")[0], of_gif)
    assert image.shape == (4, 6, 3) and image[0, :2].tolist() == [[5, 6, 7], [200, 30, 40]]
    assert label[0, :2].tolist() == [1, 0]  # the indices


def test_names_and_class_tables_that_do_not_belong():
    for name in ("tfds:", "tfds:/", "tfds::1.0.0"):
        refused(f"'{name}' names no dataset; give for example tfds:oxford_iiit_pet", get_dataset, name, MASKS)
    refused("'tfds:other' needs a class table; set `classes=classes.json`", get_dataset, "tfds:other")
    refused("has classes of its own; leave out `classes`", get_dataset, UPSTREAM, MASKS)
