"""The machine that this process runs on."""

import os
import pathlib
import re
import sys


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
