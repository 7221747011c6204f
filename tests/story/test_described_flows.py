"""The journal knows what a flow is for and what it takes."""

from __future__ import annotations

import pytest

from sluiceway import flow, get_client
from sluiceway.model.runs import FlowInfo
from sluiceway.testing import test_harness as harness

pytestmark = pytest.mark.usefixtures("sluiceway_harness")


def described(name: str) -> FlowInfo:
    with get_client(sync_client=True) as client:
        (found,) = (one for one in client.read_flows() if one.name == name)
    assert isinstance(found, FlowInfo)
    return found


def test_a_flow_is_described_by_its_docstring_and_its_signature() -> None:
    @flow
    def load(day: str, limit: int = 5) -> None:
        """Load a day.

        All of it.
        """

    load("monday")
    found = described("load")
    assert found.description == "Load a day.\n\nAll of it."
    assert found.parameter_schema == {
        "type": "object",
        "properties": {"day": {"type": "string"}, "limit": {"type": "integer", "default": 5}},
        "required": ["day"],
    }


def test_a_description_that_is_given_goes_before_the_docstring() -> None:
    @flow(description="What it does")
    def load() -> None:
        """Do something."""

    load()
    assert described("load").description == "What it does"


def test_a_function_that_takes_the_name_of_another_is_what_the_flow_is_from_then_on() -> None:
    @flow(name="load")
    def first(a: int = 1) -> None: ...

    @flow(name="load")
    def second(b: int = 1) -> None: ...

    first()
    second()
    schema = described("load").parameter_schema
    assert schema is not None
    assert list(schema["properties"]) == ["b"]


def test_each_journal_is_told() -> None:
    @flow
    def load() -> None: ...

    load()
    with harness():
        load()
        assert described("load").parameter_schema is not None


def test_child_flows_and_methods_are_described_too() -> None:
    class Work:
        @flow
        def child(self, n: int) -> int:
            return n

    @flow
    def parent() -> int:
        return Work().child(1)

    parent()
    schema = described("child").parameter_schema
    assert schema is not None
    assert schema["properties"] == {"n": {"type": "integer"}}
