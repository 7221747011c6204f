"""Child processes: calls, deaths, and who outlives whom."""

from __future__ import annotations

import os
import pickle
import select
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sluiceway.runners import pool
from sluiceway.runners.pool import CallFailed, Child, ChildDied

pytestmark = pytest.mark.slow

PATIENCE = 20.0
"""Seconds after which something that should have happened long before will not happen any more."""

ENTRY = '''
def run(call, send):
    """Run a call that is the source of a program; its reply is what it leaves in `reply`."""
    names = {"send": send, "reply": b""}
    exec(call, names)
    return names["reply"]
'''


@pytest.fixture(autouse=True)
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "entry_of_test.py").write_text(ENTRY, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.fixture
def child(entry: None) -> Iterator[Child]:
    child = Child("entry_of_test:run")
    yield child
    child.kill()
    child.close()


def reply_to(child: Child, call: str, on_message: Callable[[bytes], object] = lambda _: None) -> bytes:
    """Return the reply to a call; if none comes in time, the child is killed."""
    impatience = threading.Timer(PATIENCE, child.kill)
    impatience.start()
    try:
        return child.call(textwrap.dedent(call).encode(), on_message)
    finally:
        impatience.cancel()


# --- calls --------------------------------------------------------------------------------------


def test_a_call_is_replied_to_after_its_messages(child: Child) -> None:
    received: list[bytes] = []
    reply = reply_to(child, "for n in range(100): send(str(n).encode())\nreply = b'done'", received.append)
    assert received == [str(n).encode() for n in range(100)]
    assert reply == b"done"


def test_a_child_makes_many_calls_on_its_main_thread(child: Child) -> None:
    where = "import os, threading\nreply = str((os.getpid(), threading.current_thread().name)).encode()"
    assert {reply_to(child, where) for _ in range(3)} == {str((child.pid, "MainThread")).encode()}


def test_large_calls_messages_and_replies_arrive_as_they_were(child: Child) -> None:
    received: list[bytes] = []
    size = 3_000_000
    call = f"#{'x' * size}\nsend(b'm' * {size})\nreply = b'r' * {size}"
    assert reply_to(child, call, received.append) == b"r" * size
    assert received == [b"m" * size]


def test_a_call_that_raises_has_failed_with_its_traceback_and_the_child_goes_on(child: Child) -> None:
    with pytest.raises(CallFailed, match="ZeroDivisionError"):
        reply_to(child, "1 / 0")
    assert reply_to(child, "reply = b'fine'") == b"fine"


def test_a_deadline_that_interrupts_sending_spoils_nothing(child: Child) -> None:
    sizes: set[int] = set()
    call = """
        from sluiceway.drivers.deadlines import DeadlineExceeded, deadline
        interrupted = 0
        while interrupted < 50:
            try:
                with deadline(0.001):
                    while True:
                        send(b"x" * 200_000)
            except DeadlineExceeded:
                interrupted += 1
        reply = str(interrupted).encode()
    """
    assert reply_to(child, call, lambda message: sizes.add(len(message))) == b"50"
    assert sizes <= {200_000}
    assert reply_to(child, "reply = b'fine'") == b"fine"


def test_what_a_thread_sends_after_its_call_has_ended_does_not_go_to_the_next_one(child: Child) -> None:
    leave = """
        import threading
        go, sent = threading.Event(), threading.Event()
        def late(): go.wait(20); send(b"late"); sent.set()
        threading.Thread(target=late).start()
        import entry_of_test
        entry_of_test.go, entry_of_test.sent = go, sent
    """
    reply_to(child, leave)
    received: list[bytes] = []
    reply_to(child, "import entry_of_test as e\ne.go.set(); e.sent.wait(20); send(b'mine')", received.append)
    assert received == [b"mine"]


def test_what_a_call_prints_is_there_when_it_has_replied(capfd: pytest.CaptureFixture[str]) -> None:
    child = Child("entry_of_test:run")
    reply_to(child, "print('something', end='')")
    assert capfd.readouterr().out == "something"
    child.close()


def test_an_alarm_that_a_call_leaves_behind_does_not_hit_the_next(child: Child) -> None:
    reply_to(child, "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0.02)")
    assert reply_to(child, "import select\nselect.select([], [], [], 0.1)\nreply = b'fine'") == b"fine"


# --- what a child has of its parent ---------------------------------------------------------------


def test_a_child_imports_from_where_its_parent_does_and_its_programs_do_not(child: Child) -> None:
    assert reply_to(child, "import sys\nreply = repr(sys.path).encode()") == repr(sys.path).encode()
    assert reply_to(child, "import os\nreply = repr(os.environ.get('PYTHONPATH')).encode()") == (
        repr(os.environ.get("PYTHONPATH")).encode()
    )


def test_ctrl_c_is_left_to_the_parent_and_reaches_programs_that_a_child_starts(child: Child) -> None:
    os.kill(child.pid, signal.SIGINT)
    call = """
        import os, signal, subprocess, sys
        os.kill(os.getpid(), signal.SIGINT)
        program = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
        reply = subprocess.run([sys.executable, "-c", program], capture_output=True).stdout.strip()
    """
    assert reply_to(child, call) == b"True"


def test_ctrl_c_while_a_child_starts_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    real = pool._start

    def start(*ends: int) -> subprocess.Popen[bytes]:
        process = real(*ends)
        process.send_signal(signal.SIGINT)
        return process

    monkeypatch.setattr(pool, "_start", start)
    child = Child("entry_of_test:run")
    assert reply_to(child, "reply = b'fine'") == b"fine"
    child.close()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system does not list open files")
def test_a_program_that_a_child_starts_has_none_of_its_pipes(child: Child) -> None:
    call = """
        import os, sys
        program = "import os; raise SystemExit(len(os.listdir('/proc/self/fd')))"
        process = os.posix_spawn(sys.executable, [sys.executable, "-S", "-c", program], os.environ)
        reply = str(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])).encode()
    """
    assert reply_to(child, call) == b"4"  # standard input, output and error, and the listing itself


# --- beginnings and ends ------------------------------------------------------------------------


def test_an_initializer_that_fails_is_reported_with_its_traceback() -> None:
    with pytest.raises(CallFailed, match="ValueError: invalid literal"):
        Child("entry_of_test:run", pickle.dumps((int, ("no number",))))


def test_an_entry_that_is_not_there_is_reported() -> None:
    with pytest.raises(CallFailed, match="no_such_module"):
        Child("no_such_module:run")


def test_a_child_that_ends_before_it_is_ready_has_died() -> None:
    with pytest.raises(ChildDied, match="exit code 7"):
        Child("entry_of_test:run", pickle.dumps((os._exit, (7,))))


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("os._exit(0)", "exit code 0"),
        ("os._exit(3)", "exit code 3"),
        ("os.kill(os.getpid(), 9)", "signal 9 (SIGKILL), perhaps for want of memory"),
        ("os.kill(os.getpid(), 11)", "signal 11 (SIGSEGV)"),
        ("os.closerange(3, 100); import time; time.sleep(20)", "it closed its connection"),
    ],
)
def test_all_that_a_child_sent_before_it_died_arrives(
    child: Child, end: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_EXIT_SECONDS", 0.1 if "close" in end else PATIENCE)
    received: list[bytes] = []
    with pytest.raises(ChildDied) as caught:
        reply_to(child, f"import os\nfor n in range(50): send(b'%d' % n)\n{end}", received.append)
    assert str(caught.value) == told
    assert received == [b"%d" % n for n in range(50)]


@pytest.mark.parametrize("watched", [True, False], ids=["the system tells", "the system does not tell"])
def test_a_child_that_dies_is_noticed_though_a_process_that_it_forked_lives_on(
    watched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not watched:
        monkeypatch.setattr(pool, "_watch_of", lambda process: None)
    child = Child("entry_of_test:run")
    forked: list[bytes] = []
    call = """
        import os, time
        if (pid := os.fork()) == 0:
            time.sleep(20)
            os._exit(0)
        send(str(pid).encode())
        os._exit(3)
    """
    with pytest.raises(ChildDied, match="exit code 3"):
        reply_to(child, call, forked.append)
    os.kill(int(forked[0]), signal.SIGKILL)
    child.close()


def test_a_process_that_a_call_forks_and_forgets_neither_replies_nor_takes_calls(child: Child) -> None:
    forked: list[bytes] = []
    call = "import os\nif pid := os.fork():\n    send(str(pid).encode()); os.waitpid(pid, 0)\nreply = b'first'"
    assert reply_to(child, call, forked.append) == b"first"
    assert len(forked) == 1
    assert reply_to(child, "reply = b'second'") == b"second"


def test_pipes_are_opened_all_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    real, opened = os.pipe, []

    def pipe() -> tuple[int, int]:
        if len(opened) == 2:
            raise OSError(24, "Too many open files")
        opened.append(real())
        return opened[-1]

    monkeypatch.setattr(os, "pipe", pipe)
    with pytest.raises(OSError, match="Too many"):
        Child("entry_of_test:run")
    for end in (end for ends in opened for end in ends):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(end)


# --- who outlives whom --------------------------------------------------------------------------

PARENT = """
import os, sys, time
sys.path.insert(0, {folder!r})
from sluiceway.runners.pool import Child
child = Child("entry_of_test:run")
{before}
print(child.pid, flush=True)
child.call({call!r}, print)
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the end of a process that is no child is hard to see")
@pytest.mark.parametrize(
    ("before", "call"),
    [
        ("", "import time\ntime.sleep(30)"),
        ("", "sum(range(10 ** 10))"),
        ("if os.fork() == 0:\n    time.sleep(30); os._exit(0)", "import time\ntime.sleep(30)"),
    ],
    ids=["waits", "keeps the interpreter to itself", "its parent had forked"],
)
def test_a_child_is_gone_as_soon_as_its_parent_was_killed(before: str, call: str, tmp_path: Path) -> None:
    program = PARENT.format(folder=str(tmp_path), before=before, call=call.encode())
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        watch = os.pidfd_open(child)
        parent.kill()
        gone, _, _ = select.select([watch], [], [], PATIENCE)
        os.close(watch)
        os.killpg(parent.pid, signal.SIGKILL)  # the one that it forked
    assert gone


@pytest.mark.parametrize("way", ["_killed_when_closed", "_exit_when_closed"])
def test_either_way_a_process_ends_with_the_pipe_that_ties_it_to_its_parent(way: str) -> None:
    program = f"from sluiceway.runners import bootstrap as b; b.{way}(0); print(flush=True); sum(range(10 ** 10))"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if way == "_killed_when_closed":
            process.stdout.readline()
        process.stdin.close()
        assert process.wait(PATIENCE) == (-signal.SIGKILL if way == "_killed_when_closed" else 1)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_copy_of_the_parent_can_neither_kill_the_child_nor_hang_it_up(child: Child) -> None:
    pid = os.fork()
    if pid == 0:
        child.kill()
        child.close()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert reply_to(child, "reply = b'fine'") == b"fine"


def test_a_child_that_does_not_end_when_it_should_is_killed(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_EXIT_SECONDS", 0.1)
    reply_to(child, "import threading, time\nthreading.Thread(target=time.sleep, args=(30,)).start()")
    child.close()
    assert child._line.process.returncode == -signal.SIGKILL
