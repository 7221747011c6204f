"""Cache policies: from what the key is made under which the result of a task is kept and found again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeAlias

from sluiceway.base.errors import HashError, InvalidOptionError
from sluiceway.base.hashing import code_hash, stable_hash

if TYPE_CHECKING:
    from uuid import UUID

PUBLIC_MODULE = "sluiceway.cache_policies"

ISOLATION_LEVELS = ("READ_COMMITTED", "SERIALIZABLE")


class CachedTask(Protocol):
    """What a policy reads of a task."""

    @property
    def fn(self) -> Callable[..., Any]:
        """The function of the task."""
        ...

    @property
    def name(self) -> str:
        """The name of the task."""
        ...

    @property
    def task_key(self) -> str:
        """What names the task in every run and process."""
        ...


class CachedTaskRun(Protocol):
    """What a policy reads of a task run."""

    @property
    def id(self) -> UUID:
        """The identifier of the run."""
        ...

    @property
    def flow_run_id(self) -> UUID | None:
        """The flow run that it belongs to; None outside flows."""
        ...


class KeyContext(Protocol):
    """The run that a key is made for, as `TaskRunContext` tells it."""

    @property
    def task(self) -> CachedTask:
        """The task."""
        ...

    @property
    def task_run(self) -> CachedTaskRun:
        """Its run."""
        ...


CacheKeyFn: TypeAlias = Callable[[Any, dict[str, Any]], str | None]
"""Makes a key from the `TaskRunContext` and the bound arguments; None for not to cache."""


class CachePolicy:
    """From what a cache key is made; subclass it and write `compute_key` for a policy of your own.

    Policies are joined by `+` and never change: `configure`, `+` and `-` return others.

    Args:
        key_storage: Where cached results are looked up: a file system, a folder or a URL; None for the run
            database and result storage.
        isolation_level: `SERIALIZABLE` for one run of a key at a time; None is `READ_COMMITTED`.
        lock_manager: What locks keys for `SERIALIZABLE`.

    Raises:
        InvalidOptionError: There is no such isolation level.
    """

    key_storage: Any = None
    isolation_level: Any = None
    lock_manager: Any = None

    def __init__(self, key_storage: Any = None, isolation_level: Any = None, lock_manager: Any = None) -> None:
        self.key_storage = key_storage
        self.isolation_level = _checked_level(isolation_level)
        self.lock_manager = lock_manager

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__ == __name__:
            cls.__module__ = PUBLIC_MODULE

    @classmethod
    def from_cache_key_fn(cls, cache_key_fn: CacheKeyFn) -> CacheKeyFnPolicy:
        """Return the policy that leaves the key to a function.

        Args:
            cache_key_fn: Called with the `TaskRunContext` and the bound arguments; returns a key, or None.
        """
        return CacheKeyFnPolicy(cache_key_fn=cache_key_fn)

    def configure(self, key_storage: Any = None, lock_manager: Any = None, isolation_level: Any = None) -> Self:
        """Return this policy with another configuration; what is None stays as it is.

        Args:
            key_storage: Where cached results are looked up: a file system, a folder or a URL.
            lock_manager: What locks keys for `SERIALIZABLE`.
            isolation_level: `READ_COMMITTED` or `SERIALIZABLE`.

        Raises:
            InvalidOptionError: There is no such isolation level.
        """
        changes = {
            "key_storage": key_storage,
            "lock_manager": lock_manager,
            "isolation_level": _checked_level(isolation_level),
        }
        return self._with({name: value for name, value in changes.items() if value is not None})

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """Return the key for a run, or None for not to cache it.

        Args:
            task_ctx: The `TaskRunContext` of the run.
            inputs: The bound arguments by name.
            flow_parameters: The parameters of the flow run around it; empty outside flows.
            kwargs: Nothing yet; a policy of your own should accept it, so that more may be passed one day.

        Raises:
            HashError: Something that the key is made from cannot be hashed; the message names it.
        """
        raise InvalidOptionError(
            f"{type(self).__name__} does not say what its key is made from: "
            "write its method `compute_key`, or use one of INPUTS, TASK_SOURCE, RUN_ID and FLOW_PARAMETERS."
        )

    def __sub__(self, other: str) -> CachePolicy:
        """Return this policy without one input."""
        if not isinstance(other, str):
            raise TypeError(f"Only the name of an input can be taken from a cache policy, not {other!r}.")
        return self

    def __add__(self, other: CachePolicy) -> CachePolicy:
        """Return the policy whose key is made from what both keys are made from.

        Raises:
            ValueError: Both are configured, and differently.
        """
        if not isinstance(other, CachePolicy):
            raise TypeError(f"Only another cache policy can be added to a cache policy, not {other!r}.")
        if isinstance(other, _None):
            return self
        if isinstance(self, _None):
            return other
        policies = [*_parts(self), *_parts(other)]
        return CompoundCachePolicy(policies=policies, **_joined_configuration(self, other))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # compared by value, and what it holds need not be hashable

    def __repr__(self) -> str:
        shown = {"key_storage": None, "isolation_level": None, "lock_manager": None, **vars(self)}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    def _with(self, changes: Mapping[str, Any]) -> Self:
        changed = type(self).__new__(type(self))
        vars(changed).update({**vars(self), **changes})
        return changed


CachePolicy.__module__ = PUBLIC_MODULE


class CacheKeyFnPolicy(CachePolicy):
    """The key is what a function makes of the run's context and arguments.

    Such a key is taken as it is: tasks whose functions make equal keys share results.

    Args:
        key_storage: See `CachePolicy`.
        isolation_level: See `CachePolicy`.
        lock_manager: See `CachePolicy`.
        cache_key_fn: Called with the `TaskRunContext` and the bound arguments.
    """

    def __init__(
        self,
        key_storage: Any = None,
        isolation_level: Any = None,
        lock_manager: Any = None,
        cache_key_fn: CacheKeyFn | None = None,
    ) -> None:
        super().__init__(key_storage, isolation_level, lock_manager)
        self.cache_key_fn = cache_key_fn

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """Return the key that the function makes.

        Args:
            task_ctx: The `TaskRunContext` of the run.
            inputs: The bound arguments by name.
            flow_parameters: Not used.
            kwargs: Not used.

        Raises:
            InvalidOptionError: It is neither a text nor None.
        """
        if self.cache_key_fn is None:
            return None
        key: object = self.cache_key_fn(task_ctx, inputs)
        if key is None or isinstance(key, str):
            return key
        name = getattr(self.cache_key_fn, "__qualname__", repr(self.cache_key_fn))
        raise InvalidOptionError(
            f"The cache_key_fn {name} returned a value of type {type(key).__name__}; "
            "return a text, or None for not to cache."
        )


class CompoundCachePolicy(CachePolicy):
    """The key is made from the keys of several policies.

    Args:
        key_storage: See `CachePolicy`.
        isolation_level: See `CachePolicy`.
        lock_manager: See `CachePolicy`.
        policies: The policies; one that makes no key is left out.
    """

    def __init__(
        self,
        key_storage: Any = None,
        isolation_level: Any = None,
        lock_manager: Any = None,
        policies: Iterable[CachePolicy] = (),
    ) -> None:
        super().__init__(key_storage, isolation_level, lock_manager)
        self.policies: list[CachePolicy] = list(policies)

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """Return a key made from those of the policies, or None if none of them makes one.

        Args:
            task_ctx: The `TaskRunContext` of the run.
            inputs: The bound arguments by name.
            flow_parameters: The parameters of the flow run around it.
            kwargs: Passed on.

        Raises:
            HashError: Something that the key is made from cannot be hashed.
        """
        keys = [policy.compute_key(task_ctx, inputs, flow_parameters, **kwargs) for policy in self.policies]
        made = tuple(key for key in keys if key is not None)
        return _key("compound", made) if made else None

    def __sub__(self, other: str) -> CachePolicy:
        """Return this policy without one input."""
        super().__sub__(other)
        return self._with({"policies": [policy - other for policy in self.policies]})


class _None(CachePolicy):
    """Nothing is cached."""

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """Return None."""
        return None


class TaskSource(CachePolicy):
    """The key is made from the task's code, with what it closes over and the globals it reads.

    Code counts as compiled, so that comments and layout do not matter. Functions, classes and modules of the
    user's own that it refers to count by their code, others by name and version. What the function only
    writes, such as a list that it appends to, does not count.
    """

    def compute_key(
        self,
        task_ctx: Any,
        inputs: dict[str, Any] | None,
        flow_parameters: dict[str, Any] | None,
        **kwargs: Any,
    ) -> str | None:
        """Return a key made from the code of the task.

        Args:
            task_ctx: The `TaskRunContext` of the run.
            inputs: The bound arguments by name; of `self` or `cls`, the class counts.
            flow_parameters: Not used.
            kwargs: Not used.

        Raises:
            HashError: The code reads more objects than can be hashed.
        """
        context: KeyContext | None = task_ctx
        if context is None:
            return None
        function = context.task.fn
        code = (function, *_classes_of_method(function, inputs or {}))
        return _key("source", code_hash(code, f"the code of task {context.task.name!r}"))


class FlowParameters(CachePolicy):
    """The key is made from the parameters of the flow run around the task run."""

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """Return a key made from the parameters of the flow run; None if there are none.

        Args:
            task_ctx: The `TaskRunContext` of the run.
            inputs: Not used.
            flow_parameters: The parameters of the flow run around it.
            kwargs: Not used.

        Raises:
            HashError: A parameter cannot be hashed.
        """
        if not flow_parameters:
            return None
        hashes = _hashes(flow_parameters, "flow parameter", "Use another cache policy.")
        return _key("parameters", _task_key(task_ctx), hashes)


class RunId(CachePolicy):
    """The key is made from the flow run around the task run, or the task run itself outside flows."""

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """Return a key made from the identifier of the run.

        Args:
            task_ctx: The `TaskRunContext` of the run.
            inputs: Not used.
            flow_parameters: Not used.
            kwargs: Not used.
        """
        context: KeyContext | None = task_ctx
        if context is None:
            return None
        run = context.task_run
        return _key("run", _task_key(context), str(run.flow_run_id or run.id))


class Inputs(CachePolicy):
    """The key is made from the task and its inputs.

    Args:
        key_storage: See `CachePolicy`.
        isolation_level: See `CachePolicy`.
        lock_manager: See `CachePolicy`.
        exclude: The names of the inputs that do not count.
    """

    def __init__(
        self,
        key_storage: Any = None,
        isolation_level: Any = None,
        lock_manager: Any = None,
        exclude: Iterable[str] = (),
    ) -> None:
        super().__init__(key_storage, isolation_level, lock_manager)
        self.exclude: list[str] = list(exclude)

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """Return a key made from the inputs; None if there are none.

        Args:
            task_ctx: The `TaskRunContext` of the run.
            inputs: The bound arguments by name.
            flow_parameters: Not used.
            kwargs: Not used.

        Raises:
            HashError: An input cannot be hashed; the message names it.
        """
        if not inputs:
            return None
        counted = {name: value for name, value in inputs.items() if name not in self.exclude}
        return _key("inputs", _task_key(task_ctx), _hashes(counted, "argument", "Leave it out with `INPUTS - {!r}`."))

    def __sub__(self, other: str) -> CachePolicy:
        """Return this policy without one input."""
        super().__sub__(other)
        return self._with({"exclude": [*self.exclude, other]})


def _checked_level(level: Any) -> Any:
    if level is not None and getattr(level, "value", level) not in ISOLATION_LEVELS:
        raise InvalidOptionError(f"There is no isolation level {level!r}; use {' or '.join(ISOLATION_LEVELS)}.")
    return level


def _parts(policy: CachePolicy) -> list[CachePolicy]:
    return policy.policies if isinstance(policy, CompoundCachePolicy) else [policy]


def _joined_configuration(one: CachePolicy, other: CachePolicy) -> dict[str, Any]:
    joined = {}
    for option in ("key_storage", "isolation_level", "lock_manager"):
        mine, theirs = getattr(one, option), getattr(other, option)
        if mine is not None and theirs is not None and mine != theirs:
            raise ValueError(
                f"Cache policies with different {option} cannot be joined: {mine!r} and {theirs!r}. "
                f"Join them first, then `configure({option}=...)`."
            )
        joined[option] = theirs if mine is None else mine
    return joined


def _key(*parts: Any) -> str:
    return stable_hash(parts).hex()


def _task_key(task_ctx: KeyContext | None) -> str | None:
    """Return what names the task: tasks with equal inputs do not share results."""
    return None if task_ctx is None else task_ctx.task.task_key


def _hashes(values: Mapping[str, Any], what: str, remedy: str) -> dict[str, bytes]:
    hashes = {}
    for name, value in values.items():
        try:
            hashes[name] = stable_hash(value, name)
        except HashError as error:
            reason = f"The {what} {name!r} does not fit a cache key: {error}"
            raise HashError(f"{reason} {remedy.format(name)}") from None
    return hashes


def _classes_of_method(function: Callable[..., Any], inputs: Mapping[str, Any]) -> tuple[type, ...]:
    """Return the class that a method was called on, whose other methods it may use."""
    code = getattr(function, "__code__", None)
    first = code.co_varnames[0] if code is not None and code.co_argcount else None
    if first == "self" and "self" in inputs:
        return (type(inputs["self"]),)
    return (inputs["cls"],) if first == "cls" and isinstance(inputs.get("cls"), type) else ()


INPUTS = Inputs()
"""The task's inputs."""
NONE = _None()
"""Nothing is cached."""
NO_CACHE = NONE
"""Nothing is cached."""
TASK_SOURCE = TaskSource()
"""The task's code, with what it closes over and the globals it reads."""
FLOW_PARAMETERS = FlowParameters()
"""The parameters of the flow run."""
RUN_ID = RunId()
"""The flow run."""
DEFAULT = INPUTS + TASK_SOURCE + RUN_ID
"""The inputs, the code and the flow run: a task is not run twice for the same within one flow run."""


def task_input_hash(context: Any, arguments: dict[str, Any]) -> str | None:
    """Return a cache key of a call: a hash of its arguments and the source of the task. For `cache_key_fn`.

    Args:
        context: The context of the task run.
        arguments: The arguments by name.
    """
    return (INPUTS + TASK_SOURCE).compute_key(context, arguments, {})
