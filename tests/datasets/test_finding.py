"""Finding files: links, what systems leave in folders, names in every form, and nothing left out in silence."""

import hashlib
import os
import string
import unicodedata

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.sources import find_files
from contextnet_tf.datasets.sources.example import named
from contextnet_tf.datasets.sources.lists import list_fields
from contextnet_tf.errors import InputError

TWO = get_dataset("folder", {"classes": [{"name": "a"}, {"name": "b"}]})
SYSTEM = ["._a.png", ".DS_Store", ".ipynb_checkpoints/a.png", "@eaDir/a.png", "__MACOSX/a.png", "Thumbs.db"]


def _touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def _found(root, pattern):
    return [str(path.relative_to(root)) for path in find_files(root, pattern).paths]


def test_patterns(tmp_path):
    _touch(tmp_path, "a.png", "b.JPG", "c.txt", "x/a.png", "x/y/a_l.png", "z/b.png")
    assert _found(tmp_path, "*") == ["a.png", "b.JPG"]
    assert _found(tmp_path, "**/*") == ["a.png", "b.JPG", "x/a.png", "x/y/a_l.png", "z/b.png"]
    assert _found(tmp_path, "*/*.png") == ["x/a.png", "z/b.png"]
    assert _found(tmp_path, "x/**/*_l.png") == ["x/y/a_l.png"]
    assert _found(tmp_path, "[xy]/a.*") == ["x/a.png"]
    assert _found(tmp_path, "x/a.png") == ["x/a.png"] and _found(tmp_path, "none/*") == []


def test_a_name_with_brackets_that_exists_is_no_pattern(tmp_path):
    _touch(tmp_path, "a[1]/b[2].png", "a[1]/b2.png", "a1/b2.png", "c1.png")
    assert _found(tmp_path, "a[1]/*") == ["a[1]/b2.png", "a[1]/b[2].png"]
    assert _found(tmp_path, "a[1]/b[2].png") == ["a[1]/b[2].png"]
    assert _found(tmp_path, "c[1].png") == ["c1.png"]
    _touch(tmp_path, "images [1]/train/x.png", "labels [1]/train/x.png")
    patterns = {"images": "images [1]/{split}/*", "labels": "labels [1]/{split}/*"}
    dataset = get_dataset("folder", {"classes": [{"name": "a"}, {"name": "b"}], **patterns})
    assert [e.name for e in dataset.list_examples(tmp_path, "train")] == ["x"]


def test_a_split_without_images_says_what_was_skipped(tmp_path, camvid_dir, cityscapes_dir):
    _touch(tmp_path, "own/images/train/a.HEIC", "own/images/train/b.HEIC")
    with pytest.raises(InputError, match="has no images of the split 'train'; looked for .*: skipped, .*: a.HEIC, b.H"):
        TWO.listing(tmp_path / "own", "train")
    _touch(tmp_path, "city/leftImg8bit/train/a_leftImg8bit.png", "city/gtFine/train/a_gtFine_labelIds.png")
    with pytest.raises(InputError, match="'train'; expected leftImg8bit/SPLIT/CITY.*: skipped, .*: a_leftImg8bit.png$"):
        get_dataset("cityscapes").listing(tmp_path / "city", "train")
    _touch(tmp_path, "cam/701_StillsRaw_full/0001TP_1.jpg", "cam/LabeledApproved_full/0001TP_1_L.png")
    with pytest.raises(InputError, match=r"expected frames .*: skipped, since .*: 0001TP_1.jpg"):
        get_dataset("camvid").listing(tmp_path / "cam", "train")
    # Beside images that were found, too.
    _touch(cityscapes_dir, "leftImg8bit/train/a_leftImg8bit.png")
    assert get_dataset("cityscapes").listing(cityscapes_dir, "train").notes[0].endswith(": a_leftImg8bit.png")


