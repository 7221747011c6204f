"""Discarding: a result goes from result storage, unless somebody has just written the same one."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from sluiceway.base import times
from sluiceway.base.ids import new_id
from sluiceway.base.times import Moment
from sluiceway.storage.filesystems import LocalFileSystem, RemoteFileSystem
from sluiceway.storage.places import Place


def discard(place: Place, name: str, written_before: Moment) -> int | None:
    """Remove a file for good, and return its size in bytes; None where it stays, since it was written lately.

    Results are named by their content, so another process may be writing the very same file, and will tell the
    journal only after that. It writes the file anew in any case, and so the file is young then.

    Args:
        place: Where the file is.
        name: Its path.
        written_before: The moment since which no file is to have been written that is removed.
    """
    if isinstance(place.files, LocalFileSystem):
        return _discard_here(place.files._full(name), written_before)
    if isinstance(place.files, RemoteFileSystem):
        return _discard_elsewhere(place.files.filesystem, place.files._full(name), written_before)
    return 0


def _discard_here(path: str, written_before: Moment) -> int | None:
    """Remove a file of this machine; whatever others do meanwhile, none is lost that was written lately."""
    aside = os.path.join(os.path.dirname(path), f".{new_id().hex()}.gone")
    try:
        if _written(path) >= written_before:
            return None
        os.rename(path, aside)
    except FileNotFoundError:
        return 0
    # Between the two, somebody may have put a new file in its place, which was then taken. Whoever writes one from
    # now on is left alone.
    if _written(aside) >= written_before:
        os.rename(aside, path)
        return None
    size = os.path.getsize(aside)
    os.unlink(aside)
    return size


def _written(path: str) -> Moment:
    return os.stat(path).st_mtime_ns // 1_000


def _discard_elsewhere(filesystem: Any, path: str, written_before: Moment) -> int | None:
    """Remove a file that is elsewhere, if it can be told when it was written.

    There is no way to take a file aside that works everywhere, so that who writes it within the milliseconds between
    the look and the removal loses it.
    """
    try:
        modified = filesystem.modified(path)
        size = int(filesystem.size(path) or 0)
    except FileNotFoundError:
        return 0
    except (NotImplementedError, KeyError):
        return 0
    if not isinstance(modified, datetime):
        return 0
    when = modified.replace(tzinfo=UTC) if modified.tzinfo is None else modified
    if times.from_datetime(when) >= written_before:
        return None
    filesystem.rm_file(path)
    return size
