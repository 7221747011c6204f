"""Prints that log: inside a run that asked for it, `print` writes a line of the run's log.

The built-in is replaced once, while any such run is under way, and decides by context at each call. So
threads and coroutines that belong to other runs, or to none, print as ever.
"""

from __future__ import annotations

import builtins
import io
import logging
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from sluiceway.drivers import scope
from sluiceway.drivers.logs import log_fields, logger_of

_plain_print: Callable[..., None] = builtins.print
_lock = threading.Lock()
_patches = 0
_here = threading.local()


@contextmanager
def patch_print() -> Generator[None, None, None]:
    """Have `print` log within, where the run that calls it asked for that."""
    global _plain_print, _patches
    with _lock:
        _patches += 1
        if builtins.print is not print_as_log:
            _plain_print, builtins.print = builtins.print, print_as_log
    try:
        yield
    finally:
        with _lock:
            _patches -= 1
            # Somebody else's replacement, made meanwhile, is theirs to take back.
            if not _patches and builtins.print is print_as_log:
                builtins.print = _plain_print


def print_as_log(*args: Any, **kwargs: Any) -> None:
    """Print like `print`, but into the log where the current run asked for it.

    Args:
        args: What to print.
        kwargs: `sep`, `end`, `file` and `flush` as for `print`. What goes to a `file` other than the standard
            streams is printed there.
    """
    context = scope.current()
    file = kwargs.get("file")
    elsewhere = file is not None and file is not sys.stdout and file is not sys.stderr
    if context is None or not context.log_prints or elsewhere or getattr(_here, "logging", False):
        _plain_print(*args, **kwargs)
        return
    text = io.StringIO()
    _plain_print(*args, **{**kwargs, "file": text})
    logger = logger_of(context)
    if logger.isEnabledFor(logging.INFO):
        _here.logging = True  # a log handler that prints must not come back here
        try:
            line = text.getvalue().rstrip("\n")
            logger.info("%s", line, extra=log_fields(context), stacklevel=2)
        finally:
            _here.logging = False
