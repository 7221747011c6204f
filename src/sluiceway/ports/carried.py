"""Carried verbs: what of a store a server does for a process that reaches its journal over a network.

The list follows from the protocols, so that a verb which is added to them is carried, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from sluiceway.base import errors
from sluiceway.base.ids import RunId
from sluiceway.model import wire
from sluiceway.model.batches import BatchId
from sluiceway.model.holding import ProcessInfo
from sluiceway.model.wire_values import Codec, WireError, expected
from sluiceway.ports.store import Store

LOCAL: Mapping[str, str] = {
    "close": "each side closes what it has opened",
    "write": "its facts come in batches, with what the process tells of itself: `WriteHead`",
}
"""Verbs that are not carried as they are, and why."""

REPEATABLE = frozenset(
    {"announce_process", "prolong_process", "hold_run", "claim_key", "request_cancel", "begin_pause", "reopen_pause"}
    | {"claim_lock", "claim_slots", "prolong_slots", "remove_runs", "remove_expired", "let_go", "forget_locations"}
    | {"compact", "release_calls", "send_input", "receive_input"}
)
"""Verbs that may be asked twice, though they change something: the second time, they find it done."""

READING = ("read_", "count_", "find_", "scan_", "outline_", "search", "measure", "check", "describe")
"""How the names of verbs begin that change nothing."""

ERRORS: Mapping[str, type[Exception]] = {
    kind.__name__: kind
    for kind in (
        errors.StoreError,
        errors.FencedError,
        errors.NewerDatabaseError,
        errors.ObjectNotFound,
        errors.ObjectAlreadyExists,
        ValueError,
        TypeError,
    )
}
"""Errors that come back as what they were."""

LOOK_AROUND = "look_around"
"""What a process asks for that wants to know which others are dead: it is the server that looks."""

LOOKED = wire.codec(tuple[RunId, ...])
"""How the runs travel that have crashed."""


class Verb(NamedTuple):
    """A verb of the store, and how what it takes and gives travels.

    Args:
        name: Its name.
        parameters: What it takes, by name.
        result: What it gives.
        safe: Whether it may be asked again by who does not know whether it was done.
    """

    name: str
    parameters: Mapping[str, Codec]
    result: Codec
    safe: bool

    def read_arguments(self, data: Any) -> dict[str, Any]:
        """Return arguments by name, from what JSON knows.

        Args:
            data: What was received.

        Raises:
            WireError: They are none of this verb.
        """
        if type(data) is not dict:
            raise expected("an object", data)
        arguments: dict[str, Any] = {}
        for name, item in data.items():
            if name not in self.parameters:
                raise WireError(f"{self.name} takes no {name!r:.40}")
            try:
                arguments[name] = self.parameters[name].read(item)
            except WireError as error:
                raise error.within(name) from None
        return arguments

    def write_arguments(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return arguments by name as JSON knows them.

        Args:
            arguments: The arguments.
        """
        return {name: self.parameters[name].write(value) for name, value in arguments.items()}


@cache
def carried_verbs() -> Mapping[str, Verb]:
    """Return the verbs that are carried, by name."""
    verbs = {}
    for name, function in signed_verbs().items():
        hints = wire.hints_of(function)
        result = wire.codec(hints.pop("return"))
        parameters = {parameter: wire.codec(hint) for parameter, hint in hints.items()}
        verbs[name] = Verb(name, parameters, result, name in REPEATABLE or name.startswith(READING))
    return verbs


@cache
def signed_verbs() -> Mapping[str, Callable[..., Any]]:
    """Return the verbs that are carried as the protocols declare them, by name."""
    names = (name for name in dir(Store) if not name.startswith("_") and name not in LOCAL)
    return {name: getattr(Store, name) for name in names}


class WriteHead(NamedTuple):
    """What goes with a batch of facts.

    Args:
        process: The process whose runs they are, if it has announced itself.
        known: Whether the journal has it on its list, as far as it knows.
        announces: Whether it would announce itself; otherwise nobody is to know of it.
        durable: Whether the facts are to be on disk when the answer comes.
        batch: What tells the batch from others.
    """

    process: ProcessInfo | None
    known: bool
    announces: bool
    durable: bool
    batch: BatchId | None


class WriteReply(NamedTuple):
    """What came of a batch.

    Args:
        written: Whether it is written; if not, the process has to announce itself first.
        known: Whether the journal has the process on its list.
    """

    written: bool
    known: bool


HEAD, REPLY = wire.codec(WriteHead), wire.codec(WriteReply)
"""How these two travel."""
