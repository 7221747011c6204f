from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from benchmarks.processes import ProcessFailed, background, run
from tests.agents.programs import eventually

ENVIRONMENT = {"PATH": os.defpath}


def test_a_run_takes_longer_than_nothing(tmp_path: Path) -> None:
    assert run(["true"], environment=ENVIRONMENT, folder=tmp_path, seconds=30) > 0


def test_a_bad_exit_code_fails_with_the_last_words(tmp_path: Path) -> None:
    with pytest.raises(ProcessFailed, match="exit code 3") as caught:
        run(["sh", "-c", "echo farewell; exit 3"], environment=ENVIRONMENT, folder=tmp_path, seconds=30)

    assert caught.value.output == "farewell\n"


@pytest.mark.slow
def test_a_process_that_does_not_end_in_time_is_ended_with_what_it_started(tmp_path: Path) -> None:
    script = "sleep 600 & echo $! > child.pid; mv child.pid started.pid; wait"

    with pytest.raises(ProcessFailed, match=r"not done after 1 s"):
        run(["sh", "-c", script], environment=ENVIRONMENT, folder=tmp_path, seconds=1)

    started = int((tmp_path / "started.pid").read_text())
    eventually(lambda: not is_running(started))  # it was killed, which takes a moment
    assert not is_running(started)


def test_a_background_process_is_there_in_the_block_and_gone_after_it(tmp_path: Path) -> None:
    with background(["sh", "-c", "exec sleep 600"], environment=ENVIRONMENT, folder=tmp_path) as pid:
        assert is_running(pid)

    assert not is_running(pid)


def is_running(pid: int) -> bool:
    """Whether a process is there and not merely waiting to be buried by its parent."""
    status = Path(f"/proc/{pid}/stat")
    if sys.platform != "linux":
        pytest.skip("reads /proc")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"
