"""What a process holds: now, at its peak, and for each finished task."""

from __future__ import annotations

import gc
import resource
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

WARM_UP = 100
"""Tasks run before the count begins, so that threads, caches and imports of the first use are not counted."""

_STATUS = Path("/proc/self/status")


def resident_bytes() -> int:
    """The memory this process holds now; where the system does not tell, its peak so far."""
    return _status_bytes("VmRSS") if _STATUS.exists() else peak_bytes()


def peak_bytes() -> int:
    """The most memory this process ever held.

    On Linux this is the peak of the present program: `ru_maxrss` would start at that of the process that
    started it.
    """
    if _STATUS.exists():
        return _status_bytes("VmHWM")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def kept_bytes(run: Callable[[int], object], count: int, wait: Callable[[], None]) -> float:
    """Tell the bytes of Python objects that are kept for each finished task while its future is still held.

    Args:
        run: Runs that many tasks to their end and returns whatever a caller would hold of them.
        count: How many tasks.
        wait: Blocks until nothing of them is on its way to the disk any more.
    """
    run(WARM_UP)
    wait()
    gc.collect()
    tracemalloc.start()
    try:
        held = run(count)
        wait()
        gc.collect()
        kept, _peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    del held
    return kept / count


def _status_bytes(field: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(f"{_STATUS} has no line {field}")
