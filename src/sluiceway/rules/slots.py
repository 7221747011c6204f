"""Whose turn it is: who gets slots of limits, and for how long."""

from __future__ import annotations

import math
from collections.abc import Iterable

from sluiceway.base.errors import ConcurrencySlotAcquisitionError, InvalidOptionError
from sluiceway.base.ids import RunId
from sluiceway.base.times import SECOND, Moment
from sluiceway.model.slots import Limit, LimitUse, SlotRequest, Verdict

MOST_SLOTS = 1_000_000_000
"""How many slots a limit may have, or somebody may ask for."""

_CENTURY = 100 * 365 * 86_400 * SECOND

_SHORTEST_PAUSE, _LONGEST_PAUSE, _LONGEST_NEAR_PAUSE = 0.002, 5.0, 0.05
"""Seconds between looks at whether it is one's turn; the last holds for who is about to have it."""


def verdict(request: SlotRequest, uses: Iterable[LimitUse]) -> Verdict:
    """Return what becomes of a request: nobody is overtaken, and nobody gets a part.

    Slots that others have waited longer for are kept for them. So who wants many is not starved by those who want
    few; and who waits for another limit, too, keeps no one from slots that are left over.

    Args:
        request: Who asks, and for what.
        uses: The limits among those named, and how far they are taken.
    """
    uses = list(uses)
    if request.strict and len(uses) < len(request.names):
        return Verdict.IMPOSSIBLE
    active = [use for use in uses if use.limit.active]
    if any(request.occupy > use.limit.slots or (request.rate and not use.limit.decay) for use in active):
        return Verdict.IMPOSSIBLE
    if any(use.taken + use.ahead + request.occupy > use.limit.slots for use in active):
        return Verdict.WAITING
    return Verdict.GRANTED


def why_impossible(request: SlotRequest, uses: Iterable[LimitUse]) -> str:
    """Return why a request can never be granted, in a sentence that names the limit and the remedy.

    Args:
        request: Who asks, and for what.
        uses: The limits among those named.
    """
    uses = list(uses)
    missing = missing_names(request, uses)
    if request.strict and missing:
        named = ", ".join(map(repr, missing))
        return f"There is no concurrency limit {named}. Make it first: sluiceway limit set {missing[0]} SLOTS"
    for use in uses:
        limit = use.limit
        if limit.active and request.occupy > limit.slots:
            return f"The concurrency limit {limit.name!r} has {limit.slots} slot(s), never {request.occupy} at once."
        if limit.active and request.rate and not limit.decay:
            return (
                f"The concurrency limit {limit.name!r} has no slot decay, so it is not for rate_limit. Give it one: "
                f"sluiceway limit set {limit.name} {limit.slots} --decay SLOTS_PER_SECOND"
            )
    raise ValueError(f"{request} can be granted.")


def missing_names(request: SlotRequest, uses: Iterable[LimitUse]) -> list[str]:
    """Return the names in a request that no limit has."""
    known = {use.limit.name for use in uses}
    return [name for name in request.names if name not in known]


def until_when(use: LimitUse, occupy: int, until: Moment, at: Moment) -> Moment:
    """Return when slots come free that are taken now.

    Slots that decay come free one after the other, not side by side: those of a limit as many in a second as its
    decay says, however many were taken at once.

    Args:
        use: The limit, and how far it is taken.
        occupy: How many slots are taken.
        until: When slots without decay come free if that is not put off.
        at: The present moment.
    """
    if not use.limit.decay:
        return until
    span = min(occupy / use.limit.decay * SECOND, _CENTURY)
    return min(max(at, use.latest) + round(span), at + _CENTURY)


def pause(uses: Iterable[LimitUse], looks: int) -> float:
    """Return for how many seconds to wait before the next look at whether it is one's turn.

    Who is next in line looks often at first; who is far behind looks less often, since it will take a while.

    Args:
        uses: The limits, and how far they are taken.
        looks: How many looks in a row have found the line as it is now.
    """
    behind = max((use.waiting / use.limit.slots for use in uses if use.limit.active), default=0.0)
    near = min(_SHORTEST_PAUSE * 2.0 ** min(looks, 16), _LONGEST_NEAR_PAUSE)
    return min(near * (1 + behind), _LONGEST_PAUSE)


def request_of(
    owner: str, names: str | Iterable[str], occupy: int, *, rate: bool = False, strict: bool = False
) -> SlotRequest:
    """Return a request for slots.

    Args:
        owner: Who is to have them.
        names: The name of a limit, or several.
        occupy: How many slots of each.
        rate: Whether they come free by decay alone.
        strict: Whether all names must be those of limits.

    Raises:
        ConcurrencySlotAcquisitionError: A name is no text, or the number of slots is no whole number above 0.
    """
    listed = [names] if isinstance(names, str) else list(names)
    for name in listed:
        if not isinstance(name, str) or not name:
            raise ConcurrencySlotAcquisitionError(f"The name of a concurrency limit is a text, not {name!r}.")
    if not _is_count(occupy):
        raise ConcurrencySlotAcquisitionError(
            f"`occupy` must be a whole number from 1 to {MOST_SLOTS:,}, not {occupy!r}."
        )
    return SlotRequest(owner, tuple(sorted(set(listed))), occupy, rate, strict)


def patience(timeout: float | None, retries: int | None) -> float | None:
    """Return for how many seconds to wait for slots at most; None for as long as it takes.

    Args:
        timeout: The seconds, as somebody gave them.
        retries: How often to try again, as somebody gave it; a try takes a second.

    Raises:
        InvalidOptionError: One of them is no number, or negative.
    """
    for option, value in (("timeout_seconds", timeout), ("max_retries", retries)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0):
            raise InvalidOptionError(f"`{option}` must be a number, 0 or more, not {value!r}; None for no end.")
    given = [float(value) for value in (timeout, retries) if value is not None]
    return min(given, default=None)


def lease_of(seconds: float) -> float:
    """Return a lease, as somebody gave it.

    Args:
        seconds: For how many seconds slots hold if they are not prolonged.

    Raises:
        InvalidOptionError: It is no positive number.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= _CENTURY / SECOND:
        raise InvalidOptionError(f"`lease_duration` must be a number of seconds above 0, not {seconds!r}.")
    return float(seconds)


def limit_of(key: RunId, name: str, slots: int, active: bool = True, decay: float = 0.0) -> Limit:
    """Return a limit.

    Args:
        key: The identifier of the limit.
        name: What it is asked for by.
        slots: How many may be taken at once.
        active: Whether it limits anything.
        decay: How many slots come free in a second by themselves.

    Raises:
        InvalidOptionError: The name is empty, or a number is out of range.
    """
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise InvalidOptionError(f"The name of a concurrency limit must be a text that can be read, not {name!r}.")
    if not _is_count(slots):
        raise InvalidOptionError(
            f"A concurrency limit must be a whole number of slots from 1 to {MOST_SLOTS:,}, not {slots!r}. "
            "To limit nothing, delete it or make it inactive."
        )
    if isinstance(decay, bool) or not isinstance(decay, int | float) or not math.isfinite(decay) or decay < 0:
        raise InvalidOptionError(f"A slot decay must be a number of slots per second, 0 or more, not {decay!r}.")
    if not isinstance(active, bool):
        raise InvalidOptionError(f"A concurrency limit is active or not, so True or False, not {active!r}.")
    return Limit(key, name, slots, active, float(decay))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_SLOTS
