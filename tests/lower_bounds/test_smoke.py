"""What uses the packages that we depend on: run with the newest versions, and with the oldest allowed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.lower_bounds.lowest import lower_bounds, main

PROGRAM = '''
from datetime import date
from sluiceway import flow, task
from sluiceway.task_runners import ProcessPoolTaskRunner


@task
def double(number: int) -> int:
    """Return twice a number."""
    return 2 * number


@flow(task_runner=ProcessPoolTaskRunner(max_workers=1), log_prints=True)
def sums(numbers: list[int], day: date) -> int:
    """Sum up doubled numbers."""
    print(f"it is a {day:%A}")
    return sum(double.map(numbers).result())


if __name__ == "__main__":
    print("sum", sums(["1", 2], "2024-01-02"))
'''


COMMAND = Path(sys.executable).with_name("sluiceway")


def _run(*arguments: str | Path, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sums.py").write_text(PROGRAM, encoding="utf-8")
    return tmp_path


@pytest.mark.slow
def test_a_program_with_coerced_parameters_and_a_process_runs(folder: Path) -> None:
    assert "sum 6" in _run("sums.py", folder=folder)


@pytest.mark.slow
def test_the_command_line_runs_a_flow_and_shows_it(folder: Path) -> None:
    _run(COMMAND, "run", "sums.py:sums", "--param", "numbers=[3]", "--param", 'day="2024-01-02"', folder=folder)
    assert "sums" in _run(COMMAND, "ls", folder=folder)
    assert '"COMPLETED"' in _run(COMMAND, "ls", "--json", folder=folder)


SERVER = """
import asyncio

import httpx

from sluiceway import wiring
from sluiceway.server.app import create_app


async def ask():
    transport = httpx.ASGITransport(create_app(wiring.services()))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        described, shown = await client.get("/api/openapi.json"), await client.get("/runs")
        print(described.status_code, described.json()["info"]["title"])
        print(shown.status_code, "sums" in shown.text)


asyncio.run(ask())
"""


@pytest.mark.slow
def test_the_server_answers_with_its_api_and_a_page(folder: Path) -> None:
    _run(COMMAND, "run", "sums.py:sums", "--param", "numbers=[3]", "--param", 'day="2024-01-02"', folder=folder)
    assert _run("-c", SERVER, folder=folder).splitlines() == ["200 Sluiceway", "200 True"]


def test_the_lower_bounds_are_printed_as_constraints(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    constraints = capsys.readouterr().out.split()
    assert all(line.count("==") == 1 for line in constraints)
    assert {line.partition("==")[0] for line in constraints} >= {"click", "cloudpickle", "pydantic", "rich"}


def test_a_dependency_without_a_lower_bound_is_an_error() -> None:
    assert lower_bounds(["a>=1.2", "b[c]>=3, <4"]) == {"a": "1.2", "b": "3"}
    with pytest.raises(ValueError, match="'d' has no lower bound"):
        lower_bounds(["d"])
