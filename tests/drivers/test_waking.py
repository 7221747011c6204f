"""Signals and event loops: a wait ends when a signal comes, whichever thread it comes to."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from sluiceway import flow
from sluiceway.drivers import waking
from sluiceway.drivers.waking import signals_wake

HANGS = 60
"""Seconds that only something that hangs takes."""

PROGRAM = """
import asyncio, os, signal, threading
from sluiceway import flow

@flow
async def wait():
    # The kernel gives the signal to another thread; nothing interrupts the wait of this one.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    sender = threading.Thread(target=send, args=(asyncio.get_running_loop(),))
    sender.start()
    await asyncio.sleep(3600)

def send(loop):
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()  # the loop waits, or is about to
    os.kill(os.getpid(), signal.NUMBER)

asyncio.run(wait())
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_flow_run_ends_though_the_signal_did_not_interrupt_the_wait(number: signal.Signals, tmp_path: Path) -> None:
    program = PROGRAM.replace("NUMBER", number.name)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, timeout=HANGS, capture_output=True, text=True, check=False
    )
    # Python ends by the signal if it can; where all threads have blocked it, by the number that shells say.
    assert done.returncode in (-number, 128 + number), done.stderr


def test_flow_runs_of_one_loop_share_what_wakes_it_and_the_last_puts_it_away() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with signals_wake(loop):
            with signals_wake(loop):
                ours = present()
            assert present() == ours != -1
        assert present() == -1

    asyncio.run(main())


def test_who_has_signals_woken_already_is_left_alone() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, lambda: None)
        before = present()
        with signals_wake(loop):
            assert present() == before
        assert present() == before != -1
        loop.remove_signal_handler(signal.SIGUSR1)

    asyncio.run(main())


def test_who_has_signals_woken_meanwhile_is_left_alone() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with signals_wake(loop):
            loop.add_signal_handler(signal.SIGUSR1, lambda: None)
            theirs = present()
        assert present() == theirs != -1
        loop.remove_signal_handler(signal.SIGUSR1)

    asyncio.run(main())


def test_flow_runs_in_other_threads_have_nothing_to_do_with_signals() -> None:
    async def aside() -> None:
        with signals_wake(asyncio.get_running_loop()):
            pass

    async def main() -> None:
        await asyncio.to_thread(lambda: asyncio.run(aside()))

    asyncio.run(main())
    assert present() == -1


def test_an_async_flow_run_is_woken_by_signals() -> None:
    @flow
    async def look() -> int:
        return present()

    assert asyncio.run(look()) != -1
    assert present() == -1


def test_a_flow_run_goes_on_where_no_file_can_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> int:
        with signals_wake(asyncio.get_running_loop()):
            return present()

    def refuse() -> None:
        raise OSError(24, "Too many open files")

    loop = asyncio.new_event_loop()  # it needs a pair itself
    monkeypatch.setattr("sluiceway.drivers.waking.socket.socketpair", refuse)
    try:
        assert loop.run_until_complete(main()) == -1
    finally:
        loop.close()


def test_a_loop_that_watches_no_files_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> int:
        with signals_wake(loop):
            return present()

    def refuse(*_: object) -> bool:
        raise NotImplementedError

    loop = asyncio.new_event_loop()
    monkeypatch.setattr(loop, "add_reader", refuse)
    monkeypatch.setattr(loop, "remove_reader", refuse)
    try:
        assert loop.run_until_complete(main()) == -1
    finally:
        loop.close()


async def endless() -> None:
    with signals_wake(asyncio.get_running_loop()):
        await asyncio.sleep(3600)


def left_in_a_closed_loop() -> Coroutine[Any, Any, None]:
    coroutine, loop = endless(), asyncio.new_event_loop()
    loop.run_until_complete(_begin(coroutine))
    loop.close()
    assert present() != -1
    return coroutine


def test_a_run_that_ends_after_its_loop_was_closed_leaves_nothing() -> None:
    left_in_a_closed_loop().close()
    assert present() == -1


def test_a_run_left_in_a_closed_loop_keeps_none_of_a_later_loop_from_being_woken() -> None:
    async def later() -> None:
        loop = asyncio.get_running_loop()
        with signals_wake(loop):
            stale.close()  # now, of all times
            assert waking._waker._ends is not None
            read, write = waking._waker._ends
            assert present() == write.fileno()
            assert loop.remove_reader(read)  # so there was one

    stale = left_in_a_closed_loop()
    asyncio.run(later())
    assert present() == -1


async def _begin(coroutine: Any) -> None:
    """Go on with a coroutine until it waits, and leave it there."""
    coroutine.send(None)


def present() -> int:
    """Return the file that signals are written to."""
    fd = signal.set_wakeup_fd(-1)
    if fd != -1:
        signal.set_wakeup_fd(fd, warn_on_full_buffer=False)
    return fd
