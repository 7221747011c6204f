"""How it looks on a real terminal: bars while a flow runs, and no line longer than the terminal is wide."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROGRAM = """
import time
from sluiceway import flow, task

@task
def parse(path):
    time.sleep(0.02)
    if path.endswith("7"):
        raise ValueError("a message that is rather long, so that it has to be cut at the edge: " + path * 5)

@flow
def census(root="/a/folder/with/a/name/that/goes/on/and/on/beyond/the/edge/of/any/terminal"):
    parse.map([f"{root}/{number}" for number in range(48)]).wait()
    print("a line from the flow")
"""

TIMEOUT = 60.0


def on_terminal(width: int, *arguments: str, **variables: str) -> tuple[int, str]:
    """Run the command line on a terminal of some width; return the exit code and all that it received."""
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "NO_COLOR": "", **variables}
    process = subprocess.Popen(
        [sys.executable, "-m", "sluiceway.cli", *arguments],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env=environment,
    )
    os.close(inside)
    received, deadline = b"", time.monotonic() + TIMEOUT
    try:
        while time.monotonic() < deadline:
            if not select.select([terminal], [], [], 0.1)[0]:
                continue
            try:
                part = os.read(terminal, 65_536)
            except OSError:  # the other side has closed the terminal
                break
            if not part:
                break
            received += part
        return process.wait(10), received.decode()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(terminal)


def plain(text: str) -> list[str]:
    """Return the lines of a text without colours."""
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).splitlines()]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "census.py"
    path.write_text(PROGRAM)
    return path


@pytest.mark.parametrize("width", [80, 120])
def test_a_run_shows_bars_while_it_goes_and_leaves_its_tree(program: Path, width: int) -> None:
    code, text = on_terminal(width, "run", str(program))
    assert code == 0
    lines = plain(text)
    (bar,) = [line for line in lines if line.startswith("└─ parse") and "48/48" in line]
    assert "━" in bar
    assert bar.rstrip().endswith("failed")
    assert "a line from the flow" in lines
    assert lines[-1].startswith("  look at it: sluiceway show ")
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h")  # the cursor is there again


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_longer_than_the_terminal_is_wide(program: Path, width: int) -> None:
    subprocess.run(
        [sys.executable, "-m", "sluiceway.cli", "run", "-q", str(program)],
        capture_output=True,
        check=True,
        timeout=60,
    )
    for arguments in (["ls"], ["show"], ["config"]):
        code, text = on_terminal(width, *arguments)
        assert code == 0, text
        assert plain(text)
        assert not [line for line in plain(text) if len(line) > width], arguments
        assert "\x1b[" in text  # with colours


def test_a_logged_message_has_no_effect_on_the_terminal_that_shows_it(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(
        "from sluiceway import flow, get_run_logger\n\n"
        "@flow\ndef census():\n    get_run_logger().info('one \\x1b]0;title\\x07 two')\n\n"
        "if __name__ == '__main__':\n    census()\n"
    )
    subprocess.run([sys.executable, str(path)], check=True, capture_output=True)
    code, shown = on_terminal(80, "logs")
    assert code == 0
    assert r"one \x1b]0;title\x07 two" in shown
    piped = subprocess.run([sys.executable, "-m", "sluiceway.cli", "logs"], check=True, capture_output=True, text=True)
    assert "one \x1b]0;title\x07 two" in piped.stdout


def test_colours_can_be_switched_off(program: Path) -> None:
    on_terminal(80, "run", "-q", str(program))
    for command in ("logs", "ls", "show"):
        assert re.search(r"\x1b\[[0-9;]*m", on_terminal(80, command)[1])
        uncoloured = on_terminal(80, command, NO_COLOR="1")[1]
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]", uncoloured)


def test_on_a_narrow_terminal_names_are_shortened_and_state_and_id_are_not(tmp_path: Path) -> None:
    path = tmp_path / "long.py"
    path.write_text(
        "from sluiceway import flow\n"
        "@flow(name='a-flow-with-quite-a-long-name', flow_run_name='a run with quite a long name')\n"
        "def long():\n    pass\n"
    )
    on_terminal(60, "run", "-q", str(path))
    _, row = plain(on_terminal(60, "ls")[1])
    state, flow_name, run_name, *_, identifier = re.split(r" {2,}", row)
    assert state == "✔ Completed"
    assert re.fullmatch("a-f.*…", flow_name)
    assert re.fullmatch("a r.*…", run_name)
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}", identifier)
