"""Filters of the client: each part narrows the choice, and none is ever passed over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from sluiceway import flow, get_client, tags, task
from sluiceway.client import SyncClient, joins
from sluiceway.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterName,
    FlowRunFilterState,
    FlowRunFilterStateType,
    LogFilter,
    TaskRunFilter,
)
from sluiceway.client.schemas.objects import FlowRun, StateType, TaskRun
from sluiceway.testing import test_harness


@task(tags=["quick"])
def add(a: int, b: int) -> int:
    return a + b


@task(name="divide")
def ratio(a: int, b: int) -> float:
    return a / b


@flow(flow_run_name="sum-of-{a}-and-{b}")
def summing(a: int, b: int) -> int:
    return add(a, b)


@flow
def dividing(a: int, b: int) -> float:
    return ratio(a, b)


@flow
def both() -> int:
    return summing(3, 4)


def run_all() -> None:
    with tags("nightly", "eu"):
        summing(1, 2)
    dividing(6, 3)
    with tags("nightly"):
        dividing(1, 0, return_state=True)
    both()


@pytest.fixture(scope="module")
def client() -> Iterator[SyncClient]:
    """A journal with five flow runs: two sums, one of them a child; two divisions, one of which failed."""
    with test_harness() as harness:
        run_all()
        harness.drain()
        yield harness.client


def chosen(client: SyncClient, **parts: Any) -> list[str]:
    """Return the flows of the runs that a filter chooses, oldest first."""
    return [run.flow_name for run in client.read_flow_runs(flow_run_filter=FlowRunFilter(**parts))][::-1]


def only(client: SyncClient, flow_name: str) -> FlowRun:
    """Return the newest run of a flow."""
    return client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=[flow_name])), limit=1)[0]


def tasks(client: SyncClient, **parts: Any) -> list[TaskRun]:
    return client.read_task_runs(task_run_filter=TaskRunFilter(**parts))


# --- flow runs ------------------------------------------------------------------------------------------


def test_flow_runs_by_identifier(client: SyncClient) -> None:
    run = only(client, "both")
    assert chosen(client, id={"any_": [run.id]}) == ["both"]
    assert chosen(client, id={"any_": [str(run.id)]}) == ["both"]


def test_no_identifiers_choose_no_run(client: SyncClient) -> None:
    assert chosen(client, id={"any_": []}) == []
    assert client.count_flow_runs(flow_run_filter=FlowRunFilter(id={"any_": []})) == 0


def test_flow_runs_by_name(client: SyncClient) -> None:
    assert chosen(client, name={"any_": ["sum-of-1-and-2"]}) == ["summing"]
    assert chosen(client, name={"like_": "SUM-of"}) == ["summing", "summing"]
    assert chosen(client, name={"any_": ["sum-of-1-and-2"], "like_": "product"}) == []


def test_flow_runs_by_type_of_state(client: SyncClient) -> None:
    assert chosen(client, state={"type": {"any_": ["FAILED"]}}) == ["dividing"]
    assert chosen(client, state={"type": {"any_": [StateType.FAILED, StateType.CRASHED]}}) == ["dividing"]
    assert len(chosen(client, state={"type": {"not_any_": ["FAILED"]}})) == 4
    assert chosen(client, state={"type": {"any_": ["FAILED"], "not_any_": ["FAILED"]}}) == []


def test_flow_runs_by_name_of_state(client: SyncClient) -> None:
    assert chosen(client, state={"name": {"any_": ["Failed", "TimedOut"]}}) == ["dividing"]


def test_flow_runs_by_tags_have_all_of_them(client: SyncClient) -> None:
    assert chosen(client, tags={"all_": ["nightly"]}) == ["summing", "dividing"]
    assert chosen(client, tags={"all_": ["nightly", "eu"]}) == ["summing"]


def test_flow_runs_by_time(client: SyncClient) -> None:
    middle = only(client, "both").created
    assert chosen(client, expected_start_time={"after_": middle + timedelta(hours=1)}) == []
    assert len(chosen(client, expected_start_time={"before_": middle + timedelta(hours=1)})) == 5
    assert "both" in chosen(client, expected_start_time={"after_": middle})


def test_flow_runs_by_the_run_that_called_them(client: SyncClient) -> None:
    parent = only(client, "both")
    assert chosen(client, parent_flow_run_id={"any_": [parent.id]}) == ["summing"]


def test_flow_runs_that_no_other_called(client: SyncClient) -> None:
    roots = chosen(client, parent_task_run_id={"is_null_": True})
    assert roots == ["summing", "dividing", "dividing", "both"]


def test_flow_runs_by_the_task_run_that_stands_for_them(client: SyncClient) -> None:
    child = client.read_flow_runs(flow_run_filter=FlowRunFilter(name={"any_": ["sum-of-3-and-4"]}))[0]
    assert child.parent_task_run_id is not None
    assert chosen(client, parent_task_run_id={"any_": [child.parent_task_run_id]}) == ["summing"]
    other = tasks(client, task_name={"any_": ["divide"]})[0]
    assert chosen(client, parent_task_run_id={"any_": [other.id]}) == []


def test_several_parts_narrow_the_choice_together(client: SyncClient) -> None:
    assert chosen(client, tags={"all_": ["nightly"]}, state={"type": {"any_": ["COMPLETED"]}}) == ["summing"]


def test_the_classes_of_the_parts_say_the_same_as_dictionaries(client: SyncClient) -> None:
    by_class = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.COMPLETED])),
        name=FlowRunFilterName(like_="sum"),
    )
    by_dictionary = FlowRunFilter(state={"type": {"any_": ["COMPLETED"]}}, name={"like_": "sum"})
    assert by_class == by_dictionary
    assert client.count_flow_runs(flow_run_filter=by_class) == 2


# --- several lists -----------------------------------------------------------------------------------------


def test_flow_runs_of_certain_flows(client: SyncClient) -> None:
    failed = FlowRunFilter(state={"type": {"any_": ["FAILED"]}})
    dividing_only = FlowFilter(name={"any_": ["dividing"]})
    assert client.count_flow_runs(flow_filter=dividing_only) == 2
    assert client.count_flow_runs(flow_filter=dividing_only, flow_run_filter=failed) == 1
    assert client.count_flow_runs(flow_filter=FlowFilter(name={"like_": "DIVID"})) == 2
    by_id = FlowFilter(id={"any_": [client.read_flow_by_name("both").id]})
    assert client.count_flow_runs(flow_filter=by_id) == 1
    assert client.count_flow_runs(flow_filter=FlowFilter(name={"any_": ["multiplying"]})) == 0


def test_flow_runs_that_have_certain_task_runs(client: SyncClient) -> None:
    failed = TaskRunFilter(state={"type": {"any_": ["FAILED"]}}, task_name={"any_": ["divide"]})
    (run,) = client.read_flow_runs(task_run_filter=failed)
    assert (run.flow_name, run.state_name) == ("dividing", "Failed")
    completed = FlowRunFilter(state={"type": {"any_": ["COMPLETED"]}})
    assert client.read_flow_runs(flow_run_filter=completed, task_run_filter=failed) == []


def test_task_runs_in_certain_flow_runs(client: SyncClient) -> None:
    nightly = FlowRunFilter(tags={"all_": ["nightly"]})
    found = client.read_task_runs(flow_run_filter=nightly)
    assert sorted(run.task_name for run in found) == ["add", "divide"]
    one = FlowRunFilter(id={"any_": [only(client, "dividing").id]})
    assert client.count_task_runs(flow_run_filter=one) == 1
    in_flow = client.read_task_runs(flow_filter=FlowFilter(name={"any_": ["summing"]}))
    assert [run.task_name for run in in_flow] == ["add", "add"]


def test_task_runs_in_flow_runs_that_two_filters_choose(client: SyncClient) -> None:
    run = only(client, "dividing")
    other = only(client, "both")
    parts = TaskRunFilter(flow_run_id={"any_": [run.id, other.id]})
    chosen_runs = FlowRunFilter(id={"any_": [run.id]})
    found = client.read_task_runs(flow_run_filter=chosen_runs, task_run_filter=parts)
    assert {task_run.flow_run_id for task_run in found} == {run.id}


def test_flows_that_have_certain_runs(client: SyncClient) -> None:
    failed = FlowRunFilter(state={"type": {"any_": ["FAILED"]}})
    assert [one.name for one in client.read_flows(flow_run_filter=failed)] == ["dividing"]
    quick = TaskRunFilter(tags={"all_": ["quick"]})
    assert [one.name for one in client.read_flows(task_run_filter=quick)] == ["summing"]
    by_name = FlowFilter(name={"like_": "ing"})
    assert [one.name for one in client.read_flows(flow_filter=by_name)] == ["dividing", "summing"]


def test_a_filter_on_another_list_that_chooses_too_many_is_refused(
    client: SyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joins, "JOIN_LIMIT", 1)
    with pytest.raises(ValueError, match="flow_run_filter chooses more than 1 runs; narrow it"):
        client.read_task_runs(flow_run_filter=FlowRunFilter(tags={"all_": ["nightly"]}))


# --- task runs ---------------------------------------------------------------------------------------------


def test_task_runs_by_identifier_task_state_and_tags(client: SyncClient) -> None:
    (failed,) = tasks(client, task_name={"any_": ["divide"]}, state={"name": {"any_": ["Failed"]}})
    assert failed.state_type is StateType.FAILED
    assert [run.id for run in tasks(client, id={"any_": [failed.id]})] == [failed.id]
    assert [run.task_name for run in tasks(client, tags={"all_": ["quick"]})] == ["add", "add"]
    assert tasks(client, tags={"all_": ["quick", "slow"]}) == []


def test_task_runs_by_given_name(client: SyncClient) -> None:
    @task(task_run_name="half-of-{number}")
    def halve(number: int) -> float:
        return number / 2

    with test_harness() as harness:
        halve(4)
        halve(6)
        (run,) = tasks(harness.client, name={"any_": ["half-of-6"]})
        assert run.name == "half-of-6"


def test_task_runs_by_time(client: SyncClient) -> None:
    newest = tasks(client)[0].created
    assert tasks(client, expected_start_time={"after_": newest + timedelta(hours=1)}) == []
    assert len(tasks(client, expected_start_time={"before_": newest + timedelta(hours=1)})) == len(tasks(client))


# --- logs ----------------------------------------------------------------------------------------------------


def test_log_lines_by_level_run_text_and_time(client: SyncClient) -> None:
    failed = FlowRunFilter(state={"type": {"any_": ["FAILED"]}})
    (run,) = client.read_flow_runs(flow_run_filter=failed)
    errors = client.read_logs(LogFilter(level={"ge_": 40}))
    assert errors
    assert {line.flow_run_id for line in errors} == {run.id}
    (task_run,) = client.read_task_runs(flow_run_filter=failed)
    of_task = client.read_logs(LogFilter(task_run_id={"any_": [task_run.id]}))
    assert of_task
    assert {line.task_run_id for line in of_task} == {task_run.id}
    assert client.count_logs(LogFilter(text={"query": "zerodivision"})) > 0
    later = errors[-1].timestamp + timedelta(hours=1)
    assert client.count_logs(LogFilter(timestamp={"after_": later})) == 0
    assert client.count_logs(LogFilter(timestamp={"before_": later})) == client.count_logs()


# --- both stores --------------------------------------------------------------------------------------------


def answers(client: SyncClient) -> dict[str, int]:
    """Return how many runs some filters choose."""
    failed, nightly = {"type": {"any_": ["FAILED"]}}, {"all_": ["nightly"]}
    flow_filters: dict[str, dict[str, Any]] = {
        "failed": {"state": failed},
        "not failed": {"state": {"type": {"not_any_": ["FAILED"]}}},
        "by name of state": {"state": {"name": {"any_": ["Completed"]}}},
        "by name": {"name": {"like_": "SUM"}},
        "nightly": {"tags": nightly},
        "roots": {"parent_task_run_id": {"is_null_": True}},
        "none": {"id": {"any_": []}},
    }
    counts = {
        name: client.count_flow_runs(flow_run_filter=FlowRunFilter(**parts)) for name, parts in flow_filters.items()
    }
    task_filters: dict[str, dict[str, Any]] = {
        "failed tasks": {"state": failed},
        "quick tasks": {"tags": {"all_": ["quick"]}},
        "by task": {"task_name": {"any_": ["divide"]}},
    }
    counts |= {
        name: client.count_task_runs(task_run_filter=TaskRunFilter(**parts)) for name, parts in task_filters.items()
    }
    counts["tasks of nightly runs"] = client.count_task_runs(flow_run_filter=FlowRunFilter(tags=nightly))
    counts["errors"] = client.count_logs(LogFilter(level={"ge_": 40}))
    counts["about zero"] = client.count_logs(LogFilter(text={"query": "DIVISION BY ZERO"}))
    return counts


def test_a_database_answers_as_the_memory_does(client: SyncClient) -> None:
    run_all()
    on_disk = get_client(sync_client=True)
    assert answers(on_disk) == answers(client)
    assert answers(on_disk)["failed"] == 1


# --- what cannot be asked is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "parts", "named"),
    [
        (FlowRunFilter, {"start_time": {"after_": "2026-01-01T00:00:00Z"}}, "start_time"),
        (FlowRunFilter, {"tags": {"any_": ["x"]}}, "any_"),
        (FlowRunFilter, {"state": {"name": {"not_any_": ["Failed"]}}}, "not_any_"),
        (FlowRunFilter, {"operator": "or_"}, "operator"),
        (FlowRunFilter, {"parent_task_run_id": {"is_null_": False}}, "is_null_"),
        (FlowRunFilter, {"parent_flow_run_id": {"any_": []}}, "any_"),
        (TaskRunFilter, {"subflow_runs": {"exists_": True}}, "subflow_runs"),
        (TaskRunFilter, {"name": {"like_": "x"}}, "like_"),
        (FlowFilter, {"tags": {"all_": ["x"]}}, "tags"),
        (LogFilter, {"level": {"le_": 20}}, "le_"),
    ],
)
def test_a_part_that_cannot_be_asked_is_refused_by_name(kind: Any, parts: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        kind(**parts)


def test_the_refusal_lists_what_can_be_asked() -> None:
    with pytest.raises(ValidationError, match="TaskRunFilterName cannot filter by like_; it can by any_"):
        TaskRunFilter(name={"like_": "x"})


def test_a_text_that_is_no_identifier_is_refused() -> None:
    with pytest.raises(ValidationError, match="UUID"):
        FlowRunFilter(id={"any_": ["brisk-otter"]})
