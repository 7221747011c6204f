"""The example that kills flows at random: nothing is violated, and what it would say if something were."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from importlib import util
from pathlib import Path
from types import ModuleType

import pytest

from tests.examples.programs import EXAMPLES, run_example

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")]

KILLS = 500


def test_flows_that_are_killed_five_hundred_times_do_every_step_and_none_again_that_was_recorded(
    tmp_path: Path,
) -> None:
    lines = run_example("crash.py", "--kills", str(KILLS), cwd=tmp_path)
    print("\n".join(lines))  # with the seed, for whoever has to find out why
    assert lines[-1].startswith(f"{KILLS} kills in ")
    assert lines[-1].endswith(" 0 violations")
    rows = [line.rsplit(maxsplit=7) for line in lines[1:7]]
    kinds = {row[0]: [int(cell) for cell in row[1:5]] for row in rows}
    assert len(kinds) == 6
    assert sum(kills for kills, *_ in kinds.values()) == KILLS
    assert all(kills and runs and not lost for kills, runs, _, lost in kinds.values())


# --- that it would notice --------------------------------------------------------------------------

MEDDLING = """
import sys
from contextlib import closing
from pathlib import Path
import sqlite3
import crash

def meddle(database, run_id):
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        try:
            connection.execute({statement!r} + {of_run!r}, {{"run": run_id.bytes}})
        except sqlite3.OperationalError as error:
            assert "no such table" in str(error)

crash.warm_up()
ordeals = crash.Torture(Path(sys.argv[1]), 40, 7, 6, meddle).go()
for ordeal in ordeals:
    print(*ordeal.violations, sep="\\n")
"""

OF_RUN = " AND flow_run IN (SELECT key FROM flow_run WHERE key = :run OR root = :run)"
"""Of the run whose process was killed: another process may be about to record what follows on its own steps."""


def violations_of(statement: str, folder: Path) -> str:
    """Return what the example says of a round in which, after each kill, somebody changes what is recorded of a run."""
    program = folder / "meddling.py"
    program.write_text(MEDDLING.format(statement=statement, of_run=OF_RUN))
    return "\n".join(run_example(str(program), str(folder), cwd=folder))


@pytest.fixture(autouse=True)
def _examples_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLES))


def test_steps_that_the_journal_forgets_are_seen_to_run_again(tmp_path: Path) -> None:
    forget = "DELETE FROM task_run WHERE state = 3 AND child_flow_run IS NULL"
    said = violations_of(forget, tmp_path)
    assert "recorded steps ran again" in said
    assert "steps whose calls had returned ran again" in said


def test_a_step_that_the_journal_loses_in_the_end_is_missed(tmp_path: Path) -> None:
    lose = "UPDATE task_run SET state = 5 WHERE call_preview = 'number=3' AND state = 3"
    assert "steps are not recorded" in violations_of(lose, tmp_path)


@pytest.fixture
def crash(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the example as a module."""
    spec = util.spec_from_file_location("crash", EXAMPLES / "crash.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "crash", module)
    spec.loader.exec_module(module)
    return module


def test_two_processes_that_have_one_run_in_hand_are_told_apart(crash: ModuleType) -> None:
    told = [(1, "begin"), (1, "step"), (2, "begin"), (2, "step"), (1, "dead"), (3, "begin"), (3, "step"), (3, "end")]
    lines = [crash.Line(at, pid, did, at) for at, (pid, did) in enumerate(told)]
    assert [(line.pid, line.did) for line in crash._strangers(lines)] == [(2, "begin"), (2, "step")]


def test_who_begins_between_the_death_of_another_and_the_news_of_it_is_no_stranger(crash: ModuleType) -> None:
    lines = [crash.Line(1, 1, "begin", 0), crash.Line(5, 2, "begin", 0), crash.Line(7, 2, "step", 0)]
    news = crash.Line(6, 1, "dead", 4)
    assert list(crash._strangers([*lines[:2], news, lines[2]])) == []
    assert list(crash._strangers([*lines, news])) == []
    early = news._replace(number=5)  # it was killed no sooner than the other one began
    assert list(crash._strangers([*lines[:2], early])) == [lines[1]]
    late = crash.Line(8, 1, "step", 3)  # the dead do nothing
    assert list(crash._strangers([*lines, late, news])) == [late]


def test_what_was_lost_long_before_a_kill_or_had_returned_is_told(crash: ModuleType, tmp_path: Path) -> None:
    ordeal = crash.Ordeal(crash.KINDS[1], tmp_path, tmp_path / "runs.db")
    at = 10**10
    ordeal.history.write_text(f"{at} 77 step 5\n{at} 77 returned 5\n")
    with closing(sqlite3.connect(tmp_path / "runs.db")):
        ordeal.killed(77, at + 3 * 10**9)
    said = "\n".join(ordeal.violations)
    assert "something was lost that had been done 3.00 s before the kill" in said
    assert "steps whose calls had returned are not recorded: [5]" in said
