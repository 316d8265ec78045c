"""Synthetic scenes: a seed draws the same again, labels are Cityscapes' and fit the image, files are whole."""

import hashlib
import json

import cv2
import numpy as np
import pytest

from contextnet_tf import files
from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.sources import check_files
from contextnet_tf.errors import InputError
from data import streets
from data.streets import generate, storage

# Ids and train ids of Cityscapes, from the dataset's own table (Cordts et al., 2016).
TRAINED = {7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33}
IGNORED = set(range(34)) - TRAINED
WITH_INSTANCES = set(range(24, 34))
EGO_VEHICLE, ROAD, SIDEWALK, BUILDING, SKY, PERSON, CAR = 1, 7, 8, 11, 23, 24, 26


@pytest.fixture(scope="module")
def scenes():
    """Forty small scenes."""
    return [streets.draw_scene(0, "train", index, 128, 256) for index in range(40)]


def _digest(scene):
    parts = (scene.image, scene.label_ids, scene.instance_ids)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


def test_the_same_seed_draws_the_same_bytes(scenes):
    again = streets.draw_scene(0, "train", 7, 128, 256)
    assert _digest(again) == _digest(scenes[7])
    drawn = [*scenes, streets.draw_scene(1, "train", 7, 128, 256), streets.draw_scene(0, "val", 7, 128, 256)]
    assert len({_digest(scene) for scene in drawn}) == 42


def test_a_generator_is_a_seed_too():
    one, other = (streets.draw_street(np.random.default_rng(5), 64, 128) for _ in range(2))
    assert _digest(one) == _digest(other) == _digest(streets.draw_street(5, 64, 128))


@pytest.mark.parametrize("size", [(64, 64), (65, 131), (301, 97), (96, 400), (256, 512)])
def test_any_size(size):
    for seed in range(3):
        scene = streets.draw_street(seed, *size)
        assert (scene.image.shape, scene.image.dtype) == ((*size, 3), np.uint8)
        assert (scene.label_ids.shape, scene.label_ids.dtype) == (size, np.uint8)
        assert (scene.instance_ids.shape, scene.instance_ids.dtype) == (size, np.uint16)
        assert scene.image.std() > 15
        assert ROAD in scene.label_ids


@pytest.mark.parametrize("size", [(63, 256), (256, 63), (0, 0), (-256, 512)])
def test_a_size_that_is_too_small_is_refused(size):
    with pytest.raises(InputError, match=f"{size[0]} x {size[1]}: .* at least 64 x 64"):
        streets.draw_street(0, *size)


def test_one_seed_is_one_street_at_every_size():
    small, large = streets.draw_street(11, 128, 256), streets.draw_street(11, 256, 512)
    same = small.label_ids == large.label_ids[1::2, 1::2]
    assert same.mean() > 0.93


def test_all_classes_and_ignored_pixels_occur(scenes):
    counts = sum(np.bincount(scene.label_ids.ravel(), minlength=256) for scene in scenes)
    assert set(np.flatnonzero(counts)) <= TRAINED | IGNORED
    assert TRAINED <= set(np.flatnonzero(counts >= 50))
    assert 0.01 < counts[sorted(IGNORED)].sum() / counts.sum() < 0.25
    assert len(IGNORED & set(np.flatnonzero(counts))) >= 6