def test_what_systems_leave_is_no_data_in_every_layout(tmp_path, camvid_dir, cityscapes_dir):
    for folder in ("images/train", "labels/train"):
        _touch(tmp_path, f"own/{folder}/a.png", *(f"own/{folder}/{name}" for name in SYSTEM))
    listing = TWO.listing(tmp_path / "own", "train")
    assert ([e.name for e in listing.examples], listing.problems, listing.notes) == (["a"], [], [])
    _touch(camvid_dir, *(f"train/{name}" for name in SYSTEM))
    listing = get_dataset("camvid").listing(camvid_dir, "train")
    assert (len(listing.examples), listing.problems, listing.notes) == (6, [], [])
    for part, end in (("leftImg8bit", "_leftImg8bit.png"), ("gtFine", "_gtFine_labelIds.png")):
        _touch(cityscapes_dir, f"{part}/train/bonn/._bonn_000000_000019{end}", f"{part}/train/@eaDir/x{end}")
    listing = get_dataset("cityscapes").listing(cityscapes_dir, "train")
    assert (len(listing.examples), listing.problems, listing.notes) == (2, [], [])


def test_a_pipe_is_no_image(tmp_path):
    _touch(tmp_path, "images/train/a.png", "labels/train/a.png")
    os.mkfifo(tmp_path / "images" / "train" / "b.png")
    listing = TWO.listing(tmp_path, "train")
    assert [e.name for e in listing.examples] == ["a"] and listing.notes[0].endswith(": b.png")


def test_links_are_followed_but_not_in_circles(tmp_path):
    _touch(tmp_path, "data/images/train/a.png", "data/labels/train/a.png", "more/images/b.png", "more/labels/b.png")
    for kind in ("images", "labels"):
        (tmp_path / "data" / kind / "train" / "city").symlink_to(tmp_path / "more" / kind)
        (tmp_path / "data" / kind / "train" / "loop").symlink_to(tmp_path / "data" / kind)
        (tmp_path / "more" / kind / "self").symlink_to(tmp_path / "more" / kind)
    assert [e.name for e in TWO.list_examples(tmp_path / "data", "train")] == ["a", "city_b"]


def test_broken_links_are_problems(tmp_path):
    _touch(tmp_path, "images/train/a.png", "labels/train/a.png")
    for kind in ("images", "labels"):
        (tmp_path / kind / "train" / "b.png").symlink_to("/gone/b.png")
        (tmp_path / kind / "train" / "me").symlink_to("me")
    listing = TWO.listing(tmp_path, "train")
    assert [e.name for e in listing.examples] == ["a"]
    assert [problem.removeprefix(f"{tmp_path}/") for problem in listing.problems] == [
        "images/train/b.png: is a broken link to /gone/b.png",
        "images/train/me: is a broken link to me",
        "labels/train/b.png: is a broken link to /gone/b.png",
        "labels/train/me: is a broken link to me",
    ]


def test_folders_that_cannot_be_read_are_problems(tmp_path, monkeypatch):
    _touch(tmp_path, "images/train/a.png", "labels/train/a.png", "images/train/closed/b.png")
    scandir, listdir = os.scandir, os.listdir

    def closed(name, real):
        def call(path):
            if os.path.basename(path) == name:
                raise PermissionError(13, "Permission denied")
            return real(path)

        return call

    monkeypatch.setattr(os, "scandir", closed("closed", scandir))
    assert TWO.listing(tmp_path, "train").problems == [
        f"{tmp_path}/images/train/closed: cannot be read (Permission denied)"
    ]
    monkeypatch.setattr(os, "listdir", closed(tmp_path.name, listdir))
    with pytest.raises(InputError, match="cannot be read .Permission denied"):
        TWO.listing(tmp_path, "train")


