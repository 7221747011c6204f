"""Decorated functions: what flows and tasks are alike."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from types import MethodType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, ParamSpec, Self, TypeAlias, TypeVar

from sluiceway.base.signatures import Signature, colour_of, signature_of
from sluiceway.model.policies import Hooks
from sluiceway.rules import options

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sluiceway.drivers.futures import Future
    from sluiceway.model.annotations import BaseAnnotation
    from sluiceway.model.states import State

    Deferred: TypeAlias = (
        Future[Any]
        | State[Any]
        | BaseAnnotation[Any]
        | Iterable[Future[Any] | State[Any]]
        | Mapping[Any, Future[Any] | State[Any]]
    )
    """What may stand for an argument of another type: its result is passed."""

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

Hook = Callable[..., Any]


class Decorated(Generic[P, R_co]):
    """A function with options, whose calls are runs.

    Args:
        fn: The function that was decorated; possibly a `staticmethod` or `classmethod`.
        given: The options, by name.
    """

    decorator: ClassVar[str]
    """The name of the decorator: `flow` or `task`."""

    policy: Any
    """What the function was told about how it is to run."""

    def __init__(self, fn: Any, given: dict[str, Any]) -> None:
        self._options: dict[str, Any] = given
        self._original: Any = options.function(fn, self.decorator)
        self.isstaticmethod: bool = isinstance(fn, staticmethod)
        self.isclassmethod: bool = isinstance(fn, classmethod)
        self.ismethod: bool = isinstance(fn, MethodType)
        self.fn: Callable[P, R_co] = fn.__func__ if self.isstaticmethod or self.isclassmethod else fn
        self.signature: Signature = signature_of(self.fn)
        self.signature.check_reserved(self.decorator.capitalize())
        self.colour: str = colour_of(self.fn)
        self.isasync: bool = self.colour in ("async", "async generator")
        self.isgenerator: bool = self.colour in ("generator", "async generator")
        self.description: str | None = given["description"] or getattr(self.fn, "__doc__", None)
        update_wrapper(self, self.fn, updated=())  # type: ignore[arg-type]  # it is callable by its subclasses

    @property
    def retries(self) -> int:
        """How many times a failed run is tried again."""
        return self.policy.retry.retries  # type: ignore[no-any-return]  # flows and tasks have policies of their own

    @property
    def timeout_seconds(self) -> float | None:
        """Seconds after which a run is ended; None for never."""
        return self.policy.timeout  # type: ignore[no-any-return]  # flows and tasks have policies of their own

    def varied(self, changes: dict[str, Any]) -> Self:
        """Return one of the same function with some options changed.

        Args:
            changes: Options of the decorator, by name.

        Raises:
            TypeError: There is no such option.
        """
        options.check_known(changes, self._options, self.decorator)
        return type(self)(self._original, **{**self._options, **changes})

    def _bound_to(self, instance: Any, owner: Any) -> Any:
        """Return one with its first argument bound, as methods have it."""
        if self.isstaticmethod or (instance is None and not self.isclassmethod):
            return self
        copied: Any = object.__new__(type(self))
        copied.__dict__.update(self.__dict__)
        bound: Any = MethodType(self.fn, owner if self.isclassmethod else instance)
        copied.fn = copied._original = copied.__wrapped__ = bound
        copied.signature = self.signature.bound()
        copied.ismethod, copied.isclassmethod = True, False
        return copied

    def on_completion(self, fn: Hook) -> Hook:
        """Call a function when a run completes; for use as a decorator.

        Args:
            fn: Called with the flow or task, the run and the state.
        """
        return self._add_hook("completion", fn)

    def on_failure(self, fn: Hook) -> Hook:
        """Call a function when a run fails for good; for use as a decorator.

        Args:
            fn: Called with the flow or task, the run and the state.
        """
        return self._add_hook("failure", fn)

    def on_running(self, fn: Hook) -> Hook:
        """Call a function when a run starts to run; for use as a decorator.

        Args:
            fn: Called with the flow or task, the run and the state.
        """
        return self._add_hook("running", fn)

    def _add_hook(self, kind: str, fn: Hook) -> Hook:
        option = f"on_{kind}"
        options.hooks([fn], option, self.decorator)
        hooks: Hooks = self.policy.hooks
        self._change_hooks(hooks._replace(**{kind: (*getattr(hooks, kind), fn)}))
        self._options = {**self._options, option: [*(self._options[option] or ()), fn]}
        return fn

    def _change_hooks(self, hooks: Hooks) -> None:
        self.policy = self.policy._replace(hooks=hooks)
