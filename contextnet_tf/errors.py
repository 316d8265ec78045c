"""Exceptions that users can cause or fix."""

import contextlib
import re
from collections.abc import Iterator


class InputError(ValueError):
    """Invalid input from the user.

    The message is one line: the problem, the file or value concerned, and the remedy. Programs print
    it without a traceback and exit with status 1.
    """


def reason_of(error: Exception) -> str:
    """A library error's message as one line: its first line, and further lines while the last ends in a colon.

    The names of TensorFlow's operators in it are left out.
    """
    told = []
    for line in (str(error).strip() or type(error).__name__).splitlines():
        told.append(line.strip())
        if not line.rstrip().endswith(":"):
            break
    return re.sub(r"\{\{.*?\}\} | \[Op:.*", "", " ".join(told))


class NotInstalledError(InputError, ImportError):
    """A package that the called function needs is not installed."""


@contextlib.contextmanager
def needed_by(what: str, extra: str = "train") -> Iterator[None]:
    """Names the missing package if an import within the block fails: `what` needs the extra `extra`.

    Raises:
      NotInstalledError: a package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == __package__:  # a mistake of ours, not of the installation
            raise
        raise NotInstalledError(
            f"{what} needs {package}, which is not installed; in the checkout: pip install -e '.[{extra}]'"
        ) from error


class InUseError(InputError):
    """Another process holds the resource; a retry later may succeed."""


class Stopped(Exception):
    """A run stopped early on request, after saving a checkpoint at `step`."""

    def __init__(self, step: int, steps: int):
        super().__init__(f"stopped at step {step} of {steps}")
        self.step, self.steps = step, steps
