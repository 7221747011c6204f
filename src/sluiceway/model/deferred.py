"""Deferred calls: what the journal keeps of a run that waits for a worker, until it has ended."""

# No `from __future__ import annotations` here: named tuples would compile each annotation, which takes longer
# than all else that an import does.

from typing import NamedTuple

from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment


class DeferredCall(NamedTuple):
    """A call that a worker has claimed.

    Args:
        run_key: The run.
        call: The call, as whoever deferred it packed it.
    """

    run_key: RunId
    call: bytes


class Claim(NamedTuple):
    """Who is about to execute, or executes, a deferred call.

    Args:
        run_key: The run.
        task_key: What names its task in every run and process.
        owner: The worker.
        claimed: Since when.
    """

    run_key: RunId
    task_key: str
    owner: str
    claimed: Moment
