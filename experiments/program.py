"""How every program runs: its flags are parsed, and errors become one line without a traceback."""

import contextlib
import difflib
import errno
import io
import logging
import math
import os
import pathlib
import re
import shlex
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, TextIO, cast

from absl import app, flags
from absl import logging as absl_logging

from contextnet_tf.errors import InputError, needed_by
from contextnet_tf.runs import layout
from experiments import load_tensorflow
from experiments.renamed_flags import refuse_renamed
from experiments.stopping import Terminated, terminated_like_ctrl_c

# The system's reasons not to open a file that the user has named.
_REFUSALS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.EIO, errno.ESTALE}

flags.DEFINE_enum(
    "log_level", "warning", ["debug", "info", "warning", "error"], "Least severe log level shown on standard error."
)


def own_flags() -> list[flags.Flag]:
    """The flags that the running program lists in its help."""
    # absl's own flags (logging, profiling) come with `app.run`; they do not affect a result.
    return [flag for flag in flags.FLAGS.get_key_flags_for_module(sys.argv[0]) if flag.name != "only_check_args"]


def given_flags() -> dict[str, Any]:
    """The values of the running program's own flags, by name."""
    return {flag.name: flag.value for flag in own_flags()}


def _set_log_level(level: str) -> None:
    absl_logging.set_verbosity(level)
    # Records always reach the log file of a run; standard error shows them from `level` on.
    logging.getLogger("contextnet_tf").setLevel(logging.DEBUG)
    absl_logging.get_absl_handler().setLevel(level.upper())


