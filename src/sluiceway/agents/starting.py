"""Starting runs in processes of their own, which outlive the one that starts them."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from typing import IO

from sluiceway.agents.supervising import this_program
from sluiceway.ports.services import Services

FIRST_WORDS_SECONDS = 5.0
"""How long a program that was started may take to say that it cannot do what it was asked to."""

_LOOK_SECONDS = 0.05

AT_ONCE = 32
"""Programs that one process has started and that still run, at most."""

_LONGEST_COMPLAINT = 2_000
"""Characters of what a program says."""

_lock = threading.Lock()
_started: list[Started] = []


class TooManyStartedError(RuntimeError):
    """So many programs that this process has started are still at work that it starts no more."""


class Started:
    """A program that was started.

    Args:
        process: The process.
        words: Where what it says of errors goes.
    """

    def __init__(self, process: subprocess.Popen[bytes], words: IO[bytes]) -> None:
        self._process = process
        self._words = words

    def ended(self) -> bool:
        """Return whether it has ended."""
        return self._process.poll() is not None

    def complaint(self) -> str | None:
        """Return what it said if it ended without having begun; None where it is at work, or has done its work."""
        if self._process.poll() in (None, 0, 1):
            return None
        self._words.seek(0)
        said = self._words.read(_LONGEST_COMPLAINT).decode(errors="replace").strip()
        return said or f"It ended with exit code {self._process.returncode}."

    def close(self) -> None:
        """Let go of what it said."""
        self._words.close()


def start(
    arguments: Sequence[str], services: Services, entrypoint: str | None = None, told: str | None = None
) -> Started:
    """Start this program with other arguments, over the same journal, and return it at once.

    Args:
        arguments: The command and its arguments, such as `retry` and the identifier of a run.
        services: Where runs are recorded.
        entrypoint: Where the flow is: a program that is a file starts in the folder of that.
        told: What it reads from standard input: what must not be seen in a list of processes, or is long.

    Raises:
        TooManyStartedError: Too many are at work already.
        OSError: The process cannot be started.
    """
    with _lock:
        _tidy()
        if len(_started) >= AT_ONCE:
            raise TooManyStartedError(
                f"{AT_ONCE} runs that were started from here are still under way. Wait until one has ended."
            )
        place = os.path.dirname((entrypoint or "").rpartition(":")[0])
        words = tempfile.TemporaryFile()  # noqa: SIM115  # it is closed when the program has ended
        try:
            with tempfile.TemporaryFile() as read:
                read.write((told or "").encode())
                read.seek(0)
                process = subprocess.Popen(
                    this_program(*arguments),
                    cwd=place if os.path.isdir(place) else None,
                    env=environment(services),
                    stdin=read,
                    stdout=subprocess.DEVNULL,
                    stderr=words,
                    start_new_session=True,
                )
        except OSError:
            words.close()
            raise
        started = Started(process, words)
        _started.append(started)
        return started


def environment(services: Services) -> dict[str, str]:
    """Return the environment of a program over the same journal, without what is none of its business.

    Args:
        services: Where runs are recorded.
    """
    own = {name: value for name, value in os.environ.items() if name != "SLUICEWAY_SERVER_TOKEN"}
    settings = services.settings
    if settings.api_url is None:
        return {**own, "SLUICEWAY_DATABASE_URL": settings.database_url}
    key = {} if settings.api_key is None else {"SLUICEWAY_API_KEY": settings.api_key}
    return {**own, "SLUICEWAY_API_URL": settings.api_url, **key}


def first_words(programs: Sequence[Started], seconds: float = FIRST_WORDS_SECONDS) -> list[str]:
    """Wait for a while whether programs say that they cannot do what they were asked to, and return what they say.

    Args:
        programs: The programs.
        seconds: How long to wait at most; it is shorter where all have ended.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not all(program.ended() for program in programs):
        time.sleep(_LOOK_SECONDS)
    return [said for program in programs if (said := program.complaint()) is not None]


def tidy() -> int:
    """Let go of the programs that have ended, and return how many are at work."""
    with _lock:
        _tidy()
        return len(_started)


def _tidy() -> None:
    """Forget the programs that have ended."""
    for program in list(_started):
        if program.ended():
            program.close()
            _started.remove(program)
