"""`sluiceway task serve`: which tasks it finds, and what it says where it finds none."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from sluiceway import task_worker

TASKS = """
    from sluiceway import flow, task

    @task
    def load(): ...

    @task(name="send-mail")
    def mail(): ...

    class Reports:
        @task
        def make(self): ...

    @flow
    def nightly(): ...
"""


@pytest.fixture(autouse=True)
def _imports_are_undone() -> Iterator[None]:
    """Forget the modules and folders that loading tasks has added."""
    path, modules = sys.path[:], set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if not name.startswith(("sluiceway", "rich", "pydantic", "tests")):
            del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with files of tasks: one by itself, and one in a package."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    for file in ("my_jobs.py", "shop/orders.py"):
        (tmp_path / file).write_text(textwrap.dedent(TASKS))
    (tmp_path / "my_flows.py").write_text("import os\n")
    (tmp_path / "my_mistake.py").write_text("\n1 / 0\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def served(sluiceway: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, folder: Path) -> Callable[..., list[str]]:
    """Call the command, which ends at once, and return the lines that it prints."""
    serve = task_worker.serve

    def briefly(*tasks: Any, limit: int | None) -> None:
        serve(*tasks, limit=limit, timeout=0.01)

    monkeypatch.setattr(task_worker, "serve", briefly)

    def call(*arguments: str) -> list[str]:
        result = sluiceway("task", "serve", *arguments)
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()

    return call


def test_all_tasks_of_a_file_are_served_ten_runs_at_once(served: Callable[..., list[str]]) -> None:
    assert served("my_jobs.py") == [
        "Serving 2 tasks, up to 10 runs at once, from memory:",
        "  load  (my_jobs.load)",
        "  send-mail  (my_jobs.mail:send-mail)",
        "Ctrl-C ends this, once the runs under way have ended.",
    ]


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("my_jobs.py:load", "  load  (my_jobs.load)"),
        ("my_jobs.py:mail", "  send-mail  (my_jobs.mail:send-mail)"),
        ("my_jobs.py:send-mail", "  send-mail  (my_jobs.mail:send-mail)"),
        ("my_jobs.py:Reports.make", "  make  (my_jobs.Reports.make)"),
        ("my_jobs:load", "  load  (my_jobs.load)"),
    ],
)
def test_one_task_is_served_by_its_name_or_that_of_its_function_or_method(
    served: Callable[..., list[str]], target: str, line: str
) -> None:
    assert served(target, "--limit", "1")[:-1] == ["Serving 1 task, up to 1 run at once, from memory:", line]


def test_several_targets_are_served_together_and_each_task_once(served: Callable[..., list[str]]) -> None:
    lines = served("my_jobs.py:load", "my_jobs.py:load", "-m", "shop.orders")
    assert [line.split()[0] for line in lines[1:-1]] == ["load", "load", "send-mail"]
    assert lines[0].startswith("Serving 3 tasks")


def test_a_file_in_a_package_is_served_by_the_name_that_it_is_imported_by(served: Callable[..., list[str]]) -> None:
    assert served("shop/orders.py:load")[1] == "  load  (shop.orders.load)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "There is no task to serve; name at least one."),
        (("nowhere.py",), "There is no file 'nowhere.py'."),
        (("-m", "no_such_module"), "There is no file or module 'no_such_module'."),
        (("my_flows.py",), "my_flows.py holds no task: no function with the decorator @task."),
        (("my_jobs.py:lod",), "my_jobs.py holds no task 'lod'. Tasks there: load, mail."),
        (("my_jobs.py:nightly",), "my_jobs.py holds no task 'nightly'. Tasks there: load, mail."),
        (("my_flows.py:load",), "my_flows.py holds no task 'load'. It holds no task at all."),
        (("my_jobs.py", "--limit", "0"), "Invalid value for '--limit': 0 is not in the range x>=1."),
    ],
)
def test_what_cannot_be_served_is_refused_with_a_reason(
    refused: Callable[..., str], folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    assert refused("task", "serve", *arguments) == message


def test_a_file_that_raises_an_exception_is_named_with_the_line(refused: Callable[..., str], folder: Path) -> None:
    message = refused("task", "serve", "my_mistake.py", exit_code=1)
    assert "ZeroDivisionError" in message
    assert message.endswith(f"({folder / 'my_mistake.py'}, line 2)")
