"""The API, as far as it reads: what it tells is what the journal has, page by page."""

from __future__ import annotations

import json
import math
from typing import Any
from uuid import uuid4

import pytest

from sluiceway import flow, get_run_logger, task
from sluiceway.base import ids, times
from sluiceway.model.facts import FlowRunCreated, LogWritten
from sluiceway.model.keepsakes import Variable
from sluiceway.model.runs import FlowRun
from sluiceway.model.slots import Limit
from sluiceway.model.states import PENDING
from sluiceway.rules.outcomes import stamped
from sluiceway.testing import Harness
from tests.server.asking import Asking


@task
def double(number: int) -> int:
    get_run_logger().warning("doubling %d", number)
    return 2 * number


@task
def fails() -> None:
    raise ValueError("no <b>good</b>")


@flow
def doubles(count: int = 3, ratio: float = math.inf) -> int:
    return sum(double(number) for number in range(count))


@flow
def breaks() -> None:
    fails()


@pytest.fixture
def run(place: Harness) -> Any:
    """A flow run with three task runs that have logged."""
    assert doubles() == 6
    place.drain()
    (found,) = place.client.read_flow_runs()
    return found


def everything(ask: Asking, target: str) -> list[Any]:
    """Return the rows of all pages."""
    found: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = ask.get(target + (f"&after={cursor}" if cursor else "")).json()
        found += page["items"]
        cursor = page["cursor"]
    return found


def test_a_flow_run_is_told_with_all_that_is_known_of_it(ask: Asking, run: Any) -> None:
    told = ask.get(f"/api/flow_runs/{run.id}").json()
    assert (told["id"], told["name"], told["flow_name"]) == (str(run.id), run.name, "doubles")
    assert told["state"]["type"] == "COMPLETED"
    assert told["total_run_time"] == run.total_run_time.total_seconds()
    assert told["start_time"].endswith("Z")
    assert told["parameters"]["count"] == 3


def test_its_states_its_result_its_tasks_and_its_timeline(ask: Asking, run: Any) -> None:
    base = f"/api/flow_runs/{run.id}"
    assert [state["name"] for state in ask.get(f"{base}/states").json()] == ["Pending", "Running", "Completed"]
    assert ask.get(f"{base}/tasks").json() == [{"task_name": "double", "state_name": "Completed", "count": 3}]
    steps = everything(ask, f"{base}/timeline?limit=2")
    assert [step["task_name"] for step in steps] == ["double"] * 3
    result = ask.get(f"/api/task_runs/{steps[1]['id']}/result").json()
    assert result is None or result["preview"] == "2"


def test_task_runs_and_log_lines_of_a_run(ask: Asking, run: Any) -> None:
    tasks = everything(ask, f"/api/task_runs?flow_run_ids={run.id}&limit=2&order=oldest+first")
    assert [each["call_preview"] for each in tasks] == ["number=0", "number=1", "number=2"]
    lines = everything(ask, f"/api/logs?flow_run_ids={run.id}&level_at_least=30&limit=2")
    assert [line["message"] for line in lines] == ["doubling 0", "doubling 1", "doubling 2"]
    assert {line["task_run_id"] for line in lines} == {each["id"] for each in tasks}
    assert ask.get(f"/api/logs/outline?flow_run_ids={run.id}").json()["warnings"] == 3
    assert ask.get(f"/api/logs/count?flow_run_ids={run.id}&text=DOUBLING").json() == {"count": 3}


def test_runs_are_filtered_counted_and_put_in_order(ask: Asking, run: Any, place: Harness) -> None:
    with pytest.raises(ValueError, match="good"):
        breaks()
    place.drain()
    assert [each["flow_name"] for each in everything(ask, "/api/flow_runs?limit=1")] == ["breaks", "doubles"]
    assert [each["flow_name"] for each in everything(ask, "/api/flow_runs?order=oldest+first")] == ["doubles", "breaks"]
    for query, names in {
        "state_types=FAILED": ["breaks"],
        "state_types=FAILED&state_types=COMPLETED": ["breaks", "doubles"],
        "flow_names=doubles": ["doubles"],
        "parameters=count=3": ["doubles"],
        "parameters=count=4": [],
        f"ids={run.id}": ["doubles"],
        f"key_prefix={run.key.hex()[:31]}": ["doubles"],
        "created_before=2000-01-01T00:00:00Z": [],
        "duration_at_most=100": ["breaks", "doubles"],
        "text=doub": ["doubles"],
    }.items():
        assert [each["flow_name"] for each in ask.get(f"/api/flow_runs?{query}").json()["items"]] == names, query
        assert ask.get(f"/api/flow_runs/count?{query}").json()["count"] == len(names)
    counts = {each["name"]: each["count"] for each in ask.get("/api/flow_runs/states").json()}
    assert counts == {"Failed": 1, "Completed": 1}


