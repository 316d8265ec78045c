"""The log and the flags of a program, kept in the folder of its run."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator

from contextnet_tf.errors import InputError, Stopped
from contextnet_tf.files import atomic_write
from experiments import program

_logger = logging.getLogger(__name__)
_logger.setLevel(logging.DEBUG)  # its records reach the log file whatever --log_level says


def write_flagfile(path: str | os.PathLike) -> None:
    """Writes the running program's flags as a file that `--flagfile` takes."""
    with atomic_write(path) as temporary:
        lines = "".join(f"{flag.serialize()}\n" for flag in program.own_flags() if flag.value is not None)
        temporary.write_text(lines, encoding="utf-8", errors="surrogateescape")  # a path need not be UTF-8


@contextlib.contextmanager
def logged_to(path: str | os.PathLike) -> Iterator[None]:
    """Appends the library's log records, at every level, and the program's outcome to the file `path`."""
    handler = _LogFile(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    _logger.info("begins: %s", " ".join(sys.argv))
    try:
        yield
        _logger.info("ended")
    except BaseException as error:
        known = isinstance(error, (InputError, Stopped, KeyboardInterrupt, SystemExit))
        _logger.info("ended by %s: %s", type(error).__name__, error, exc_info=not known)
        raise
    finally:
        root.removeHandler(handler)
        handler.close()


class _LogFile(logging.FileHandler):
    """Logging failures never abort a run, so a line that cannot be written is dropped."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Drops the line."""
