"""A private place for runs: a journal in memory, which nobody else sees and which ends with the test."""

from __future__ import annotations

import functools
import inspect
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Literal, ParamSpec, TypeVar

from sluiceway import wiring
from sluiceway.base import ids
from sluiceway.base.errors import StoreError
from sluiceway.client.orchestration import SyncClient
from sluiceway.ports.services import Services
from sluiceway.ports.store import Clock
from sluiceway.testing.clock import VirtualClock
from sluiceway.wiring.configuration import load_settings

P = ParamSpec("P")
R = TypeVar("R")

DRAIN_SECONDS = 30.0

_OUTSIDE = frozenset({"profile", "api_url", "api_key", "results_storage"})
"""Settings that would lead out of the private place, wherever they stand."""


def drain(timeout: float = DRAIN_SECONDS) -> None:
    """Wait until all that was recorded so far can be read.

    Args:
        timeout: How long to wait at most, in seconds.

    Raises:
        StoreError: It could not be written in that time.
    """
    _drain(wiring.services(), timeout)


class Harness:
    """What a test has in its hands of its private place.

    Args:
        services: What runs work with within.
    """

    def __init__(self, services: Services) -> None:
        self.services: Services = services
        self.client: SyncClient = SyncClient(services)

    @property
    def clock(self) -> Clock:
        """The time as runs see it."""
        return self.services.clock

    def drain(self, timeout: float = DRAIN_SECONDS) -> None:
        """Wait until all that was recorded so far can be read.

        Args:
            timeout: How long to wait at most, in seconds.

        Raises:
            StoreError: It could not be written in that time.
        """
        _drain(self.services, timeout)


class test_harness:
    """Run flows and tasks in a private place: a journal in memory, large results in a folder that is removed.

    A context manager, or a decorator of sync and async functions. It holds for the whole process, threads
    included, may be nested, and neither reads nor writes the home folder.

    Args:
        clock: `"system"`, or `"virtual"` for one that skips retry delays, or a clock of your own.

    Raises:
        ValueError: There is no such clock.

    Example:
        ```python
        def test_greeting():
            with test_harness() as harness:
                assert hello("Ada") == "Hello Ada"
                (run,) = harness.client.read_flow_runs()
                assert run.state_name == "Completed"
        ```
    """

    __test__ = False  # pytest is not to take it for a test where it is imported

    def __init__(self, clock: Literal["system", "virtual"] | Clock = "system") -> None:
        if clock not in ("system", "virtual") and not hasattr(clock, "asleep"):
            raise ValueError(
                f"clock should be 'system', 'virtual' or a clock, not {clock!r}. "
                "As a decorator, write @test_harness() with parentheses."
            )
        self._clock: Literal["system", "virtual"] | Clock = clock
        self._entered: list[tuple[AbstractContextManager[Services], str]] = []

    def __enter__(self) -> Harness:
        folder = os.path.join(tempfile.gettempdir(), f"sluiceway-test-{ids.new_id().hex()}")
        services = wiring.build(load_settings(_private(os.environ, folder), os.getcwd(), _OUTSIDE))
        if not isinstance(self._clock, str):
            services.clock = self._clock
        elif self._clock == "virtual":
            services.clock = VirtualClock()
        within = wiring.use(services)
        within.__enter__()
        self._entered.append((within, folder))
        return Harness(services)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        within, folder = self._entered.pop()
        try:
            within.__exit__(kind, error, trace)
        finally:
            if os.path.isdir(folder):
                shutil.rmtree(folder, ignore_errors=True)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return a function each call of which runs in a private place of its own."""
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"{function.__name__} is a generator, of which one cannot know when it ends; "
                "use `with test_harness():` in it."
            )
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*args: P.args, **kwargs: P.kwargs) -> Any:
                with test_harness(self._clock):
                    return await function(*args, **kwargs)

            return awaited  # type: ignore[return-value]  # a coroutine function stays one

        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            with test_harness(self._clock):
                return function(*args, **kwargs)

        return called


def _private(environ: Mapping[str, str], folder: str) -> dict[str, str]:
    """Return an environment with a home folder of its own, and a journal in memory."""
    return {**environ, "SLUICEWAY_HOME": folder, "SLUICEWAY_DATABASE_URL": "memory:"}


def _drain(services: Services, timeout: float) -> None:
    if not services.recorder.drain(timeout):
        raise StoreError(f"Not all that was recorded could be written within {timeout:g} s.")
