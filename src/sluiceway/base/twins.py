"""Functions of two colours: the blocking one, which has its async twin as an attribute."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, Protocol, TypeVar, cast

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")


class WithTwin(Protocol[P, R_co]):
    """A function with an async twin."""

    @property
    def aio(self) -> Callable[P, Coroutine[Any, Any, R_co]]:
        """The async twin."""
        ...

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


def with_twin(twin: Callable[P, Coroutine[Any, Any, R]]) -> Callable[[Callable[P, R]], WithTwin[P, R]]:
    """Return what gives a function its async twin, as the attribute `aio`.

    Args:
        twin: The twin, which takes the same arguments.
    """

    def decorate(function: Callable[P, R]) -> WithTwin[P, R]:
        function.aio = twin  # type: ignore[attr-defined]  # functions take attributes
        return cast("WithTwin[P, R]", function)

    return decorate
