"""Numbers with their units, as a person reads them."""

from __future__ import annotations

from typing import Literal

Unit = Literal["seconds", "bytes", "times"]

TIMES, DASH = "\N{MULTIPLICATION SIGN}", "\N{EN DASH}"

_SCALES: dict[Unit, tuple[tuple[float, str], ...]] = {
    "seconds": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
    "bytes": ((1e9, "GB"), (1e6, "MB"), (1e3, "KB"), (1.0, "B")),
    "times": ((1.0, TIMES),),
}


def quantity(value: float, unit: Unit) -> str:
    """Write a value with three significant digits in the largest unit that keeps it at 1 or above.

    Args:
        value: In seconds, bytes (1 KB is 1,000 of them) or as a plain factor.
        unit: Which of these it is.
    """
    number, symbol = _scaled(value, unit)
    return f"{significant(number)} {symbol}"


def limit(value: float, unit: Unit) -> str:
    """Write a round value as it was set, without digits that say how well it was measured."""
    number, symbol = _scaled(value, unit)
    return f"{number:g} {symbol}"


def significant(value: float) -> str:
    """Write a number with three significant digits, thousands separated, and never as a power of ten."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _scaled(value: float, unit: Unit) -> tuple[float, str]:
    scales = _SCALES[unit]
    scale, symbol = next((entry for entry in scales if abs(value) >= entry[0]), scales[-1])
    return value / scale, symbol
