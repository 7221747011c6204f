"""Pairs: a blocking function that has its async form at hand, as its attribute `aio`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, cast, overload

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Pair(Protocol[P, R_co]):
    """A blocking function with its async form."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Do it, and return what comes of it."""
        ...

    @property
    def aio(self) -> Callable[P, Coroutine[Any, Any, R_co]]:
        """The same for async code, to be awaited."""
        ...


def paired(aio: Callable[P, Coroutine[Any, Any, R]]) -> Callable[[Callable[P, R]], Pair[P, R]]:
    """Give a blocking function its async form.

    Args:
        aio: The async form.
    """

    def give(function: Callable[P, R]) -> Pair[P, R]:
        function.aio = aio  # type: ignore[attr-defined]  # functions take attributes
        return cast("Pair[P, R]", function)

    return give


class PairedMethod(Generic[P, R_co]):
    """A blocking method with its async form: `thing.verb()`, and `await thing.verb.aio()`.

    Args:
        function: The blocking form.
        aio: The async form.
    """

    def __init__(
        self,
        function: Callable[Concatenate[Any, P], R_co],
        aio: Callable[Concatenate[Any, P], Coroutine[Any, Any, R_co]],
    ) -> None:
        self._function = function
        self._aio = aio
        self.__doc__ = function.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> PairedMethod[P, R_co]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Pair[P, R_co]: ...
    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None:
            return self
        return _BoundPair(MethodType(self._function, instance), MethodType(self._aio, instance))


class _BoundPair:
    """Both forms of a method of one object.

    Args:
        function: The blocking form.
        aio: The async form.
    """

    __slots__ = ("__wrapped__", "aio")

    def __init__(self, function: MethodType, aio: MethodType) -> None:
        self.__wrapped__ = function
        self.aio = aio

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped__(*args, **kwargs)


def paired_method(
    aio: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]],
) -> Callable[[Callable[Concatenate[Any, P], R]], PairedMethod[P, R]]:
    """Give a blocking method its async form.

    Args:
        aio: The async form.
    """
    return lambda function: PairedMethod(function, aio)
