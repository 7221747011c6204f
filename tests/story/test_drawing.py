"""Drawing a flow: which task's result goes where, without running any task."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from sluiceway import State, allow_failure, flow, get_run_logger, task, unmapped
from sluiceway.context import with_context
from sluiceway.exceptions import (
    FlowVisualizationError,
    MissingExtraError,
    ParameterBindError,
    ParameterTypeError,
)
from sluiceway.futures import as_completed, wait
from sluiceway.task_runners import ProcessPoolTaskRunner
from sluiceway.testing import Harness

executed: list[str] = []


@pytest.fixture(autouse=True)
def nothing_executed() -> Iterator[None]:
    """Hold that no drawing executes the function, or the hooks, of a task."""
    executed.clear()
    yield
    assert not executed


def hooked(*_: Any) -> None:
    """Say that a hook was called."""
    executed.append("a hook")


@task
def load() -> int:
    executed.append("load")
    return 1


@task(retries=2, on_running=[hooked], on_completion=[hooked], on_failure=[hooked], log_prints=True)
def clean(rows: Any, other: Any = None) -> Any:
    executed.append("clean")
    return rows


@task
async def fetch(url: Any) -> Any:
    executed.append("fetch")
    return url


@task(viz_return_value=[1, 2])
def listed() -> list[int]:
    executed.append("listed")
    return []


def _edges(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if "-->" in line]


def _labels(text: str) -> list[str]:
    return [line.split('"')[1] for line in text.splitlines() if '["' in line]


def test_a_drawing_has_the_tasks_and_what_depends_on_what() -> None:
    @flow
    def report() -> Any:
        return clean(load())

    assert report.generate_mermaid_graph() == (
        'flowchart TD\n    load_0["load-0"]\n    clean_0["clean-0"]\n    load_0 --> clean_0'
    )


def test_dependencies_are_found_at_any_depth_and_in_wait_for_and_behind_marks() -> None:
    @dataclass
    class Box:
        content: Any

    @flow
    def report() -> None:
        rows = load()
        clean([{"rows": rows}])
        clean(Box(rows))
        clean(allow_failure(rows))
        clean(1, wait_for=[rows])
        clean(2)

    assert _edges(report.generate_mermaid_graph()) == [f"load_0 --> clean_{n}" for n in range(4)]


def test_submitted_tasks_are_drawn_and_their_futures_can_be_used() -> None:
    @flow(task_runner=ProcessPoolTaskRunner())
    def report() -> None:
        futures = [load.submit(), fetch.submit("a")]
        wait(futures)
        for future in as_completed(futures):
            clean.submit(future)
        clean(futures[0].result(), wait_for=[futures[1]])
        clean(futures[0].state)

    assert _edges(report.generate_mermaid_graph()) == [
        "load_0 --> clean_0",
        "fetch_0 --> clean_1",
        "load_0 --> clean_2",
        "fetch_0 --> clean_2",
        "load_0 --> clean_3",
    ]


def test_a_map_is_drawn_once_for_each_item_and_once_where_the_items_are_not_known() -> None:
    @flow
    def report() -> None:
        rows = load()
        clean.map([1, 2], other=unmapped(rows)).wait()
        clean.map([3, 4], other=rows).result()
        clean.map(load.submit())

    text = report.generate_mermaid_graph()
    assert _labels(text) == ["load-0", *(f"clean-{n}" for n in range(4)), "load-1", "clean-4"]
    assert _edges(text) == [*(f"load_0 --> clean_{n}" for n in range(4)), "load_1 --> clean_4"]


def test_a_child_flow_is_drawn_as_one_and_its_tasks_are_not() -> None:
    @flow(on_completion=[hooked])
    def child(count: int) -> int:
        executed.append("child")
        return clean(count)

    @flow
    def parent() -> None:
        clean(child(load()))
        clean(child(load.submit(), wait_for=[load()]))

    text = parent.generate_mermaid_graph()
    assert [label for label in _labels(text) if label.startswith("child")] == ["child-0", "child-1"]
    assert _edges(text) == [
        "load_0 --> child_0",
        "child_0 --> clean_0",
        "load_1 --> child_1",
        "load_2 --> child_1",
        "child_1 --> clean_1",
    ]


def test_a_chosen_value_stands_for_the_result_and_is_known_wherever_it_goes() -> None:
    named = task(viz_return_value="a name")(lambda: "another name")
    where = named.with_options(name="where")

    @flow
    def report() -> None:
        for number in listed():
            clean(number)
        numbers = listed()
        clean(numbers, other=len(numbers))
        clean(where())
        clean("a name")

    text = report.generate_mermaid_graph()
    assert _labels(text) == ["listed-0", "clean-0", "clean-1", "listed-1", "clean-2", "where-0", "clean-3", "clean-4"]
    assert _edges(text) == ["listed_1 --> clean_2", "where_0 --> clean_3"]


def test_a_state_of_a_drawn_task_is_completed_and_stands_for_its_result() -> None:
    states: list[State[Any]] = []

    @flow
    def report() -> None:
        states.append(load(return_state=True))
        clean(states[0])
        clean(states[0].result())

    assert _edges(report.generate_mermaid_graph()) == ["load_0 --> clean_0", "load_0 --> clean_1"]
    assert states[0].is_completed()


def test_flows_and_tasks_of_all_colours_are_drawn() -> None:
    @task
    def lines(text: Any) -> Iterator[str]:
        executed.append("lines")
        yield text

    @task(viz_return_value=["a", "b"])
    async def pages() -> AsyncIterator[str]:
        executed.append("pages")
        yield ""

    @flow
    async def gathered() -> None:
        one, two = await asyncio.gather(fetch("a"), fetch("b"))
        await fetch([one, two])
        async for page in pages():
            await fetch(page)

    @flow
    def streamed() -> Iterator[Any]:
        for line in lines(load()):
            yield clean(line)

    @flow
    async def streaming() -> AsyncIterator[Any]:
        yield await fetch(load())

    text = gathered.generate_mermaid_graph()
    assert _edges(text) == ["fetch_0 --> fetch_2", "fetch_1 --> fetch_2"]
    assert _labels(text)[3:] == ["pages-0", "fetch-3", "fetch-4"]
    assert asyncio.run(gathered.agenerate_mermaid_graph()) == text
    assert _edges(streamed.generate_mermaid_graph()) == ["load_0 --> lines_0", "lines_0 --> clean_0"]
    assert asyncio.run(streamed.agenerate_mermaid_graph()) == streamed.generate_mermaid_graph()
    assert _edges(streaming.generate_mermaid_graph()) == ["load_0 --> fetch_0"]
    assert asyncio.run(streaming.agenerate_mermaid_graph()) == streaming.generate_mermaid_graph()


def test_parameters_are_those_of_a_call_validated_and_coerced() -> None:
    @flow
    def report(day: date, most: int = 2) -> None:
        for _ in range(day.day if most else 0):
            load()

    assert len(_labels(report.generate_mermaid_graph("2024-01-03"))) == 3
    assert _labels(report.generate_mermaid_graph("2024-01-03", most="0")) == []  # type: ignore[arg-type]
    with pytest.raises(ParameterTypeError, match="day"):
        report.generate_mermaid_graph("someday")
    with pytest.raises(ParameterBindError, match="day"):
        report.generate_mermaid_graph()  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "use",
    [
        lambda rows: rows + 1,
        lambda rows: 2 * rows,
        lambda rows: rows > 3,
        lambda rows: rows == 3,
        lambda rows: not rows,
        lambda rows: list(rows),
        lambda rows: len(rows),
        lambda rows: rows["a"],
        lambda rows: rows.count,
        lambda rows: rows(),
        lambda rows: 3 in rows,
        lambda rows: int(rows),
    ],
)
def test_code_that_needs_a_result_is_told_to_name_one(use: Any) -> None:
    @flow
    def report() -> None:
        use(load())

    with pytest.raises(FlowVisualizationError, match=r"result of 'load'.*viz_return_value=\[1, 2, 3\]"):
        report.generate_mermaid_graph()


def test_a_result_that_is_not_known_can_be_shown_and_kept() -> None:
    shown: list[str] = []

    @flow
    def report() -> None:
        rows = load()
        shown.extend([f"{rows} {rows:>9}", repr(rows)])
        assert {rows: 1}[rows] == 1
        assert not hasattr(rows, "__array__")

    report.generate_mermaid_graph()
    assert shown == ["<result of load-0> <result of load-0>", "<result of load-0>"]


def test_an_error_of_the_flow_is_raised_with_a_note_about_the_drawing() -> None:
    @flow(retries=3)
    def report() -> None:
        raise ConnectionError("no network")

    with pytest.raises(ConnectionError, match="no network") as caught:
        report.generate_mermaid_graph()
    assert "viz_return_value" in caught.value.__notes__[0]


def test_a_drawing_records_nothing_and_leaves_later_runs_as_they_are(sluiceway_harness: Harness) -> None:
    numbers = task(lambda: 3, name="numbers")

    @flow
    def report() -> Any:
        get_run_logger().info("a line")
        return numbers()

    report.generate_mermaid_graph()
    sluiceway_harness.drain()
    client = sluiceway_harness.client
    assert client.read_flow_runs() == client.read_task_runs() == client.read_logs() == []
    assert report() == 3
    sluiceway_harness.drain()
    (run,) = client.read_task_runs()
    assert run.state_name == "Completed"
    assert [line.message for line in client.read_logs()].count("a line") == 1


def test_a_flow_can_be_drawn_within_a_run() -> None:
    @flow
    def drawn() -> None:
        clean(load())

    @flow
    def around() -> str:
        return drawn.generate_mermaid_graph()

    assert _edges(around()) == ["load_0 --> clean_0"]


def test_a_picture_without_graphviz_is_refused_and_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "graphviz", None)  # as if it were not installed

    @flow
    def report() -> None:
        load()

    with pytest.raises(MissingExtraError, match=r"sluiceway\[graphviz\].*generate_mermaid_graph"):
        report.visualize()
    with pytest.raises(MissingExtraError, match="graphviz"):
        asyncio.run(report.avisualize())


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make the test's folder the working directory, and note the pictures that would be opened in a window."""
    import graphviz

    paths: list[str] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(graphviz.Source, "_view", lambda _, path, **__: paths.append(path))
    return paths


def test_where_the_program_of_graphviz_is_missing_the_remedy_is_named(
    shown: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @flow
    def report() -> None:
        clean(load())

    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(FlowVisualizationError, match=r"program `dot`.*generate_mermaid_graph"):
        report.visualize()
    assert not shown


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("dot") is None, reason="the program dot is not installed; .ci/run installs it")
def test_a_picture_is_made_by_graphviz_kept_and_shown(shown: list[str], tmp_path: Path) -> None:
    @flow(name="my report")
    def report() -> None:
        clean(load())

    report.visualize()
    picture = tmp_path / "my report.png"
    assert [Path(path).name for path in shown] == [picture.name]
    assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert list(tmp_path.glob("my report*")) == [picture], "only the picture is kept"


def test_tasks_in_threads_belong_to_the_drawing_where_the_context_goes_along() -> None:
    @flow
    def report() -> None:
        rows = load()
        with ThreadPoolExecutor(1) as pool:
            list(pool.map(with_context(clean), [rows]))

    assert _edges(report.generate_mermaid_graph()) == ["load_0 --> clean_0"]
