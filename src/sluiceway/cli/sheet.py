"""What there is to say about one run, for people: heading, facts, error, history, tree."""

from __future__ import annotations

import json
from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from sluiceway.base import ids, times
from sluiceway.base.previews import on_lines, on_one_line
from sluiceway.cli.outline import outline
from sluiceway.cli.printing import ago, duration_of, state_text
from sluiceway.cli.tree import lines
from sluiceway.model.queries import LogQuery, StoredState
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import State, StateType
from sluiceway.ports.store import Store

TRACEBACK_LINES = 12
"""The lines of a traceback that are shown: the last ones, which tell where it was raised."""

ERRORS_READ = 20
"""How many of the last error lines are looked through for a traceback."""

PLAIN_HISTORY = 3
"""A history of no more states than this says nothing that the present state does not."""

_LABEL_WIDTH = 12


class Sheet:
    """Prints what there is to say about a run.

    Args:
        store: The journal.
        console: Where to print.
    """

    def __init__(self, store: Store, console: Console) -> None:
        self._store = store
        self._console = console
        self._now = times.now()

    def print_flow_run(self, run: FlowRun) -> None:
        """Print a flow run.

        Args:
            run: The run.
        """
        names = (on_one_line(run.flow_name), "bold"), f" / {on_one_line(run.name)}"
        title = Text.assemble(state_text(run.state), "  ", *names)
        self._print_title(title, run)
        self._print_facts(self._flow_run_facts(run))
        self._print_error(run, LogQuery(flow_run_keys=(run.key,), level_at_least=40))
        self._print_history(run)
        nodes, cut = outline(self._store, run)
        if nodes:
            self._print()
            for line in lines(run, nodes, self._console.width, self._now):
                self._print(line)
        if cut:
            self._print(Text("… there is more; see all of it with --json", style="dim"))

    def print_task_run(self, run: TaskRun) -> None:
        """Print a task run.

        Args:
            run: The run.
        """
        self._print_title(Text.assemble(state_text(run.state), "  ", (on_one_line(run.name), "bold")), run)
        self._print_facts(self._task_run_facts(run))
        self._print_error(run, LogQuery(task_run_keys=(run.key,), level_at_least=40))
        self._print_history(run)

    def _print(self, line: Text | str = "") -> None:
        self._console.print(line, no_wrap=True, overflow="ellipsis")

    def _print_title(self, title: Text, run: FlowRun | TaskRun) -> None:
        if run.start is not None:
            title.append(f"  {duration_of(run, self._now)}", style="cyan")
        self._print(title)

    def _print_facts(self, facts: Iterator[tuple[str, str]]) -> None:
        for label, value in facts:
            self._print(Text.assemble((f"  {label:<{_LABEL_WIDTH}}", "dim"), on_one_line(value)))

    def _flow_run_facts(self, run: FlowRun) -> Iterator[tuple[str, str]]:
        yield from self._common_facts(run)
        parent = None if run.parent_key is None else self._store.read_flow_run(run.parent_key)
        if parent is not None:
            yield "called by", f"{parent.flow_name} / {parent.name}"
        elif run.started_by:
            yield "started by", run.started_by
        label = "parameters"
        for name, value in run.parameters.items():
            yield label, f"{name} = {json.dumps(value, ensure_ascii=False, default=str)}"
            label = ""
        yield from self._result_facts(run)

    def _task_run_facts(self, run: TaskRun) -> Iterator[tuple[str, str]]:
        yield "task", run.task_name
        yield from self._common_facts(run)
        flow_run = None if run.flow_run_key is None else self._store.read_flow_run(run.flow_run_key)
        if flow_run is not None:
            yield "in", f"{flow_run.flow_name} / {flow_run.name}"
        if run.call_preview:
            yield "arguments", run.call_preview
        for name, keys in (run.inputs or {}).items():
            yield "input", f"{name} ← {', '.join(map(self._task_run_name, keys))}"
        if run.cache_key:
            yield "cache key", run.cache_key
        yield from self._result_facts(run)

    def _common_facts(self, run: FlowRun | TaskRun) -> Iterator[tuple[str, str]]:
        yield "id", str(run.id)
        began = run.start or times.from_datetime(run.created)
        when = times.to_datetime(began).astimezone()
        yield "started", f"{when:%Y-%m-%d %H:%M:%S} ({ago(began, self._now)})"
        if run.tags:
            yield "tags", ", ".join(sorted(run.tags))
        if run.run_count > 1:
            yield "attempts", str(run.run_count)

    def _result_facts(self, run: FlowRun | TaskRun) -> Iterator[tuple[str, str]]:
        stored = self._store.read_result(run.key)
        if stored is not None and stored.preview is not None:
            yield "result", stored.preview
        elif stored is not None and stored.why_not is not None:
            yield "result", f"not stored: {stored.why_not}"

    def _task_run_name(self, key: ids.RunId) -> str:
        run = self._store.read_task_run(key)
        return str(ids.to_uuid(key)) if run is None else run.name

    def _print_error(self, run: FlowRun | TaskRun, errors: LogQuery) -> None:
        """Print why a run did not complete, with the end of the traceback that it logged."""
        state = run.state
        if state is None or state.type is StateType.COMPLETED or not state.message:
            return
        self._print()
        self._console.print(Text(on_lines(state.message), style="red1" if state.is_final() else "yellow3"))
        if not state.is_final():
            return
        page = self._store.read_logs(errors, limit=ERRORS_READ, newest_first=True)
        for line in page.items:
            own = isinstance(run, TaskRun) or line.task_run_key is None
            if own and "Traceback (most recent call last)" in line.message:
                self._print_traceback(line.message)
                return

    def _print_traceback(self, message: str) -> None:
        _, _, traceback = message.partition("Traceback (most recent call last)")
        tail = traceback.rstrip().splitlines()[1:]
        if len(tail) > TRACEBACK_LINES:
            self._print(Text("  …", style="dim"))
        for line in tail[-TRACEBACK_LINES:]:
            self._print(Text(f"  {on_lines(line)}", style="dim"))

    def _print_history(self, run: FlowRun | TaskRun) -> None:
        history = self._store.read_history(run.key)
        if len(history) <= PLAIN_HISTORY:
            return
        self._print()
        for state in history:
            self._print(_history_line(state))


def _history_line(stored: StoredState) -> Text:
    when = times.to_datetime(stored.moment).astimezone()
    line = Text.assemble((f"  {when:%H:%M:%S}.{when.microsecond // 1000:03d}  ", "dim"))
    line.append_text(state_text(State(stored.type, stored.name)))
    if stored.message:
        line.append(f"  {on_one_line(stored.message.splitlines()[0])}", style="dim")
    return line
