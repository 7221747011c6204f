"""Durations and sizes as people type them."""

from __future__ import annotations

import click

from sluiceway.wiring.setting_kinds import duration_seconds, size_bytes


def duration(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """Return the seconds of a duration such as `90s`, `15m`, `2h`, `3d` or `1w`.

    Args:
        value: What was typed; None for nothing.
    """
    try:
        return None if value is None else duration_seconds(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} should be a number and a unit: 90s, 15m, 2h, 3d or 1w.") from None


def size(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    """Return the bytes of a size such as `500MB` or `1GB`.

    Args:
        value: What was typed; None for nothing.
    """
    try:
        return None if value is None else size_bytes(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} should be a number and a unit: 500MB, 1GB or 2GiB.") from None
