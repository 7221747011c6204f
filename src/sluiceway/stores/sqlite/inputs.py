"""Inputs of flow runs: rows that others write, and that one call each receives."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from typing import Any

from sluiceway.base.errors import ObjectNotFound
from sluiceway.base.ids import RunId, to_uuid
from sluiceway.base.times import Moment
from sluiceway.model.inputs import InputPlace, KeptInputs, Reception, SentInput
from sluiceway.stores import cursors
from sluiceway.stores.rows import to_json
from sluiceway.stores.sqlite.connection import WritingConnection, transaction
from sluiceway.stores.sqlite.statements import encodable, load


class Postbox:
    """Keeps what is sent to flow runs, and hands it out. The verbs are those of the port.

    Args:
        connection: The connection that it writes with.
    """

    def __init__(self, connection: WritingConnection) -> None:
        self._connection = connection
        self._texts = load("inputs.sql")

    def close(self) -> None:
        """Close the connection, once nobody is in the midst of something."""
        self._connection.close()

    def send_input(self, sent: SentInput, once: bool) -> bool:
        """Keep an input, and return whether there was none of its key."""

        def send(connection: sqlite3.Connection) -> bool:
            if connection.execute(self._texts["is_there"], {"run": sent.run_key}).fetchone() is None:
                raise ObjectNotFound(f"There is no flow run with the identifier {to_uuid(sent.run_key)}.")
            return _insert(connection, self._texts, sent, once) is not None

        return self._connection.write(send)

    def read_input(self, run_key: RunId, key: str) -> SentInput | None:
        """Return an input of a flow run."""
        values = {"run": run_key, "key": encodable(key)}
        found = self._connection.read(lambda connection: connection.execute(self._texts["one"], values).fetchone())
        return None if found is None else _sent(*found)

    def read_inputs(self, run_key: RunId, prefix: str, exclude: Collection[str], limit: int) -> tuple[SentInput, ...]:
        """Return inputs of a flow run, in the order in which they came."""
        cursors.check_page(limit)
        values = {"run": run_key, "prefix": encodable(prefix), "exclude": _keys(exclude), "most": limit}
        return self._connection.read(
            lambda connection: tuple(_sent(*row) for row in connection.execute(self._texts["some"], values))
        )

    def delete_input(self, run_key: RunId, key: str) -> bool:
        """Delete an input, and return whether there was one."""
        values = {"run": run_key, "key": encodable(key)}
        return self._connection.write(
            lambda connection: connection.execute(self._texts["delete"], values).fetchone() is not None
        )

    def receive_input(self, place: InputPlace, at: Moment, last: bool) -> Reception | None:
        """Return what a call gets: the same as before, or the first input that waits for it."""

        def receive(connection: sqlite3.Connection) -> Reception | None:
            # A look first, without a transaction: who waits looks often, and is to be in nobody's way.
            known = self._known(connection, place)
            if known is not None:
                return known
            if not last and self._waiting(connection, place) is None:
                return None
            with transaction(connection):
                return self._known(connection, place) or self._take(connection, place, at, last)

        return self._connection.read(receive)

    def read_kept_inputs(self, run_key: RunId) -> KeptInputs:
        """Return all that is kept of the inputs of a flow run."""

        def read(connection: sqlite3.Connection) -> KeptInputs:
            values = {"run": run_key}
            rows = connection.execute(self._texts["all"], values).fetchall()
            inputs = {number: _sent(*row) for *row, number in rows}
            receptions = (
                Reception(receiver, place, inputs.get(number), moment)
                for receiver, place, number, moment in connection.execute(self._texts["receptions"], values)
            )
            return KeptInputs(run_key, tuple(inputs.values()), tuple(receptions))

        return self._connection.read(read)

    def _known(self, connection: sqlite3.Connection, place: InputPlace) -> Reception | None:
        """Return what the call came to before; None where it was not made."""
        if place.receiver is None:
            return None
        values = {"run": place.run_key, "receiver": place.receiver, "place": encodable(place.name)}
        found = connection.execute(self._texts["reception"], values).fetchone()
        if found is None:
            return None
        moment, run, *row = found
        return Reception(place.receiver, place.name, None if run is None else _sent(run, *row), moment)

    def _waiting(self, connection: sqlite3.Connection, place: InputPlace) -> Any:
        values = {"run": place.run_key, "prefix": encodable(place.prefix), "exclude": _keys(place.exclude)}
        return connection.execute(self._texts["waiting"], values).fetchone()

    def _take(self, connection: sqlite3.Connection, place: InputPlace, at: Moment, last: bool) -> Reception | None:
        """Give the call the first input that waits for it, within a transaction."""
        found = self._waiting(connection, place)
        if found is None and not last:
            return None
        number = taken = None
        if found is not None:
            number, *row = found
            taken = _sent(*row)._replace(received=at)
            connection.execute(self._texts["receive"], {"number": number, "at": at})
        reception = Reception(place.receiver, place.name, taken, at)
        if place.receiver is not None:
            _note(connection, self._texts, place.run_key, reception, number)
        return reception


def adopt_inputs(connection: sqlite3.Connection, runs: Iterable[KeptInputs]) -> None:
    """Write what another journal has of the inputs of flow runs, within a transaction.

    Args:
        connection: The connection.
        runs: The inputs of each run.
    """
    texts = load("inputs.sql")
    for kept in runs:
        numbers = {sent: _insert(connection, texts, sent, False) for sent in kept.inputs}
        for reception in kept.receptions:
            number = None if reception.input is None else numbers[reception.input]
            _note(connection, texts, kept.run_key, reception, number)


def _insert(connection: sqlite3.Connection, texts: dict[str, str], sent: SentInput, once: bool) -> int | None:
    """Write an input within a transaction, and return its number; None where there is one of its key."""
    values = {
        "run": sent.run_key,
        "key": encodable(sent.key),
        "value": encodable(sent.value),
        "sender": None if sent.sender is None else encodable(sent.sender),
        "sent": sent.sent,
        "received": sent.received,
        "deleted": sent.deleted,
        "once": once,
    }
    found = connection.execute(texts["send"], values).fetchall()
    return int(found[0][0]) if found else None


def _note(
    connection: sqlite3.Connection, texts: dict[str, str], run_key: RunId, reception: Reception, number: int | None
) -> None:
    """Write what a call came to that receives an input, within a transaction."""
    receiver, place, _, moment = reception
    values = {"run": run_key, "receiver": receiver, "place": encodable(place), "number": number, "at": moment}
    connection.execute(texts["note"], values)


def _sent(
    run_key: RunId,
    key: str,
    value: str,
    sender: str | None,
    sent: Moment,
    received: Moment | None = None,
    deleted: int = 0,
) -> SentInput:
    return SentInput(run_key, key, value, sender, sent, received, bool(deleted))


def _keys(keys: Collection[str]) -> str:
    return to_json([encodable(key) for key in sorted(keys)])
