"""What is pickled by name, and what by value."""

from __future__ import annotations

import importlib.util
import pickle
import pickletools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle
import pytest

from sluiceway import flow, task
from sluiceway.drivers.loading import load_tasks
from sluiceway.runners.pickling import dumps, goes_by_name, loaded_scripts_by_value

CONFIGURATION = {"unpicklable": (number for number in range(3))}


@task
def uses_the_module() -> int:
    return len(CONFIGURATION)


@flow
def also_a_flow() -> int:
    return uses_the_module()


class Holder:
    """Has a task for a method."""

    @task
    def method(self) -> None:
        return None


@pytest.mark.parametrize("thing", [uses_the_module, also_a_flow, Holder.method])
def test_tasks_and_flows_of_a_module_go_by_their_names_and_so_do_their_functions(thing: Any) -> None:
    assert goes_by_name(thing)
    assert pickle.loads(dumps(thing)) is thing
    assert pickle.loads(dumps(thing.fn)) is thing.fn
    assert len(dumps(thing.fn)) < 200


def test_a_variation_of_a_task_goes_by_value_and_its_function_by_name() -> None:
    varied = uses_the_module.with_options(name="varied")
    assert not goes_by_name(varied)
    arrived = pickle.loads(dumps(varied))
    assert arrived.name == "varied"
    assert arrived.fn is uses_the_module.fn


def test_a_task_in_a_function_goes_by_value() -> None:
    factor = 3

    @task
    def local(x: int) -> int:
        return factor * x

    assert not goes_by_name(local)
    assert pickle.loads(dumps(local)).fn(2) == 6


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[ModuleType]:
    """A module that was loaded from a file, under a name that nobody can import."""
    path = tmp_path / "program.py"
    path.write_text("from sluiceway import task\n\n\n@task\ndef seven():\n    return SEVEN\n\n\nSEVEN = 7\n")
    spec = importlib.util.spec_from_file_location("__a_program__", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["__a_program__"] = module
    spec.loader.exec_module(module)
    yield module
    if "__a_program__" in cloudpickle.list_registry_pickle_by_value():
        cloudpickle.unregister_pickle_by_value(module)
    del sys.modules["__a_program__"]


def test_what_is_in_a_file_that_cannot_be_imported_goes_by_value(loaded: ModuleType) -> None:
    packed = dumps(loaded.seven.fn)
    del sys.modules["__a_program__"]
    try:
        assert pickle.loads(packed)() == 7
    finally:
        sys.modules["__a_program__"] = loaded


def test_a_module_that_the_user_wants_by_value_goes_by_value(loaded: ModuleType) -> None:
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)
    try:
        assert not goes_by_name(Holder.method)
    finally:
        cloudpickle.unregister_pickle_by_value(here)
    assert goes_by_name(Holder.method)


SCRIPT = """
import threading
from sluiceway import task

LOCK = threading.Lock()

class Point:
    def __init__(self, x):
        self.x = x

@task
def moved(point):
    return Point(point.x + 1)
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A script as the command line loads it: its folder is on the path, so that it could be imported here."""
    path = tmp_path / "a_script_of_points.py"
    path.write_text(SCRIPT, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path])
    (moved,) = load_tasks(str(path))
    module = sys.modules[moved.fn.__module__]
    yield module
    sys.modules.pop(module.__name__, None)


@pytest.mark.slow
def test_what_a_loaded_script_holds_goes_by_name_to_processes_with_the_same_path_and_else_by_value(
    script: ModuleType,
) -> None:
    by_name = dumps((script.moved, script.Point(1)))
    with loaded_scripts_by_value():
        assert not goes_by_name(script.moved)
        by_value = dumps((script.moved, script.Point(1)))
    assert goes_by_name(script.moved)
    assert pickle.loads(by_name)[0] is script.moved
    there = "import pickle, sys; moved, point = pickle.load(sys.stdin.buffer); print(moved.fn(point).x)"
    done = subprocess.run([sys.executable, "-c", there], input=by_value, capture_output=True, check=True, timeout=60)
    assert done.stdout == b"2\n"
    assert not cloudpickle.list_registry_pickle_by_value()


def test_own_classes_go_by_the_name_that_users_know_them_by() -> None:
    from sluiceway.base.errors import CrashedRun

    names = [argument for _, argument, _ in pickletools.genops(dumps(CrashedRun)) if isinstance(argument, str)]
    assert names == ["sluiceway.exceptions", "CrashedRun"]
