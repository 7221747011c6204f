"""How a process shows others that it lives, on the list of a real database, with real locks and leases."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sluiceway.base.errors import FencedError
from sluiceway.base.ids import new_id
from sluiceway.base.machine import host
from sluiceway.model.holding import ProcessInfo
from sluiceway.model.states import StateType
from sluiceway.recording.presence import Presence, boot, death_of, tidy_up
from sluiceway.stores.sqlite.store import SqliteStore
from sluiceway.wiring.clock import SystemClock
from sluiceway.wiring.presence import LazyPresence
from tests.stores.making import flow_facts, flow_run

CLOCK = SystemClock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(str(tmp_path / "runs.db"))
    yield store
    store.close()


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "runs.db-processes")


def presence(store: SqliteStore, folder: str, lease: float | None = None) -> LazyPresence:
    return LazyPresence(store, CLOCK, folder, lease)


# --- locks ----------------------------------------------------------------------------------------


def test_a_process_keeps_its_lock_though_others_of_its_own_are_opened_and_closed(folder: str) -> None:
    first, second = Presence(folder), Presence(folder)
    one, two = first.announce(), second.announce()
    for _ in range(2):
        assert death_of(one, CLOCK.now()) is None  # which must not open the file: closing it would drop the lock
        assert death_of(two, CLOCK.now()) is None
    second.leave()
    assert seen_from_outside(one) == "None"
    first.leave()
    assert not os.listdir(folder)


def seen_from_outside(process: ProcessInfo, folder: str | None = None) -> str:
    """Return what another process thinks has happened to a process."""
    program = (
        "import sys; from sluiceway.model.holding import ProcessInfo; "
        "from sluiceway.recording.presence import death_of; "
        f"print(death_of({process!r}, {CLOCK.now()}, {folder!r}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


@pytest.mark.slow
def test_a_place_that_has_another_name_in_a_container_is_found_by_the_name_it_has_here(
    folder: str, tmp_path: Path
) -> None:
    kept = Presence(folder)
    info = kept.announce()
    assert info.lock is not None
    elsewhere = info._replace(lock="/elsewhere/" + os.path.basename(info.lock), pid=2**22 + 1, host="container")
    assert seen_from_outside(elsewhere, folder) == "None"
    gone = elsewhere._replace(lock="/elsewhere/none")
    assert seen_from_outside(gone, folder) == "None"  # nobody here can know: its number means nothing here
    kept.leave()


@pytest.mark.slow
def test_a_process_whose_file_somebody_has_removed_lives_as_long_as_its_number_is_there(folder: str) -> None:
    kept = Presence(folder)
    info = kept.announce()
    assert info.lock is not None
    os.unlink(info.lock)
    assert seen_from_outside(info) == "None"
    assert "died without a word" in seen_from_outside(info._replace(pid=2**22 + 1))
    kept.leave()


def test_tidying_up_removes_the_file_by_the_name_it_has_here(folder: str) -> None:
    kept = Presence(folder)
    info = kept.announce()
    assert info.lock is not None
    dead = info._replace(lock="/elsewhere/" + os.path.basename(info.lock))
    tidy_up(dead, folder)
    assert not os.listdir(folder)
    kept.leave()


def test_files_that_dead_processes_have_left_go_and_those_of_living_or_new_ones_stay(
    store: SqliteStore, folder: str
) -> None:
    kept = Presence(folder)
    info = kept.announce()
    assert info.lock is not None
    left, new = Path(folder, "left"), Path(folder, "new")
    for file in (left, new):
        file.touch()
    for file in (left, Path(info.lock)):
        os.utime(file, (0, 0))
    store.announce_process(ProcessInfo(new_id(), "elsewhere", "boot", 42, 0, None, 1))
    LazyPresence(store, Sleeping(lambda: None), folder, None).look_around()
    assert sorted(os.listdir(folder)) == sorted([os.path.basename(info.lock), "new"])
    kept.leave()


# --- the list ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("lease", [None, 30.0], ids=["lock", "lease"])
def test_who_leaves_is_off_the_list_and_its_runs_have_crashed(
    store: SqliteStore, folder: str, lease: float | None
) -> None:
    own, run = presence(store, folder, lease), flow_run()
    store.write(flow_facts(run, StateType.RUNNING), own)
    (listed,) = store.read_processes()
    if lease is not None:
        assert store.prolong_process(listed.key, CLOCK.now() + 60_000_000)  # as the sentry does meanwhile
    own.leave()
    assert store.read_processes() == ()
    found = store.read_flow_run(run.key)
    assert found is not None
    assert found.state_name == "Crashed"


def test_a_lease_begins_when_the_process_comes_onto_the_list(store: SqliteStore, folder: str) -> None:
    own = presence(store, folder, 0.02)
    before = own.announce()
    time.sleep(0.03)
    entered = own.enter()
    assert (entered.key, own.known) == (before.key, True)
    (listed,) = store.read_processes()
    assert listed.until is not None
    assert before.until is not None
    assert listed.until >= before.until + 20_000
    own.leave()


def test_who_was_taken_off_the_list_while_it_had_yet_to_write_stays_off(store: SqliteStore, folder: str) -> None:
    own, run = presence(store, folder, 30.0), flow_run()
    assert store.hold_run(run.key, own.enter())
    (listed,) = store.read_processes()
    store.bury_process(listed, "it was stopped for too long", CLOCK.now())
    with pytest.raises(FencedError, match="taken for dead"):
        store.write(flow_facts(run, StateType.RUNNING), own)
    assert store.read_processes() == ()
    assert store.read_flow_run(run.key) is None
    own.leave()


class Sleeping(SystemClock):
    """A clock of a machine on which a lease is prolonged while somebody sleeps.

    Args:
        meanwhile: What happens meanwhile.
    """

    __slots__ = ("meanwhile", "slept")

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self.meanwhile = meanwhile
        self.slept: list[float] = []

    def sleep(self, seconds: float, is_over: Callable[[], bool] | None = None) -> None:
        self.slept.append(seconds)
        self.meanwhile()


@pytest.mark.parametrize("lives", [True, False])
def test_whose_lease_seems_to_be_over_is_given_the_time_to_prolong_it_for_the_clock_may_have_jumped(
    store: SqliteStore, folder: str, lives: bool
) -> None:
    run, process = flow_run(), ProcessInfo(new_id(), "elsewhere", "boot", 42, 0, None, CLOCK.now() - 3_600_000_000)
    store.announce_process(process)
    assert store.hold_run(run.key, process)
    store.write(flow_facts(run, StateType.RUNNING))
    clock = Sleeping(lambda: store.prolong_process(process.key, CLOCK.now() + 1) if lives else None)
    reaper = LazyPresence(store, clock, folder, None)
    assert reaper.look_around() == (() if lives else (run.key,))
    assert clock.slept == [1.0]


def test_nobody_waits_for_leases_where_there_is_none_that_is_over(store: SqliteStore, folder: str) -> None:
    store.announce_process(ProcessInfo(new_id(), "elsewhere", "boot", 42, 0, None, CLOCK.now() + 3_600_000_000))
    clock = Sleeping(lambda: None)
    assert LazyPresence(store, clock, folder, None).look_around() == ()
    assert clock.slept == []


# --- forks ------------------------------------------------------------------------------------------

FORKING = """
    import os, sys
    from sluiceway import wiring
    from sluiceway.model.facts import FlowRunMoved
    from sluiceway.model.states import StateType
    from tests.stores.making import flow_facts, flow_run, state

    services = wiring.services()
    run = flow_run()
    for fact in flow_facts(run, StateType.RUNNING):
        services.recorder.record(fact)
    assert services.recorder.drain()
    assert services.presence.known
    child = os.fork()
    if child == 0:
        services.close()  # which must not speak for its parent
        assert services.presence.announced is not None
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    (listed,) = services.store.read_processes()
    assert os.path.exists(listed.lock)
    services.recorder.record(FlowRunMoved(run.key, state(StateType.COMPLETED), 1))
    assert services.recorder.drain()
    print(services.store.read_flow_run(run.key).state_name)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_that_closes_what_it_inherited_leaves_its_parent_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FORKING)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "Completed\n", "")


def test_a_process_tells_its_machine_and_the_start_of_it() -> None:
    assert host() == os.uname().nodename
    assert boot() or sys.platform != "linux"
