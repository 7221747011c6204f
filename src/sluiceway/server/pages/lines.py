"""How text that runs have made is shown on pages: as text, with nothing in it that could act on whoever reads it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sluiceway.base import times
from sluiceway.base.previews import on_lines
from sluiceway.model.states import StateType
from sluiceway.server.pages.looks import TONES, instant, tone

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
"""What tells terminals to change colours, move or beep."""

_WORDS = ((50, "critical"), (40, "error"), (30, "warning"), (20, "info"))

_WORST_FIRST = ("failed", "crashed", "running", "retrying", "paused", "cancelling", "cancelled", "late", "scheduled")

_LEAST_SLAB = 2.0


def visible(text: str) -> str:
    """Return a text without the commands that terminals would carry out, other control characters spelled out.

    Args:
        text: What a run has logged or raised.
    """
    return on_lines(_ESCAPES.sub("", text) if "\x1b" in text else text)


def level_word(level: int) -> str:
    """Return the word of the style sheet for a level.

    Args:
        level: The level of the standard `logging` module.
    """
    return next((word for least, word in _WORDS if level >= least), "debug")


def level_name(level: int) -> str:
    """Return the name of a level.

    Args:
        level: The level of the standard `logging` module.
    """
    return logging.getLevelName(level)


def worst_of(counts: Sequence[tuple[StateType, str, int]]) -> str:
    """Return the look of the state among several that a person should know of.

    Args:
        counts: How many runs are in which state, by type and name.
    """
    found = {tone(kind, name) for kind, name, _ in counts}
    return next((look for look in _WORST_FIRST if look in found), next(iter(sorted(found)), "pending"))


def share_of(counts: Sequence[tuple[StateType, str, int]], width: float) -> list[dict[str, Any]]:
    """Return the parts of a bar in which each state has its share, one after another.

    Args:
        counts: How many runs are in which state, by type and name.
        width: The length of the bar.
    """
    amounts: dict[str, int] = {}
    for kind, name, count in counts:
        look = tone(kind, name)
        amounts[look] = amounts.get(look, 0) + count
    total, slabs, x = sum(amounts.values()), [], 0.0
    least = {look: max(_LEAST_SLAB, width * amount / total) for look, amount in amounts.items()}
    scale = width / sum(least.values())
    for look in sorted(amounts, key=TONES.index):
        slabs.append({"tone": look, "x": round(x, 2), "width": round(least[look] * scale, 2)})
        x += least[look] * scale
    return slabs


def stamp(moment: times.Moment | datetime) -> str:
    """Return a moment as it stays true in a file: date and time, to the millisecond, UTC.

    Args:
        moment: The moment.
    """
    return instant(moment).replace("T", " ").removesuffix("Z") + " UTC"


def change(part: float) -> str:
    """Return by how much something has changed, in percent with a sign.

    Args:
        part: The change, as a part of what it was.
    """
    percent = round(100 * part)
    return f"{'+' if percent > 0 else '-' if percent < 0 else '±'}{abs(percent):,} %"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "visible": visible,
    "level_word": level_word,
    "level_name": level_name,
    "worst_of": worst_of,
    "share_of": share_of,
    "stamp": stamp,
    "change": change,
}
"""What templates may filter values with."""
