"""The machine that this process runs on."""

import contextlib
import os
import pathlib
import re
import sys
import threading
from collections.abc import Iterator

_discarding = threading.RLock()


def available_cores() -> int:
    """The number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def peak_memory() -> int:
    """Peak resident memory of this process in bytes; 0 where unknown."""
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        # Not getrusage: on Linux its peak may include the memory of the parent process.
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        return 1024 * int(found[1]) if found else 0
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Discards the standard error output of native libraries and of processes started meanwhile.

    Native libraries ignore logging levels, and their output would bury the lines that the user must read. Python's own
    lines are lost as well, so that nothing should be logged within. One thread at a time; may be nested.
    """
    with _discarding:
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)
