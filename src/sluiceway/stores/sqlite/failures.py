"""What SQLite and the operating system say when a database cannot be used, in words that help."""

from __future__ import annotations

import errno
import sqlite3

from sluiceway.base.errors import StoreError

_FULL = "Free some space there; what is recorded from then on is kept."
_PERMISSION = "Let this user write the file and its folder, or set SLUICEWAY_DATABASE_URL to another place."
_BROKEN = "Move the file away, and a new one is made; `.recover` of the SQLite shell may save what is in it."
_BUSY = "Another process has been writing all that time; end it if it hangs, then try again."
_DEVICE = "The disk or the network it is reached by does not work; see the log of the operating system."

_BY_CODE = {
    sqlite3.SQLITE_FULL: ("the disk is full", _FULL),
    sqlite3.SQLITE_READONLY: ("it is read-only", _PERMISSION),
    sqlite3.SQLITE_PERM: ("access to it is denied", _PERMISSION),
    sqlite3.SQLITE_AUTH: ("access to it is denied", _PERMISSION),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", _PERMISSION),
    sqlite3.SQLITE_NOTADB: ("it is not a database", _BROKEN),
    sqlite3.SQLITE_CORRUPT: ("it is damaged", _BROKEN),
    sqlite3.SQLITE_BUSY: ("it stayed locked", _BUSY),
    sqlite3.SQLITE_IOERR: ("reading or writing it failed", _DEVICE),
}
"""Cause and remedy by the primary result code."""

_BY_ERRNO = {errno.ENOSPC: _FULL, errno.EDQUOT: _FULL, errno.EIO: _DEVICE}

_OF_THE_FACTS = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError)


def explained(error: sqlite3.Error | OSError, path: str) -> Exception:
    """Return the error to raise instead: one sentence each for what, why and the remedy.

    Args:
        error: What SQLite or the operating system raised.
        path: The database file.
    """
    if isinstance(error, OSError):
        remedy = _BY_ERRNO.get(error.errno or 0, _PERMISSION)
        return StoreError(f"The run database {path} cannot be used: {_reason(error)}. {remedy}")
    if isinstance(error, _OF_THE_FACTS):
        return ValueError(f"The run database {path} cannot take this: {error}.")
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    cause, remedy = _BY_CODE.get(code, ("SQLite refused", "`sluiceway db check` looks for damage."))
    return StoreError(f"The run database {path} cannot be used: {cause} ({error}). {remedy}")


def _reason(error: OSError) -> str:
    text = error.strerror or str(error)
    return f"{text}: {error.filename}" if error.filename else text


def check_library(path: str) -> None:
    """Refuse a library that does not know the statements that are used.

    Args:
        path: The database file.

    Raises:
        StoreError: The SQLite that this Python is built with is too old.
    """
    if sqlite3.sqlite_version_info < (3, 35):  # UPDATE … FROM came with 3.33, generated columns with 3.31
        raise StoreError(
            f"The run database {path} cannot be used: this Python has SQLite {sqlite3.sqlite_version}. "
            "Use a Python that has SQLite 3.35 or newer."
        )