class _Messages:
    """Standard error that drops what cannot be written: on a full disk, or on a terminal that is gone."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        """As `TextIO.write`."""
        with _lost():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """As `TextIO.flush`."""
        with _lost():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _lost() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # ends the program, as shells expect
        raise
    except OSError:
        pass


def _make_streams_usable() -> None:
    """Printing must not abort the work: a name that the terminal cannot show, closed output, a full disk."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started the program, as some services do
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
        if isinstance(stream := getattr(sys, name), io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.stderr = cast(TextIO, _Messages(sys.stderr))
    absl_logging.get_absl_handler().python_handler.setStream(sys.stderr)


def _drop_output() -> None:
    """Leaves nothing on standard output that could fail at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(main: Callable[[Sequence[str]], None], *, needs_tensorflow: bool = True) -> None:
    """Parses the flags and calls `main(argv)`; an InputError becomes one line and exit status 1. SIGTERM is as Ctrl-C.

    A program imports TensorFlow, Keras and what needs them in its functions, so that --help and wrong flags are
    answered at once. `needs_tensorflow` False: it may do its work without them.
    """

    def loaded(argv: Sequence[str]) -> None:
        if needs_tensorflow:
            load_tensorflow()
        main(argv)

    _make_streams_usable()
    absl_logging.set_verbosity(absl_logging.WARNING)
    try:
        try:
            with terminated_like_ctrl_c():
                app.run(with_plain_errors(loaded), flags_parser=parse_flags)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # the reader of the output, such as `head`, has seen enough
        _drop_output()
        sys.exit(141)  # as shells report a process that a closed pipe ended
    except OSError as error:
        if error.errno != errno.ENOSPC:  # of other files, `files.naming_write_errors` says which
            raise
        _drop_output()
        print(f"error: the output cannot be written ({error.strerror}); make room on its disk", file=sys.stderr)
        sys.exit(1)


def parse_flags(argv: Sequence[str]) -> list[str]:
    """Parses the flags of the running program; returns what is left of `argv`.

    A wrong flag ends the process with one line on standard error and status 1, --help with status 0.
    """
    try:
        own_flags = {flag.name for flag in flags.FLAGS.get_key_flags_for_module(argv[0])}
        refuse_renamed(flags.FLAGS.read_flags_from_files(argv[1:], force_gnu=False), own_flags)
        try:
            rest = flags.FLAGS(argv)
        except SystemExit:  # help was shown, which absl calls a failure
            sys.exit(0)
        _refuse_foreign({*own_flags, "log_level"})
        _refuse_moved_run(argv[1:])
        for name in flags.FLAGS:
            value = flags.FLAGS[name].value
            if isinstance(value, float) and not math.isfinite(value):  # no bound refuses nan
                raise flags.IllegalFlagValueError(f"flag --{name}={value}: is not a finite number")
        return rest
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except UnicodeDecodeError as error:
        print(f"error: --flagfile: is not text ({error.reason}); see --help", file=sys.stderr)
        sys.exit(1)
    except flags.Error as error:
        message = " ".join(str(error).removeprefix("flag ").split())
        print(f"error: {message}; see --help", file=sys.stderr)
        sys.exit(1)


def _refuse_foreign(own_flags: Collection[str]) -> None:
    """Refuses flags of modules that the program imports but whose flags it does not read.

    Raises:
      UnrecognizedFlagError: one is given.
    """
    for module, defined in flags.FLAGS.flags_by_module_dict().items():
        for flag in defined if module.startswith("experiments.") else ():
            if flag.present and flag.name not in own_flags:
                similar = difflib.get_close_matches(flag.name, own_flags)
                raise flags.UnrecognizedFlagError(flag.name, suggestions=similar)


def _refuse_moved_run(arguments: Sequence[str]) -> None:
    """Refuses the flags.txt of a run whose folder was moved or copied since: it names the folder of before.

    Raises:
      InputError: the command line gives such a file and no --output_dir.
    """
    given = re.findall(r"^--?(flagfile|output_dir)(?:=|\n)(.*)$", "\n".join(arguments), re.MULTILINE)
    recorded = flags.FLAGS.output_dir if "output_dir" in flags.FLAGS else None
    if not recorded or "output_dir" in dict(given):
        return
    for path in (pathlib.Path(value) for _, value in given):
        is_of_run = path.name == layout.FLAGS and (path.parent / layout.SETTINGS).exists()
        if is_of_run and os.path.realpath(recorded) != os.path.realpath(path.parent):
            raise InputError(
                f"{path}: belongs to a run in {recorded}; add --output_dir={path.parent} if it was moved there, or "
                f"--output_dir={recorded}"
            )


# Parameters of the library whose flag has another name.
FLAG_OF_PARAMETER = {"num_threads": "threads"}


def with_flags(message: str) -> str:
    """A message of the library with flags: `data_dir` becomes --data_dir, `resume=True` --resume.

    The library knows no flags, so its errors name parameters, in backquotes. Names without a matching flag in the
    running process are not changed.
    """

    def flag(match: re.Match[str]) -> str:
        name, value = FLAG_OF_PARAMETER.get(match[1], match[1]), match[2]
        if name not in flags.FLAGS:
            return match[0]
        if value in ("True", "False"):
            return f"--{name}" if value == "True" else f"--no{name}"
        return f"--{name}" if value is None else f"--{name}={shlex.quote(value)}"

    return re.sub(r"`([a-z][a-z_]*)(?:=([^`]*))?`", flag, message)


def with_plain_errors(main: Callable[[Sequence[str]], None]) -> Callable[[Sequence[str]], None]:
    """`main`, but an InputError ends the process with one line and status 1 instead of a traceback."""

    def guarded(argv: Sequence[str]) -> None:
        try:
            if len(argv) > 1:
                raise InputError(f"{argv[1]!r} is not a flag; flags look like --name=value, see --help")
            _set_log_level(flags.FLAGS.log_level)
            with needed_by("this program"):
                main(argv)
        except InputError as error:
            print(f"error: {with_flags(str(error))}", file=sys.stderr)
            sys.exit(1)
        except OSError as error:
            if not (error.filename and error.errno in _REFUSALS):
                raise
            print(f"error: {error.filename}: cannot be read or written ({error.strerror})", file=sys.stderr)
            sys.exit(1)
        except Terminated as terminated:
            sys.exit(terminated.exit_status)
        except KeyboardInterrupt:
            sys.exit(130)  # as shells report a process that Ctrl-C ended

    return guarded
