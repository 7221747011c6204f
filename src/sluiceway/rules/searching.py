"""Searching: what a text may stand for that a person gives, and from which level on a log line is serious."""

from __future__ import annotations

import re

WARNING, ERROR = 30, 40
"""The levels of the standard `logging` module."""

_PREFIX = re.compile(r"[0-9a-f]{4,32}")


def as_key_prefix(text: str) -> str | None:
    """Return the hexadecimal digits that an identifier may begin with; None where the text cannot be meant so.

    Args:
        text: What a person gave.
    """
    digits = text.strip().replace("-", "").lower()
    return digits if _PREFIX.fullmatch(digits) else None
