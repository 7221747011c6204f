"""Charts that are drawn on the server: numbers in, places of shapes out. Templates make SVG of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, log10
from typing import Any, NamedTuple


class Slab(NamedTuple):
    """A rectangle of a chart.

    Args:
        x: The left edge.
        y: The upper edge.
        width: The width.
        height: The height.
        tone: The look of the state that it stands for.
        label: What it tells, on hover.
    """

    x: float
    y: float
    width: float
    height: float
    tone: str
    label: str


def ceiling(most: float) -> float:
    """Return a round number that is no smaller, and not much larger: one digit with zeros.

    Args:
        most: The largest number of a chart.
    """
    if most <= 0:
        return 1.0
    power = 10.0 ** ceil(log10(most) - 1)
    return next(step * power for step in (1, 2, 3, 4, 5, 6, 8, 10) if step * power >= most - 1e-9)


def stack(
    columns: Sequence[Mapping[str, int]], tones: Sequence[str], width: float, height: float, labels: Sequence[str]
) -> list[Slab]:
    """Return the slabs of columns in which states are stacked.

    Args:
        columns: By look of a state, how many; one mapping for each column.
        tones: The looks, from the bottom up.
        width: The width of the chart.
        height: Its height.
        labels: What each column stands for.
    """
    most = max((sum(column.values()) for column in columns), default=0)
    if not most:
        return []
    top, step = ceiling(most), width / len(columns)
    gap = min(2.0, step * 0.2)
    slabs = []
    for place, (column, label) in enumerate(zip(columns, labels, strict=True)):
        floor = height
        text = f"{label}: " + (", ".join(f"{column[name]:,} {name}" for name in tones if column.get(name)) or "none")
        for name in tones:
            if amount := column.get(name, 0):
                tall = max(1.0, amount / top * height)
                floor -= tall
                slabs.append(
                    Slab(
                        round(place * step + gap / 2, 2),
                        round(floor, 2),
                        round(step - gap, 2),
                        round(tall, 2),
                        name,
                        text,
                    )
                )
    return slabs


def line(values: Sequence[float | None], width: float, height: float) -> str:
    """Return the points of a line through values, in the way of `polyline`; what is None is left out.

    A single value is a level line: of a single point, nothing would be seen.

    Args:
        values: The values, from left to right.
        width: The width of the chart.
        height: Its height.
    """
    known = [value for value in values if value is not None]
    if not known:
        return ""
    if len(known) == 1:
        return f"0.0,1.0 {width:.1f},1.0"
    most, step = max(known) or 1.0, width / max(1, len(values) - 1)
    points = (
        f"{place * step:.1f},{height - 1 - value / most * (height - 2):.1f}"
        for place, value in enumerate(values)
        if value is not None
    )
    return " ".join(points)


GLOBALS: Mapping[str, Any] = {"stack": stack, "line": line, "ceiling": ceiling}
"""What templates may call."""
