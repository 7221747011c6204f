"""The life of a transaction: how it begins, is committed, and is rolled back.

Nobody has to know of the colour of a hook or a store: what is called goes through operations.
"""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import nullcontext
from typing import Any

from sluiceway.base.errors import SerializationError
from sluiceway.engine.contexts import TaskRunContext
from sluiceway.engine.ops import ERROR, INFO, WARNING, Call, Invoke, Join, Now, Outcome, Publish, Say, Settle
from sluiceway.engine.staging import BaseTransaction, Hook
from sluiceway.model.facts import ResultCached, TaskRunReopened, TaskRunSettled, TaskRunStaged
from sluiceway.model.states import COMPLETED, State
from sluiceway.model.transactions import CommitMode, TransactionState
from sluiceway.rules.outcomes import rolled_back
from sluiceway.rules.transactions import Ending, ending


async def begin(txn: BaseTransaction) -> None:
    """Begin a transaction: lock its key if it is to be alone, and see whether its result is there.

    Args:
        txn: The transaction.
    """
    txn.prepare_transaction()
    try:
        if txn._is_kept:
            if txn._is_serializable:
                _value_of(await Call(txn.verb("acquire_lock"), txn.key, txn.holder))
                txn.note_lock(txn.store, str(txn.key), txn.holder)
            if not txn.overwrite and _value_of(await Call(txn.verb("exists"), txn.key)):
                txn.take_over()
    except BaseException:
        txn.let_go()
        raise
    if txn.state is TransactionState.PENDING:
        txn.state = TransactionState.ACTIVE


async def settle(txn: BaseTransaction, failed: bool) -> None:
    """End the block of a transaction: commit it, roll it back, or leave that to the one around it.

    Args:
        txn: The transaction.
        failed: Whether the block raised, or the task did not complete.
    """
    around = txn.get_parent()
    what = ending(txn.commit_mode or CommitMode.LAZY, None if around is None else around.state, failed)
    if txn.state in (TransactionState.COMMITTED, TransactionState.ROLLED_BACK):
        txn.let_go()
        if failed and around is not None:
            await roll_back(around)
    elif what is Ending.COMMIT:
        await commit(txn)
    elif what is Ending.ROLL_BACK:
        await roll_back(txn)
    else:
        txn.state = TransactionState.STAGED


async def settle_run(context: TaskRunContext, state: State[Any]) -> None:
    """End the transaction of a task run; one that did not complete rolls back those around it, too.

    Args:
        context: The run.
        state: What it came to.
    """
    failed = state.type is not COMPLETED
    txn: BaseTransaction | None = context.transaction or await Join(context, False)
    if txn is None:
        return
    if not failed:
        hooks = context.policy.hooks
        txn.stage(None, hooks.rollback, hooks.commit)
    await settle(txn, failed)
    if txn.is_staged() and context.flow_context is not None:
        context.staged = True
        await TaskRunStaged(context.task_run.key)


async def commit(txn: BaseTransaction) -> bool:
    """Commit a transaction: those within, in order, then its hooks, then its value.

    Where a hook fails or the value cannot be written, it is rolled back instead.

    Args:
        txn: The transaction.

    Returns:
        Whether it is committed now, by this call.
    """
    if not txn.take_end():
        return False
    try:
        done = await _commit_children(txn) and await _call_commit_hooks(txn) and await _write(txn)
    except BaseException:
        txn.let_go()
        raise
    if not done:
        await _undo(txn)
        return False
    txn.state = TransactionState.COMMITTED
    await _tell_settled(txn)
    txn.let_go()
    await _commit_children(txn)  # a task may have ended since
    return True


async def roll_back(txn: BaseTransaction) -> bool:
    """Roll a transaction back: its hooks, the last one first, then those within, then the ones around it.

    Args:
        txn: The transaction.

    Returns:
        Whether it was rolled back by this call; one that has ended stays as it is.
    """
    if not txn.take_end():
        return False
    await _undo(txn)
    return True


async def _undo(txn: BaseTransaction) -> None:
    try:
        for hook in reversed(txn.on_rollback_hooks):
            await run_hook(txn, hook, "rollback")
        txn.state = TransactionState.ROLLED_BACK
        for child in reversed(txn.children):
            if child.explicit or not child.is_active():  # a task that still runs looks around itself when it ends
                await roll_back(child)
        await _tell_undone(txn)
    finally:
        txn.let_go()
    around = txn.get_parent()
    if around is not None:
        await roll_back(around)


