"""Helpers for tests that people know from elsewhere."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from sluiceway.base.errors import ObjectNotFound
from sluiceway.client.orchestration import Client
from sluiceway.client.schemas.objects import FlowRun
from sluiceway.drivers.stored import StoredValue
from sluiceway.model.results import StoredResult
from sluiceway.model.states import State
from sluiceway.storage.places import place_of
from sluiceway.storage.serializers import Serializer, resolve_serializer
from sluiceway.testing.harness import test_harness

__all__ = [
    "assert_does_not_warn",
    "assert_uses_result_serializer",
    "assert_uses_result_storage",
    "exceptions_equal",
    "get_most_recent_flow_run",
    "sluiceway_test_harness",
]


def sluiceway_test_harness(server_startup_timeout: int | None = 30) -> test_harness:
    """Return a private place for runs; `sluiceway.testing.test_harness` under the name that people look for.

    Args:
        server_startup_timeout: Accepted for compatibility: there is no server to wait for.
    """
    return test_harness()


def exceptions_equal(a: BaseException, b: BaseException) -> bool:
    """Return whether two exceptions are of the same type and were made with equal arguments.

    Args:
        a: An exception.
        b: Another one, such as the same after it was pickled.
    """
    return a is b or (type(a) is type(b) and a.args == b.args)


@contextmanager
def assert_does_not_warn(ignore_warnings: list[type[Warning]] | None = None) -> Generator[None, None, None]:
    """Fail if a warning is given within.

    Args:
        ignore_warnings: Kinds of warnings that do not count.

    Raises:
        AssertionError: A warning was given; the message is that of the warning.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in ignore_warnings or ():
            warnings.filterwarnings("ignore", category=kind)
        try:
            yield
        except Warning as warning:
            raise AssertionError(f"A warning was given: {warning!r}") from warning


async def get_most_recent_flow_run(client: Client | None = None, flow_name: str | None = None) -> FlowRun:
    """Return the newest flow run.

    Args:
        client: Reads the journal; by default one of its own.
        flow_name: Only runs of this flow.

    Raises:
        ObjectNotFound: There is none.
    """
    from sluiceway.client.schemas.filters import FlowFilter, FlowFilterName  # heavy: loads Pydantic

    chosen = None if flow_name is None else FlowFilter(name=FlowFilterName(any_=[flow_name]))
    runs = await (client or Client()).read_flow_runs(flow_filter=chosen, limit=1)
    if not runs:
        raise ObjectNotFound(f"No flow {flow_name!r} has run." if flow_name else "No flow has run.")
    return runs[0]


async def assert_uses_result_serializer(
    state: State[Any], serializer: str | Serializer[Any], client: Client | None = None
) -> None:
    """Fail unless the result of a run was stored with a serializer.

    Args:
        state: The state of the run, as a client read it.
        serializer: The serializer, or its name.
        client: Accepted for compatibility: the state knows where its result is.

    Raises:
        AssertionError: It was stored with another one, or not at all.
    """
    used, wanted = _stored(state).serializer, resolve_serializer(serializer).label
    assert used == wanted, f"The result was stored with {used}, not with {wanted}."


async def assert_uses_result_storage(state: State[Any], storage: Any, client: Client | None = None) -> None:
    """Fail unless the result of a run is in a storage.

    Args:
        state: The state of the run, as a client read it.
        storage: The file system, path or URL.
        client: Accepted for compatibility: the state knows where its result is.

    Raises:
        AssertionError: It is elsewhere: in another storage, in the run database, or nowhere.
    """
    location, wanted = _stored(state).location, place_of(storage).root
    where = "in the run database" if location is None else f"at {location}"
    assert location is not None, f"The result is {where}, not in {wanted}."
    assert location.startswith(wanted), f"The result is {where}, not in {wanted}."


def _stored(state: State[Any]) -> StoredResult:
    """Return what is known of the stored result of a state."""
    if not isinstance(state.data, StoredValue):
        raise AssertionError(f"The state was not read by a client, so that nothing is known of its result: {state!r}.")
    stored: StoredResult = state.data.stored()
    return stored
