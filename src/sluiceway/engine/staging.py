"""Transactions as values: what is staged in one, how far it is, and who may end it.

Transactions form a tree. Each `with transaction()` is one, and so is each task run in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar, Self

from sluiceway.base.errors import ConfigurationError, InvalidOptionError
from sluiceway.base.ids import new_id
from sluiceway.model.annotations import NotSet
from sluiceway.model.transactions import CommitMode, IsolationLevel, TransactionState

if TYPE_CHECKING:
    from sluiceway.engine.contexts import FlowRunContext, TaskRunContext
    from sluiceway.model.policies import ResultPolicy
    from sluiceway.model.results import CachedResult

Hook = Callable[..., Any]


class BaseTransaction:
    """What sync and async transactions have in common. Made by `transaction` and `atransaction`.

    Args:
        store: Where the result is kept.
        key: The name that it is kept by; None for not to keep it.
        children: The transactions within, in the order they came.
        commit_mode: When it is committed; None for as the transaction around it, or `LAZY`.
        isolation_level: What transactions of one key see of each other; None for as around it.
        state: How far it is.
        on_commit_hooks: What to call when it is committed.
        on_rollback_hooks: What to call when it is rolled back.
        overwrite: Whether to run in any case, and replace the result.
        logger: Where it tells what it does; by default the log of the run.
        write_on_commit: Whether the staged value is written to the store.

    Raises:
        InvalidOptionError: There is no such commit mode or isolation level.
    """

    asynchronous: ClassVar[bool] = False
    """Whether the verbs of the store that are coroutine functions are used."""

    def __init__(
        self,
        *,
        store: Any = None,
        key: str | None = None,
        children: Iterable[Self] = (),
        commit_mode: CommitMode | str | None = None,
        isolation_level: IsolationLevel | str | None = IsolationLevel.READ_COMMITTED,
        state: TransactionState = TransactionState.PENDING,
        on_commit_hooks: Iterable[Hook] = (),
        on_rollback_hooks: Iterable[Hook] = (),
        overwrite: bool = False,
        logger: Any = None,
        write_on_commit: bool = True,
    ) -> None:
        self.store: Any = store
        self.key: str | None = key
        self.children: list[BaseTransaction] = list(children)
        self.commit_mode: CommitMode | None = _one_of(CommitMode, commit_mode)
        self.isolation_level: IsolationLevel | None = _one_of(IsolationLevel, isolation_level)
        self.state: TransactionState = state
        self.on_commit_hooks: list[Hook] = list(on_commit_hooks)
        self.on_rollback_hooks: list[Hook] = list(on_rollback_hooks)
        self.overwrite: bool = overwrite
        self.logger: Any = logger
        self.write_on_commit: bool = write_on_commit
        self.scope: FlowRunContext | TaskRunContext | None = None
        """The run that it belongs to."""
        self.explicit: bool = True
        """Whether somebody asked for it, rather than a task run having one of its own."""
        self.entry: tuple[CachedResult, ResultPolicy] | None = None
        """What goes into the cache when it is committed."""
        self._id: bytes = new_id()
        self._parent: BaseTransaction | None = None
        self._values: dict[str, Any] = {}
        self._value: Any = None
        self._open: list[bool] = [True]
        """Holds one thing, which whoever ends the transaction takes; of several threads, one gets it."""
        self._locks: dict[tuple[str, str], Any] = {}
        """What holds locks for it, by key and holder."""

    # --- values -----------------------------------------------------------------------------------

    def set(self, name: str, value: Any) -> None:
        """Keep a value for hooks, and for the transactions within.

        Args:
            name: Its name.
            value: The value.
        """
        self._values[name] = value

    def get(self, name: str, default: Any = NotSet) -> Any:
        """Return a copy of a value that was set here or in a transaction around this one.

        Args:
            name: Its name.
            default: What to return where there is none.

        Raises:
            ValueError: There is none, and no default.
        """
        holder: BaseTransaction | None = self
        while holder is not None:
            if name in holder._values:
                return deepcopy(holder._values[name])
            holder = holder._parent
        if default is NotSet:
            raise ValueError(f"Nothing was set by the name {name!r} in this transaction.")
        return default

    def stage(
        self,
        value: Any,
        on_rollback_hooks: Iterable[Hook] | None = None,
        on_commit_hooks: Iterable[Hook] | None = None,
    ) -> None:
        """Have a value written when the transaction is committed, and hooks called when it ends.

        Args:
            value: The value.
            on_rollback_hooks: What to call when it is rolled back, beside the hooks that there are.
            on_commit_hooks: What to call when it is committed, beside the hooks that there are.
        """
        if self.state is TransactionState.COMMITTED:
            return
        if self.state is TransactionState.ROLLED_BACK:
            self._open[:] = [True]
        self._value = value
        self.on_rollback_hooks += on_rollback_hooks or ()
        self.on_commit_hooks += on_commit_hooks or ()
        self.state = TransactionState.STAGED

    # --- how far it is ------------------------------------------------------------------------------

    def is_committed(self) -> bool:
        """Return whether it is committed: by itself, or by an earlier one of its key."""
        return self.state is TransactionState.COMMITTED

    def is_rolled_back(self) -> bool:
        """Return whether it is rolled back."""
        return self.state is TransactionState.ROLLED_BACK

    def is_staged(self) -> bool:
        """Return whether it waits for being committed or rolled back."""
        return self.state is TransactionState.STAGED

    def is_pending(self) -> bool:
        """Return whether it has not begun."""
        return self.state is TransactionState.PENDING

    def is_active(self) -> bool:
        """Return whether it has begun and nothing is staged."""
        return self.state is TransactionState.ACTIVE

    # --- the tree -----------------------------------------------------------------------------------

    def add_child(self, transaction: BaseTransaction) -> None:
        """Have another transaction be committed and rolled back with this one.

        Args:
            transaction: The other one.
        """
        transaction._parent = self
        self.children.append(transaction)

    def get_parent(self) -> BaseTransaction | None:
        """Return the transaction around this one; None for the outermost one."""
        return self._parent

    @property
    def root(self) -> BaseTransaction:
        """The outermost one."""
        return self if self._parent is None else self._parent.root

    @property
    def awaited(self) -> bool:
        """Whether somebody asked for this one or for one around it, so that nothing is final before it ends."""
        return self.explicit or (self._parent is not None and self._parent.awaited)

    def prepare_transaction(self) -> None:
        """Take over what the transaction around this one decides.

        Raises:
            ConfigurationError: It is `SERIALIZABLE`, and its store has no locks.
        """
        around = self._parent
        if self.commit_mode is None:
            self.commit_mode = CommitMode.LAZY if around is None else around.commit_mode
        if self.isolation_level is None:
            self.isolation_level = IsolationLevel.READ_COMMITTED if around is None else around.isolation_level
        if self._is_kept and self._is_serializable and not self.store.supports_isolation_level(self.isolation_level):
            raise ConfigurationError(
                f"The transaction {self.key!r} is SERIALIZABLE, for which its store needs a lock manager: "
                "ResultStore(lock_manager=…), with one of sluiceway.locking."
            )

    @property
    def _is_kept(self) -> bool:
        return self.store is not None and self.key is not None

    @property
    def _is_serializable(self) -> bool:
        return self.isolation_level is IsolationLevel.SERIALIZABLE

    def take_over(self) -> None:
        """Take note that an earlier transaction has done all that there was to do."""
        self.state = TransactionState.COMMITTED
        self.take_end()

    # --- ending, once -------------------------------------------------------------------------------

    def take_end(self) -> bool:
        """Return whether the caller is to end the transaction, rather than somebody else, or nobody any more."""
        try:
            return self._open.pop()
        except IndexError:
            return False

    @property
    def holder(self) -> str:
        """What it is called as a holder of locks: transactions in one another are one holder."""
        return f"transaction-{self.root._id.hex()}"

    def note_lock(self, locks: Any, key: str, holder: str) -> None:
        """Take note of a lock that is to be given back when the transaction ends.

        Args:
            locks: What manages it.
            key: What is locked.
            holder: Who has it.
        """
        self._locks[key, holder] = locks

    def let_go(self) -> None:
        """Give the locks back. Doing it twice is harmless; it never waits, so scripts do it even when torn apart."""
        while self._locks:
            (key, holder), locks = self._locks.popitem()
            if locks.is_lock_holder(key, holder):
                locks.release_lock(key, holder)

    def verb(self, name: str) -> Callable[..., Any]:
        """Return a verb of the store, in the colour of the transaction.

        Args:
            name: The blocking verb.
        """
        found: Callable[..., Any] = getattr(self.store, f"a{name}" if self.asynchronous else name)
        return found

    def __repr__(self) -> str:
        return f"{type(self).__name__}(key={self.key!r}, state={self.state.name})"


def _one_of(kind: Any, given: Any) -> Any:
    """Return a word of an enumeration, given as such or as text."""
    if given is None:
        return None
    try:
        return kind(given)
    except ValueError:
        words = ", ".join(word.name for word in kind)
        raise InvalidOptionError(f"{given!r} is no {kind.__name__}; there are {words}.") from None


BaseTransaction.__module__ = "sluiceway.transactions"
