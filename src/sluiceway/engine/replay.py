"""Replay: what earlier attempts of a flow run have recorded, for the attempt that goes on from there.

A step is recognised by its identity (`docs/explanation/identity.md`), never by the order of calls. A call that was not
recorded is a new one: the flow has come further than before. It is another call than the recorded one, and the flow is
not deterministic, if the flow makes it in the place of one that was recorded; see `refuse_another` and `left_out`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from sluiceway.base.errors import NonDeterminismError
from sluiceway.model.states import COMPLETED, DEFAULT_NAMES, FAILED, StateType

if TYPE_CHECKING:
    from sluiceway.base.ids import RunId
    from sluiceway.base.times import Moment
    from sluiceway.model.holding import RecordedStep
    from sluiceway.model.results import StoredResult

Identity = tuple[Any, ...]
"""What a task run is recognised by: the identity of its parent, task key, call, ordinal."""


class Step:
    """A task run, as an earlier attempt has recorded it.

    Args:
        recorded: What the journal has.
        stored: Its result, where it is at hand already.
        staged: Whether it completed in a transaction that was not committed.
        own: Whether it is of the same flow run, rather than of another one that this one goes on from.
    """

    __slots__ = ("met", "own", "recorded", "staged", "stored")

    def __init__(
        self, recorded: RecordedStep, stored: StoredResult | None = None, staged: bool = False, own: bool = True
    ) -> None:
        self.recorded: RecordedStep = recorded
        self.stored: StoredResult | None = stored
        self.staged: bool = staged
        self.own: bool = own
        self.met: bool = False
        """Whether the present attempt has made the call."""

    @property
    def key(self) -> RunId:
        """The identifier of the run."""
        return self.recorded.key

    @property
    def result_key(self) -> RunId:
        """The run that the result is stored with: a child flow run keeps its own."""
        return self.recorded.child_flow_run_key or self.recorded.key

    @property
    def started(self) -> Moment | None:
        """When it first started to run."""
        return self.recorded.started

    def described(self) -> str:
        """Return it as a person would write the call, and what came of it."""
        step = self.recorded
        state = step.state_name or DEFAULT_NAMES[step.state_type]
        return f"{step.task_name}({step.call_preview or ''}), {state}"


class Replay:
    """What earlier attempts of a flow run have recorded, by identity.

    Args:
        steps: The steps.
        failed_again: Whether steps that failed are to run again; else they fail again as they did.
        checked: Whether the flow has to make the recorded calls again; a flow that is merely retried need not.
    """

    __slots__ = ("_below", "_steps", "again_from", "checked", "failed_again", "refusal", "staged")

    def __init__(
        self, steps: dict[Identity, Step] | None = None, failed_again: bool = True, checked: bool = False
    ) -> None:
        self._steps: dict[Identity, Step] = {} if steps is None else steps
        self._below: dict[Identity, list[Identity]] | None = None
        self.failed_again: bool = failed_again
        self.checked: bool = checked
        self.again_from: RunId | None = None
        """The step from which on all run again; None for those that do not stand."""
        self.staged: list[tuple[Step, Any]] = []
        """Steps whose transactions were not committed, the last one first, each with its task, where that is known."""
        self.refusal: NonDeterminismError | None = None
        """What was raised because of another call, which the flow may have swallowed."""

    def __bool__(self) -> bool:
        return bool(self._steps)

    def find(self, identity: Identity) -> Step | None:
        """Return the step of a call that is about to be made; None where it was not recorded.

        Args:
            identity: The identity of the call.
        """
        step = self._steps.get(identity)
        if step is not None:
            step.met = True
        return step

    def stands(self, step: Step) -> bool:
        """Return whether what a step came to still holds, so that it need not run again.

        Args:
            step: The step.
        """
        kind = step.recorded.state_type
        if self.again_from is not None and step.key >= self.again_from:
            return False
        if step.recorded.state_name == "RolledBack":
            return False
        return (kind is COMPLETED and not step.staged) or (kind is FAILED and not self.failed_again)

    def note(self, identity: Identity, step: Step) -> None:
        """Note what a call of the present attempt came to, for the next one.

        Args:
            identity: The identity of the call.
            step: The step.
        """
        step.met = True
        self._steps[identity] = step

    def forget(self, identity: Identity) -> None:
        """Have a call be made again, since what it did was undone.

        Args:
            identity: The identity of the call.
        """
        step = self._steps.get(identity)
        if step is not None:
            step.staged = True

    def start_over(self) -> None:
        """Begin another attempt in the same process: it may make other calls, and what failed is another run then."""
        self.failed_again, self.checked, self.refusal = True, False, None
        self._steps = {identity: step for identity, step in self._steps.items() if self.stands(step)}
        self._below = None

    def below(self, identity: Identity) -> Replay:
        """Return the part for what a call itself calls, for another process.

        Args:
            identity: The identity of the call.
        """
        part: dict[Identity, Step] = {}
        if self._steps:
            within = [identity]
            while within:
                for inner in self._called_by(within.pop()):
                    part[inner] = self._steps[inner]
                    within.append(inner)
        return Replay(part, self.failed_again, self.checked)

    def take_in(self, part: Replay) -> None:
        """Take in what another process has noted.

        Args:
            part: Its part.
        """
        self._steps.update(part._steps)
        self._below = None

    def refuse_another(self, parent: Identity, task_key: str, present: str) -> None:
        """Refuse a call that was not recorded, made in sequence, in the place of one that was.

        Args:
            parent: The identity of whoever makes the call.
            task_key: The task.
            present: The call as a person would write it.

        Raises:
            NonDeterminismError: Recorded calls of the task have not been made again, so that this is another one.
        """
        missing = [step for step in self._missing(parent) if step.recorded.task_key == task_key]
        if missing:
            self.refusal = NonDeterminismError(difference(missing, [present]))
            raise self.refusal

    def left_out(self, parent: Identity) -> list[Step]:
        """Return the steps that were recorded, and whose calls the present attempt has not made.

        Args:
            parent: The identity of whoever made the calls.
        """
        return list(self._missing(parent))

    def _missing(self, parent: Identity) -> Iterator[Step]:
        steps = (self._steps[identity] for identity in self._called_by(parent))
        return (step for step in steps if not step.met and step.recorded.state_type in _ENDED)

    def _called_by(self, parent: Identity) -> list[Identity]:
        if self._below is None:
            below: dict[Identity, list[Identity]] = {}
            for identity in self._steps:
                below.setdefault(identity[0], []).append(identity)
            self._below = below
        return self._below.get(parent, [])


_ENDED = frozenset({COMPLETED, FAILED})
"""States of steps that a deterministic flow comes by again; those that were cut short may have begun by chance."""


def difference(recorded: Iterable[Step], present: Iterable[str]) -> str:
    """Return the message for a flow that made other calls than those recorded, side by side.

    Args:
        recorded: The steps that were recorded, and not called again.
        present: The calls that were made in their place, as a person would write them.
    """
    lines = [f"  recorded  {step.described()}" for step in _first(list(recorded))]
    lines += [f"  present   {call}" for call in _first(list(present))]
    return "\n".join(
        [
            "The flow made another call than the one that the journal has, so it cannot go on from there:",
            *lines,
            "What a flow does outside tasks happens again when it goes on. Put what varies, such as the time, a random "
            "number or the rows of a query, into a task or into run_once(), and start a new run.",
        ]
    )


_SHOWN = 3


def _first(things: list[Any]) -> list[Any]:
    return things[:_SHOWN]


def steps_of(
    recorded: Iterable[RecordedStep], staged: Collection[RunId] = (), own: bool = True
) -> dict[Identity, Step]:
    """Return the steps of a flow run by identity.

    Args:
        recorded: Its task runs, the oldest first.
        staged: Those that completed in a transaction which was not committed.
        own: Whether the flow run is the one that goes on.
    """
    by_key = {step.key: step for step in recorded}
    identities: dict[RunId, Identity] = {}

    def identity_of(step: RecordedStep) -> Identity:
        known = identities.get(step.key)
        if known is None:
            parent = None if step.parent_key is None else by_key.get(step.parent_key)
            outer: Identity = () if parent is None else identity_of(parent)
            known = identities[step.key] = (outer, step.task_key, step.call_hash or step.call_preview, step.ordinal)
        return known

    steps: dict[Identity, Step] = {}
    for step in by_key.values():
        identity = identity_of(step)
        earlier = steps.get(identity)
        if earlier is None or earlier.recorded.state_type is not StateType.COMPLETED:
            steps[identity] = Step(step, None, step.key in staged, own)
    return steps
