"""Every list is read along an index: what SQLite says it would do, for each filter and order."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sluiceway.model.queries import FlowRunQuery, LogQuery, RunOrder, TaskRunQuery
from sluiceway.model.states import StateType
from sluiceway.stores.cursors import run_cursor
from sluiceway.stores.sqlite.overseeing import FOUND_BY_BEGINNING, list_steps
from sluiceway.stores.sqlite.reading import teach
from sluiceway.stores.sqlite.selecting import Select, list_logs, list_runs, select_logs, select_runs
from sluiceway.stores.sqlite.statements import load
from sluiceway.stores.sqlite.store import SqliteStore
from sluiceway.stores.sqlite.tallying import tally_buckets, tally_names, tally_states
from tests.stores.making import NOON, finished_task_facts, flow_facts, flow_run, log_line, task_run

TEXTS = load("reading.sql")
KEYS = (b"k" * 16, b"l" * 16)
TWO_TYPES = (StateType.FAILED, StateType.RUNNING)

COMMON_PARTS: list[dict[str, Any]] = [
    {"keys": KEYS[:1]},
    {"keys": KEYS},
    {"key_prefix": "01"},
    {"names": ("a",)},
    {"names": ("a", "b")},
    {"state_types": TWO_TYPES[:1]},
    {"state_types": TWO_TYPES},
    {"state_names": ("Retrying",)},
    {"state_names": ("Retrying", "Failed")},
    {"tags": ("a",)},
    {"tags": ("a", "b")},
    {"created_after": NOON},
    {"created_before": NOON},
    {"created_after": NOON, "created_before": NOON + 1},
]
FLOW_RUN_PARTS = [*COMMON_PARTS, {"flow_names": ("a",)}, {"flow_names": ("a", "b")}, {"parent": KEYS[0]}]
FLOW_RUN_PARTS.append({"state_types": TWO_TYPES[:1], "may_resume": True})
FLOW_RUN_PARTS += [{"started_after": NOON}, {"ended_after": NOON}, {"started_after": NOON, "started_before": NOON + 1}]
TASK_RUN_PARTS = [*COMMON_PARTS, {"flow_run_keys": KEYS[:1]}, {"flow_run_keys": KEYS}]
TASK_RUN_PARTS.append({"flow_run_keys": KEYS[:1], "text": "a"})


@pytest.fixture
def connection(sqlite: SqliteStore, database: Path) -> Iterator[sqlite3.Connection]:
    """Return a connection to a database with a few rows, which knows what `reading.sql` calls."""
    flow = flow_run()
    task = task_run(flow)
    sqlite.write([*flow_facts(flow), *finished_task_facts(task), log_line("a line", flow, task)])
    with closing(sqlite3.connect(database)) as connection:
        teach(connection)
        yield connection


def plan(connection: sqlite3.Connection, statement: str, values: Any) -> list[str]:
    """Return the steps that SQLite would take."""
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]


def walks_a_table(steps: list[str]) -> bool:
    """Return whether runs or log lines are gone through one by one."""
    return any(re.match(r"SCAN (run|log)\b", step) for step in steps)


def sorts(steps: list[str]) -> bool:
    return any("ORDER BY" in step for step in steps)


def identify(part: Any) -> str | None:
    return repr(part) if isinstance(part, dict) else None


@pytest.mark.parametrize("part", FLOW_RUN_PARTS, ids=identify)
def test_a_filter_of_flow_runs_is_looked_up(connection: sqlite3.Connection, part: dict[str, Any]) -> None:
    query = FlowRunQuery(**part)
    assert not walks_a_table(plan(connection, *list_runs(TEXTS, query)))
    assert not walks_a_table(plan(connection, *counted(select_runs(TEXTS, query))))


@pytest.mark.parametrize("part", TASK_RUN_PARTS, ids=identify)
def test_a_filter_of_task_runs_is_looked_up(connection: sqlite3.Connection, part: dict[str, Any]) -> None:
    query = TaskRunQuery(**part)
    assert not walks_a_table(plan(connection, *list_runs(TEXTS, query)))
    assert not walks_a_table(plan(connection, *counted(select_runs(TEXTS, query))))


def counted(select: Select) -> tuple[str, Any]:
    return select.count(), select.values


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("order", list(RunOrder))
def test_flow_runs_come_off_an_index_in_each_order(
    connection: sqlite3.Connection, order: RunOrder, after: bool
) -> None:
    cursor = run_cursor(flow_run(), order) if after else None
    steps = plan(connection, *list_runs(TEXTS, FlowRunQuery(), order, after=cursor))
    assert not sorts(steps)
    if after:
        assert not walks_a_table(steps)


@pytest.mark.parametrize(
    ("order", "index"),
    [
        (RunOrder.STARTED_LAST, "flow_run_by_start"),
        (RunOrder.STARTED_FIRST, "flow_run_by_start"),
        (RunOrder.ENDED_LAST, "flow_run_by_end"),
        (RunOrder.NAME, "flow_run_by_name"),
    ],
)
def test_runs_that_no_other_called_are_not_sorted_in_any_order(
    connection: sqlite3.Connection, order: RunOrder, index: str
) -> None:
    steps = plan(connection, *list_runs(TEXTS, FlowRunQuery(roots_only=True), order, 50, None, 0))
    assert any(f"USING INDEX {index}" in step for step in steps), steps
    assert not sorts(steps)


@pytest.mark.parametrize("part", [{}, {"flow_run_keys": KEYS[:1]}, {"created_after": NOON}], ids=identify)
@pytest.mark.parametrize("order", [RunOrder.NEWEST_FIRST, RunOrder.OLDEST_FIRST])
def test_task_runs_come_off_an_index_by_age(
    connection: sqlite3.Connection, order: RunOrder, part: dict[str, Any]
) -> None:
    cursor = run_cursor(task_run(), order)
    steps = plan(connection, *list_runs(TEXTS, TaskRunQuery(**part), order, after=cursor))
    assert not sorts(steps)
    assert not walks_a_table(steps)


@pytest.mark.parametrize("order", list(RunOrder))
def test_task_runs_of_a_flow_run_are_the_only_ones_that_are_sorted(
    connection: sqlite3.Connection, order: RunOrder
) -> None:
    query = TaskRunQuery(flow_run_keys=KEYS[:1])
    assert not walks_a_table(plan(connection, *list_runs(TEXTS, query, order)))


@pytest.mark.parametrize(
    "query",
    [
        FlowRunQuery(flow_names=("a",)),
        FlowRunQuery(state_types=TWO_TYPES[:1]),
        FlowRunQuery(names=("a",)),
        FlowRunQuery(parent=KEYS[0]),
        FlowRunQuery(roots_only=True),
        FlowRunQuery(tags=("a",)),
        FlowRunQuery(tags=("a", "b"), created_after=NOON, text="c"),
        TaskRunQuery(tags=("a",)),
        TaskRunQuery(flow_run_keys=KEYS[:1]),
        TaskRunQuery(state_types=TWO_TYPES[:1]),
        TaskRunQuery(names=("a",)),
    ],
)
def test_the_newest_runs_of_a_kind_come_off_its_index_in_order(
    connection: sqlite3.Connection, query: FlowRunQuery | TaskRunQuery
) -> None:
    steps = plan(connection, *list_runs(TEXTS, query))
    assert not sorts(steps)
    assert not walks_a_table(steps)


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(
    "query",
    [
        LogQuery(flow_run_keys=KEYS[:1]),
        LogQuery(task_run_keys=KEYS[:1]),
        LogQuery(flow_run_keys=KEYS[:1], level_at_least=40, text="error", moment_after=NOON),
    ],
)
def test_log_lines_of_a_run_come_off_an_index_in_order(
    connection: sqlite3.Connection, query: LogQuery, newest_first: bool
) -> None:
    after = f"logs-{'newest' if newest_first else 'oldest'}-first.5"
    for cursor in (None, after):
        steps = plan(connection, *list_logs(TEXTS, query, after=cursor, newest_first=newest_first))
        assert not sorts(steps)
        assert not walks_a_table(steps)
    assert not walks_a_table(plan(connection, *counted(select_logs(TEXTS, query))))


def test_following_the_log_does_not_read_it_from_the_start(connection: sqlite3.Connection) -> None:
    steps = plan(connection, *list_logs(TEXTS, LogQuery(), after="logs-oldest-first.5"))
    assert steps[0] == "SEARCH log USING INTEGER PRIMARY KEY (rowid>?)"


@pytest.mark.parametrize("name", ["flow", "flows", "history", "result", "cached", "task_runs_by_state"])
def test_what_is_asked_by_key_is_looked_up(connection: sqlite3.Connection, name: str) -> None:
    values = ("a", 2) if name == "flows" else (KEYS[0],) * TEXTS[name].count("?")
    steps = plan(connection, TEXTS[name], values)
    assert not any(re.match(r"SCAN \w", step) for step in steps), steps


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        list_runs(TEXTS, FlowRunQuery(name_like="a")),
        list_runs(TEXTS, FlowRunQuery(text="a")),
        list_runs(TEXTS, FlowRunQuery(parameters=(("a", "1"),))),
        list_runs(TEXTS, FlowRunQuery(duration_at_least=1)),
        list_runs(TEXTS, FlowRunQuery(duration_at_most=1)),
        list_runs(TEXTS, FlowRunQuery(started_before=NOON)),
        list_runs(TEXTS, FlowRunQuery(ended_before=NOON)),
        list_runs(TEXTS, TaskRunQuery(task_names=("a",))),
        list_runs(TEXTS, TaskRunQuery(state_types=(StateType.COMPLETED,))),
        *(
            list_runs(TEXTS, TaskRunQuery(), order)
            for order in (RunOrder.STARTED_FIRST, RunOrder.STARTED_LAST, RunOrder.ENDED_LAST, RunOrder.NAME)
        ),
        list_logs(TEXTS, LogQuery(text="a")),
        list_logs(TEXTS, LogQuery(level_at_least=40)),
        list_logs(TEXTS, LogQuery(moment_after=NOON)),
    ],
)
def test_these_questions_and_no_others_go_through_rows_one_by_one_unless_a_run_narrows_them(
    connection: sqlite3.Connection, statement: str, values: Any
) -> None:
    """Either no index can serve them, or it would cost every task run more than the question is worth."""
    assert walks_a_table(plan(connection, statement, values))


# --- looking at many runs at once ---------------------------------------------------------------

OVERVIEW = {**TEXTS, **load("overview.sql")}
PLAIN = [name for name in load("overview.sql") if "{" not in OVERVIEW[name]]

SMALL = {"held", "claimed", "flows of text", "tasks of text"}
"""What goes through all rows of a table of which there are few: runs in hand, flows, tasks."""


@pytest.mark.parametrize("name", PLAIN)
def test_an_overview_goes_through_no_more_rows_than_it_tells_of(connection: sqlite3.Connection, name: str) -> None:
    values = dict.fromkeys(("since", "at", "most", "first", "beyond", "last", "text", "flow", "name", "place"), 1)
    steps = plan(connection, OVERVIEW[name], [1] * OVERVIEW[name].count("?") or values)
    scanned = [step for step in steps if re.match(r"SCAN (\w*run|flow|task|log|deferred_call|flow_run_tag)\b", step)]
    assert all("flow_run_by_failure" in step for step in scanned) or name in SMALL, steps


@pytest.mark.parametrize(("table", "name"), FOUND_BY_BEGINNING)
def test_names_are_found_by_their_beginning_along_an_index(
    connection: sqlite3.Connection, table: str, name: str
) -> None:
    values = dict.fromkeys(("text", "beyond", "most"), "a")
    steps = plan(connection, OVERVIEW["names of text"].format(table=table, name=name), values)
    assert [step for step in steps if re.match(rf"SCAN {table}\b", step)] == []
    searched = [step for step in steps if step.startswith(f"SEARCH {table} USING ")]
    assert len(searched) == 2
    assert all(f"({name}>? AND {name}<?)" in step for step in searched)


NARROW = "COVERING INDEX flow_run_by_"


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (FlowRunQuery(), "state (state=? AND key>? AND key<?)"),
        (FlowRunQuery(roots_only=True, created_after=NOON), "state (state=? AND key>? AND key<?)"),
        (FlowRunQuery(state_types=TWO_TYPES), "state (state=? AND key>? AND key<?)"),
        (FlowRunQuery(tags=("a",)), "state (state=? AND key>? AND key<?)"),
        (FlowRunQuery(flow_names=("a",)), "flow (flow=? AND key>? AND key<?)"),
        (FlowRunQuery(flow_names=("a", "b"), roots_only=True), "flow (flow=? AND key>? AND key<?)"),
    ],
)
def test_a_strip_of_states_comes_off_narrow_rows(
    connection: sqlite3.Connection, query: FlowRunQuery, index: str
) -> None:
    steps = plan(connection, *tally_buckets(OVERVIEW, query, list(KEYS)))
    assert f"SEARCH run USING {NARROW}{index}" in steps
    assert any(
        f"{NARROW}{index.split(' ', maxsplit=1)[0]} " in step
        for step in plan(connection, *tally_states(OVERVIEW, query))
    )
    assert not walks_a_table(steps)
    assert not walks_a_table(plan(connection, *tally_names(OVERVIEW, query)))


@pytest.mark.parametrize("query", [FlowRunQuery(keys=KEYS), FlowRunQuery(names=("a",)), FlowRunQuery(parent=KEYS[0])])
def test_a_strip_of_a_few_runs_begins_with_these(connection: sqlite3.Connection, query: FlowRunQuery) -> None:
    for tally in (tally_states(OVERVIEW, query), tally_names(OVERVIEW, query)):
        assert not walks_a_table(plan(connection, *tally))


def test_how_a_flow_went_comes_off_narrow_rows(connection: sqlite3.Connection) -> None:
    values = dict.fromkeys(("flow", "first", "beyond", "place"), 1)
    for name in ("runs of flow", "median of flow"):
        steps = plan(connection, OVERVIEW[name], values)
        assert f"SEARCH flow_run USING {NARROW}flow (flow=? AND key>? AND key<?)" in steps


def test_what_failed_lately_comes_off_an_index_of_failures(connection: sqlite3.Connection) -> None:
    for name in ("failed", "count failed"):
        steps = plan(connection, OVERVIEW[name], {"since": 1, "most": 1})
        assert steps == [f"SEARCH flow_run USING {NARROW}failure (ended>?)"]


@pytest.mark.parametrize("chosen", [None, KEYS])
def test_a_timeline_is_read_along_its_flow_run_or_by_key(
    connection: sqlite3.Connection, chosen: tuple[bytes, ...] | None
) -> None:
    statement, values = list_steps(OVERVIEW, KEYS[0], chosen, b"", 5)
    steps = plan(connection, statement, values)
    assert not walks_a_table(steps)
    assert not sorts(steps)
    assert any("flow_run_by" in step or "task_run_by_flow_run" in step for step in steps) == (chosen is None)


@pytest.mark.parametrize("direction", ["", " DESC"])
def test_the_line_at_a_position_is_found_along_the_index(connection: sqlite3.Connection, direction: str) -> None:
    select = select_logs(TEXTS, LogQuery(flow_run_keys=KEYS[:1], number_from=5))
    statement = OVERVIEW["place"].format(where=select.conditions(), direction=direction)
    (step,) = plan(connection, statement, [*select.values, 3])
    assert step == "SEARCH log USING COVERING INDEX log_by_flow_run (flow_run=? AND rowid>?)"


def test_the_first_error_of_a_run_comes_off_an_index_of_what_is_serious(connection: sqlite3.Connection) -> None:
    query = LogQuery(flow_run_keys=KEYS[:1], level_at_least=40)
    assert plan(connection, *list_logs(TEXTS, query))[0] == "SEARCH log USING INDEX log_serious (flow_run=?)"
    select = select_logs(TEXTS, query)
    steps = plan(connection, OVERVIEW["serious"].format(where=select.conditions()), select.values)
    assert steps == ["SEARCH log USING INDEX log_serious (flow_run=?)"]


# --- removing -----------------------------------------------------------------------------------

KEEPING = load("keeping.sql")

GOES_THROUGH_ALL = {
    "flow run count",
    "task run count",
    "cached bytes",
    "row bytes",
    "oldest and newest",
    "stored results",
}
"""What counts or sums all rows: by an index where there is one, and only now and then."""


@pytest.mark.parametrize("name", [name for name in KEEPING if not name.startswith("prepare")])
def test_removing_goes_through_no_rows_but_those_that_are_removed(connection: sqlite3.Connection, name: str) -> None:
    for text in (KEEPING[name] for name in KEEPING if name.startswith("prepare")):
        connection.execute(text)
    values = dict.fromkeys(("after", "before", "first_key", "most", "root", "key", "at", "location"), 1)
    steps = plan(connection, KEEPING[name], values | {"keys": "[]"})
    tables = "run|log|line|flow_run|task_run|imported|cached_result|noted|(flow|task)_run_tag|deferred_\\w+"
    scanned = [step for step in steps if re.match(rf"SCAN ({tables})\b(?! USING COVERING INDEX)", step)]
    assert bool(scanned) <= (name in GOES_THROUGH_ALL), steps
    if name == "roots":
        assert sum("ORDER BY" in step for step in steps) <= 1  # for the two short lists together
