"""Archives: nothing outside the target, nothing half-written, nothing twice."""

import contextlib
import errno
import os
import pathlib
import resource
import shutil
import signal
import stat
import string
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused

from contextnet_tf.datasets import archives
from contextnet_tf.errors import InputError


def everything(parts):
    return True


def _archive(path, contents, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def _files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def small(tmp_path):
    """An archive of three files of 3,000 bytes in two folders."""
    return _archive(
        tmp_path / "small.zip", {f"{folder}/{i}.png": bytes([i]) * 3000 for i, folder in enumerate(["a", "a", "b"])}
    )


@pytest.mark.parametrize(
    "name",
    ["../out.png", "a/../../out.png", "/etc/out.png", "C:/out.png", "C:out.png", "a\\..\\out.png", "a/b:stream",
     "\\\\host\\out.png", "..", "a/..", "a/\x01.png"],
)  # fmt: skip
def test_members_that_would_leave_the_folder_are_refused(tmp_path, name):
    path = _archive(tmp_path / "bad.zip", {"good/0.png": b"0", name: b"1"})
    refused(
        r"bad.zip: its member .* is a link or has a path outside the folder; nothing was unpacked",
        archives.members,
        path,
        everything,
    )


def test_links_are_refused(tmp_path):
    path = tmp_path / "link.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("a/link.png")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    refused("its member 'a/link.png' is a link or has a path outside the folder", archives.members, path, everything)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.sampled_from(["..", ".", "", "a", "b.png", "C:", "\\", " ", "...", "~"])
        | st.text(string.printable, max_size=4),
        max_size=5,
    ).map("/".join)
    | st.text(max_size=12)
)
def test_any_name_lands_inside_or_is_refused(name):
    parts = archives.safe_parts(name)
    if parts is not None:
        target = pathlib.Path("/target/folder")
        landed = pathlib.Path(os.path.normpath(target.joinpath(*parts)))
        assert target in landed.parents
        # The same below a folder of Windows.
        root = pathlib.PureWindowsPath("D:\\target")
        assert root in root.joinpath(*parts).parents and ".." not in root.joinpath(*parts).parts


@settings(deadline=None, max_examples=40)
@given(st.dictionaries(st.text("ab./\\:~ ", min_size=1, max_size=8), st.binary(max_size=9), max_size=4))
def test_nothing_is_written_outside_the_target(tmp_path_factory, contents):
    root = tmp_path_factory.mktemp("any")
    path = _archive(root / "any.zip", contents)
    (root / "in").mkdir()
    with contextlib.suppress(InputError):
        archives.unpack(archives.members(path, everything), root / "in" / "target")
    assert {entry.name for entry in root.iterdir()} == {"any.zip", "in"}
    assert {entry.name for entry in (root / "in").iterdir()} <= {"target"}


def test_files_are_unpacked_and_what_is_whole_is_kept(small, tmp_path):
    target, seen = tmp_path / "target", []
    assert archives.unpack(archives.members(small, everything), target, on_bytes=seen.append) == 3
    assert _files(target) == {"a/0.png": b"\0" * 3000, "a/1.png": b"\1" * 3000, "b/2.png": b"\2" * 3000}
    assert sum(seen) == 9000
    # One file cut off, as after a crash of a plain program; one of the right size with another content.
    (target / "a/0.png").write_bytes(b"\0" * 2999)
    (target / "b/2.png").write_bytes(b"\3" * 3000)
    kept = (target / "a/1.png").stat().st_mtime_ns
    assert archives.unpack(archives.members(small, everything), target, on_bytes=seen.append) == 2
    assert (target / "a/0.png").read_bytes() == b"\0" * 3000 and (target / "b/2.png").read_bytes() == b"\2" * 3000
    assert (target / "a/1.png").stat().st_mtime_ns == kept and sum(seen) == 18000


def test_only_what_is_wanted(small):
    assert [m.name for m in archives.members(small, lambda parts: parts[0] == "b")] == ["b/2.png"]


def test_half_an_archive_and_a_damaged_one_are_named(small, tmp_path):
    whole = small.read_bytes()
    (tmp_path / "half.zip").write_bytes(whole[: len(whole) // 2])
    refused(
        "half.zip: is damaged or incomplete; download it again",
        archives.members,
        tmp_path / "half.zip",
        everything,
    )
    refused("none.zip: cannot be read", archives.members, tmp_path / "none.zip", everything)
    place = whole.index(b"a/1.png") + len(b"a/1.png") + 4  # within its packed bytes
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
    found = archives.members(damaged, everything)
    refused("damaged.zip: its member a/1.png is damaged", archives.unpack, found, tmp_path / "target")
    # What came before stays, of the damaged file nothing.
    assert list(_files(tmp_path / "target")) == ["a/0.png"]


def test_an_archive_that_cannot_be_read_is_named(small, tmp_path, monkeypatch):
    found = archives.members(small, everything)

    def fail(*args):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as damaged_disk:
        damaged_disk.setattr(zipfile.ZipExtFile, "read", fail)
        message = r"small.zip: cannot be read \(Input/output error\); copy or download it again"
        refused(message, archives.unpack, found, tmp_path / "target")
    small.unlink()
    refused(r"small.zip: cannot be read \(No such file or directory\)", archives.unpack, found, tmp_path / "target")
    assert _files(tmp_path / "target") == {}


def test_a_member_that_occurs_twice_is_refused(tmp_path):
    path = tmp_path / "twice.zip"
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a.png", b"1")
        archive.writestr("a.png", b"2")
    refused("holds 'a.png' twice", archives.members, path, everything)


def test_an_encrypted_member_is_refused(small):
    content = bytearray(small.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag in the directory
    small.write_bytes(content)
    refused("'a/0.png' is encrypted", archives.members, small, everything)


def test_too_little_space_is_said_before_anything_is_written(small, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9 - 8000, 8000))
    refused(
        "9.0 kB are needed and 8.0 kB are free",
        archives.unpack,
        archives.members(small, everything),
        tmp_path / "target",
    )
    assert _files(tmp_path / "target") == {}
    archives.unpack(archives.members(small, lambda parts: parts[0] == "a"), tmp_path / "target")
    # 6 of 9 kB are there already.
    assert archives.unpack(archives.members(small, everything), tmp_path / "target") == 1


def test_a_file_in_the_place_of_a_folder(small, tmp_path):
    target = tmp_path / "target"
    target.write_text("kept")
    refused("target: cannot be written as a folder", archives.unpack, archives.members(small, everything), target)
    assert target.read_text() == "kept"
    target.unlink()
    target.mkdir()
    (target / "b").write_text("kept")
    refused("target/b: cannot be written as a folder", archives.unpack, archives.members(small, everything), target)
    assert (target / "b").read_text() == "kept" and (target / "a/1.png").exists()


def test_a_full_disk_leaves_no_half_file(small, tmp_path):
    """The system itself refuses to write more than 2,000 bytes into a file."""
    found, target = archives.members(small, everything), tmp_path / "target"
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
        with pytest.raises(
            InputError, match="a/0.png: cannot be written .File too large.; free disk space and start again"
        ):
            archives.unpack(found, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert _files(target) == {}
    assert archives.unpack(found, target) == 3


def test_a_target_that_may_not_be_written(small, tmp_path, monkeypatch):
    """As a read-only file system answers, which a test that may write everywhere has none of."""

    def refuse(*args, **kwargs):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("contextnet_tf.files.tempfile.TemporaryFile", refuse)
    target = tmp_path / "target"
    refused(r"cannot be written as a folder \(Read-only", archives.unpack, archives.members(small, everything), target)
    assert _files(target) == {}
