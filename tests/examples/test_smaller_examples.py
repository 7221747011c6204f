"""The two smaller examples: an async one, and one in which most things fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluiceway import get_client
from sluiceway.client.schemas.filters import FlowFilter, FlowRunFilter, LogFilter, TaskRunFilter
from tests.examples.programs import run_example, sluiceway


@pytest.mark.slow
def test_feeds_that_do_not_answer_in_time_are_left_out(tmp_path: Path) -> None:
    lines = run_example("async_feeds.py", "--feeds", "80", "--at-once", "30", cwd=tmp_path)
    assert lines == [
        "78 feeds answered, 2 did not in time: [39, 79]",
        "Topics: trains 24, gardens 24, harbour 22, music 22, weather 22",
    ]
    with get_client(sync_client=True) as client:
        states = {
            name: client.count_task_runs(
                task_run_filter=TaskRunFilter(task_name={"any_": ["fetch"]}, state={"name": {"any_": [name]}})
            )
            for name in ("Completed", "TimedOut")
        }
        (late, _) = client.read_task_runs(task_run_filter=TaskRunFilter(state={"name": {"any_": ["TimedOut"]}}))
        (run,) = client.read_flow_runs()
    assert states == {"Completed": 78, "TimedOut": 2}
    assert late.name == "feed-79"
    assert late.tags == {"io"}
    assert late.state is not None
    assert late.state.state_details.guarantee == "cancelled at the await that it was at"
    assert run.state_name == "Completed"


@pytest.mark.slow
def test_the_shop_goes_on_whatever_becomes_of_an_order(tmp_path: Path) -> None:
    lines = run_example("flaky_orders.py", cwd=tmp_path)
    assert lines == [
        "order 1: tea from A1, paid",
        "order 2: cup from A2, paid",
        "order 3: not delivered, the warehouse is busy",
        "order 4: not delivered, Task run exceeded timeout of 0.5 second(s)",
        "order 5: not delivered, we do not sell pianos",
        "{1: 'Completed', 2: 'Completed', 3: 'Failed', 4: 'TimedOut', 5: 'Failed'}",
    ]
    with get_client(sync_client=True) as client:
        (shop,) = client.read_flow_runs(flow_filter=FlowFilter(name={"any_": ["open-shop"]}))
        orders = client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id={"any_": [shop.id]}))
        reserved = client.read_task_runs(task_run_filter=TaskRunFilter(task_name={"any_": ["reserve"]}))
        told = client.read_logs(LogFilter(text={"query": "please look after"}))
    assert shop.state_name == "Completed"
    assert {order.name: order.state_name for order in orders} == {
        "order-1": "Completed",
        "order-2": "Completed",
        "order-3": "Failed",
        "order-4": "TimedOut",
        "order-5": "Failed",
    }
    assert all(order.tags == {"shop"} for order in orders)
    assert [run.run_count for run in reversed(reserved)] == [1, 3, 4, 1, 1], "attempts: only what passes is retried"
    assert [line.message.split(":")[0] for line in told] == [f"please look after order-{n}" for n in (3, 4, 5)]


@pytest.mark.slow
def test_the_command_line_shows_what_failed_and_why(tmp_path: Path) -> None:
    run_example("flaky_orders.py", cwd=tmp_path)
    shown = sluiceway("show")
    for text in ("✘ TimedOut", "○ NotReady", "↻4", "LookupError: we do not sell pianos"):
        assert text in shown
    assert sluiceway("ls", "--all", "--tag", "shop", "--state", "failed").count("order-") == 3
