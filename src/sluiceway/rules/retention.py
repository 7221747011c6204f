"""Retention: which runs a journal lets go."""

from __future__ import annotations

from typing import NamedTuple

from sluiceway.base.times import SECOND, Moment
from sluiceway.model.keeping import Holdings, Root, Tree

SPARED = 3_600.0
"""Seconds for which a run that has ended stays, however much the journal holds: somebody may be looking at it."""


class Retention(NamedTuple):
    """How much a journal keeps. What has not ended stays in any case.

    Args:
        max_age: Seconds after which a run that has ended goes; None for never.
        max_flow_runs: How many flow runs that no other called are kept, the newest; None for all.
        max_task_runs: How many task runs are kept; None for all.
        max_bytes: How large the database may be; None for any size.
        spared: Seconds for which a run stays, whatever the numbers say.
    """

    max_age: float | None = None
    max_flow_runs: int | None = None
    max_task_runs: int | None = None
    max_bytes: int | None = None
    spared: float = SPARED


KEEP_ALL = Retention()
"""Nothing goes."""


def outdated_before(policy: Retention, now: Moment) -> Moment | None:
    """Return the moment before which a run has to have ended to go for its age; None where age does not matter.

    Args:
        policy: How much is kept.
        now: The present moment.
    """
    return None if policy.max_age is None else now - round(policy.max_age * SECOND)


def spared_from(policy: Retention, now: Moment) -> Moment:
    """Return the moment since which runs that have ended stay, whatever the numbers say.

    Args:
        policy: How much is kept.
        now: The present moment.
    """
    return now - round(policy.spared * SECOND)


def surplus(policy: Retention, holdings: Holdings) -> Holdings:
    """Return by how much a journal holds too much; zeros where it does not.

    Args:
        policy: How much is kept.
        holdings: What it holds.
    """
    limits = (policy.max_flow_runs, policy.max_task_runs, policy.max_bytes)
    return Holdings(*(0 if most is None else max(0, held - most) for held, most in zip(holdings, limits, strict=True)))


def would_help(over: Holdings, root: Root, tree: Tree) -> bool:
    """Return whether removing a root makes a surplus smaller.

    Args:
        over: The surplus.
        root: The root, the oldest that is left.
        tree: How much hangs on it.
    """
    return bool((over.flow_runs and root.of_flow) or (over.task_runs and tree.task_runs) or over.bytes)


def without(holdings: Holdings, root: Root, tree: Tree) -> Holdings:
    """Return what is held once a root has gone; its bytes are taken for the average.

    Args:
        holdings: What is held.
        root: The root.
        tree: How much hangs on it.
    """
    rows = max(1, holdings.flow_runs + holdings.task_runs)
    gone = min(rows, tree.flow_runs + tree.task_runs)
    return Holdings(
        max(0, holdings.flow_runs - root.of_flow),
        max(0, holdings.task_runs - tree.task_runs),
        holdings.bytes - holdings.bytes * gone // rows,
    )
