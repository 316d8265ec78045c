"""The commands that programs print, as the user types them."""

import pathlib
import shlex
import sys


def command(program: str, *arguments: str) -> str:
    """The command that runs `program` with `arguments`, which are quoted already."""
    return " ".join([_interpreter(), "-m", f"experiments.{program}", *arguments])


def _interpreter() -> str:
    """The running Python by its path from the working folder, if it lies below, as .venv/bin/python; else "python"."""
    path = pathlib.Path(sys.executable)
    here = pathlib.Path.cwd()
    return shlex.quote(str(path.relative_to(here))) if path.is_relative_to(here) else "python"
