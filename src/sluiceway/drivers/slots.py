"""Slots of limits: how this process takes them, keeps them while it lives, and gives them back."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from sluiceway.base.errors import (
    Abort,
    AcquireConcurrencySlotTimeoutError,
    ConcurrencySlotAcquisitionError,
    StoreError,
)
from sluiceway.base.ids import from_uuid, new_id, to_uuid
from sluiceway.base.times import SECOND
from sluiceway.drivers import scope
from sluiceway.drivers.logs import log_fields, logger_of
from sluiceway.drivers.prolonging import Prolonger
from sluiceway.engine.contexts import FlowRunContext, TaskRunContext
from sluiceway.model.slots import TAG_PREFIX, SlotReply, SlotRequest, Verdict
from sluiceway.ports.services import Services
from sluiceway.ports.store import Store
from sluiceway.rules import slots as rules

LEASE = 10.0
"""Seconds for which slots hold if they are not prolonged: after the death of a process, they are free in that time."""

QUIET = 1.0
"""Seconds of waiting after which a line is logged."""

FRESH = 1.0
"""Seconds for which it is remembered that there is no limit by some tags."""

_MOST_REMEMBERED = 1_000

_GRANTED = SlotReply(Verdict.GRANTED, ())

_logger = logging.getLogger("sluiceway.concurrency")


class Slots:
    """Slots of one or several limits, taken all or none.

    Several runs may share them; they are given back when the last one gives them back.

    Args:
        services: The adapters.
        request: What is asked for.
        lease: For how many seconds they hold if they are not prolonged.
        patience: For how many seconds to wait for them at most; None for as long as it takes.
        context: The run that they are for, whose log tells of long waits.
    """

    def __init__(
        self,
        services: Services,
        request: SlotRequest,
        lease: float = LEASE,
        patience: float | None = None,
        context: scope.Context | None = None,
    ) -> None:
        self.services: Services = services
        self.request: SlotRequest = request
        self.patience: float | None = patience
        self.impatient: bool = False
        """Whether it is the retries that are at an end with the patience, rather than the time."""
        self.lost: bool = False
        """Whether they were taken from who holds them, since they could not be prolonged in time."""
        self._lease = lease
        self._context = context
        self._turn = threading.Lock()
        self._users = 0
        self._asked_in: int | None = None
        """The process that has asked for them: a forked child has only seen it do so."""
        self._waits_since: float | None = None

    def take(self) -> SlotReply:
        """Take the slots if they are free and it is their turn; else stand in line for them.

        Raises:
            ConcurrencySlotAcquisitionError: They can never be had.
            StoreError: The store cannot be used.
        """
        if not self.request.names or self.join():
            return _GRANTED
        self._asked_in = os.getpid()
        reply = self._claim()
        if reply.verdict is Verdict.IMPOSSIBLE:
            raise ConcurrencySlotAcquisitionError(rules.why_impossible(self.request, reply.uses))
        _tell_of_missing(rules.missing_names(self.request, reply.uses))
        granted = reply.verdict is Verdict.GRANTED
        with self._turn:
            self._users += granted
        active = [use.limit for use in reply.uses if use.limit.active]
        if not granted or not all(limit.decay for limit in active):
            _prolonger.keep(self, self.services.store, self._lease)
        else:
            _prolonger.drop(self)
        if not granted:
            self._tell_of_waiting(reply)
        return reply

    def join(self) -> bool:
        """Share the slots, if they are held, and return whether that is so."""
        with self._turn:
            self._users += self._users > 0
            return self._users > 0

    def give_back(self) -> None:
        """Give the slots back, or the place in the line, unless others share them. It never fails."""
        with self._turn:
            self._users -= self._users > 0
            if self._users or self._asked_in != os.getpid():
                return
            self._asked_in = None
        _prolonger.drop(self)
        try:
            self.services.store.release_slots(self.request.owner, self.services.clock.now())
        except StoreError as error:
            _logger.warning("Slots could not be given back, and come free in %g seconds: %s", self._lease, error)

    def too_late(self, reply: SlotReply) -> Exception:
        """Return what to raise when the slots were not to be had in time.

        Args:
            reply: What came of the last look.
        """
        if self.impatient:
            after = f"after {self.patience:g} retries"
            return ConcurrencySlotAcquisitionError(f"{_wanted(self.request)} were not free {after}: {_taken(reply)}.")
        within = f"within {self.patience:g} second(s)"
        return AcquireConcurrencySlotTimeoutError(f"{_wanted(self.request)} were not free {within}: {_taken(reply)}.")

    def check(self) -> None:
        """See that the slots were held all the time.

        Raises:
            ConcurrencySlotAcquisitionError: They were lost.
        """
        if self.lost:
            raise ConcurrencySlotAcquisitionError(
                f"{_wanted(self.request)} got lost while they were needed: they were not prolonged in time."
            )

    def prolong_anew(self) -> bool:
        """Take slots again that could not be prolonged in time, if they are free still; return whether that is so."""
        with self._turn:
            if not self._users:  # it waits, and will ask again
                return False
        return self._claim(queue=False).verdict is Verdict.GRANTED

    def note_loss(self) -> None:
        """Take note that others may have the slots by now."""
        if self._users:
            self.lost = True
            _logger.warning("%s got lost: they were not prolonged in time.", _wanted(self.request))

    def _claim(self, queue: bool = True) -> SlotReply:
        now = self.services.clock.now()
        return self.services.store.claim_slots(self.request, now + round(self._lease * SECOND), now, queue=queue)

    def _tell_of_waiting(self, reply: SlotReply) -> None:
        now = time.monotonic()
        if self._waits_since is None:
            self._waits_since = now + QUIET
        elif now >= self._waits_since:
            self._waits_since = float("inf")
            logger = _logger if self._context is None else logger_of(self._context)
            fields = None if self._context is None else log_fields(self._context)
            logger.info("Waiting for %s: %s", _wanted(self.request), _taken(reply), extra=fields)


class RunSlots:
    """What a task run needs of the limits by its tags.

    What a run around it holds already, it shares: else it would wait for one that waits for it.

    Args:
        names: The names of the limits.
        own: The slots of its own; None where it shares all.
        shared: The slots of runs around it; it has joined them.
        context: The run; None in a process that it was sent to.
        held_elsewhere: Whether all of that is seen to by the process that sent the run here.
    """

    patience: float | None = None

    def __init__(
        self,
        names: frozenset[str],
        own: Slots | None = None,
        shared: tuple[Slots, ...] = (),
        context: TaskRunContext | None = None,
        held_elsewhere: bool = False,
    ) -> None:
        self.names: frozenset[str] = names
        self.held_elsewhere: bool = held_elsewhere
        self.own: Slots | None = own
        self.shared: tuple[Slots, ...] = shared
        self._context = context
        self._asked = False

    def take(self) -> SlotReply:
        """Take the slots that it does not share.

        Raises:
            Abort: The flow run that it belongs to has ended, and has said what became of it.
        """
        if self._context is not None and self._context.abandoned:
            raise Abort("The flow run has ended.")
        self._asked = True
        return _GRANTED if self.own is None else self.own.take()

    def rest(self) -> None:
        """Give back for now what it does not share; a second time, nothing: others may share it."""
        if self.own is not None and self._asked:
            self._asked = False
            self.own.give_back()

    def give_back(self) -> None:
        """Give back everything."""
        self.rest()
        for slots in self.shared:
            slots.give_back()
        self.shared = ()

    def elsewhere(self) -> RunSlots:
        """Return what another process needs to know, which the run is called in while this one holds the slots."""
        return RunSlots(self.names, held_elsewhere=True)


def asked_by_block(
    services: Services,
    names: str | Iterable[str],
    occupy: int,
    timeout: float | None = None,
    retries: int | None = None,
    lease: float = LEASE,
    *,
    rate: bool = False,
    strict: bool = False,
    holder: Any = None,
) -> Slots:
    """Return the slots that a block of code asks for, by an owner that nobody else is.

    Args:
        services: The adapters.
        names: The name of a limit, or several.
        occupy: How many slots of each.
        timeout: For how many seconds to wait at most; None for as long as it takes.
        retries: How often to try again at most; a try takes a second.
        lease: For how many seconds they hold if they are not prolonged.
        rate: Whether they come free by decay alone.
        strict: Whether all names must be those of limits.
        holder: Who is to be shown as having them, with `type` and `id`; None for the run that is current.

    Raises:
        ConcurrencySlotAcquisitionError: A name is no text, or the number of slots is no whole number above 0.
        InvalidOptionError: A number of seconds or retries is none.
        ValueError: The identifier of the holder is no UUID.
    """
    context = scope.current()
    shown = _holder_of(context) if holder is None else f"{holder.type}:{to_uuid(from_uuid(holder.id))}"
    request = rules.request_of(new_id().hex(), names, occupy, rate=rate, strict=strict)
    request = request._replace(holder=shown, process=_process())
    patience = rules.patience(timeout, retries)
    slots = Slots(services, request, rules.lease_of(lease), patience, context)
    slots.impatient = retries is not None and patience == float(retries)
    return slots


def slots_of_run(services: Services, context: TaskRunContext) -> RunSlots | None:
    """Return what a task run needs of the limits by its tags; None where there is no such limit.

    Args:
        services: The adapters.
        context: The run.
    """
    names = _limits_of_tags(services.store, context.tags)
    if not names:
        return None
    lacking, shared = set(names), []
    for around in _slots_around(context):
        parts = (*around.shared, *(() if around.own is None else (around.own,)))
        for part in parts:
            if lacking.intersection(part.request.names) and part.join():
                shared.append(part)
                lacking.difference_update(part.request.names)
        if around.held_elsewhere:
            lacking -= around.names
    own = None
    if lacking:
        request = SlotRequest(context.key.hex(), tuple(sorted(lacking)))
        own = Slots(services, request._replace(holder=_holder_of(context), process=_process()), context=context)
    return RunSlots(names, own, tuple(shared), context) if own is not None or shared else None


def forget_absence() -> None:
    """Look anew whether there are limits by tags, since one was made here."""
    _limitless.clear()


def _limits_of_tags(store: Store, tags: frozenset[str]) -> frozenset[str]:
    """Return the names of the limits by some tags; that there are none is remembered for a moment."""
    absent = _limitless.get(store)
    if absent is not None and time.monotonic() < absent.get(tags, 0.0):
        return frozenset()
    try:
        limits = store.read_limits([TAG_PREFIX + tag for tag in sorted(tags)])
    except StoreError as error:
        _logger.warning("It cannot be found out whether there are limits for tags, so there are none: %s", error)
        limits = ()
    names = frozenset(limit.name for limit in limits if limit.active)
    if not names:
        absent = _limitless.setdefault(store, {})
        if len(absent) >= _MOST_REMEMBERED:
            absent.clear()
        absent[tags] = time.monotonic() + FRESH
    return names


_limitless: WeakKeyDictionary[Store, dict[frozenset[str], float]] = WeakKeyDictionary()
"""By store and tags, until when there is no limit by them, in seconds of the monotonic clock."""


def _slots_around(context: TaskRunContext) -> Iterator[RunSlots]:
    """Yield the slots of the runs around a run, from within."""
    outer: scope.Context | None = context.outer
    while outer is not None:
        if isinstance(outer, FlowRunContext):
            outer = outer.parent
            continue
        if outer.slots is not None:
            yield outer.slots
        outer = outer.outer


def _holder_of(context: scope.Context | None) -> str | None:
    if context is None:
        return None
    kind = "task_run" if isinstance(context, TaskRunContext) else "flow_run"
    return f"{kind}:{to_uuid(context.run.key)}"


def _process() -> str:
    return f"{os.uname().nodename}:{os.getpid()}"


def _wanted(request: SlotRequest) -> str:
    return f"{request.occupy} slot(s) of {' and '.join(map(repr, request.names))}"


def _taken(reply: SlotReply) -> str:
    return "; ".join(
        f"{use.taken} of {use.limit.slots} of {use.limit.name!r} are taken, {use.waiting} stand in line before"
        for use in reply.uses
        if use.limit.active
    )


_told: set[str] = set()


def _tell_of_missing(names: Iterable[str]) -> None:
    """Say once of each name that there is no limit by it."""
    for name in names:
        if name not in _told:
            _told.add(name)
            _logger.warning(
                "There is no concurrency limit %r, so nothing is limited. Make one: sluiceway limit set %s SLOTS",
                name,
                name,
            )


def _prolong(store: Store, leases: Mapping[Slots, float]) -> list[Slots]:
    """Put off when slots and places in lines come free; return those that are lost."""
    now = {slots: slots.services.clock.now() for slots in leases}
    untils = {slots.request.owner: now[slots] + round(lease * SECOND) for slots, lease in leases.items()}
    gone = store.prolong_slots(untils, max(now.values()))
    return [slots for slots in leases if slots.request.owner in gone and not slots.prolong_anew()]


_prolonger: Prolonger[Slots] = Prolonger("sluiceway-slots", _prolong, Slots.note_loss, _logger)
