"""What becomes of a transaction at the end of its block."""

from __future__ import annotations

from enum import Enum

from sluiceway.model.transactions import CommitMode, TransactionState


class Ending(Enum):
    """What is to be done."""

    COMMIT = "commit"
    ROLL_BACK = "roll back"
    STAGE = "stage"
    """Nothing yet: the transaction around it decides."""


def ending(mode: CommitMode, parent: TransactionState | None, failed: bool) -> Ending:
    """Return what becomes of a transaction whose block has ended.

    Args:
        mode: When it is to be committed.
        parent: How far the one around it is; None for the outermost one.
        failed: Whether the block raised, or its task did not complete.
    """
    if failed:
        return Ending.ROLL_BACK
    if mode is CommitMode.EAGER:
        return Ending.COMMIT
    if parent is TransactionState.ROLLED_BACK:
        return Ending.ROLL_BACK
    if parent is TransactionState.COMMITTED:  # a task that was submitted, and ended after the block around it
        return Ending.COMMIT
    if parent is not None:
        return Ending.STAGE
    return Ending.COMMIT if mode is CommitMode.LAZY else Ending.ROLL_BACK
