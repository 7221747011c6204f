"""Operations: what a script asks of its driver.

A script is an `async def` that imports no event loop. Awaiting an operation hands it to the driver,
which performs it, blocking or not, and sends back the reply. Only `Op.__await__` ever yields.

The facts of `model/facts.py` are operations, too: awaited, they are recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sluiceway.base.ops import Op

if TYPE_CHECKING:
    from sluiceway.base.times import Moment
    from sluiceway.engine.brakes import Brake
    from sluiceway.engine.replay import Replay, Step
    from sluiceway.model.policies import ResultPolicy
    from sluiceway.model.results import CachedResult, StoredResult


class Outcome:
    """What came of a call of user code.

    Args:
        value: What it returned.
        error: What it raised, instead.
        moment: When it ended.
        timeout: For a deadline that passed: how firmly it could be enforced.
    """

    __slots__ = ("error", "moment", "timeout", "value")

    def __init__(self, value: Any, error: BaseException | None, moment: Moment, timeout: str | None = None) -> None:
        self.value: Any = value
        self.error: BaseException | None = error
        self.moment: Moment = moment
        self.timeout: str | None = timeout

    def get(self) -> Any:
        """Return the value, or raise what was raised instead."""
        if self.error is not None:
            raise self.error
        return self.value


class Now(Op["Moment"]):
    """Ask for the time."""

    __slots__ = ()


class Invoke(Op[Outcome]):
    """Call user code of either colour; what it raises comes back as a value.

    Args:
        fn: The function.
        args: Its arguments by position.
        kwargs: Its arguments by name.
        scope: The run that the code belongs to; the driver makes it the current one.
        timeout: Seconds after which the call is ended; None for never.
    """

    __slots__ = ("args", "fn", "kwargs", "scope", "timeout")

    def __init__(
        self,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        scope: Any,
        timeout: float | None = None,
    ) -> None:
        self.fn: Callable[..., Any] = fn
        self.args: tuple[Any, ...] = args
        self.kwargs: dict[str, Any] = kwargs
        self.scope: Any = scope
        self.timeout: float | None = timeout


class Call(Op[Outcome]):
    """Call a function of either colour as part of no run but the one that is current; what it raises is a value.

    Args:
        fn: The function.
        args: Its arguments.
    """

    __slots__ = ("args", "fn")

    def __init__(self, fn: Callable[..., Any], *args: Any) -> None:
        self.fn: Callable[..., Any] = fn
        self.args: tuple[Any, ...] = args


class Hold(Op[Outcome]):
    """Wait for a lock, and take it.

    Args:
        locks: What manages it.
        key: What is to be locked.
        holder: Who is to have it.
    """

    __slots__ = ("holder", "key", "locks")

    def __init__(self, locks: Any, key: str, holder: str) -> None:
        self.locks: Any = locks
        self.key: str = key
        self.holder: str = holder


class Limits(Op[Any]):
    """Ask for the slots that a task run needs by its tags; None where there is no such limit.

    Args:
        context: The run.
    """

    __slots__ = ("context",)

    def __init__(self, context: Any) -> None:
        self.context: Any = context


class Take(Op[Any]):
    """Take slots of limits if they are free and it is their turn; else stand in line for them.

    Args:
        slots: What is to be taken.
    """

    __slots__ = ("slots",)

    def __init__(self, slots: Any) -> None:
        self.slots: Any = slots


class Join(Op[Any]):
    """Ask for the transaction of a task run; None where there is none.

    Args:
        context: The run.
        make: Whether to make one, though there is none around.
    """

    __slots__ = ("context", "make")

    def __init__(self, context: Any, make: bool) -> None:
        self.context: Any = context
        self.make: bool = make


class Ship(Op[Outcome]):
    """Have the function of a task run called elsewhere: in another process, on another machine.

    Args:
        context: The run; its parameters are resolved.
    """

    __slots__ = ("context",)

    def __init__(self, context: Any) -> None:
        self.context: Any = context


class Wait(Op[None]):
    """Wait until futures are done.

    Args:
        futures: The futures.
    """

    __slots__ = ("futures",)

    def __init__(self, futures: Sequence[Any]) -> None:
        self.futures: Sequence[Any] = futures


class Settle(Op[None]):
    """Wait until the facts that were told before are written, for other processes to read.

    Args:
        strict: Whether they are to be on disk, too, where they outlive a loss of power; that they cannot be is a
            `StoreError` then.
    """

    __slots__ = ("strict",)

    def __init__(self, strict: bool = False) -> None:
        self.strict: bool = strict


class Sleep(Op[None]):
    """Let time pass.

    Args:
        seconds: How long.
        brake: What cuts it short, in threads that nothing else interrupts.
        in_line: Whether it is a wait for slots of limits. Where places are few, it keeps the one it has: who is next in
            line is to be able to go on.
    """

    __slots__ = ("brake", "in_line", "seconds")

    def __init__(self, seconds: float, brake: Brake | None = None, in_line: bool = False) -> None:
        self.seconds: float = seconds
        self.brake: Brake | None = brake
        self.in_line: bool = in_line


class Listen(Op[None]):
    """Let time pass, until somebody rings.

    Args:
        seconds: How long at most.
        bell: What they ring.
        brake: What cuts it short as well, in threads that nothing else interrupts.
    """

    __slots__ = ("bell", "brake", "seconds")

    def __init__(self, seconds: float, bell: Any, brake: Brake | None = None) -> None:
        self.seconds: float = seconds
        self.bell: Any = bell
        self.brake: Brake | None = brake


class Draw(Op[float]):
    """Ask for a random number, at least 0 and below 1."""

    __slots__ = ()


class Load(Op["CachedResult | None"]):
    """Look for a cached result.

    Args:
        key: The cache key.
        policy: Where results are kept.
    """

    __slots__ = ("key", "policy")

    def __init__(self, key: str, policy: ResultPolicy) -> None:
        self.key: str = key
        self.policy: ResultPolicy = policy


class Open(Op[Outcome]):
    """Read the value of a stored result.

    Args:
        stored: What is known of it.
    """

    __slots__ = ("stored",)

    def __init__(self, stored: StoredResult) -> None:
        self.stored: StoredResult = stored


class Remember(Op[Any]):
    """Ask for what earlier attempts of a flow run have recorded, down to the last fact told: a `Replay`.

    Args:
        context: The call that goes on with the run.
        like: The `Replay` that says what is to be done with it: that of the run around, or an empty one.
    """

    __slots__ = ("context", "like")

    def __init__(self, context: Any, like: Replay) -> None:
        self.context: Any = context
        self.like: Replay = like


class Recall(Op[Outcome]):
    """Read what a recorded step came to: the value that it returned, or the exception that it raised.

    Args:
        step: The step.
    """

    __slots__ = ("step",)

    def __init__(self, step: Step) -> None:
        self.step: Step = step


class Keep(Op["StoredResult"]):
    """Store the value that a run returned.

    Args:
        value: The value.
        policy: How results are kept.
        key: A name for it in a storage of the policy's own.
        durable: Whether it is to be on disk.
    """

    __slots__ = ("durable", "key", "policy", "value")

    def __init__(self, value: Any, policy: ResultPolicy, key: str | None = None, durable: bool = False) -> None:
        self.durable: bool = durable
        self.value: Any = value
        self.policy: ResultPolicy = policy
        self.key: str | None = key


class Publish(Op[bool]):
    """Let later runs find a stored result by its cache key.

    Args:
        entry: The result and its key.
        policy: Where results are kept.
    """

    __slots__ = ("entry", "policy")

    def __init__(self, entry: CachedResult, policy: ResultPolicy) -> None:
        self.entry: CachedResult = entry
        self.policy: ResultPolicy = policy


class Say(Op[None]):
    """Log a line about a run.

    Args:
        level: The level of the standard `logging` module.
        message: The line, or what makes it: for lines that nobody reads as a rule, but each run would pay for.
        scope: The run that it is about.
        error: An exception to show with it.
    """

    __slots__ = ("error", "level", "message", "scope")

    def __init__(
        self, level: int, message: str | Callable[[], str], scope: Any, error: BaseException | None = None
    ) -> None:
        self.level: int = level
        self.message: str | Callable[[], str] = message
        self.scope: Any = scope
        self.error: BaseException | None = error


class Abandon(Op[None]):
    """Drop the tasks that a flow run has submitted and that have not ended.

    Args:
        scope: The flow run.
        error: What ended it.
    """

    __slots__ = ("error", "scope")

    def __init__(self, scope: Any, error: BaseException) -> None:
        self.scope: Any = scope
        self.error: BaseException = error


class Emit(Op[Outcome]):
    """Hand a value of a generator run to whoever iterates over it.

    The reply is what that caller sent, or threw, back in.

    Args:
        value: The value.
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value: Any = value


DEBUG, INFO, WARNING, ERROR = 10, 20, 30, 40
"""Levels of the standard `logging` module, which scripts do not import."""
