"""Deferrable functions: tasks, as far as their calls can be left for a worker to run."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from sluiceway import wiring
from sluiceway.drivers import scope
from sluiceway.drivers.decorated import Decorated

if TYPE_CHECKING:
    from sluiceway.drivers.futures import Future

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")


class Deferrable(Decorated[P, R_co]):
    """A function whose calls can be left for a worker to run, in another process most often."""

    @overload
    def delay(self: Deferrable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> Future[T]: ...

    @overload
    def delay(self, *args: P.args, **kwargs: P.kwargs) -> Future[R_co]: ...

    def delay(self, *args: Any, **kwargs: Any) -> Any:
        """Leave a call of the task for a worker to run, in another process most often, and return its future.

        The call is in the run database when `delay` returns, and outlives this process.

        Args:
            args: Arguments of the function; futures among them that `delay` returned are waited for by the worker,
                those of submitted tasks here.
            kwargs: Arguments of the function by name.

        Raises:
            ParameterBindError: The arguments do not fit the function.
            SerializationError: An argument cannot be pickled.
            MissingTaskError: The task was defined in no file, so that no worker could find it.
            StoreError: The call could not be written.
        """
        return self.apply_async(args, kwargs)

    @overload
    def apply_async(self: Deferrable[..., Coroutine[Any, Any, T]], *args: Any, **kwargs: Any) -> Future[T]: ...

    @overload
    def apply_async(self, *args: Any, **kwargs: Any) -> Future[R_co]: ...

    def apply_async(
        self,
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        wait_for: Iterable[Any] | None = None,
        dependencies: dict[str, set[Any]] | None = None,
    ) -> Any:
        """Leave a call of the task for a worker to run; `delay` with arguments in collections, and more.

        Args:
            args: Arguments of the function.
            kwargs: Arguments of the function by name.
            wait_for: Futures to wait for without passing them.
            dependencies: By argument, further runs to record as inputs: futures, runs or identifiers.

        Raises:
            SluicewayError: The same errors as `delay` raises.
        """
        from sluiceway.wiring.deferring import defer  # lazy: only deferred calls are packed

        context = scope.current()
        services = wiring.services() if context is None else context.services
        parameters = self.signature.bind(tuple(args or ()), kwargs or {})
        return defer(self, parameters, wait_for, dependencies, services)
