"""A run as one file: its page, without a server, for a report or a bug. It is bounded, and says what it leaves out."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, NamedTuple

from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment
from sluiceway.model.overview import Step
from sluiceway.model.queries import LogLine, LogQuery, RunOrder, TaskRunQuery
from sluiceway.model.results import StoredResult
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.ports.store import Store
from sluiceway.server.pages.frame import environment
from sluiceway.server.pages.run import bundling, columns, graphs
from sluiceway.server.pages.run.subject import UNSUCCESSFUL, Trouble, subject_of, trouble_of

MOST_BARS = 20_000
"""How many task runs the timeline has at most, those of child runs included."""

MOST_CHILDREN = 200
"""How many child runs can be opened at most."""

MOST_ROWS = 500
"""How many steps are told in full."""

MOST_UNSUCCESSFUL = 100
"""How many further steps are told in full that did not complete."""

MOST_LINES = 2_000
"""How many log lines there are at most: the last ones."""

MOST_CHARACTERS = 4_000
"""How much there is of a log line."""


class Row(NamedTuple):
    """A step that is told in full.

    Args:
        run: The task run.
        result: What is stored of its result.
        trouble: Why it did not complete.
    """

    run: TaskRun
    result: StoredResult | None
    trouble: Trouble | None


class _Gathered:
    """What of a run goes into the file.

    Args:
        store: The journal.
        now: The present moment.
    """

    def __init__(self, store: Store, now: Moment) -> None:
        self._store = store
        self._now = now
        self._left = MOST_BARS
        self.left_out: list[str] = []
        self.steps: tuple[Step, ...] = ()

    def timeline(self, run: FlowRun) -> dict[str, Any]:
        """Return the data of the timeline: those of the run, then of its child runs, as long as there is room."""
        pages: dict[str, Any] = {}
        waiting: list[RunId] = [run.key]
        for key in waiting:  # which grows meanwhile
            one = run if key == run.key else self._store.read_flow_run(key)
            if one is None:
                continue
            steps = self._bars(one)
            if key == run.key:
                self.steps = steps
            pages[key.hex()] = columns.page_of(one, columns.Steps(steps, None), self._store, self._now)
            waiting += (step.child_flow_run_key for step in steps if step.child_flow_run_key is not None)
            if len(pages) > MOST_CHILDREN or self._left <= 0:
                break
        if len(pages) < len(waiting):
            self.left_out.append(f"Of {len(waiting) - 1:,} child runs, the timeline has {len(pages) - 1:,}.")
        return {"now": self._now, "key": run.key.hex(), "runs": pages}

    def _bars(self, run: FlowRun) -> tuple[Step, ...]:
        steps: list[Step] = []
        cursor, more = None, True
        while more and self._left > 0:
            page = self._store.read_timeline(run.key, limit=min(columns.PAGE, self._left), after=cursor)
            steps += page.items
            self._left -= len(page.items)
            cursor, more = page.cursor, page.cursor is not None
        if more:
            total = self._store.count_task_runs(TaskRunQuery(flow_run_keys=(run.key,)))
            self.left_out.append(f"Of the {total:,} steps of {run.name}, the timeline has {len(steps):,}.")
        return tuple(steps)

    def rows(self, run: FlowRun) -> list[Row]:
        """Return the steps that are told in full: the first ones, and of the others those that did not complete."""
        query = TaskRunQuery(flow_run_keys=(run.key,))
        page = self._store.read_task_runs(query, order=RunOrder.OLDEST_FIRST, limit=MOST_ROWS)
        chosen = list(page.items)
        if page.cursor is not None:
            failed = self._store.read_task_runs(
                query._replace(state_types=UNSUCCESSFUL), order=RunOrder.OLDEST_FIRST, limit=MOST_UNSUCCESSFUL
            )
            known = {one.key for one in chosen}
            chosen += (one for one in failed.items if one.key not in known)
            total = self._store.count_task_runs(query)
            self.left_out.append(
                f"Of {total:,} steps, {len(chosen):,} are told in full: the first, and those that did not complete."
            )
        return [Row(one, self._store.read_result(one.key), trouble_of(self._store, one)) for one in chosen]

    def lines(self, run: FlowRun) -> list[LogLine]:
        """Return the last log lines, in order."""
        query = LogQuery(flow_run_keys=(run.key,))
        page = self._store.read_logs(query, limit=MOST_LINES, newest_first=True)
        if page.cursor is not None:
            total = self._store.count_logs(query)
            self.left_out.append(f"Of {total:,} log lines, the last {len(page.items):,} are here.")
        return [line._replace(message=_cut(line.message)) for line in reversed(page.items)]


def _cut(text: str) -> str:
    surplus = len(text) - MOST_CHARACTERS
    return text if surplus <= 0 else f"{text[:MOST_CHARACTERS]}… ({surplus:,} more characters)"


def report(store: Store, run: FlowRun, now: Moment) -> str:
    """Return the page of a flow run as a file that needs nothing but a browser.

    Args:
        store: The journal.
        run: The flow run.
        now: The present moment.
    """
    return "".join(_written(store, run, now))


def _written(store: Store, run: FlowRun, now: Moment) -> Iterator[str]:
    gathered = _Gathered(store, now)
    data = gathered.timeline(run)
    rows, lines = gathered.rows(run), gathered.lines(run)
    names = {row.run.key: row.run.name for row in rows}
    script = bundling.bundle("timeline.js", "report.js")
    sheet = bundling.styles("sluiceway.css", "run.css", "report.css")
    yield (
        environment()
        .get_template("run/report.html")
        .render(
            run=run,
            subject=subject_of(store, run),
            result=store.read_result(run.key),
            states=store.read_history(run.key),
            rows=rows,
            lines=lines,
            names=names,
            picture=graphs.draw(gathered.steps),
            left_out=gathered.left_out,
            made=now,
            written_by=version("sluiceway"),
            policy=_policy(script, sheet),
            data=_harmless(data),
            script=script,
            sheet=sheet,
            step_address=lambda key: f"#step-{key.hex()}",
            group_address=lambda task: "#steps",
        )
    )


def _harmless(data: Any) -> str:
    """Return data as JSON in which nothing can end the element that it stands in."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _policy(script: str, sheet: str) -> str:
    """Return what the file may do: run its own script, by its hash, and nothing else."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(sheet)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