def test_histories_summaries_and_what_needs_attention(ask: Asking, run: Any, place: Harness) -> None:
    with pytest.raises(ValueError, match="good"):
        breaks()
    place.drain()
    start = times.to_datetime(times.now() - 3600 * times.SECOND).isoformat().replace("+", "%2B")
    buckets = ask.get(f"/api/flow_runs/history?start={start}&width=3600&count=2").json()
    assert sum(sum(bucket["counts"].values()) for bucket in buckets) == 2
    (summary,) = ask.get("/api/flows/summaries?names=doubles").json()
    assert (summary["counts"], len(summary["last"])) == ({"COMPLETED": 1}, 1)
    assert summary["mean"] == run.total_run_time.total_seconds()
    assert [each["flow_name"] for each in ask.get("/api/flow_runs/attention").json()["failed"]] == ["breaks"]


def test_flows_searches_storage_limits_processes(ask: Asking, run: Any, place: Harness) -> None:
    (found,) = ask.get("/api/flows").json()["items"]
    assert ask.get(f"/api/flows/{found['id']}").json() == found
    assert [each["id"] for each in ask.get(f"/api/search?text={run.key.hex()[:30]}").json()["flow_runs"]] == [
        str(run.id)
    ]
    assert ask.get("/api/storage").json()["rows"]["flow_runs"] == 1
    assert ask.get("/api/processes").json() == []
    place.services.store.create_limit(Limit(ids.new_id(), "database", 5))
    (limit,) = ask.get("/api/limits").json()
    assert (limit["name"], limit["slots"]) == ("database", 5)
    assert ask.get("/api/limits/slots").json() == []


def test_a_variable_is_set_and_deleted(ask: Asking, place: Harness) -> None:
    made = ask("PUT", "/api/variables/days", json={"value": ["monday"], "tags": ["x"]}).json()
    assert (made["name"], made["value"], made["tags"]) == ("days", ["monday"], ["x"])
    changed = ask("PUT", "/api/variables/days", json={"value": None}).json()
    assert (changed["id"], changed["value"], changed["tags"]) == (made["id"], None, [])
    for name, body, reason in (
        ("No-Name", {"value": 1}, "lower-case letters"),
        ("days", {"value": "x" * 10**6}, "the value of the variable"),
        ("days", {"value": 1, "colour": "red"}, "colour"),
        ("days", {}, "value"),
    ):
        refused = ask("PUT", f"/api/variables/{name}", json=body)
        assert (refused.status, reason in refused.text) == (422, True), refused.text
    assert ask("DELETE", "/api/variables/days").status == 204
    assert ask("DELETE", "/api/variables/days").status == 404


def test_variables_are_told_as_values(ask: Asking, place: Harness) -> None:
    now = times.now()
    place.services.store.write_variable(
        Variable(ids.new_id(), "region/eu", json.dumps({"a": [1]}), ("x",), now, now), overwrite=False
    )
    assert [each["value"] for each in ask.get("/api/variables").json()["items"]] == [{"a": [1]}]
    assert ask.get("/api/variables?tags=y").json()["items"] == []
    assert ask.get("/api/variables/nothing").status == 404


def test_what_json_cannot_take_is_told_as_null(ask: Asking, place: Harness) -> None:
    run = FlowRun(ids.new_id(), "odd", parameters={"nan": math.nan, "inf": math.inf, "text": "\x00\u2028</script>"})
    place.services.store.write([FlowRunCreated(run, stamped(PENDING, times.now()))])
    told = ask.get(f"/api/flow_runs/{run.id}")
    assert told.status == 200
    assert told.json()["parameters"]["nan"] is None


