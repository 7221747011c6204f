"""Overview: what a person who looks at the journal sees of many runs at once."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment
from sluiceway.model.holding import ProcessInfo
from sluiceway.model.queries import LogLine
from sluiceway.model.runs import FlowInfo, FlowRun, TaskRun
from sluiceway.model.states import StateType

MOST_BUCKETS = 500
"""How many buckets a history has at most."""

MOST_STEPS = 10_000
"""How many steps a page of a timeline has at most."""

MOST_SCANNED = 50_000
"""How many log lines are gone through for a page of a search, unless another number is asked for."""


class Topic(str, Enum):
    """What a part of the journal is about."""

    RUNS = "runs"
    """Flow runs, task runs, their states and results, and who has them in hand."""
    LOGS = "logs"
    """Log lines."""
    OTHERS = "others"
    """All else: limits and their slots, processes, caches."""


class Pulse(NamedTuple):
    """A token that is another one whenever anything in the journal has changed.

    It is read before the rows that it stands for, so that what is written in between is seen once more rather than
    never.

    Args:
        source: Who counts; the numbers of another source say nothing.
        version: A number that is another one after each change.
        marks: By the topics in their order, what is another text after each change of that topic alone; an empty
            one where that cannot be told.
    """

    source: str
    version: int
    marks: tuple[str, ...]

    @property
    def text(self) -> str:
        """The pulse as a short text of letters, digits, dashes and points, such as an event may have for its id."""
        return ".".join((self.source, str(self.version), *self.marks))

    @classmethod
    def parse(cls, text: str) -> Pulse:
        """Return the pulse that a text stands for.

        Args:
            text: The text.

        Raises:
            ValueError: It stands for none.
        """
        source, *rest = text.split(".")
        if len(rest) != 1 + len(Topic) or not (rest[0].isascii() and rest[0].isdigit() and len(rest[0]) < 20):
            raise ValueError(f"{text!r} is no pulse of a journal; pass on one as it was read, or none.")
        return cls(source, int(rest[0]), tuple(rest[1:]))

    def changed_since(self, earlier: Pulse | None) -> frozenset[Topic]:
        """Return the topics of which something may have changed: all that are not known to be as they were.

        Args:
            earlier: A pulse that was read before; None for the beginning of time.
        """
        if earlier is None or earlier.source != self.source:
            return frozenset(Topic)
        if earlier.version == self.version:
            return frozenset()
        pairs = zip(Topic, self.marks, earlier.marks, strict=True)
        return frozenset(topic for topic, now, then in pairs if not now or now != then)


class Bucket(NamedTuple):
    """The flow runs that were created within a span of time.

    Args:
        start: When it begins; the next one begins where it ends.
        counts: How many runs, by the type of their present state; only types that occur.
    """

    start: Moment
    counts: dict[StateType, int]


class Attention(NamedTuple):
    """What a person should know of now: only flow runs that no other called.

    Args:
        failed: Runs that failed or crashed lately, the last one first.
        running: Runs that are running in the hands of a process, the one that began first in front.
        late: Runs that were to start or go on before now and have not, the longest due first.
        stuck: Runs that no process has in hand, though they are pending, running or being cancelled; those that were
            created first in front.
        failed_count: How many have failed or crashed lately.
        running_count: How many are running.
        late_count: How many are late.
        stuck_count: How many are stuck.
    """

    failed: tuple[FlowRun, ...]
    running: tuple[FlowRun, ...]
    late: tuple[FlowRun, ...]
    stuck: tuple[FlowRun, ...]
    failed_count: int
    running_count: int
    late_count: int
    stuck_count: int


class RunMark(NamedTuple):
    """A flow run as a mark in a strip.

    Args:
        key: The run.
        state_type: The type of its present state.
        state_name: The name of that.
        start: When it first started to run.
        end: When it ended.
    """

    key: RunId
    state_type: StateType
    state_name: str
    start: Moment | None
    end: Moment | None


class FlowSummary(NamedTuple):
    """How the runs of a flow went within a span of time.

    Args:
        flow: The flow.
        counts: How many runs, by the type of their present state; only types that occur.
        mean: The mean duration of those that completed, in microseconds; None where none has.
        median: The median likewise: the lower one of two in the middle.
        last: The newest runs, the newest first; these also from before that span.
    """

    flow: FlowInfo
    counts: dict[StateType, int]
    mean: int | None
    median: int | None
    last: tuple[RunMark, ...]

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return sum(self.counts.values())

    @property
    def failures(self) -> int:
        """How many have failed or crashed."""
        return self.counts.get(StateType.FAILED, 0) + self.counts.get(StateType.CRASHED, 0)

    @property
    def success_rate(self) -> float | None:
        """Which part of those that ended has completed, from 0 to 1; None where none has ended."""
        ends = (StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED)
        ended = sum(self.counts.get(kind, 0) for kind in ends)
        return self.counts.get(StateType.COMPLETED, 0) / ended if ended else None


class Step(NamedTuple):
    """A task run as a bar on the timeline of its flow run.

    Args:
        key: The run.
        parent_key: The task run that called it; None for the flow itself.
        task_name: The name of the task.
        name: The name of the run, given or generated.
        state_type: The type of its present state.
        state_name: The name of that.
        start: When it first started to run.
        end: When it ended.
        next_start: When it goes on, if it waits for a retry.
        run_count: How many times it has started to run.
        child_flow_run_key: The flow run that it stands for, which has a timeline of its own.
        upstream: The task runs whose results went in, or that it waited for.
    """

    key: RunId
    parent_key: RunId | None
    task_name: str
    name: str
    state_type: StateType
    state_name: str
    start: Moment | None
    end: Moment | None
    next_start: Moment | None
    run_count: int
    child_flow_run_key: RunId | None
    upstream: tuple[RunId, ...]


class Found(NamedTuple):
    """What goes by a text, a few of each kind.

    Args:
        flow_runs: Flow runs whose identifier or name begins so, the newest first.
        task_runs: Task runs whose identifier or given name begins so, the newest first.
        flows: Flows whose name contains it.
        task_names: Names of tasks that contain it.
        tags: Tags of flow runs that begin so.
        artifact_keys: Keys of artifacts that begin so.
        variables: Names of variables that begin so.
    """

    flow_runs: tuple[FlowRun, ...]
    task_runs: tuple[TaskRun, ...]
    flows: tuple[FlowInfo, ...]
    task_names: tuple[str, ...]
    tags: tuple[str, ...]
    artifact_keys: tuple[str, ...]
    variables: tuple[str, ...]

    @property
    def nothing(self) -> bool:
        """Whether nothing goes by it."""
        return not any(self)


NOTHING_FOUND = Found((), (), (), (), (), (), ())
"""What is found where nothing goes by a text."""


class LogOutline(NamedTuple):
    """The log lines that are asked for, from afar. Lines are named by their numbers, which need not follow closely.

    Args:
        lines: How many there are.
        first: The first one; None where there is none.
        last: The last one.
        first_warning: The first one of level WARNING (30) or above.
        first_error: The first one of level ERROR (40) or above.
        warnings: How many are of level WARNING or above.
        errors: How many are of level ERROR or above.
    """

    lines: int
    first: int | None
    last: int | None
    first_warning: int | None
    first_error: int | None
    warnings: int
    errors: int


class LogScan(NamedTuple):
    """A page of a search through log lines.

    Args:
        lines: Those that are asked for; perhaps none, though there may be some further on.
        cursor: What to go on with; None where all lines were gone through.
        scanned: How many lines were gone through.
    """

    lines: tuple[LogLine, ...]
    cursor: str | None
    scanned: int


class InHand(NamedTuple):
    """A process, and what it has in hand.

    Args:
        process: The process.
        flow_runs: Flow runs that it has in hand.
        task_runs: Task runs outside flows that it has in hand.
        calls: Deferred calls that it has claimed as a worker.
        cancelling: Those of all these that it was asked to cancel.
    """

    process: ProcessInfo
    flow_runs: tuple[FlowRun, ...]
    task_runs: tuple[TaskRun, ...]
    calls: tuple[TaskRun, ...]
    cancelling: frozenset[RunId]
