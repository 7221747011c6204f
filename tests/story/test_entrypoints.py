"""Flows by entrypoint: loaded, selected, or read off their source where that cannot be executed."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from sluiceway import flow
from sluiceway.exceptions import MissingFlowError, ScriptError, UnspecifiedFlowError
from sluiceway.flows import (
    is_entrypoint_async,
    load_flow_arguments_from_entrypoint,
    load_flow_from_entrypoint,
    load_function_and_convert_to_flow,
    load_placeholder_flow,
    safe_load_flow_from_entrypoint,
    select_flow,
)

SOURCE = """
from sluiceway import flow

NAME = "computed"

@flow(name="My report", retries=3, log_prints=True, description=NAME)
def make_report(most: int = 1) -> int:
    return most

@flow
async def fetch_all() -> None: ...

def plain(number):
    return 2 * number

class Shelf:
    @flow
    def fill(self) -> int:
        return 7
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder with a file that can be executed, and one that cannot, as the working directory."""
    (tmp_path / "good_flows.py").write_text(SOURCE)
    (tmp_path / "bad_flows.py").write_text(f"import no_such_module_at_all\n{SOURCE}")
    (tmp_path / "no_python.py").write_text("def (")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in ("good_flows", "bad_flows", "no_python"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    "entrypoint", ["good_flows.py:make_report", "good_flows:make_report", "good_flows.make_report"]
)
def test_a_flow_is_loaded_from_a_file_or_module(folder: Path, entrypoint: str) -> None:
    loaded = load_flow_from_entrypoint(entrypoint)
    assert (loaded.name, loaded.retries, loaded(most=4)) == ("My report", 3, 4)
    assert not is_entrypoint_async(entrypoint)


def test_a_flow_in_a_class_is_loaded(folder: Path) -> None:
    assert load_flow_from_entrypoint("good_flows.py:Shelf.fill").name == "fill"
    assert not is_entrypoint_async("good_flows.py:Shelf.fill")


@pytest.mark.parametrize(
    ("entrypoint", "message"),
    [
        ("missing.py:make_report", "no file 'missing.py'"),
        ("missing_module:make_report", "no file or module 'missing_module'"),
        ("good_flows.py:other", "holds no 'other'"),
        ("good_flows.py:plain", "not a flow"),
        ("good_flows.py", "names no flow"),
        ("good", "names no flow"),
    ],
)
def test_what_is_no_flow_is_refused_by_name(folder: Path, entrypoint: str, message: str) -> None:
    with pytest.raises(MissingFlowError, match=message):
        load_flow_from_entrypoint(entrypoint)
    assert safe_load_flow_from_entrypoint(entrypoint) is None


def test_a_script_that_fails_gives_a_flow_that_says_so_when_it_is_called(folder: Path) -> None:
    stand_in = load_flow_from_entrypoint("bad_flows.py:make_report")
    assert (stand_in.name, stand_in.retries) == ("My report", 3)
    assert stand_in.version == hashlib.blake2b((folder / "bad_flows.py").read_bytes(), digest_size=16).hexdigest()
    with pytest.raises(ScriptError, match="no_such_module_at_all"):
        stand_in.with_options(retries=0)(most=4)
    found = safe_load_flow_from_entrypoint("bad_flows.py:fetch_all")
    assert found is not None
    assert found.isasync
    with pytest.raises(ScriptError, match="no_such_module_at_all"):
        asyncio.run(found())


def test_a_script_that_fails_is_not_left_half_made_for_others_to_import(folder: Path) -> None:
    with pytest.raises(ScriptError):
        load_flow_from_entrypoint("bad_flows.py:make_report", use_placeholder_flow=False)
    assert "bad_flows" not in sys.modules
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
        import_module("bad_flows")


def test_a_script_that_fails_can_be_refused(folder: Path) -> None:
    with pytest.raises(ScriptError, match="no_such_module_at_all"):
        load_flow_from_entrypoint("bad_flows.py:make_report", use_placeholder_flow=False)
    with pytest.raises(ScriptError):
        load_flow_from_entrypoint("no_python.py:make_report")


def test_a_placeholder_raises_what_it_was_given(folder: Path) -> None:
    with pytest.raises(ConnectionError, match="later"):
        load_placeholder_flow("good_flows.py:fetch_all", raises=ConnectionError("later")).fn().send(None)


def test_a_plain_function_becomes_a_flow(folder: Path) -> None:
    assert load_function_and_convert_to_flow("good_flows.py:plain")(4) == 8
    assert load_function_and_convert_to_flow("good_flows.py:make_report").name == "My report"


@pytest.mark.parametrize("source", ["good_flows.py", "bad_flows.py", "good_flows", "bad_flows"])
def test_the_source_tells_colour_and_options_without_being_executed(
    folder: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(folder))
    assert is_entrypoint_async(f"{source}:fetch_all")
    told = load_flow_arguments_from_entrypoint(f"{source}:make_report")
    assert told == {"name": "My report", "retries": 3, "log_prints": True}
    assert load_flow_arguments_from_entrypoint(f"{source}:make_report", {"retries"}) == {"retries": 3}
    assert load_flow_arguments_from_entrypoint(f"{source}:fetch_all") == {"name": "fetch-all"}
    assert source not in sys.modules


@pytest.mark.parametrize("entrypoint", ["good_flows.py:none", "none.py:none", "none:none", "good_flows.py:Shelf"])
def test_a_source_without_the_function_is_refused(folder: Path, entrypoint: str) -> None:
    with pytest.raises(MissingFlowError):
        is_entrypoint_async(entrypoint)


@flow
def one() -> None:
    """Do nothing."""


@flow
def two() -> None:
    """Do nothing, too."""


def test_a_flow_is_selected_by_name_or_as_the_only_one() -> None:
    assert select_flow([one]) is one
    assert select_flow([one, two], "two") is two
    with pytest.raises(UnspecifiedFlowError, match=r"Found 2 flows in a file: one, two"):
        select_flow([one, two], from_message="in a file")
    with pytest.raises(MissingFlowError, match=r"'three' not found in a file.*one"):
        select_flow([one], "three", "in a file")
    with pytest.raises(MissingFlowError, match="No flows found"):
        select_flow([])
