"""One door for async code that is called from blocking code: hooks, conditions, cache keys."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any


def finish_coroutine(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end, and return what it returns.

    Args:
        coroutine: The coroutine. Where an event loop runs in this thread already, it is run in a thread of
            its own, since the loop cannot go on while this call blocks it.
    """
    from sluiceway.drivers import looping  # lazy: asyncio takes longer to import than a small flow to run

    return looping.run_to_end(coroutine)
