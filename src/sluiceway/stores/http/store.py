"""The store behind a server: the verbs of the port, carried over HTTP."""

from __future__ import annotations

import inspect
import itertools
import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sluiceway.base.ids import RunId, new_id
from sluiceway.model import wire
from sluiceway.model.batches import BatchId
from sluiceway.model.facts import FACTS
from sluiceway.ports import carried
from sluiceway.stores.http.connection import ANSWER_SECONDS, LONG_SECONDS, PATIENCE, Connection, UnreachableError

if TYPE_CHECKING:
    from sluiceway.model.facts import Fact, Receipt
    from sluiceway.ports.store import Announcer

LONG = frozenset({"check", "measure", "compact", "adopt", "remove_runs"})
"""Verbs that may go through the whole journal."""

IMPATIENT = frozenset({"read_cached", "prolong_process", "read_held", "read_suspensions"})
"""Verbs that can be done without, or are asked again in a moment: a server that is away holds up nobody."""

WRITE_SECONDS = 20.0
"""How long a server may take to write a batch that nobody waits for."""


class HttpStore:
    """A journal that a server keeps. Any number of threads may use it; a forked process has connections of its own.

    Its verbs are those of `Store`, as the protocols of the ports declare them.

    Args:
        address: Where the API of the server is, such as `http://host:4200/api`.
        key: What lets this process in; None where the server asks for nothing.
        patience: Seconds for which a server that cannot be reached is tried again.
    """

    def __init__(self, address: str, key: str | None = None, patience: float = PATIENCE) -> None:
        self._connection = Connection(address, key, patience)
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._turn = threading.Lock()
        """Held while a batch is sent, since the batches of a stream follow each other."""
        self._stream = new_id()
        self._numbers = itertools.count(1)

    @property
    def address(self) -> str:
        """Where the API of the server is."""
        return self._connection.address

    def write(
        self,
        facts: Sequence[Fact],
        announcer: Announcer | None = None,
        *,
        durable: bool = False,
        receipt: Receipt | None = None,
        batch: BatchId | None = None,
    ) -> None:
        """Write facts in their order, all or none of them; a batch that may have arrived is not written twice.

        Args:
            facts: The facts.
            announcer: Tells which process has the runs in hand; None where nobody is to know.
            durable: Whether they are to be on the disk of the server when this returns.
            receipt: Told that they are written, as soon as they are.
            batch: What tells these facts from all others; made here, where it is not given.

        Raises:
            FencedError: The process was taken for dead.
            StoreError: The server cannot be reached, or cannot use its journal.
            TypeError: Something is no fact.
            ValueError: A fact has a value that the journal cannot take.
        """
        if not facts and not durable:
            return
        told = encoded(facts)
        if batch is not None:
            self.send(told, announcer, durable=durable, batch=batch)
        else:
            if self._pid != os.getpid():
                self._begin()
            with self._turn:
                own = BatchId(self._stream, next(self._numbers))
                self.send(told, announcer, durable=durable, batch=own)
        if receipt is not None:
            receipt.written = True

    def send(
        self, facts: bytes, announcer: Announcer | None, *, durable: bool, batch: BatchId, patient: bool = True
    ) -> None:
        """Have facts written that are JSON already.

        Args:
            facts: The facts, as `wire.encode` makes them.
            announcer: Tells which process has the runs in hand; None where nobody is to know.
            durable: Whether they are to be on the disk of the server when this returns.
            batch: What tells them from all others.
            patient: Whether to try again while the server cannot be reached.

        Raises:
            FencedError: The process was taken for dead.
            StoreError: The server cannot be reached, or cannot use its journal.
            ValueError: A fact has a value that the journal cannot take.
        """
        reply = self._send(facts, announcer, durable, batch, patient)
        if not reply.written:
            assert announcer is not None  # it is the one that is to announce the process
            announcer.announce()
            reply = self._send(facts, announcer, durable, batch, patient)
        if announcer is not None and reply.known:
            announcer.known = True

    def _send(
        self, facts: bytes, announcer: Announcer | None, durable: bool, batch: BatchId, patient: bool
    ) -> carried.WriteReply:
        process = None if announcer is None else announcer.announced
        known = announcer is not None and announcer.known
        return self._post(carried.WriteHead(process, known, announcer is not None, durable, batch), facts, patient)

    def _post(self, head: carried.WriteHead, facts: bytes, patient: bool) -> carried.WriteReply:
        body = b'{"head":' + wire.dump(carried.HEAD.write(head)) + b',"facts":' + facts + b"}"
        seconds = ANSWER_SECONDS if patient else WRITE_SECONDS
        value = self._connection.ask("write", body, safe=True, patient=patient, seconds=seconds)
        reply: carried.WriteReply = carried.REPLY.read(value)
        return reply

    def look_around(self) -> tuple[RunId, ...]:
        """Have the server bring the runs of dead processes to an end, and return those that have crashed.

        Raises:
            StoreError: The server cannot be reached, or cannot use its journal.
        """
        crashed: tuple[RunId, ...] = carried.LOOKED.read(
            self._connection.ask(carried.LOOK_AROUND, b"{}", safe=True, patient=False)
        )
        return crashed

    def close(self) -> None:
        """Close the connections. Closing twice is harmless."""
        self._connection.close()

    def _carry(self, name: str, arguments: dict[str, Any]) -> Any:
        """Have the server do what a verb does, and return what it gives."""
        verb = carried.carried_verbs()[name]
        body = wire.dump(verb.write_arguments(arguments))
        seconds = LONG_SECONDS if name in LONG else ANSWER_SECONDS
        value = self._connection.ask(name, body, safe=verb.safe, patient=name not in IMPATIENT, seconds=seconds)
        try:
            return verb.result.read(value)
        except ValueError as error:
            raise UnreachableError(
                f"The server at {self.address} is of another version than this process: {name}: {error}"
            ) from error


def encoded(facts: Sequence[Fact]) -> bytes:
    """Return facts as they travel.

    Args:
        facts: The facts.

    Raises:
        TypeError: Something is no fact.
    """
    for fact in facts:
        if type(fact) not in FACTS:
            raise TypeError(f"{type(fact).__qualname__} is no fact that a journal can be told.")
    return wire.encode(tuple(facts), wire.FACT_LIST)


def _carrying(name: str, declared: Callable[..., Any]) -> Callable[..., Any]:
    """Return a verb that the server does, with the signature and the text that its protocol has."""
    signature = inspect.signature(declared)
    unset = {parameter.name for parameter in signature.parameters.values() if parameter.default is Ellipsis}

    def verb(self: HttpStore, /, *args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(self, *args, **kwargs).arguments
        bound.pop("self")
        given = {key: value for key, value in bound.items() if not (value is None and key in unset)}
        result = self._carry(name, given)
        if name == "describe":
            return {**result, "location": self.address}
        return result

    verb.__name__, verb.__doc__, verb.__signature__ = name, declared.__doc__, signature  # type: ignore[attr-defined]
    return verb


for _name, _declared in carried.signed_verbs().items():
    setattr(HttpStore, _name, _carrying(_name, _declared))