def test_what_is_left_out_is_counted_and_named(tmp_path, camvid_dir, cityscapes_dir):
    _touch(tmp_path, "images/train/a.png", "labels/train/a.png", *(f"images/train/{name}.heic" for name in "bcdef"))
    listing = TWO.listing(tmp_path, "train")
    assert listing.notes == [
        f"{tmp_path}/images/train/**/*: skipped, since the name does not match or is not that of an image: b.heic, "
        "c.heic, d.heic and 2 more"
    ]
    # Images and labels in one folder are not left out of each other's search.
    _touch(tmp_path, "both/val/a_i.png", "both/val/a_l.png")
    patterns = {"images": "both/{split}/*_i.png", "labels": "both/{split}/*_l.png"}
    both = get_dataset("folder", {"classes": [{"name": "a"}, {"name": "b"}], **patterns})
    listing = both.listing(tmp_path, "val")
    assert [e.name for e in listing.examples] == ["a"] and listing.notes == []
    _touch(camvid_dir, "train/p9.jpg", "train/more/p8.png")
    assert "p9.jpg" in get_dataset("camvid").listing(camvid_dir, "train").notes[0]
    _touch(cityscapes_dir, "leftImg8bit/train/bonn/x.jpg")
    assert get_dataset("cityscapes").listing(cityscapes_dir, "train").notes[0].endswith("x.jpg")


def test_accented_names_match_in_both_forms(tmp_path):
    one, two = unicodedata.normalize("NFC", "Z\u00fcrich"), unicodedata.normalize("NFD", "Z\u00fcrich")
    assert one != two
    _touch(tmp_path, f"images/train/{one}.png", f"labels/train/{two}.png")
    (example,) = TWO.list_examples(tmp_path, "train")
    assert (example.name, example.image_path[-10:]) == (one, f"{one}.png") and two in example.label_path
    (tmp_path / "train.txt").write_text(f"images/train/{two}.png labels/train/{one}.png\n", encoding="utf-8")
    listed = get_dataset("folder", {"classes": [{"name": "a"}, {"name": "b"}], "list": "{split}.txt"})
    assert listed.list_examples(tmp_path, "train") == [example]


def test_names_that_are_no_text_are_problems(tmp_path):
    _touch(tmp_path, "images/train/a.png", "labels/train/a.png", "images/train/b\n.png", "labels/train/b\n.png")
    for kind in ("images", "labels"):
        (tmp_path / kind / "train" / os.fsdecode(b"M\xfcnchen.png")).touch()
    listing = TWO.listing(tmp_path, "train")
    assert [e.name for e in listing.examples] == ["a"]
    assert [problem.removeprefix(f"{tmp_path}/") for problem in listing.problems] == [
        "images/train/M\\xfcnchen.png: its name is not UTF-8; rename the file",
        "images/train/b\\n.png: its name has a control character; rename the file",
        "labels/train/M\\xfcnchen.png: its name is not UTF-8; rename the file",
        "labels/train/b\\n.png: its name has a control character; rename the file",
    ]


def test_a_deep_folder_gives_a_name_that_files_can_have(tmp_path):
    deep = "/".join(["a folder with a long name"] * 12)
    for kind in ("images", "labels"):
        _touch(tmp_path, f"{kind}/train/{deep}/x.png", f"{kind}/train/{deep}/y.png")
    names = [e.name for e in TWO.list_examples(tmp_path, "train")]
    assert len(set(names)) == 2 and all(len(f".{name}_overlay.4194304.png".encode()) < 255 for name in names)


def _shortened(name):
    encoded = name.encode()
    if len(encoded) <= 180:
        return name
    return encoded[:163].decode(errors="ignore") + "_" + hashlib.sha256(encoded).hexdigest()[:16]


@settings(deadline=None, max_examples=50)
@given(
    st.sets(
        st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/"), min_size=1, max_size=20),
        max_size=4,
    )
)
@example({20 * "\U0001d160", 20 * "\u0958" + "a"})  # of 240 and 121 bytes in NFC
def test_any_name_finds_its_partner(names):
    normal = {unicodedata.normalize("NFC", name) for name in names}
    images, problems = named((name, name) for name in names)
    assert set(images) == {_shortened(name) for name in normal} and len(problems) == len(names) - len(normal)
    labels, _ = named((unicodedata.normalize("NFD", name), name) for name in normal)
    assert set(labels) == set(images)


