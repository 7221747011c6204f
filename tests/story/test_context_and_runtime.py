"""Context: what the executing code can know of its runs, and the tags that hold around it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from enum import StrEnum
from typing import Any

import pytest

from sluiceway import flow, runtime, tags, task
from sluiceway.context import FlowRunContext, TagsContext, TaskRunContext, get_run_context
from sluiceway.exceptions import MissingContextError
from sluiceway.testing import Harness, VirtualClock

pytestmark = pytest.mark.usefixtures("sluiceway_harness")

FLOW_FIELDS = (
    "id name flow_name flow_version tags parameters parent_flow_run_id root_flow_run_id scheduled_start_time run_count"
).split()

TASK_FIELDS = "id name task_name tags parameters run_count".split()


def flow_facts() -> dict[str, Any]:
    return {name: getattr(runtime.flow_run, name) for name in FLOW_FIELDS}


def task_facts() -> dict[str, Any]:
    return {name: getattr(runtime.task_run, name) for name in TASK_FIELDS}


@task(tags=["own"])
def look(x: int) -> tuple[dict[str, Any], dict[str, Any]]:
    return flow_facts(), task_facts()


# --- runtime --------------------------------------------------------------------------------------


def test_a_flow_run_is_known_to_its_code(sluiceway_harness: Harness) -> None:
    @flow(flow_run_name="of-{x}", version="7")
    def outer(x: int, y: str = "b") -> dict[str, Any]:
        return flow_facts()

    with tags("nightly"):
        facts = outer(1)
    (run,) = sluiceway_harness.client.read_flow_runs()
    assert facts == {
        "id": str(run.id),
        "name": "of-1",
        "flow_name": "outer",
        "flow_version": "7",
        "tags": ["nightly"],
        "parameters": {"x": 1, "y": "b"},
        "parent_flow_run_id": None,
        "root_flow_run_id": str(run.id),
        "scheduled_start_time": facts["scheduled_start_time"],
        "run_count": 1,
    }
    assert isinstance(facts["scheduled_start_time"], datetime)


@pytest.mark.parametrize("how", ["called", "submitted"])
def test_a_task_run_is_known_to_its_code_and_so_is_the_flow_run(how: str, sluiceway_harness: Harness) -> None:
    @flow
    def outer() -> Any:
        return look(3) if how == "called" else look.submit(3).result()

    of_the_flow, of_the_task = outer()
    (flow_run,) = sluiceway_harness.client.read_flow_runs()
    (task_run,) = sluiceway_harness.client.read_task_runs()
    assert of_the_flow["id"] == str(flow_run.id)
    assert of_the_task == {
        "id": str(task_run.id),
        "name": task_run.name,
        "task_name": "look",
        "tags": ["own"],
        "parameters": {"x": 3},
        "run_count": 1,
    }


def test_a_child_flow_knows_its_parent_and_its_root(sluiceway_harness: Harness) -> None:
    @flow
    def grandchild() -> dict[str, Any]:
        return flow_facts()

    @flow
    def child() -> list[dict[str, Any]]:
        return [flow_facts(), grandchild()]

    @flow
    def parent() -> list[dict[str, Any]]:
        return [flow_facts(), *child()]

    first, second, third = parent()
    assert (first["parent_flow_run_id"], first["root_flow_run_id"]) == (None, first["id"])
    assert (second["parent_flow_run_id"], second["root_flow_run_id"]) == (first["id"], first["id"])
    assert (third["parent_flow_run_id"], third["root_flow_run_id"]) == (second["id"], first["id"])


def test_the_run_count_is_that_of_the_present_try(virtual_clock: VirtualClock) -> None:
    counts = []

    @task(retries=2)
    def flaky() -> None:
        counts.append(runtime.task_run.run_count)
        raise ValueError

    @flow(retries=1)
    def outer() -> None:
        counts.append(runtime.flow_run.run_count * 10)
        flaky()

    outer(return_state=True)
    assert counts == [10, 1, 2, 3, 20, 1, 2, 3]


def test_outside_runs_nothing_is_known() -> None:
    assert {name: value for name, value in flow_facts().items() if name != "scheduled_start_time"} == {
        "id": None,
        "name": None,
        "flow_name": None,
        "flow_version": None,
        "tags": [],
        "parameters": {},
        "parent_flow_run_id": None,
        "root_flow_run_id": None,
        "run_count": 0,
    }
    assert isinstance(runtime.flow_run.scheduled_start_time, datetime)
    assert task_facts() == {
        "id": None,
        "name": None,
        "task_name": None,
        "tags": [],
        "parameters": {},
        "run_count": 0,
    }
    assert (runtime.deployment.id, runtime.deployment.name, runtime.deployment.parameters) == (None, None, {})


def test_a_run_that_no_deployment_made_has_none() -> None:
    @flow
    def outer() -> tuple[Any, ...]:
        return runtime.deployment.id, runtime.deployment.flow_run_id, runtime.flow_run.id

    deployment, of_the_deployment, own = outer()
    assert (deployment, of_the_deployment) == (None, own)


@pytest.mark.parametrize("module", [runtime.flow_run, runtime.task_run, runtime.deployment])
def test_what_cannot_be_known_is_an_error_that_lists_what_can(module: Any) -> None:
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match=r"has no attribute 'colour'; it has: .*id"):
        _ = module.colour


def test_what_user_code_does_to_the_parameters_it_was_told_changes_nothing() -> None:
    @flow
    def outer(x: int) -> Any:
        runtime.flow_run.parameters["x"] = 99
        return runtime.flow_run.parameters["x"], x

    assert outer(1) == (1, 1)


# --- contexts -------------------------------------------------------------------------------------


def test_the_context_is_that_of_the_innermost_run() -> None:
    @task
    def inner() -> Any:
        return get_run_context(), FlowRunContext.get(), TaskRunContext.get()

    @flow
    def outer() -> Any:
        return (get_run_context(), FlowRunContext.get(), TaskRunContext.get()), inner()

    (here, of_the_flow, no_task), (there, around, of_the_task) = outer()
    assert isinstance(here, FlowRunContext)
    assert here is of_the_flow is around
    assert no_task is None
    assert isinstance(there, TaskRunContext)
    assert there is of_the_task
    assert (there.task.name, here.flow.name, here.flow_run.flow_name) == ("inner", "outer", "outer")


def test_outside_runs_there_is_no_context() -> None:
    with pytest.raises(MissingContextError, match="not in a flow or task run context"):
        get_run_context()
    assert FlowRunContext.get() is None
    assert TaskRunContext.get() is None


def test_after_a_run_the_context_is_what_it_was_however_it_ended() -> None:
    @task
    def fails() -> None:
        raise LookupError

    @flow
    def outer() -> bool:
        before = get_run_context()
        with pytest.raises(LookupError):
            fails()
        fails.submit().wait()
        return get_run_context() is before

    assert outer()
    with pytest.raises(MissingContextError):
        get_run_context()


def test_coroutines_that_run_at_once_each_have_their_own_context() -> None:
    @task
    async def named(x: int) -> tuple[int, Any]:
        await asyncio.sleep(0)
        return x, runtime.task_run.parameters["x"]

    @flow
    async def outer() -> list[tuple[int, Any]]:
        return list(await asyncio.gather(*(named(x) for x in range(20))))

    assert asyncio.run(outer()) == [(x, x) for x in range(20)]


def test_hooks_see_the_run_they_are_called_for() -> None:
    seen = []

    @task(on_completion=[lambda *_: seen.append(runtime.task_run.name)])
    def inner() -> None: ...

    @flow(on_completion=[lambda *_: seen.append(runtime.flow_run.flow_name)])
    def outer() -> None:
        inner.with_options(task_run_name="within")()

    outer()
    assert seen == ["within", "outer"]


# --- tags -----------------------------------------------------------------------------------------


def test_tags_join_those_around_them_and_end_with_the_block() -> None:
    with tags("a", "b") as outer, tags("b", "c") as inner:
        assert (outer, inner) == ({"a", "b"}, {"a", "b", "c"})
        assert TagsContext.get().current_tags == inner
    assert TagsContext.get().current_tags == set()
    with pytest.raises(LookupError), tags("a"):
        raise LookupError
    assert TagsContext.get().current_tags == set()


def test_runs_of_all_kinds_get_the_tags_that_hold_where_they_are_called(sluiceway_harness: Harness) -> None:
    @flow
    def child() -> None:
        look(1)

    @flow
    def outer() -> None:
        with tags("inner"):
            look(2)
            look.submit(3).wait()
            look.map([4, 5]).wait()
            child()
        look(6)

    with tags("outer"):
        outer()
    found = {
        run.call_preview: set(run.tags) for run in sluiceway_harness.client.read_task_runs() if run.task_name == "look"
    }
    assert found.pop("x=6") == {"outer", "own"}
    assert list(found.values()) == [{"outer", "inner", "own"}] * 5
    assert {run.flow_name: set(run.tags) for run in sluiceway_harness.client.read_flow_runs()} == {
        "outer": {"outer"},
        "child": {"outer", "inner"},
    }


def test_tags_of_an_enumeration_are_kept_as_plain_texts() -> None:
    class Stage(StrEnum):
        LIVE = "live"

    @task(tags=[Stage.LIVE])
    def staged() -> list[str]:
        return runtime.task_run.tags

    assert [type(tag) for tag in staged()] == [str]
    with tags(Stage.LIVE) as joined:
        assert [(tag, type(tag)) for tag in joined] == [("live", str)]


def test_tags_are_texts() -> None:
    with pytest.raises(TypeError, match="tags are texts"), tags(1):  # type: ignore[arg-type]
        raise AssertionError("not reached")