def test_instance_ids_belong_to_label_ids(scenes):
    for scene in scenes:
        labels, instances = scene.label_ids.astype(int), scene.instance_ids.astype(int)
        counted = instances >= 1000
        assert np.array_equal(instances[counted] // 1000, labels[counted])
        assert np.array_equal(instances[~counted], labels[~counted])
        assert np.array_equal(counted, np.isin(labels, sorted(WITH_INSTANCES)))
    assert sum(np.unique(scene.instance_ids[scene.label_ids == PERSON]).size for scene in scenes) > 100


def test_the_sky_is_above_the_road(scenes):
    rows = np.arange(128)[:, None]
    for scene in scenes:
        sky, road = scene.label_ids == SKY, scene.label_ids == ROAD
        lowest_sky = np.where(sky, rows, -1).max(axis=0)
        highest_road = np.where(road, rows, 128).min(axis=0)
        assert (lowest_sky < highest_road).all()
        assert road.any() and rows[road.any(axis=1)].min() > 0.3 * 128
        hood = scene.label_ids == EGO_VEHICLE
        assert not hood.any() or (hood[-4:].any() and not hood[: 128 * 3 // 4].any())


def test_what_is_nearer_stands_lower_and_is_larger(scenes):
    heights, feet = [], []
    for scene in scenes:
        for instance in np.unique(scene.instance_ids[scene.label_ids == PERSON]):
            rows, _ = np.nonzero(scene.instance_ids == instance)
            if rows.size > 12:
                heights.append(np.ptp(rows) + 1)
                feet.append(rows.max())
    assert len(heights) > 80
    assert np.corrcoef(heights, feet)[0, 1] > 0.6


def test_labels_lie_on_the_edges_of_the_image():
    on_edges, shifted = [], []
    for index in range(12):
        scene = streets.draw_scene(2, "train", index, 256, 512)
        gray = cv2.cvtColor(scene.image, cv2.COLOR_RGB2GRAY).astype(np.float32)
        slope = np.abs(cv2.Sobel(gray, cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(gray, cv2.CV_32F, 0, 1))
        labels = scene.instance_ids.astype(int)
        edges = np.zeros(labels.shape, bool)
        edges[8:-8, 8:-8] = (np.diff(labels, axis=0)[8:-7, 8:-8] != 0) | (np.diff(labels, axis=1)[8:-8, 8:-7] != 0)
        on_edges.append(slope[edges].mean())
        shifted += [slope[np.roll(edges, shift, axis)].mean() for shift in (-3, 4) for axis in (0, 1)]
    assert np.mean(on_edges) > 1.4 * np.mean(shifted)


def test_color_alone_does_not_give_the_class(scenes):
    bins = [(scene.image // 16).astype(int) @ (256, 16, 1) for scene in scenes]
    votes = np.zeros((4096, 34))
    for color, scene in zip(bins[::2], scenes[::2]):
        np.add.at(votes, (color.ravel(), scene.label_ids.ravel()), 1)
    guess = votes.argmax(axis=1)
    right = [(guess[color] == scene.label_ids).mean() for color, scene in zip(bins[1::2], scenes[1::2])]
    assert np.mean(right) < 0.6


def test_a_written_set_has_the_layout_of_cityscapes(tmp_path):
    assert streets.write_set(tmp_path, {"train": 2, "val": 1}, seed=3, height=64, width=128) == 3
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert files == [
        "gtFine/train/drawntrain/drawntrain_000000_000000_gtFine_instanceIds.png",
        "gtFine/train/drawntrain/drawntrain_000000_000000_gtFine_labelIds.png",
        "gtFine/train/drawntrain/drawntrain_000001_000000_gtFine_instanceIds.png",
        "gtFine/train/drawntrain/drawntrain_000001_000000_gtFine_labelIds.png",
        "gtFine/val/drawnval/drawnval_000000_000000_gtFine_instanceIds.png",
        "gtFine/val/drawnval/drawnval_000000_000000_gtFine_labelIds.png",
        "leftImg8bit/train/drawntrain/drawntrain_000000_000000_leftImg8bit.png",
        "leftImg8bit/train/drawntrain/drawntrain_000001_000000_leftImg8bit.png",
        "leftImg8bit/val/drawnval/drawnval_000000_000000_leftImg8bit.png",
        "streets.json",
    ]
    examples = get_dataset("streets").list_examples(tmp_path, "train")
    check_files(examples)
    assert [example.name for example in examples] == ["drawntrain_000000_000000", "drawntrain_000001_000000"]

    scene = streets.draw_scene(3, "train", 1, 64, 128)  # drawn alone
    image = cv2.imread(examples[1].image_path)
    assert np.array_equal(image[:, :, ::-1], scene.image)
    for kind, expected in (("labelIds", scene.label_ids), ("instanceIds", scene.instance_ids)):
        written = cv2.imread(examples[1].label_path.replace("labelIds", kind), cv2.IMREAD_UNCHANGED)
        assert written.dtype == expected.dtype and np.array_equal(written, expected)


def _contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_interrupted_drawing_goes_on(tmp_path):
    size = {"seed": 0, "height": 64, "width": 64}
    seen = []

    def interrupt():
        seen.append(None)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        streets.write_set(tmp_path, {"train": 3, "val": 2}, **size, on_image=interrupt)
    assert streets.write_set(tmp_path, {"train": 3, "val": 2}, **size) == 2
    whole = _contents(tmp_path)
    assert len(whole) == 3 * 5 + 1

    removed = sorted(whole)[4]
    removed.unlink()
    calls = []
    assert streets.write_set(tmp_path, {"train": 3, "val": 2}, **size, on_image=lambda: calls.append(None)) == 1
    assert len(calls) == 5
    assert _contents(tmp_path) == whole
    assert streets.write_set(tmp_path, {"train": 3, "val": 2}, **size) == 0


def test_a_set_that_version_0_1_drew_is_complete(tmp_path):
    streets.write_set(tmp_path, {"train": 1, "val": 1}, seed=0, height=64, width=64)
    record = json.loads((tmp_path / "streets.json").read_text())
    record["pictures"] = record.pop("images")  # as version 0.1 named them
    (tmp_path / "streets.json").write_text(json.dumps(record))
    before = _contents(tmp_path)
    assert streets.write_set(tmp_path, {"train": 1, "val": 1}, seed=0, height=64, width=64) == 0
    assert _contents(tmp_path) == before
    with pytest.raises(InputError, match="seed 0, 64 x 64 pixels, 1 train, 1 val"):
        streets.write_set(tmp_path, {"train": 2, "val": 1}, seed=0, height=64, width=64)


def test_a_finished_set_may_stand_where_nobody_can_write(tmp_path, monkeypatch):
    streets.write_set(tmp_path, {"train": 1}, seed=0, height=64, width=64)

    def read_only(path):
        raise InputError(f"{path}: cannot be written as a folder")

    for module in (storage, files):
        monkeypatch.setattr(module, "ensure_writable_dir", read_only)
    assert streets.write_set(tmp_path, {"train": 1}, seed=0, height=64, width=64) == 0
    next(tmp_path.glob("leftImg8bit/train/*/*.png")).unlink()
    with pytest.raises(InputError, match="cannot be written"):
        streets.write_set(tmp_path, {"train": 1}, seed=0, height=64, width=64)


def test_another_set_is_refused_and_left_whole(tmp_path):
    streets.write_set(tmp_path / "set", {"train": 1}, seed=0, height=64, width=64)
    before = _contents(tmp_path)
    for change in ({"seed": 1}, {"height": 128}, {"width": 80}):
        with pytest.raises(InputError, match="holds another drawn set .*seed 0, 64 x 64 pixels, 1 train"):
            streets.write_set(tmp_path / "set", {"train": 1}, **{"seed": 0, "height": 64, "width": 64} | change)
    with pytest.raises(InputError, match="2 train"):
        streets.write_set(tmp_path / "set", {"train": 2}, seed=0, height=64, width=64)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="other: holds files but no drawn set"):
        streets.write_set(tmp_path / "other", {"train": 1}, seed=0, height=64, width=64)
    with pytest.raises(InputError, match="notes.txt: cannot be written"):
        streets.write_set(tmp_path / "other" / "notes.txt", {"train": 1}, seed=0, height=64, width=64)
    assert _contents(tmp_path / "set") == before


def test_the_program(call, tmp_path):
    size = ["--image_height=64", "--image_width=96", "--train_images=2", "--val_images=1"]
    arguments = [f"--output_dir={tmp_path / 'set'}", *size]
    called = call(generate, *arguments)
    assert (called.status, called.out) == (0, f"3 images drawn: {tmp_path / 'set'}\n")
    assert json.loads((tmp_path / "set" / "streets.json").read_text())["images"] == {"train": 2, "val": 1}
    called = call(generate, *arguments)
    assert (called.status, called.out) == (0, f"already drawn, left as it is: {tmp_path / 'set'}\n")
    called = call(generate, *arguments, "--seed=4")
    assert (called.status, called.out) == (1, "")
    assert called.err.startswith(f"error: {tmp_path / 'set'}: holds another drawn set") and called.err.count("\n") == 1
