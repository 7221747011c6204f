"""Limits and slots of the store in memory."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from sluiceway.base.times import Moment
from sluiceway.model.slots import HeldSlots, Limit, LimitUse, SlotReply, SlotRequest, Verdict
from sluiceway.rules import slots as rules


class MemoryLimits:
    """What a store in memory knows of limits. Rows are kept in the order in which they came."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._limits: dict[str, Limit] = {}
        self._held: list[HeldSlots] = []
        self._tickets: list[HeldSlots] = []

    def create_limit(self, limit: Limit) -> bool:
        """Make a limit, and return whether there was none of its name before."""
        with self._turn:
            return self._limits.setdefault(limit.name, limit) is limit

    def change_limit(self, name: str, limit: Limit) -> bool:
        """Have a limit be as another one, and return whether that was possible."""
        with self._turn:
            if name not in self._limits or (limit.name != name and limit.name in self._limits):
                return False
            self._limits[limit.name] = limit._replace(key=self._limits.pop(name).key)
            if limit.name != name:
                self._held = _renamed(self._held, name, limit.name)
                self._tickets = _renamed(self._tickets, name, limit.name)
            return True

    def delete_limit(self, name: str) -> bool:
        """Delete a limit, and return whether there was one."""
        with self._turn:
            return self._limits.pop(name, None) is not None

    def read_limits(self, names: Sequence[str] | None = None) -> tuple[Limit, ...]:
        """Return the limits by name."""
        with self._turn:
            return tuple(self._limits[name] for name in sorted(self._limits) if names is None or name in names)

    def claim_slots(self, request: SlotRequest, until: Moment, at: Moment, *, queue: bool = True) -> SlotReply:
        """Give slots of limits to an owner, all or none; nobody gets them before those who have waited longer."""
        with self._turn:
            self._held = [row for row in self._held if row.until > at]
            self._tickets = [row for row in self._tickets if row.until > at]
            place = self._place(request.owner)
            uses = tuple(
                self._use(self._limits[name], request.owner, place, at)
                for name in request.names
                if name in self._limits
            )
            verdict = rules.verdict(request, uses)
            active = [use for use in uses if use.limit.active]
            if verdict is not Verdict.WAITING:
                self._tickets = _without(self._tickets, request.owner)
            elif queue and place is None:
                self._tickets += [_ticket(use, request, until, at) for use in active]
            if verdict is Verdict.GRANTED and active:
                self._held = _without(self._held, request.owner)
                self._held += [_row(use, request, until, at) for use in active]
            return SlotReply(verdict, uses)

    def prolong_slots(self, untils: Mapping[str, Moment], at: Moment) -> frozenset[str]:
        """Let owners keep their slots and places in lines for longer."""
        kept = set()
        with self._turn:
            for rows in (self._held, self._tickets):
                for index, row in enumerate(rows):
                    if row.owner in untils and row.until > at and not row.decays:
                        rows[index] = row._replace(until=untils[row.owner])
                        kept.add(row.owner)
        return frozenset(untils.keys() - kept)

    def release_slots(self, owner: str, at: Moment) -> bool:
        """Take from an owner its slots and its place in the line, and return whether it still had any slots."""
        with self._turn:
            had = any(row.owner == owner and row.until > at for row in self._held)
            self._held = _without(self._held, owner)
            self._tickets = _without(self._tickets, owner)
            return had

    def read_slots(self, name: str | None, at: Moment) -> tuple[HeldSlots, ...]:
        """Return who has slots, and after them who waits for some, by the name of the limit and in their order."""
        with self._turn:
            rows = [*sorted(self._held, key=lambda row: (row.since, row.owner)), *self._tickets]
            rows = [row for row in rows if row.until > at and name in (None, row.name)]
            return tuple(sorted(rows, key=lambda row: row.name))

    def _place(self, owner: str) -> int | None:
        """Return how many rows are in the line before an owner; none where it has slots, None where it has no place."""
        if any(row.owner == owner for row in self._held):
            return 0
        return next((index for index, row in enumerate(self._tickets) if row.owner == owner), None)

    def _use(self, limit: Limit, owner: str, place: int | None, at: Moment) -> LimitUse:
        """Return how far a limit is taken by others; there are no rows past their time."""
        held = [row for row in self._held if row.name == limit.name and row.owner != owner]
        ahead = [row for row in self._tickets[:place] if row.name == limit.name]
        latest = max((row.until for row in held), default=at)
        return LimitUse(limit, _total(held), latest, _total(ahead), len(ahead))


def _row(use: LimitUse, request: SlotRequest, until: Moment, at: Moment) -> HeldSlots:
    limit, occupy = use.limit, request.occupy
    free = rules.until_when(use, occupy, until, at)
    return HeldSlots(
        limit.name, request.owner, occupy, at, free, request.holder, request.process, decays=limit.decay > 0
    )


def _ticket(use: LimitUse, request: SlotRequest, until: Moment, at: Moment) -> HeldSlots:
    return HeldSlots(
        use.limit.name, request.owner, request.occupy, at, until, request.holder, request.process, waits=True
    )


def _renamed(rows: list[HeldSlots], name: str, new: str) -> list[HeldSlots]:
    """Return rows of a limit under its new name; they replace what their owners have of a former limit by that."""
    owners = {row.owner for row in rows if row.name == name}
    left = [row for row in rows if row.name != new or row.owner not in owners]
    return [row._replace(name=new) if row.name == name else row for row in left]


def _without(rows: list[HeldSlots], owner: str) -> list[HeldSlots]:
    return [row for row in rows if row.owner != owner]


def _total(rows: Sequence[HeldSlots]) -> int:
    return sum(row.occupy for row in rows)
