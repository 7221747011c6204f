"""The words of transactions."""

from __future__ import annotations

from enum import Enum


class IsolationLevel(str, Enum):
    """What transactions of one key see of each other."""

    READ_COMMITTED = "READ_COMMITTED"
    """Any number run side by side, and see what was committed before they began."""
    SERIALIZABLE = "SERIALIZABLE"
    """One at a time: each holds a lock on its key."""


class CommitMode(str, Enum):
    """When a transaction is committed."""

    EAGER = "EAGER"
    """When its block ends, whatever becomes of the one around it."""
    LAZY = "LAZY"
    """When the outermost one is."""
    OFF = "OFF"
    """When it is told to; the outermost one is rolled back otherwise."""


class TransactionState(str, Enum):
    """How far a transaction is."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    STAGED = "STAGED"
    COMMITTED = "COMMITTED"
    ROLLED_BACK = "ROLLED_BACK"


IsolationLevel.__module__ = CommitMode.__module__ = TransactionState.__module__ = "sluiceway.transactions"
