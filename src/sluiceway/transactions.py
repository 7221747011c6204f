"""Transactions: several tasks that are done all together, or undone.

A task may have hooks that make what it did final (`on_commit`) and such as undo it (`on_rollback`). In a
transaction, they are called when all that is in it is done, or as soon as something in it fails.
"""

from __future__ import annotations

import logging
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from sluiceway import wiring
from sluiceway.drivers import scope
from sluiceway.drivers.transactions import AsyncTransaction, Transaction, current_transaction, work_with
from sluiceway.engine.staging import BaseTransaction
from sluiceway.model.transactions import CommitMode, IsolationLevel, TransactionState
from sluiceway.results import get_result_store

if TYPE_CHECKING:
    from sluiceway.results import ResultStore

__all__ = [
    "AsyncTransaction",
    "BaseTransaction",
    "CommitMode",
    "IsolationLevel",
    "Transaction",
    "TransactionState",
    "atransaction",
    "get_transaction",
    "transaction",
]

Kind = TypeVar("Kind", Transaction, AsyncTransaction)

work_with(wiring.services)

_logger = logging.getLogger("sluiceway.transactions")


def get_transaction() -> BaseTransaction | None:
    """Return the transaction that this code works in; None where there is none.

    Each task run has one of its own, within the one around it.
    """
    return current_transaction()


def transaction(
    key: str | None = None,
    store: ResultStore | None = None,
    commit_mode: CommitMode | str | None = None,
    isolation_level: IsolationLevel | str | None = None,
    overwrite: bool = False,
    write_on_commit: bool = True,
    logger: Any = None,
) -> AbstractContextManager[Transaction]:
    """Have the tasks within be committed together at the end, or rolled back if something is raised.

    Args:
        key: What the result is kept by. Where one of that key was committed before, the block finds
            `is_committed()`, and nothing of it is committed again.
        store: Where the result is kept; by default the result storage that holds here.
        commit_mode: When to commit; by default as the transaction around this one, or `LAZY`.
        isolation_level: `SERIALIZABLE` for one transaction of a key at a time; by default as around.
        overwrite: Whether to run in any case, and replace the result.
        write_on_commit: Whether the staged value is written to the store.
        logger: Where hooks are told of; by default the log of the run.

    Raises:
        ConfigurationError: It is `SERIALIZABLE`, and the store has no locks.
        InvalidOptionError: There is no such commit mode or isolation level.

    Example:
        ```python
        with transaction() as txn:
            path = write_file("report.txt")
            publish(path)
        ```
    """
    return _made(Transaction, key, store, commit_mode, isolation_level, overwrite, write_on_commit, logger)


def atransaction(
    key: str | None = None,
    store: ResultStore | None = None,
    commit_mode: CommitMode | str | None = None,
    isolation_level: IsolationLevel | str | None = None,
    overwrite: bool = False,
    write_on_commit: bool = True,
    logger: Any = None,
) -> AbstractAsyncContextManager[AsyncTransaction]:
    """Have the tasks within be committed together at the end, or rolled back; `transaction` for `async with`.

    Args:
        key: What the result is kept by.
        store: Where the result is kept; by default the result storage that holds here.
        commit_mode: When to commit; by default as the transaction around this one, or `LAZY`.
        isolation_level: `SERIALIZABLE` for one transaction of a key at a time; by default as around.
        overwrite: Whether to run in any case, and replace the result.
        write_on_commit: Whether the staged value is written to the store.
        logger: Where hooks are told of; by default the log of the run.

    Raises:
        ConfigurationError: It is `SERIALIZABLE`, and the store has no locks.
        InvalidOptionError: There is no such commit mode or isolation level.
    """
    return _made(AsyncTransaction, key, store, commit_mode, isolation_level, overwrite, write_on_commit, logger)


def _made(
    kind: type[Kind],
    key: str | None,
    store: ResultStore | None,
    commit_mode: CommitMode | str | None,
    isolation_level: IsolationLevel | str | None,
    overwrite: bool,
    write_on_commit: bool,
    logger: Any,
) -> Kind:
    return kind(
        store=get_result_store() if store is None and key is not None else store,
        key=key,
        commit_mode=commit_mode,
        isolation_level=isolation_level,
        overwrite=overwrite,
        write_on_commit=write_on_commit,
        logger=_logger if logger is None and scope.current() is None else logger,
    )
