"""Progress of runs under way: bars on a terminal, now and then a line in a pipe.

A display listens to the facts that were written, so that it costs nothing where runs are made.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TextIO

from sluiceway.base import times
from sluiceway.base.ids import RunId
from sluiceway.base.previews import on_one_line
from sluiceway.model.appearance import look_of
from sluiceway.model.facts import (
    Fact,
    FlowRunCreated,
    FlowRunMoved,
    TaskRunCreated,
    TaskRunMoved,
    TaskRunStarted,
)
from sluiceway.model.runs import TaskRun
from sluiceway.model.states import State, StateType

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

REFRESHES_PER_SECOND = 8
BAR_WIDTHS = (10, 30)
"""The least and the greatest width of a bar in characters."""

SHOWN_CHILDREN = 4
"""How many child runs are shown with their own tasks; the others are counted in the bar of their flow."""

SECONDS_BETWEEN_LINES = 5.0


class Tally:
    """How far the calls of one task or child flow in one flow run have come.

    Args:
        name: The name of the task or flow.
    """

    __slots__ = ("cached", "ended", "failed", "name", "running", "total")

    def __init__(self, name: str) -> None:
        self.name: str = name
        self.total: int = 0
        self.running: int = 0
        self.ended: int = 0
        self.failed: int = 0
        self.cached: int = 0

    def move(self, was: StateType | None, state: State[Any]) -> None:
        """Count that one of the calls came from one state into another.

        Args:
            was: The type of the state before; None for a new call.
            state: The state it came into.
        """
        self.running += (state.type is StateType.RUNNING) - (was is StateType.RUNNING)
        if _has_ended(state):
            self.ended += 1
            self.failed += not state.is_completed()
            self.cached += state.name == "Cached"

    @property
    def note(self) -> str:
        """What is to say beside the count, such as `4 running, 2 failed`."""
        counts = (("running", self.running), ("failed", self.failed), ("cached", self.cached))
        return ", ".join(f"{count:,} {what}" for what, count in counts if count)


class RunTally:
    """How far a flow run has come.

    Args:
        name: The name of the run.
        flow_name: The name of the flow.
        parent: The run that called it, if that is known.
        state: The state that it is in.
    """

    __slots__ = ("children", "end", "flow_name", "flows", "name", "parent", "start", "state", "tasks")

    def __init__(self, name: str, flow_name: str, parent: RunTally | None, state: State[Any]) -> None:
        self.name: str = name
        self.flow_name: str = flow_name
        self.parent: RunTally | None = parent
        self.state: State[Any] = state
        self.start: times.Moment = state.moment or times.now()
        self.end: times.Moment | None = None
        self.tasks: dict[str, Tally] = {}
        self.flows: dict[str, Tally] = {}
        self.children: dict[RunId, RunTally] = {}
        """The child runs that are under way."""

    def seconds(self) -> float:
        """Return for how many seconds the run has been going, or went."""
        return max(0, (self.end or times.now()) - self.start) / times.SECOND


class Board:
    """The tallies of all flow runs of this process that are under way."""

    def __init__(self) -> None:
        self.roots: dict[RunId, RunTally] = {}
        self._runs: dict[RunId, RunTally] = {}
        self._calls: dict[RunId, tuple[Tally, StateType]] = {}
        """By task run that has not ended: where it is counted, and its state."""

    def take(self, fact: Fact) -> RunTally | None:
        """Count a fact.

        Returns:
            The root run that ended with it, if one did.
        """
        match fact:
            case TaskRunMoved():
                self._move_call(fact.run_key, fact.state)
            case TaskRunStarted(run):
                self._add_call(run, StateType.RUNNING)
            case TaskRunCreated(run, state):
                self._add_call(run, state.type)
            case FlowRunCreated():
                self._add_run(fact)
            case FlowRunMoved():
                return self._move_run(fact)
        return None

    def _add_call(self, run: TaskRun, kind: StateType) -> None:
        owner = self._runs.get(run.flow_run_key or b"")
        if owner is None or run.child_flow_run_key is not None:
            return  # a task outside flows, or one that stands for a child run, which is counted itself
        tally = owner.tasks.get(run.task_name) or owner.tasks.setdefault(run.task_name, Tally(run.task_name))
        tally.total += 1
        tally.running += kind is StateType.RUNNING
        self._calls[run.key] = (tally, kind)

    def _move_call(self, key: RunId, state: State[Any]) -> None:
        call = self._calls.get(key)
        if call is None:
            return
        tally, was = call
        tally.move(was, state)
        if _has_ended(state):
            del self._calls[key]
        else:
            self._calls[key] = (tally, state.type)

    def _add_run(self, fact: FlowRunCreated) -> None:
        run = fact.run
        parent = self._runs.get(run.parent_key or b"")
        tally = RunTally(run.name, run.flow_name, parent, fact.state)
        self._runs[run.key] = tally
        if parent is None:
            self.roots[run.key] = tally
            return
        parent.children[run.key] = tally
        flow = parent.flows.setdefault(run.flow_name, Tally(run.flow_name))
        flow.total += 1
        flow.move(None, fact.state)

    def _move_run(self, fact: FlowRunMoved) -> RunTally | None:
        tally = self._runs.get(fact.run_key)
        if tally is None:
            return None
        was, tally.state = tally.state.type, fact.state
        if was is StateType.PENDING:
            tally.start = fact.state.moment
        tally.name = fact.name or tally.name
        if tally.parent is not None:
            tally.parent.flows[tally.flow_name].move(was, fact.state)
        if not _has_ended(fact.state):
            return None
        tally.end = fact.state.moment
        del self._runs[fact.run_key]
        if tally.parent is not None:
            tally.parent.children.pop(fact.run_key, None)
            return None
        return self.roots.pop(fact.run_key)


class Display(Protocol):
    """Shows the progress of flow runs; listens to a recorder."""

    def __call__(self, facts: Sequence[Fact]) -> None:
        """Take facts that were written, in their order."""

    def close(self) -> None:
        """Show nothing more, and leave the terminal as it was. Closing twice is harmless."""


class LiveDisplay:
    """A tree with a bar for each task, redrawn in place while runs are under way, and left at their end.

    Args:
        console: The terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._board = Board()
        self._lock = threading.Lock()
        self._live: Live | None = None

    def __call__(self, facts: Sequence[Fact]) -> None:
        with self._lock:
            ended = [run for fact in facts if (run := self._board.take(fact)) is not None]
            under_way = bool(self._board.roots)
        for run in ended:
            self._console.print(picture(run, self._console.width))
        if not under_way:
            self.close()
        elif self._live is None:
            self._live = self._started()

    def close(self) -> None:
        """Show nothing more, and leave the terminal as it was."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _started(self) -> Live:
        from rich.live import Live  # heavy: only those who want to see progress load it

        live = Live(
            console=self._console,
            get_renderable=self._drawn,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=True,
        )
        live.start()
        return live

    def _drawn(self) -> RenderableType:
        """Return the picture of all runs that are under way."""
        from rich.console import Group  # heavy: only those who want to see progress load it

        with self._lock:
            return Group(*(picture(run, self._console.width) for run in self._board.roots.values()))


class PlainDisplay:
    """A line now and then about how far each task has come, for pipes and log files.

    Args:
        stream: Where to print.
        every: Seconds between the lines of one run.
    """

    def __init__(self, stream: TextIO, every: float = SECONDS_BETWEEN_LINES) -> None:
        self._stream: TextIO | None = stream
        self._every = round(every * times.SECOND)
        self._board = Board()
        self._due = 0

    def __call__(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if isinstance(fact, FlowRunCreated) and not self._board.roots:
                self._due = times.now() + self._every
            ended = self._board.take(fact)
            if ended is not None:
                self._print(f"{_title(ended)}: {_summary(ended)}")
        if self._board.roots and times.now() >= self._due:
            self._due = times.now() + self._every
            for run in self._board.roots.values():
                self._print(f"{_title(run)}: {_summary(run)}")

    def close(self) -> None:
        """Print nothing more."""
        self._board = Board()

    def _print(self, line: str) -> None:
        if self._stream is None:
            return
        try:
            print(line, file=self._stream, flush=True)
        except (OSError, ValueError):  # nobody reads it any more, or it was closed
            self._stream = None


def display_on(stream: TextIO, lines_in_pipe: bool = False) -> Display | None:
    """Return what shows progress on a stream: bars on a terminal.

    Where the standard output goes elsewhere there are no bars, lest a `tee` behind it write into them.

    Args:
        stream: Where to show it, such as `sys.stderr`.
        lines_in_pipe: Whether to print lines where there are no bars.

    Returns:
        The listener for a recorder; None where there is nothing to show it on.
    """
    if stream.isatty() and sys.stdout.isatty():
        from rich.console import Console  # heavy: only those who want to see progress load it

        # What is printed meanwhile goes through this console too, which is not to fold long lines.
        return LiveDisplay(Console(file=stream, highlight=False, soft_wrap=True))
    return PlainDisplay(stream) if lines_in_pipe else None


class _Row(NamedTuple):
    """A line of the picture of a run.

    Args:
        label: The branches of the tree and the name.
        bar: What is drawn as a bar, or the text in its place.
        figure: The number behind the bar.
        note: What else there is to say.
    """

    label: Text
    bar: Tally | Text
    figure: Text
    note: Text


def picture(run: RunTally, width: int) -> Table:
    """Return the tree of a run with its bars, to be drawn by `rich`.

    Args:
        run: The run.
        width: The width of the terminal in characters.
    """
    from rich.table import Table  # heavy: only those who want to see progress load it

    rows = list(_rows(run, "", ""))
    label_width = min(max(row.label.cell_len for row in rows), width * 2 // 5)
    figure_width = max(row.figure.cell_len for row in rows)
    note_width = max(row.note.cell_len for row in rows)
    spare = width - label_width - figure_width - 3
    least, greatest = BAR_WIDTHS
    bar_width = min(greatest, max(least, spare - note_width))
    table = Table.grid(padding=(0, 1, 0, 0))
    for column_width in (label_width, bar_width, figure_width, max(1, min(note_width, spare - bar_width))):
        table.add_column(width=column_width, no_wrap=True, overflow="ellipsis")
    table.columns[2].justify = "right"
    for row in rows:
        bar = _bar(row.bar, bar_width) if isinstance(row.bar, Tally) else row.bar
        table.add_row(row.label, bar, row.figure, row.note)
    return table


def _bar(tally: Tally, width: int) -> RenderableType:
    from rich.progress_bar import ProgressBar  # heavy: only those who want to see progress load it

    colour = "red1" if tally.failed else "green3"
    return ProgressBar(tally.total, tally.ended, width, complete_style=colour, finished_style=colour)


def _rows(run: RunTally, first: str, rest: str) -> Iterator[_Row]:
    """Yield the lines of a run: its own, then those of its tasks and children.

    Args:
        run: The run.
        first: The branches of the tree before its own line.
        rest: The branches before the others.
    """
    from rich.text import Text  # heavy: only those who want to see progress load it

    look = look_of(run.state.type, run.state.name)
    names = (on_one_line(run.flow_name), "bold"), f" / {on_one_line(run.name)}"
    title = Text.assemble(first, (f"{look.mark} ", look.colour), *names)
    yield _Row(title, Text(run.state.name, look.colour), Text(_elapsed(run), "cyan"), Text())
    children = [run.children[key] for key in list(run.children)[:SHOWN_CHILDREN]]
    bars = [*run.tasks.values(), *(flow for flow in run.flows.values() if flow.total > 1 or not children)]
    last = len(bars) + len(children) - 1
    for place, tally in enumerate(bars):
        label = Text(rest + ("└─ " if place == last else "├─ ") + on_one_line(tally.name))
        note = Text(tally.note, "red1" if tally.failed else "grey62")
        yield _Row(label, tally, Text(f"{tally.ended:,}/{tally.total:,}"), note)
    for place, child in enumerate(children, start=len(bars)):
        branch, below = ("└─ ", "   ") if place == last else ("├─ ", "│  ")
        yield from _rows(child, rest + branch, rest + below)


def _elapsed(run: RunTally) -> str:
    """Return for how long a run went, or has been going: in whole seconds, lest the digits dance."""
    seconds = run.seconds()
    return times.duration_text(seconds) if run.end is not None or seconds >= 60 else f"{int(seconds)} s"


def _title(run: RunTally) -> str:
    return f"{on_one_line(run.flow_name)} / {on_one_line(run.name)}"


def _summary(run: RunTally) -> str:
    """Return one line about a run, such as `Running for 5 s; parse 812/1,204 (3 failed)`."""
    parts = [f"{run.state.name} {'after' if run.end else 'for'} {times.duration_text(run.seconds())}"]
    for tally in (*run.tasks.values(), *run.flows.values()):
        note = f" ({tally.note})" if tally.note else ""
        parts.append(f"{on_one_line(tally.name)} {tally.ended:,}/{tally.total:,}{note}")
    return "; ".join(parts)


def _has_ended(state: State[Any]) -> bool:
    return state.is_final() or state.name == "NotReady"
