"""Limits and slots: rows that say who may do something, who is waiting, and until when."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Mapping, Sequence

from sluiceway.base.times import Moment
from sluiceway.model.slots import HeldSlots, Limit, LimitUse, SlotReply, SlotRequest, Verdict
from sluiceway.rules import slots as rules
from sluiceway.stores.rows import to_json
from sluiceway.stores.sqlite.connection import WritingConnection, transaction
from sluiceway.stores.sqlite.statements import encodable, load


class Limiter:
    """Keeps limits, and gives their slots to whoever asks. The verbs are those of the port.

    Args:
        connection: The connection that it writes with.
    """

    def __init__(self, connection: WritingConnection) -> None:
        self._connection = connection
        self._texts = load("limiting.sql")

    def create_limit(self, limit: Limit) -> bool:
        """Make a limit, unless there is one of its name."""
        values = (limit.key, encodable(limit.name), limit.slots, limit.active, limit.decay)

        def create(connection: sqlite3.Connection) -> bool:
            with transaction(connection):
                return connection.execute(self._texts["create_limit"], values).fetchone() is not None

        return self._connection.read(create)

    def change_limit(self, name: str, limit: Limit) -> bool:
        """Have a limit be as another one."""
        names = {"name": encodable(name), "new": encodable(limit.name)}
        values = {**names, "slots": limit.slots, "active": limit.active, "decay": limit.decay}

        def change(connection: sqlite3.Connection) -> bool:
            with transaction(connection):
                changed = connection.execute(self._texts["change_limit"], values).fetchone() is not None
                if changed and limit.name != name:
                    connection.execute(self._texts["rename_held"], names)
                    connection.execute(self._texts["rename_tickets"], names)
            return changed

        return self._connection.read(change)

    def delete_limit(self, name: str) -> bool:
        """Delete a limit."""

        def delete(connection: sqlite3.Connection) -> bool:
            with transaction(connection):
                return connection.execute(self._texts["delete_limit"], (encodable(name),)).fetchone() is not None

        return self._connection.read(delete)

    def read_limits(self, names: Sequence[str] | None) -> tuple[Limit, ...]:
        """Return the limits by name."""
        return self._connection.read(lambda connection: self._limits(connection, names))

    def claim_slots(self, request: SlotRequest, until: Moment, at: Moment, queue: bool) -> SlotReply:
        """Give slots of limits to an owner, all or none."""

        def claim(connection: sqlite3.Connection) -> SlotReply:
            # A look first, without a transaction: who waits looks often, and is to be in nobody's way.
            uses, has_place = self._look(connection, request, at)
            if rules.verdict(request, uses) is Verdict.WAITING and (has_place or not queue):
                return SlotReply(Verdict.WAITING, uses)
            if not has_place and not any(use.limit.active for use in uses):
                return SlotReply(rules.verdict(request, uses), uses)
            with transaction(connection):
                connection.execute(self._texts["forget_held"], (at,))
                connection.execute(self._texts["forget_tickets"], (at,))
                uses, has_place = self._look(connection, request, at)
                verdict = rules.verdict(request, uses)
                if verdict is Verdict.WAITING:
                    if queue and not has_place:
                        self._queue(connection, request, uses, until, at)
                else:
                    connection.execute(self._texts["give_up"], {"owner": encodable(request.owner)})
                if verdict is Verdict.GRANTED:
                    self._hold(connection, request, uses, until, at)
            return SlotReply(verdict, uses)

        return self._connection.read(claim)

    def prolong_slots(self, untils: Mapping[str, Moment], at: Moment) -> frozenset[str]:
        """Let owners keep what they have for longer, and return those that have nothing."""

        def prolong(connection: sqlite3.Connection) -> frozenset[str]:
            lost = set()
            with transaction(connection):
                for owner, until in untils.items():
                    values = {"owner": encodable(owner), "until": until, "at": at}
                    kept = [connection.execute(self._texts[name], values).rowcount for name in _PROLONGING]
                    if not any(kept):
                        lost.add(owner)
            return frozenset(lost)

        return self._connection.read(prolong) if untils else frozenset()

    def release_slots(self, owner: str, at: Moment) -> bool:
        """Take from an owner its slots and its place in the line."""
        values = {"owner": encodable(owner), "at": at}

        def release(connection: sqlite3.Connection) -> bool:
            with transaction(connection):
                released = connection.execute(self._texts["release"], values).fetchall()
                connection.execute(self._texts["give_up"], values)
            return any(alive for (alive,) in released)

        return self._connection.read(release)

    def read_slots(self, name: str | None, at: Moment) -> tuple[HeldSlots, ...]:
        """Return who has slots, and who waits for some."""
        values = {"name": None if name is None else encodable(name), "at": at}

        def read(connection: sqlite3.Connection) -> tuple[HeldSlots, ...]:
            rows = [
                HeldSlots(*row)
                for statement in ("holders", "waiters")
                for row in connection.execute(self._texts[statement], values)
            ]
            rows.sort(key=lambda row: row.name)
            return tuple(row._replace(waits=bool(row.waits), decays=bool(row.decays)) for row in rows)

        return self._connection.read(read)

    def close(self) -> None:
        """Close the connection, once nobody is in the midst of something."""
        self._connection.close()

    def _limits(self, connection: sqlite3.Connection, names: Sequence[str] | None) -> tuple[Limit, ...]:
        if names is None:
            rows = connection.execute(self._texts["limits"])
        else:
            rows = connection.execute(self._texts["limits_by_name"], (to_json(list(map(encodable, names))),))
        return tuple(Limit(key, name, slots, bool(active), decay) for key, name, slots, active, decay in rows)

    def _look(
        self, connection: sqlite3.Connection, request: SlotRequest, at: Moment
    ) -> tuple[tuple[LimitUse, ...], bool]:
        """Return how far limits are taken by others than who asks, and whether that has slots, or a place in line."""
        owner = encodable(request.owner)
        place = connection.execute(self._texts["place"], {"owner": owner, "at": at}).fetchone()
        number = sys.maxsize if place is None else place[0]
        uses = []
        for limit in self._limits(connection, request.names):
            values = {"name": limit.name, "at": at, "owner": owner, "number": number}
            taken, latest = connection.execute(self._texts["held"], values).fetchone()
            ahead, waiting = connection.execute(self._texts["ahead"], values).fetchone()
            uses.append(LimitUse(limit, taken, latest, ahead, waiting))
        return tuple(uses), place is not None

    def _hold(
        self,
        connection: sqlite3.Connection,
        request: SlotRequest,
        uses: tuple[LimitUse, ...],
        until: Moment,
        at: Moment,
    ) -> None:
        owner, occupy = encodable(request.owner), request.occupy
        active = [use for use in uses if use.limit.active]
        if active:
            connection.execute(self._texts["release"], {"owner": owner, "at": at}).fetchall()
        for use in active:
            free = rules.until_when(use, occupy, until, at)
            decays = use.limit.decay > 0
            row = (owner, use.limit.name, occupy, at, free, decays, request.holder, request.process)
            connection.execute(self._texts["hold"], row)

    def _queue(
        self,
        connection: sqlite3.Connection,
        request: SlotRequest,
        uses: tuple[LimitUse, ...],
        until: Moment,
        at: Moment,
    ) -> None:
        (number,) = connection.execute(self._texts["next_number"]).fetchone()
        owner, occupy = encodable(request.owner), request.occupy
        for use in uses:
            if use.limit.active:
                row = (owner, use.limit.name, number, occupy, at, until, request.holder, request.process)
                connection.execute(self._texts["queue"], row)


_PROLONGING = ("prolong_held", "prolong_ticket")
