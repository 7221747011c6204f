"""Limits by the client: made, read, changed and deleted, in both colours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from sluiceway import get_client
from sluiceway.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate
from sluiceway.client.schemas.objects import GlobalConcurrencyLimit
from sluiceway.concurrency.sync import concurrency
from sluiceway.exceptions import InvalidOptionError, ObjectAlreadyExists, ObjectNotFound

Verb = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def verb(request: pytest.FixtureRequest) -> Verb:
    """Call a verb of a client, in either colour; the words `global_concurrency_limit` are left out."""

    def call(name: str, *arguments: Any, **named: Any) -> Any:
        first, _, rest = name.partition("_")
        name = f"{first}_global_concurrency_limit{rest if rest == 's' else '_' + rest if rest else ''}"
        if request.param == "sync":
            with get_client(sync_client=True) as client:
                return getattr(client, name)(*arguments, **named)

        async def awaited() -> Any:
            async with get_client() as client:
                return await getattr(client, name)(*arguments, **named)

        return asyncio.run(awaited())

    return call


def test_a_limit_is_made_and_read_with_what_is_taken_of_it(verb: Verb) -> None:
    key = verb("create", GlobalConcurrencyLimitCreate("db", 3, slot_decay_per_second=0.5))
    assert isinstance(key, UUID)
    with concurrency("db", occupy=2):
        assert verb("read_by_name", "db") == GlobalConcurrencyLimit(key, "db", 3, True, 2, 0.5)
    assert verb("read_by_name", "db").active_slots == 0


def test_limits_are_listed_by_name_in_parts(verb: Verb) -> None:
    for name in ("c", "a", "b"):
        verb("create", GlobalConcurrencyLimitCreate(name, 1))
    assert [limit.name for limit in verb("read_s")] == ["a", "b", "c"]
    assert [limit.name for limit in verb("read_s", limit=1, offset=1)] == ["b"]
    with pytest.raises(ValueError, match="must not be negative"):
        verb("read_s", offset=-1)


def test_what_is_not_told_stays_as_it_is_when_a_limit_is_changed(verb: Verb) -> None:
    key = verb("create", GlobalConcurrencyLimitCreate("db", 3, slot_decay_per_second=0.5))
    verb("update", "db", GlobalConcurrencyLimitUpdate(limit=4))
    verb("update", "db", GlobalConcurrencyLimitUpdate(name="database", active=False))
    assert verb("read_by_name", "database") == GlobalConcurrencyLimit(key, "database", 4, False, 0, 0.5)
    verb("upsert_by_name", "database", 5)
    assert verb("read_by_name", "database") == GlobalConcurrencyLimit(key, "database", 5, False, 0, 0.5)
    verb("upsert_by_name", "new", 6, slot_decay_per_second=2)
    assert verb("read_by_name", "new").slot_decay_per_second == 2.0


def test_a_limit_is_deleted_while_somebody_has_its_slots(verb: Verb) -> None:
    verb("create", GlobalConcurrencyLimitCreate("db", 1))
    with concurrency("db"):
        verb("delete_by_name", "db")
        with concurrency("db", timeout_seconds=0):
            assert verb("read_s") == []


def test_unknown_names_are_errors(verb: Verb) -> None:
    for call in (
        lambda: verb("read_by_name", "nope"),
        lambda: verb("delete_by_name", "nope"),
        lambda: verb("update", "nope", GlobalConcurrencyLimitUpdate(limit=2)),
    ):
        with pytest.raises(ObjectNotFound, match="no concurrency limit with the name 'nope'"):
            call()


def test_a_name_that_is_taken_is_an_error_and_nothing_is_changed(verb: Verb) -> None:
    verb("create", GlobalConcurrencyLimitCreate("one", 1))
    verb("create", GlobalConcurrencyLimitCreate("other", 2))
    before = verb("read_s")
    with pytest.raises(ObjectAlreadyExists, match="'other'"):
        verb("create", GlobalConcurrencyLimitCreate("other", 9))
    with pytest.raises(ObjectAlreadyExists, match="'other'"):
        verb("update", "one", GlobalConcurrencyLimitUpdate(name="other"))
    assert verb("read_s") == before


def test_a_limit_of_zero_or_less_or_a_bad_decay_is_an_error_and_nothing_is_changed(verb: Verb) -> None:
    verb("create", GlobalConcurrencyLimitCreate("db", 1))
    before = verb("read_s")
    for call in (
        lambda: verb("create", GlobalConcurrencyLimitCreate("new", 0)),
        lambda: verb("create", GlobalConcurrencyLimitCreate("new", 1, slot_decay_per_second=-1)),
        lambda: verb("create", GlobalConcurrencyLimitCreate("", 1)),
        lambda: verb("update", "db", GlobalConcurrencyLimitUpdate(limit=-3)),
        lambda: verb("upsert_by_name", "db", 0),
        lambda: verb("upsert_by_name", "db", 1, slot_decay_per_second=float("nan")),
    ):
        with pytest.raises(InvalidOptionError):
            call()
    assert verb("read_s") == before
