"""What is known of a stored result."""

# No `from __future__ import annotations` here: named tuples would compile each annotation, which takes longer
# than all else that an import does.

from typing import NamedTuple

from sluiceway.base.times import Moment

INLINE_LIMIT = 64 * 1024
"""Results up to this many bytes are kept in the run database, larger ones in result storage."""

PREVIEW_LIMIT = 200
"""The number of characters that a preview has at most."""


class StoredResult(NamedTuple):
    """A result as it is kept: in the run database, or in result storage.

    Exactly one of `blob`, `location` and `why_not` is set.

    Args:
        serializer: How the bytes were made, such as `pickle`, `json` or `compressed/pickle`.
        blob: The bytes themselves, for small results.
        location: Where the bytes are in result storage, such as `file:///…/results/ab/abcd…`.
        size: The number of bytes.
        preview: A short text of the value, made by the process that wrote it.
        why_not: Why the value is not stored.
    """

    serializer: str = "pickle"
    blob: bytes | None = None
    location: str | None = None
    size: int = 0
    preview: str | None = None
    why_not: str | None = None


NOTHING = StoredResult("none", b"", preview="None")
"""What is kept of a run that returned None."""


class CachedResult(NamedTuple):
    """A stored result that later runs may take over.

    Args:
        key: The cache key, as the policy made it.
        result: The stored result.
        created: When it was stored.
        expires: From when on it is not to be used; None for never.
    """

    key: str
    result: StoredResult
    created: Moment
    expires: Moment | None = None
