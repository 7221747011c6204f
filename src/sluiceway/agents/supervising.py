"""Supervising: a flow run is kept in a child process, and goes on in another one when that dies."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from types import FrameType

from sluiceway.base.ids import RunId
from sluiceway.model.states import CRASHED
from sluiceway.ports.services import Services

SIGNALLED = 128
"""Added to the number of a signal to make the exit code of a process that it ended."""

_WISHED = (signal.SIGINT, signal.SIGTERM)
"""Signals by which somebody ends a process on purpose."""


def supervise(
    command: Sequence[str], run_key: RunId, services: Services, resumes: int, say: Callable[[str], object]
) -> int:
    """Run a command that runs, or goes on with, a flow run, and again as long as its process dies without a word.

    Args:
        command: The command and its arguments; each time it is the same one.
        run_key: The run.
        services: Where it is recorded.
        resumes: How many times it goes on at most.
        say: Called with a line for people.

    Returns:
        The exit code of the last process.
    """
    resumed = 0
    while True:
        code = _run(command)
        if not _died(code, run_key, services):
            return code if code >= 0 else SIGNALLED - code
        what = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        if resumed == resumes:
            say(f"The process of the run {what}, and the run has gone on {resumed} times; it is left as it is.")
            return SIGNALLED - code if code < 0 else code
        resumed += 1
        say(f"The process of the run {what}. The run goes on in a new one ({resumed} of at most {resumes}).")


def _run(command: Sequence[str]) -> int:
    """Run a command to its end; what ends this process is passed on to it. Return its exit code."""
    with subprocess.Popen(list(command)) as process, _passing_on(process):
        return process.wait()


@contextmanager
def _passing_on(process: subprocess.Popen[bytes]) -> Generator[None, None, None]:
    """Pass SIGTERM on to a child process, and leave Ctrl-C to it, which the terminal sends to both."""

    def pass_on(number: int, _: FrameType | None) -> None:
        if number == signal.SIGTERM:
            process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in _WISHED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _died(code: int, run_key: RunId, services: Services) -> bool:
    """Return whether a process has died without having said what became of its run, and not by somebody's wish."""
    if services.presence is not None:
        services.presence.look_around()
    if code < 0 and -code in _WISHED:
        return False
    run = services.store.read_flow_run(run_key)
    state = None if run is None else run.state
    if state is None or not state.is_final():
        return code < 0
    # Somebody else may have found the process dead before, so it is the state that tells.
    return state.type is CRASHED and bool(state.state_details.retriable)


def this_program(*arguments: str) -> list[str]:
    """Return the command line of this very program with other arguments.

    Args:
        arguments: The arguments.
    """
    return [sys.executable, "-m", "sluiceway", *arguments]
