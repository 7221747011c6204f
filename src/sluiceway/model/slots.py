"""Limits of how many may do something at once, and who has or awaits their slots."""

# No `from __future__ import annotations` here: named tuples would compile each annotation, which takes longer
# than all else that an import does.

from enum import Enum
from typing import NamedTuple

from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment

TAG_PREFIX = "tag:"
"""Before the tag in the name of a limit that task runs with that tag heed."""


class Limit(NamedTuple):
    """How many slots there are by a name.

    Args:
        key: The identifier of the limit.
        name: What it is asked for by.
        slots: How many may be taken at once.
        active: Whether it limits anything.
        decay: How many slots come free in a second by themselves; 0 for none, until they are given back.
    """

    key: RunId
    name: str
    slots: int
    active: bool = True
    decay: float = 0.0


class SlotRequest(NamedTuple):
    """What somebody asks for: slots of several limits, all or none.

    Args:
        owner: Who is to have them; a text that nobody else has.
        names: The names of the limits, in order and each once.
        occupy: How many slots of each.
        rate: Whether they are to come free by decay alone, so that a limit without decay cannot give them.
        strict: Whether all names must be those of limits.
        holder: The run that it is for, as `kind:identifier`; None where there is none.
        process: The host and process.
    """

    owner: str
    names: tuple[str, ...]
    occupy: int = 1
    rate: bool = False
    strict: bool = False
    holder: str | None = None
    process: str = ""


class LimitUse(NamedTuple):
    """How far the slots of a limit are taken, as somebody finds it who asks for some.

    Args:
        limit: The limit.
        taken: How many slots others have.
        latest: When the last of them comes free by itself; the present moment where nobody has any.
        ahead: How many slots are wanted by those who have waited longer.
        waiting: How many those are.
    """

    limit: Limit
    taken: int
    latest: Moment
    ahead: int
    waiting: int


class Verdict(Enum):
    """What becomes of a request."""

    GRANTED = "granted"
    """It has all the slots, or needs none."""
    WAITING = "waiting"
    """It is not its turn yet, or the slots are not free."""
    IMPOSSIBLE = "impossible"
    """It can never have them, as the limits are."""


class SlotReply(NamedTuple):
    """What came of a request.

    Args:
        verdict: What becomes of it.
        uses: The limits that there are among those named, as they were found.
    """

    verdict: Verdict
    uses: tuple[LimitUse, ...]


class HeldSlots(NamedTuple):
    """Who has slots of a limit, or stands in line for them.

    Args:
        name: The name of the limit.
        owner: Who.
        occupy: How many slots.
        since: When they were taken, or asked for.
        until: When they come free, or the place in the line goes to the next, if that is not put off.
        holder: The run that has them, as `kind:identifier`; None where there is none.
        process: The host and process.
        waits: Whether they are still waited for.
        decays: Whether they come free by decay, and are not prolonged.
    """

    name: str
    owner: str
    occupy: int
    since: Moment
    until: Moment
    holder: str | None
    process: str
    waits: bool = False
    decays: bool = False
