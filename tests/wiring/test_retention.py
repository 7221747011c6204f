"""Processes that record runs remove old ones by themselves, each in its turn, and are not held up by it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sluiceway import flow, wiring
from sluiceway.base import times
from sluiceway.base.errors import StoreError
from sluiceway.base.times import SECOND
from sluiceway.model.queries import FlowRunQuery
from sluiceway.ports.services import Services
from sluiceway.rules.retention import Retention
from sluiceway.settings import temporary_settings
from sluiceway.stores.sqlite.store import SqliteStore
from sluiceway.testing import test_harness
from sluiceway.wiring import retention
from sluiceway.wiring.configuration import Settings, load_settings
from sluiceway.wiring.retention import Housekeeper, make_pruner, policy_of
from tests.stores import keeping_process
from tests.stores.making import key_at
from tests.stores.trees import small_tree

ROOT = Path(__file__).parents[2]
DAY = 86_400 * SECOND


@flow
def hello() -> str:
    return "hello"


@pytest.fixture
def services() -> Iterator[Services]:
    """The services of this process, with a run that ended a hundred days ago."""
    here = wiring.services()
    here.store.write(small_tree(times.now() - 100 * DAY)[1])
    return here


def settings(**variables: str) -> Settings:
    return load_settings({f"SLUICEWAY_RETENTION_{name.upper()}": value for name, value in variables.items()}, os.sep)


def test_the_defaults_are_generous_and_each_limit_can_be_turned_off() -> None:
    assert policy_of(settings()) == Retention(90 * 86_400.0, 100_000, 1_000_000, 10**10)
    off = settings(max_age="off", max_flow_runs="off", max_task_runs="0", max_size="never")
    assert policy_of(off) == Retention()
    chosen = settings(max_age="12h", max_flow_runs="5", max_task_runs="6", max_size="1.5GB")
    assert policy_of(chosen) == Retention(43_200.0, 5, 6, 1_500_000_000)


def test_a_limit_that_is_off_is_off_in_other_processes_too() -> None:
    told = settings(max_age="off", max_size="2GiB").for_other_processes()
    assert policy_of(Settings.from_another_process(told, settings)) == Retention(None, 100_000, 1_000_000, 2**31)


def test_a_process_that_records_for_long_enough_prunes_in_the_background(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    housekeeper = services.housekeeper
    assert isinstance(housekeeper, Housekeeper)
    hello()
    services.recorder.drain()
    assert housekeeper._thread is None  # a process that ends soon has no thread for it
    assert services.store.count_flow_runs() == 2
    monkeypatch.setattr(housekeeper, "_due", 0.0)
    hello()
    services.recorder.drain()
    assert housekeeper._thread is not None
    housekeeper._thread.join(30)
    assert [run.flow_name for run in services.store.read_flow_runs().items] == ["hello", "hello"]


def test_of_all_processes_one_prunes_in_a_while(services: Services, sluiceway_home: Path) -> None:
    assert Housekeeper(services).work()
    services.store.write(small_tree(times.now() - 100 * DAY, 50)[1])
    other = SqliteStore(str(sluiceway_home / "sluiceway.db"))
    elsewhere = Services(services.settings, other, services.recorder, services.results, services.clock)
    assert not Housekeeper(elsewhere).work()
    assert not Housekeeper(services).work()
    assert services.store.count_flow_runs() == 1
    later = times.now() + 2 * 3_600 * SECOND
    elsewhere.clock = Later(later)
    assert Housekeeper(elsewhere).work()
    assert services.store.count_flow_runs() == 0
    other.close()


class Later:
    """A clock that stands still."""

    def __init__(self, moment: int) -> None:
        self.moment = moment

    def now(self) -> int:
        return self.moment

    def sleep(self, seconds: float) -> None:
        raise NotImplementedError

    async def asleep(self, seconds: float) -> None:
        raise NotImplementedError


def test_it_can_be_turned_off_and_is_off_in_the_harness() -> None:
    with temporary_settings(retention_automatic=False):
        assert wiring.services().housekeeper is None
    with test_harness() as harness:
        assert harness.services.housekeeper is None
        assert not [each for each in harness.services.recorder.listeners if isinstance(each, Housekeeper)]


def test_the_end_of_a_process_waits_for_no_more_than_a_step(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10, 60, 10):
        services.store.write(small_tree(times.now() - 100 * DAY, number)[1])
    in_step, go_on = threading.Event(), threading.Event()
    remove = SqliteStore.remove_runs
    steps = []

    def slow(store: SqliteStore, *arguments: object) -> object:
        in_step.set()
        go_on.wait(10)
        steps.append(remove(store, arguments[0], 3, arguments[2]))  # type: ignore[arg-type]  # as they came
        return steps[-1]

    monkeypatch.setattr(SqliteStore, "remove_runs", slow)
    housekeeper = services.housekeeper
    housekeeper._due = 0.0
    hello()
    services.recorder.drain()
    assert in_step.wait(10)
    closing = threading.Thread(target=housekeeper.close)
    closing.start()
    while not housekeeper._stopped.is_set():
        closing.join(0.001)
    go_on.set()
    closing.join(10)
    assert not housekeeper._thread.is_alive()
    assert len(steps) == 1
    housekeeper([])
    assert not housekeeper._thread.is_alive()


def test_a_journal_that_cannot_be_pruned_is_one_warning(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StoreError("The disk is full.")

    monkeypatch.setattr(SqliteStore, "read_roots", fail)
    assert not Housekeeper(services).work()
    assert caplog.messages == ["Old runs could not be removed. The disk is full."]


def test_a_system_without_a_thread_to_give_costs_the_journal_nothing(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    hello()
    monkeypatch.setattr(services.housekeeper, "_due", 0.0)
    monkeypatch.setattr(retention.threading.Thread, "start", refuse)
    hello()
    services.recorder.drain()
    assert services.housekeeper in services.recorder.listeners


@pytest.mark.slow
def test_a_process_that_writes_and_one_that_prunes_are_in_nobodys_way(services: Services) -> None:
    database = str(services.settings.database_url).removeprefix("sqlite:///")
    for number in range(0, 3_000, 10):
        services.store.write(small_tree(times.now() - 100 * DAY, 100 + number, 3)[1])
    writer = subprocess.Popen(
        [sys.executable, "-W", "error", keeping_process.__file__, database],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "writing\n"
    pruned = make_pruner(services).prune(Retention(max_age=86_400.0))
    written, told = writer.communicate("stop\n", timeout=60)
    assert (writer.returncode, told) == (0, "")
    assert pruned[:2] == (301, 301)
    assert int(written) > 0
    assert services.store.count_flow_runs(FlowRunQuery(flow_names=("orders",))) == int(written)
    assert services.store.count_task_runs() == int(written)
    assert services.store.read_flow_run(key_at(times.now())) is None
    assert services.store.check() == []
