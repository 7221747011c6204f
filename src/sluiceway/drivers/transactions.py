"""Transactions in their two colours, and which one the executing code works in."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, ClassVar, NoReturn, Self, TypeVar

from sluiceway.base.ops import Op
from sluiceway.drivers import blocking, scope
from sluiceway.engine import transaction as scripts
from sluiceway.engine.contexts import TaskRunContext
from sluiceway.engine.staging import BaseTransaction, Hook
from sluiceway.model.transactions import TransactionState
from sluiceway.ports.services import Services

Result = TypeVar("Result")

_active: ContextVar[BaseTransaction | None] = ContextVar("sluiceway_transaction", default=None)
"""The innermost block of a transaction that the executing code is in."""


def current_transaction() -> BaseTransaction | None:
    """Return the transaction that the executing code works in: that of the task run, or a block in it."""
    return _within(scope.current(), _active.get(), True)


def transaction_of(context: TaskRunContext, make: bool) -> BaseTransaction | None:
    """Return the transaction of a task run; None where there is none.

    Args:
        context: The run.
        make: Whether to make one, though there is none around.
    """
    return _within(context, _active.get(), make)


def _within(context: scope.Context | None, block: BaseTransaction | None, make: bool) -> BaseTransaction | None:
    """Return what code of a run works in: a block of the run itself, its own transaction, or what is around it.

    Args:
        context: The run; None outside runs.
        block: The innermost block.
        make: Whether task runs get one of their own, though there is none around.
    """
    if context is None or (block is not None and block.scope is context):
        return block
    if not isinstance(context, TaskRunContext):
        return _within(context.parent, block, make)
    if context.transaction is None:
        around = _within(context.outer, block, make)
        if around is None and not make:
            return None
        context.transaction = _own(context, around)
    return context.transaction


def _own(context: TaskRunContext, around: BaseTransaction | None) -> BaseTransaction:
    """Return a new transaction for a task run."""
    kind = AsyncTransaction if context.task.isasync else Transaction
    made = kind(write_on_commit=False)
    made.scope, made.explicit = context, False
    if around is not None:
        around.add_child(made)
    made.prepare_transaction()
    made.state = TransactionState.ACTIVE
    return made


class Block(BaseTransaction):
    """What the blocks of both colours do alike, around what their drivers do."""

    _token: Token[BaseTransaction | None] | None = None

    def _open_block(self) -> None:
        """Become the transaction that the executing code works in."""
        around = current_transaction()
        self.scope: scope.Context | None = scope.current()
        if around is not None and around is not self:
            around.add_child(self)
        self._token = _active.set(self)

    def _close_block(self) -> None:
        if self._token is not None:
            _active.reset(self._token)
            self._token = None

    @classmethod
    def get_active(cls) -> BaseTransaction | None:
        """Return the transaction that the executing code works in; None where there is none."""
        return current_transaction()


class Transaction(Block):
    """A transaction, as the block of a `with` statement or of a task run. Made by `transaction`."""

    def _drive(self, script: Coroutine[Op[Any], Any, Result]) -> Result:
        return blocking.drive(script, _services_of(self))

    def begin(self) -> None:
        """Begin: lock the key if the transaction is to be alone, and see whether its result is there."""
        self._drive(scripts.begin(self))

    def read(self) -> Any:
        """Return the record of the result; None where there is none."""
        return self._drive(scripts.read(self))

    def commit(self) -> bool:
        """Call the hooks and write the value, now; return whether that was still to be done, and was."""
        return self._drive(scripts.commit(self))

    def rollback(self) -> bool:
        """Undo what was done here and around here, by the hooks; return whether that was still to be done."""
        return self._drive(scripts.roll_back(self))

    def run_hook(self, hook: Hook, hook_type: str) -> None:
        """Call a hook with this transaction; one that fails is logged.

        Args:
            hook: The hook.
            hook_type: `commit` or `rollback`.
        """
        self._drive(scripts.run_hook(self, hook, hook_type))

    def reset(self) -> None:
        """Have the transaction around this one be the active one again."""
        self._close_block()

    def __enter__(self) -> Self:
        self._open_block()
        try:
            self.begin()
        except BaseException:
            self._close_block()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._drive(scripts.settle(self, error is not None))
        finally:
            self._close_block()


class AsyncTransaction(Block):
    """A transaction in async code, as the block of an `async with` statement. Made by `atransaction`."""

    asynchronous: ClassVar[bool] = True

    async def _drive(self, script: Coroutine[Op[Any], Any, Result]) -> Result:
        from sluiceway.drivers import looping  # lazy: asyncio takes long to import

        return await looping.drive(script, _services_of(self))

    async def begin(self) -> None:
        """Begin: lock the key if the transaction is to be alone, and see whether its result is there."""
        await self._drive(scripts.begin(self))

    async def read(self) -> Any:
        """Return the record of the result; None where there is none."""
        return await self._drive(scripts.read(self))

    async def commit(self) -> bool:
        """Call the hooks and write the value, now; return whether that was still to be done, and was."""
        return await self._drive(scripts.commit(self))

    async def rollback(self) -> bool:
        """Undo what was done here and around here, by the hooks; return whether that was still to be done."""
        return await self._drive(scripts.roll_back(self))

    async def run_hook(self, hook: Hook, hook_type: str) -> None:
        """Call a hook with this transaction; one that fails is logged.

        Args:
            hook: The hook.
            hook_type: `commit` or `rollback`.
        """
        await self._drive(scripts.run_hook(self, hook, hook_type))

    async def reset(self) -> None:
        """Have the transaction around this one be the active one again."""
        self._close_block()

    def __enter__(self) -> NoReturn:
        raise TypeError("An AsyncTransaction is for `async with`; use transaction() for `with`.")

    def __exit__(self, *_: object) -> None:
        """Do nothing: nobody gets in."""

    async def __aenter__(self) -> Self:
        self._open_block()
        try:
            await self.begin()
        except BaseException:
            self._close_block()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._drive(scripts.settle(self, error is not None))
        finally:
            self._close_block()


def _services_of(block: Block) -> Services:
    return _outside_runs() if block.scope is None else block.scope.services


def _outside_runs() -> Services:
    """Return what operations are performed with where there is no run; see `work_with`."""
    raise RuntimeError("Transactions outside runs need the services of the process; import sluiceway.transactions.")


def work_with(services: Callable[[], Services]) -> None:
    """Have transactions outside runs find the services of the process; the front door knows them.

    Args:
        services: Returns them.
    """
    global _outside_runs
    _outside_runs = services


Transaction.__module__ = AsyncTransaction.__module__ = "sluiceway.transactions"