async def _tell_settled(txn: BaseTransaction) -> None:
    """Tell the journal that what a task run has staged is settled: a resume need not undo it."""
    if not txn.explicit and isinstance(txn.scope, TaskRunContext) and txn.scope.staged:
        await TaskRunSettled(txn.scope.task_run.key)


async def _tell_undone(txn: BaseTransaction) -> None:
    """Tell the journal, and the next attempt of the flow run, that what a task run did was undone."""
    if txn.explicit or not isinstance(txn.scope, TaskRunContext):
        return
    run = txn.scope.task_run
    if txn.scope.staged and run.end is not None:
        run.state = rolled_back(await Now())
        await TaskRunReopened(run.key, run.state)
    await _tell_settled(txn)
    txn.scope.forget_result()


async def _commit_children(txn: BaseTransaction) -> bool:
    for child in list(txn.children):
        if child.is_staged():
            await commit(child)
            if child.is_rolled_back():
                return False
    return True


async def _call_commit_hooks(txn: BaseTransaction) -> bool:
    for hook in txn.on_commit_hooks:
        if not await run_hook(txn, hook, "commit"):
            return False
    return True


async def _write(txn: BaseTransaction) -> bool:
    """Write the value, and let others find what the task run had to wait with."""
    if txn._is_kept and txn.write_on_commit:
        outcome = await Call(txn.verb("write"), txn._value, txn.key, None, txn.holder)
        if isinstance(outcome.error, SerializationError):
            await _tell(txn, WARNING, f"The result of transaction {txn.key!r} cannot be serialised: {outcome.error}")
            return False
        if outcome.error is not None:
            _raise_signal(outcome.error)
            await _tell(txn, ERROR, f"The result of transaction {txn.key!r} cannot be written", outcome.error)
            return False
    if txn.entry is not None:
        entry, policy = txn.entry
        if await Publish(entry, policy):
            await ResultCached(entry)
            if txn.root._locks:
                await Settle()  # whoever gets the lock next is to find it, in another process, too
    return True


async def run_hook(txn: BaseTransaction, hook: Hook, hook_type: str) -> bool:
    """Call a hook of a transaction; one that fails is logged.

    Args:
        txn: The transaction.
        hook: The hook.
        hook_type: `commit` or `rollback`.

    Returns:
        Whether it did not fail.
    """
    name = getattr(hook, "__name__", repr(hook))
    await _tell(txn, INFO, f"Running {hook_type} hook {name!r}")
    called: Awaitable[Outcome] = Call(hook, txn) if txn.scope is None else Invoke(hook, (txn,), {}, txn.scope)
    brake = None if txn.scope is None else txn.scope.brake
    with nullcontext() if brake is None else brake.shield():
        outcome = await called
    if outcome.error is not None:
        _raise_signal(outcome.error)
        await _tell(txn, ERROR, f"An error was encountered while running {hook_type} hook {name!r}", outcome.error)
        return False
    await _tell(txn, INFO, f"{hook_type.capitalize()} hook {name!r} finished running successfully")
    return True


async def read(txn: BaseTransaction) -> Any:
    """Return the record of the result; None where there is none.

    Args:
        txn: The transaction.
    """
    if not txn._is_kept or not _value_of(await Call(txn.verb("exists"), txn.key)):
        return None
    return _value_of(await Call(txn.verb("read"), txn.key, txn.holder))


async def _tell(txn: BaseTransaction, level: int, message: str, error: BaseException | None = None) -> None:
    if txn.logger is None and txn.scope is not None:
        await Say(level, message, txn.scope, error)
    elif txn.logger is not None:
        await Call(lambda: txn.logger.log(level, "%s", message, exc_info=error))


def _raise_signal(error: BaseException) -> None:
    """Raise what is no mere failure: Ctrl-C, the end of the process."""
    if not isinstance(error, Exception):
        raise error


def _value_of(outcome: Outcome) -> Any:
    if outcome.error is not None:
        raise outcome.error
    return outcome.value
