"""Two colours of one verb: written once as a blocking method, called as it is or awaited."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

P = ParamSpec("P")
R = TypeVar("R")


class Blocking:
    """A client whose verbs are called."""


class Asynchronous:
    """A client whose verbs are awaited: each runs in a worker thread of the loop."""


class verb(Generic[P, R]):
    """A method that takes the colour of the client it is reached through.

    Args:
        function: The blocking method.
    """

    def __init__(self, function: Callable[Concatenate[Any, P], R]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> Callable[Concatenate[Any, P], R]: ...
    @overload
    def __get__(self, client: Blocking, owner: type) -> Callable[P, R]: ...
    @overload
    def __get__(self, client: Asynchronous, owner: type) -> Callable[P, Coroutine[Any, Any, R]]: ...
    def __get__(self, client: object, owner: type) -> Any:
        if client is None:
            return self._function
        method = MethodType(self._function, client)
        return _awaited(method) if isinstance(client, Asynchronous) else method


def _awaited(method: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Return a coroutine function that runs a blocking one in a worker thread."""

    @functools.wraps(method)
    async def in_thread(*args: P.args, **kwargs: P.kwargs) -> R:
        import asyncio  # lazy: only async code gets here

        return await asyncio.to_thread(method, *args, **kwargs)

    return in_thread
