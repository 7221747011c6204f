from __future__ import annotations

import argparse
import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import probe
from benchmarks.bench import Bench
from benchmarks.processes import ProcessFailed
from benchmarks.subjects import QUICK, sluiceway
from benchmarks.workloads import Engine, memory, vocabulary
from benchmarks.workloads.bare import YARDSTICKS


class Library:
    """A workflow library that only counts."""

    def __init__(self) -> None:
        self.calls = 0
        self.flows: list[str] = []
        self.drains = 0
        self.options: list[dict[str, Any]] = []

    def flow(self, fn: Callable[..., Any], name: str = "child", **options: Any) -> Callable[..., Any]:
        self.options.append(options)

        @functools.wraps(fn)
        def run(*arguments: Any) -> Any:
            self.flows.append(name)
            return fn(*arguments)

        return run

    def task(self, fn: Callable[..., Any]) -> CountedTask:
        return CountedTask(self, fn)

    def drain(self) -> None:
        self.drains += 1


class CountedTask:
    def __init__(self, library: Library, fn: Callable[..., Any]) -> None:
        self._library = library
        self._fn = fn

    def __call__(self, *arguments: Any) -> Any:
        self._library.calls += 1
        return self._fn(*arguments)

    def submit(self, *arguments: Any) -> Done:
        assert not inspect.iscoroutinefunction(self._fn)
        return Done(self(*arguments))

    def map(self, items: Iterable[Any]) -> list[Done]:
        return [self.submit(item) for item in items]


class Done:
    def __init__(self, value: object) -> None:
        self._value = value

    def result(self) -> object:
        return self._value


@pytest.mark.parametrize("name", ["direct", "submitted", "mapped", "awaited", "gathered"])
def test_a_workload_calls_its_task_as_often_as_asked_in_one_flow_and_drains_once(name: str) -> None:
    library = Library()
    engine = vocabulary.engine(library.flow, library.task, library.drain)

    assert engine.drains
    assert engine.workloads[name](2_345) > 0
    assert (library.calls, library.flows, library.drains) == (2_345, [name], 1)


@pytest.mark.parametrize("name", ["strict", "shared"])
def test_a_strict_workload_is_one_in_a_flow_with_the_options_of_the_library(name: str) -> None:
    library = Library()
    engine = vocabulary.engine(library.flow, library.task, library.drain, strict={"durability": "strict"})

    assert engine.workloads[name](12) > 0
    assert (library.calls, library.flows) == (12, [name])
    assert library.options[-1] == {"durability": "strict"}


def test_a_library_without_such_options_has_no_strict_workloads() -> None:
    library = Library()

    assert not {"strict", "shared"} & set(vocabulary.engine(library.flow, library.task, library.drain).workloads)


@pytest.mark.slow
def test_processes_that_write_to_one_database_begin_together_and_record_everything(tmp_path: Path) -> None:
    rounds = Bench(sluiceway(dataclasses.replace(QUICK, written=5)), tmp_path).writers(2)

    assert rounds.yardstick > 0
    assert rounds.figure > 0


def test_processes_that_do_not_record_everything_have_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"began": 1.0, "ended": 2.0, "recorded": 9}
    monkeypatch.setattr(Bench, "_probe", lambda *_, **__: answer)

    with pytest.raises(ProcessFailed, match="9 of 10 task runs are recorded"):
        Bench(sluiceway(dataclasses.replace(QUICK, written=5)), tmp_path).writers(2)


def test_the_children_are_flow_runs_inside_one_flow() -> None:
    library = Library()

    vocabulary.engine(library.flow, library.task, library.drain).workloads["children"](7)

    assert library.flows == ["children", *["child"] * 7]


def test_a_library_without_a_drain_is_not_said_to_have_waited() -> None:
    library = Library()
    engine = vocabulary.engine(library.flow, library.task, None)

    engine.workloads["direct"](3)

    assert not engine.drains
    assert library.drains == 0


def test_bytes_kept_are_those_of_what_the_caller_holds_for_each_task() -> None:
    def hold(count: int) -> object:
        return [bytes(1_000) for _ in range(count)]

    assert 1_000 <= memory.kept_bytes(hold, 200, lambda: None) < 1_200


def test_bytes_let_go_before_the_end_are_not_kept() -> None:
    assert memory.kept_bytes(lambda count: len(bytes(1_000 * count)), 200, lambda: None) < 10


def test_the_peak_is_at_least_what_is_held() -> None:
    assert memory.peak_bytes() >= memory.resident_bytes() > 1_000_000


@pytest.mark.parametrize("name", YARDSTICKS)
def test_a_yardstick_tells_the_seconds_of_one_operation(name: str) -> None:
    assert 0 < YARDSTICKS[name](20) < 1


def test_operations_that_leave_no_trace_in_the_database_are_not_reported(tmp_path: Path) -> None:
    engine = Engine({"direct": lambda count: 1e-9}, kept=float, drains=True)
    options = argparse.Namespace(
        home=tmp_path, workload="direct", yardstick="hop", count=1_000, warm_up=1, bare=1, rounds=1
    )

    with pytest.raises(probe.Unrecorded, match="1000 operations left 0 bytes"):
        probe.timing(engine, options)
