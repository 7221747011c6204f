"""Inputs of flow runs: what was sent to a run, and which call that receives got which of it."""

# No `from __future__ import annotations` here: named tuples would compile each annotation, which takes longer
# than all else that an import does.

from typing import NamedTuple

from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment

SENDER = "sluiceway.flow-run."
"""How the sender of an input begins that is a flow run; its identifier follows."""


class SentInput(NamedTuple):
    """An input of a flow run.

    Args:
        run_key: The run that it is for.
        key: What tells it from others of the run.
        value: What was sent, as JSON.
        sender: Who sent it; None where nobody says.
        sent: When.
        received: When somebody received it; None while it waits.
        deleted: Whether somebody has deleted it: it is shown no more, but a run that goes on gets it where it got it
            before.
    """

    run_key: RunId
    key: str
    value: str
    sender: str | None = None
    sent: Moment = 0
    received: Moment | None = None
    deleted: bool = False


class InputPlace(NamedTuple):
    """A call that receives an input.

    Args:
        run_key: The run whose inputs it is about.
        prefix: How the keys of inputs begin that it takes; a dash follows, unless the key is no longer than that.
        receiver: The run that makes the call; None for code outside runs, whose calls nobody makes again.
        number: How many calls with that prefix the receiver made before.
        exclude: Keys of inputs that it does not take.
    """

    run_key: RunId
    prefix: str
    receiver: RunId | None = None
    number: int = 0
    exclude: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """What tells the call from others of its receiver."""
        return f"{self.number}:{self.prefix}"

    def takes(self, key: str) -> bool:
        """Return whether an input is one for this call.

        Args:
            key: The key of the input.
        """
        fits = key == self.prefix or key.startswith(f"{self.prefix}-")
        return fits and key not in self.exclude


class Reception(NamedTuple):
    """What a call came to that receives an input.

    Args:
        receiver: The run that made it.
        place: What tells it from others of the run.
        input: What it got; None where none came in time.
        moment: When.
    """

    receiver: RunId | None
    place: str
    input: SentInput | None
    moment: Moment


class KeptInputs(NamedTuple):
    """All that the journal keeps of the inputs of a flow run.

    Args:
        run_key: The run.
        inputs: The inputs, in the order in which they came.
        receptions: What calls came to that receive them.
    """

    run_key: RunId
    inputs: tuple[SentInput, ...] = ()
    receptions: tuple[Reception, ...] = ()
