"""Safe, resumable unpacking of zip archives: members stay below the target and are written atomically."""

import dataclasses
import os
import pathlib
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator

from contextnet_tf.errors import InputError
from contextnet_tf.files import atomic_write, ensure_writable_dir, require_space

_PIECE = 1 << 20  # bytes copied at a time
_ENCRYPTED = 0x1  # bit of a member's flags


@dataclasses.dataclass(frozen=True)
class Member:
    """A file in an archive, and its path below the target."""

    archive: pathlib.Path
    name: str  # as in the archive
    parts: tuple[str, ...]
    size: int
    checksum: int  # CRC-32 of the content


def members(archive: str | os.PathLike, wanted: Callable[[tuple[str, ...]], bool]) -> list[Member]:
    """Lists the files of a zip archive whose path is `wanted`.

    One unsafe member rejects the whole archive, which is then presumably malicious.

    Raises:
      InputError: the archive is missing or damaged; a member is a link or its path leaves the target; or a wanted
        member occurs twice or is encrypted.
    """
    path = pathlib.Path(archive)
    found: dict[tuple[str, ...], Member] = {}
    with _opened(path) as opened:
        listed = opened.infolist()
    for info in listed:
        parts = safe_parts(info.orig_filename)
        if parts is None or stat.S_ISLNK(info.external_attr >> 16):
            raise InputError(
                f"{path}: its member {info.orig_filename!r} is a link or has a path outside the folder; nothing was "
                "unpacked"
            )
        if info.is_dir() or not wanted(parts):
            continue
        if parts in found:
            raise InputError(f"{path}: holds {info.orig_filename!r} twice; nothing was unpacked")
        if info.flag_bits & _ENCRYPTED:
            raise InputError(f"{path}: its member {info.orig_filename!r} is encrypted; unpack it with its password")
        found[parts] = Member(path, info.filename, parts, info.file_size, info.CRC)
    return list(found.values())


def safe_parts(name: str) -> tuple[str, ...] | None:
    """The parts of a member's path; None if the path is unsafe on any operating system.

    Unsafe are "..", an absolute path, a drive letter or stream (":"), a backslash, a control character, no name.
    """
    if re.search(r"[\x00-\x1f\x7f:\\]", name) or name.startswith("/"):
        return None
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    return parts if parts and ".." not in parts else None


def unpack(
    wanted: Iterable[Member], target: str | os.PathLike, on_bytes: Callable[[int], None] = lambda count: None
) -> int:
    """Unpacks members below `target`; returns the number of files written.

    Existing files with the member's size and checksum are kept, so an interrupted call is resumable. Files are
    written atomically. `on_bytes` receives the number of bytes just written or already present.

    Raises:
      InputError: the target is not writable or lacks space for the missing files, or a member is damaged. Files
        unpacked before the error stay.
    """
    root = ensure_writable_dir(target)
    missing = []
    for member in wanted:
        if _is_whole(root.joinpath(*member.parts), member):
            on_bytes(member.size)
        else:
            missing.append(member)
    require_space(root, sum(member.size for member in missing))
    for archive in dict.fromkeys(member.archive for member in missing):
        with _opened(archive) as opened:
            for member in missing:
                if member.archive == archive:
                    _write(opened, member, root.joinpath(*member.parts), on_bytes)
    return len(missing)


def _opened(path: pathlib.Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give the folder of the archives") from None
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise InputError(f"{path}: is damaged or incomplete; download it again") from None


def _is_whole(path: pathlib.Path, member: Member) -> bool:
    if not path.is_file() or path.stat().st_size != member.size:
        return False
    checksum = 0
    with path.open("rb") as file:
        for piece in _pieces(file):
            checksum = zlib.crc32(piece, checksum)
    return checksum == member.checksum


def _write(opened: zipfile.ZipFile, member: Member, path: pathlib.Path, on_bytes: Callable[[int], None]) -> None:
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        for piece in _unpacked(opened, member):
            file.write(piece)
            on_bytes(len(piece))


def _unpacked(opened: zipfile.ZipFile, member: Member) -> Iterator[bytes]:
    try:
        with opened.open(member.name) as packed:
            yield from _pieces(packed)
    except OSError as error:
        raise InputError(f"{member.archive}: cannot be read ({error.strerror}); copy or download it again") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        raise InputError(
            f"{member.archive}: its member {member.name} is damaged; download the archive again and repeat the "
            "command to resume"
        ) from None


def _pieces(file) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece
