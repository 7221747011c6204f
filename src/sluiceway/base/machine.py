"""Who and what this process is: the machine, the user, the program."""

from __future__ import annotations

import os
import sys
from functools import cache


@cache
def host() -> str:
    """Return the name of this machine."""
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


@cache
def user() -> str:
    """Return the name of the user, or the number where the system knows no name."""
    if not hasattr(os, "getuid"):
        return os.environ.get("USERNAME", "")
    import pwd  # lazy: not on every system

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # as in a container that runs as any user
        return str(os.getuid())


def program() -> str:
    """Return the name of the program, without its arguments, which are nobody's business: `etl.py`, `python`."""
    path = sys.argv[0] if sys.argv else ""
    name = os.path.basename(path)
    if name == "__main__.py":
        name = os.path.basename(os.path.dirname(path))
    return "python" if name in ("", "-", "-c", "-m") else name


def starter() -> str:
    """Return who starts what begins now, for people: `ada@harbour: etl.py, process 4711`."""
    return f"{user()}@{host()}: {program()}, process {os.getpid()}"
