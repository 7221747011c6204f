"""Variables: values by name that are set from outside, and that any run can read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from sluiceway import flow, task
from sluiceway.client import SyncClient
from sluiceway.client.schemas.actions import VariableCreate, VariableUpdate
from sluiceway.client.schemas.filters import VariableFilter
from sluiceway.exceptions import InvalidNameError, InvalidOptionError, ObjectAlreadyExists, ObjectNotFound
from sluiceway.rules.keepsakes import MAX_VALUE
from sluiceway.testing import Harness, test_harness
from sluiceway.variables import MAX_VARIABLE_NAME_LENGTH, Variable


@pytest.fixture(autouse=True)
def harness() -> Iterator[Harness]:
    with test_harness() as place:
        yield place


@pytest.fixture
def client(harness: Harness) -> SyncClient:
    return harness.client


@pytest.mark.parametrize("value", ["text", "", 7, 1.5, True, None, [1, "ü"], {"a": {"b": []}}, "1"])
def test_a_value_is_read_as_it_was_set(value: Any) -> None:
    assert Variable.set("v", value, ["b", "a"]) == Variable("v", value, ["a", "b"])
    found = Variable.get("v", "default")
    assert found == value
    assert type(found) is type(value)


def test_without_a_variable_the_default_is_read() -> None:
    assert Variable.get("missing") is None
    assert Variable.get("missing", 3) == 3


def test_a_variable_is_changed_only_if_that_is_asked_for() -> None:
    Variable.set("v", 1)
    with pytest.raises(ObjectAlreadyExists, match=r"with the name 'v' already\. Pass overwrite=True"):
        Variable.set("v", 2)
    assert Variable.get("v") == 1
    Variable.set("v", 2, overwrite=True)
    assert Variable.get("v") == 2


def test_a_variable_is_unset() -> None:
    Variable.set("v", 1)
    assert Variable.unset("v")
    assert not Variable.unset("v")
    assert Variable.get("v") is None


@pytest.mark.parametrize("name", ["", "Upper", "with space", "a.b", "x" * (MAX_VARIABLE_NAME_LENGTH + 1), 3])
def test_a_bad_name_is_refused_with_the_rule(name: Any) -> None:
    with pytest.raises(InvalidNameError, match="lower-case letters"):
        Variable.set(name, 1)


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x", [object()], (1, 2)])
def test_a_value_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(InvalidOptionError, match=r"A variable is a text|JSON does not know"):
        Variable.set("v", value)


def test_a_value_that_is_too_large_is_refused_with_the_remedy() -> None:
    Variable.set("v", "x" * (MAX_VALUE - 2))
    with pytest.raises(InvalidOptionError, match=r"may take 65,536\. Keep it in a file"):
        Variable.set("v", "x" * (MAX_VALUE - 1), overwrite=True)


def test_tags_are_texts() -> None:
    with pytest.raises(InvalidOptionError, match="they are a list of texts"):
        Variable.set("v", 1, "text")  # type: ignore[arg-type]  # the very mistake


def test_runs_read_and_set_variables() -> None:
    @task
    def grown() -> int:
        value = Variable.get("size")
        assert isinstance(value, int)
        Variable.set("size", value + 1, overwrite=True)
        return value

    @flow
    def growing() -> list[int]:
        return [grown(), grown()]

    Variable.set("size", 5)
    assert growing() == [5, 6]
    assert Variable.get("size") == 7


def test_async_code_awaits_the_same() -> None:
    async def ask() -> tuple[Any, ...]:
        made = await Variable.aset("v", 1)
        return made.value, await Variable.aget("v"), await Variable.aunset("v"), await Variable.aget("v", 2)

    assert asyncio.run(ask()) == (1, 1, True, 2)


def test_the_client_makes_reads_changes_and_deletes_them(client: SyncClient) -> None:
    first = client.create_variable(VariableCreate(name="a", value=1, tags=["x"]))
    second = client.create_variable(VariableCreate(name="b", value=[2]))
    assert client.read_variable_by_name("a") == first
    assert client.read_variable_by_name("c") is None
    assert client.read_variables() == [first, second]
    assert client.read_variables(variable_filter=VariableFilter(tags={"all_": ["x"]})) == [first]
    assert client.read_variables(variable_filter=VariableFilter(name={"any_": ["b"]})) == [second]
    assert client.read_variables(limit=1, offset=1) == [second]
    client.update_variable(VariableUpdate(name="a", value=3))
    changed = client.read_variable_by_name("a")
    assert changed is not None
    assert (changed.id, changed.value, changed.tags, changed.created) == (first.id, 3, ["x"], first.created)
    client.update_variable(VariableUpdate(name="a", value=3, tags=[]))
    assert client.read_variables(variable_filter=VariableFilter(tags={"all_": ["x"]})) == []
    assert client.delete_variable_by_name("a")
    assert not client.delete_variable_by_name("a")
    with pytest.raises(ObjectNotFound, match="no variable with the name 'a'"):
        client.update_variable(VariableUpdate(name="a", value=3))
    with pytest.raises(ObjectAlreadyExists, match="a variable with the name 'b' already"):
        client.create_variable(VariableCreate(name="b", value=1))