# --- what does not fit --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["flows", "flow_runs", "task_runs", "artifacts"])
def test_what_is_not_there_is_404_with_its_identifier(ask: Asking, kind: str) -> None:
    identifier = uuid4()
    answer = ask.get(f"/api/{kind}/{identifier}")
    assert (answer.status, str(identifier) in answer.detail) == (404, True)
    assert ask.get(f"/api/{kind}/not-an-identifier").status == 422


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("limit=0", "query.limit"),
        ("limit=201", "query.limit"),
        ("limit=x", "query.limit"),
        ("state_types=BROKEN", "query.state_types.0"),
        ("ids=1", "query.ids.0"),
        ("created_after=yesterday", "query.created_after"),
        ("created_after=2026-01-01T00:00:00", "query.created_after"),
        ("created_after=0001-01-01T00:00:00%2B14:00", "query.created_after"),
        ("created_after=9999-12-31T23:59:59-14:00", "query.created_after"),
        ("duration_at_least=-1", "query.duration_at_least"),
        ("duration_at_least=1e300", "query.duration_at_least"),
        ("duration_at_least=nan", "query.duration_at_least"),
        ("key_prefix=%25", "query.key_prefix"),
        ("parameters=x", "query.parameters"),
        ("parameters=x=y", "query.parameters"),
        ("order=sideways", "query.order"),
        ("flow_name=doubles", "query.flow_name"),
        ("names=" + "x" * 501, "query.names.0"),
        ("&".join("names=x" for _ in range(101)), "query.names"),
        ("after=" + "x" * 2001, "query.after"),
    ],
)
def test_a_parameter_that_does_not_fit_is_named(ask: Asking, query: str, where: str) -> None:
    answer = ask.get(f"/api/flow_runs?{query}")
    assert (answer.status, answer.json()["errors"][0]["where"]) == (422, where), answer.text
    assert len(answer.text) < 5_000


def test_a_cursor_of_another_list_is_refused(ask: Asking, run: Any) -> None:
    cursor = ask.get("/api/task_runs?limit=1").json()["cursor"]
    assert ask.get(f"/api/task_runs?limit=1&after={cursor}").status == 200
    for other in (
        f"/api/task_runs?order=name&after={cursor}",
        f"/api/logs?after={cursor}",
        f"/api/flows?after={cursor}",
    ):
        answer = ask.get(other)
        assert (answer.status, "cursor" in answer.detail) == (400, True)


@pytest.mark.parametrize(
    "text",
    ["' OR 1=1 --", "%", "_", "\\", '"; DROP TABLE flow_runs; --', "<script>alert(1)</script>", "\x00", "*", "MATCH"],
)
def test_texts_are_only_ever_texts(ask: Asking, run: Any, text: str) -> None:
    from urllib.parse import quote

    for target in ("flow_runs?text=", "flow_runs?names=", "flow_runs?name_like=", "task_runs?tags=", "logs?text="):
        answer = ask.get(f"/api/{target}{quote(text)}")
        assert (answer.status, answer.json()["items"]) == (200, []), (target, answer.text)
    assert ask.get(f"/api/search?text={quote(text)}").status == 200
    assert ask.get("/api/flow_runs/count").json() == {"count": 1}


@pytest.mark.parametrize(
    "path", ["/api/flow_runs/..%2f..%2fetc%2fpasswd", "/static/..%2f..%2fapp.py", "/static/../app.py"]
)
def test_paths_lead_nowhere_else(ask: Asking, path: str) -> None:
    assert ask.get(path).status in (404, 422)


def test_a_thousand_lines_come_page_by_page_each_once(ask: Asking, place: Harness) -> None:
    now = times.now()
    place.services.store.write([LogWritten(None, None, now + number, 20, "x", str(number)) for number in range(1_000)])
    lines = everything(ask, "/api/logs?limit=200")
    assert [line["message"] for line in lines] == [str(number) for number in range(1_000)]
    newest = everything(ask, "/api/logs?limit=200&newest_first=true")
    assert [line["number"] for line in newest] == [line["number"] for line in reversed(lines)]
