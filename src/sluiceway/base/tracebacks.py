"""Tracebacks as users want to read them: of their own code."""

from __future__ import annotations

from types import TracebackType

_PACKAGE = __name__.partition(".")[0]


def users_part(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback without the machinery that it begins with, unless it is all machinery.

    Args:
        trace: The traceback of an exception that came out of a run.
    """
    part = trace
    while part is not None and _is_machinery(part):
        part = part.tb_next
    return part or trace


def _is_machinery(trace: TracebackType) -> bool:
    module: str = trace.tb_frame.f_globals.get("__name__", "")
    return module.partition(".")[0] in (_PACKAGE, "asyncio")