PART = st.text(string.ascii_letters + string.digits + " \t._-#',;\u00fc\u4e2d", min_size=1, max_size=8)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(PART, PART), max_size=5),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["", "\ufeff"]),
    st.sampled_from([" ", "\t", "   "]),
    st.booleans(),
)
def test_lists_are_read_as_they_were_written(tmp_path_factory, pairs, end, mark, between, last_end):
    path = tmp_path_factory.getbasetemp() / "list.txt"

    def field(text):
        return f'"{text}"' if any(c.isspace() for c in text) else text

    lines = [field(image) + between + field(label) for image, label in pairs]
    path.write_bytes((mark + end.join(lines) + (end if last_end else "")).encode())
    assert [fields for _, fields in list_fields(path)] == [list(pair) for pair in pairs]
    assert [number for number, _ in list_fields(path)] == list(range(1, len(pairs) + 1))


def _listed(root, text):
    (root / "train.txt").write_text(text, encoding="utf-8")
    return get_dataset("folder", {"classes": [{"name": "a"}, {"name": "b"}], "list": "{split}.txt"}).listing(
        root, "train"
    )


def test_paths_of_a_list(tmp_path):
    _touch(tmp_path, "own/i/a.png", "own/l/a.png", "own/i/b c.png", "other/i/a.png", "other/l/a.png")
    own, other = tmp_path / "own", tmp_path / "other"
    assert [e.name for e in _listed(own, "i\\a.png l\\a.png\n").examples] == ["a"]
    (example,) = _listed(own, f'"{other}/i/a.png"\t{other}/l/a.png').examples
    assert (example.image_path, example.label_path) == (f"{other}/i/a.png", f"{other}/l/a.png")
    # An absolute path means itself: the file of the same name in this dataset is another one.
    problems = _listed(own, f"i/a.png l/a.png\n{other}/gone/i/a.png l/a.png").problems
    assert problems[0].startswith(f"{other}/gone/i/a.png: is listed in {own}/train.txt:2 but missing")
    problems = _listed(own, 'i/b c.png l/a.png\n"i/b c.png l/a.png\n"i/b c.png" l/a.png\n').problems
    assert problems == [
        f"{own}/train.txt:1: expected a pair 'IMAGE LABEL', found 'i/b c.png l/a.png'",
        f"{own}/train.txt:2: expected a pair 'IMAGE LABEL', found '\"i/b c.png l/a.png'",
    ]
    with pytest.raises(InputError, match=r"train.txt: cannot be read as a list .line 2 is not UTF-8"):
        (own / "train.txt").write_bytes(b"i/a.png l/a.png\nM\xfcnchen.png x.png\n")
        get_dataset("folder", {"classes": [{"name": "a"}, {"name": "b"}], "list": "{split}.txt"}).listing(own, "train")


def test_system_files_leave_an_output_folder_empty(tmp_path):
    from contextnet_tf.runs.run_dir import claimed_run_dir

    _touch(tmp_path, ".DS_Store", "Thumbs.db")
    with claimed_run_dir(tmp_path, {"seed": 1}, True) as folder:
        assert folder == tmp_path
    _touch(tmp_path / "more", "notes.txt")
    with pytest.raises(InputError, match="is not empty"), claimed_run_dir(tmp_path / "more", {"seed": 1}, True):
        pass


def test_an_empty_folder_with_system_files_is_empty(tmp_path):
    cv2.imwrite(str(tmp_path / "._x.png"), np.zeros((2, 2), np.uint8))
    with pytest.raises(InputError, match="is empty"):
        TWO.listing(tmp_path, "train")
