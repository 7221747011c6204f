"""Results: what is stored, where, how, and how it comes back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sluiceway import flow, task, wiring
from sluiceway.cache_policies import INPUTS
from sluiceway.client import get_client
from sluiceway.client.schemas.objects import TaskRun
from sluiceway.exceptions import MissingResult
from sluiceway.filesystems import LocalFileSystem
from sluiceway.model.results import StoredResult
from sluiceway.serializers import JSONSerializer

SMALL, LARGE = "s" * 100, "l" * 100_000


@task
def echo(value: Any) -> Any:
    return value


def in_a_flow(call: Callable[[], Any]) -> Any:
    @flow
    def outer() -> Any:
        return call()

    return outer(return_state=True)


def keep(*values: Any) -> None:
    """Return each value from a task, and nothing from the flow."""
    for value in values:
        echo(value)


def only_task_run() -> TaskRun:
    with get_client(sync_client=True) as client:
        (run,) = client.read_task_runs()
    return run


def stored(key: bytes) -> StoredResult | None:
    services = wiring.services()
    assert services.recorder.drain(20)
    return services.store.read_result(key)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


# --- the one rule ---------------------------------------------------------------------------------


def test_the_result_of_a_task_in_a_flow_is_stored_since_a_retry_or_resume_may_need_it() -> None:
    in_a_flow(lambda: echo(SMALL))
    assert only_task_run().state.result() == SMALL


def test_the_result_of_a_task_that_nothing_needs_again_is_not_stored() -> None:
    echo(SMALL)
    with pytest.raises(MissingResult, match="persist_result=True"):
        only_task_run().state.result()


@pytest.mark.parametrize("options", [{"persist_result": True}, {"cache_policy": INPUTS}])
def test_the_result_of_a_task_outside_flows_is_stored_when_asked_for_or_cached(options: dict[str, Any]) -> None:
    echo.with_options(**options)(SMALL)
    assert only_task_run().state.result() == SMALL


def test_nothing_is_stored_where_persistence_is_turned_off() -> None:
    in_a_flow(lambda: echo.with_options(persist_result=False)(SMALL))
    run = only_task_run()
    assert (run.state_name, stored(run.key)) == ("Completed", None)
    with pytest.raises(MissingResult):
        run.state.result()


def test_the_result_of_a_child_flow_is_stored_and_that_of_an_outermost_one_when_asked_for() -> None:
    @flow
    def child() -> int:
        return 1

    @flow
    def plain() -> int:
        return child() + 1

    plain()
    plain.with_options(persist_result=True, name="persisted")()
    with get_client(sync_client=True) as client:
        runs = {run.flow_name: run.state for run in client.read_flow_runs()}
    assert runs["child"].result() == 1
    assert runs["persisted"].result() == 2
    with pytest.raises(MissingResult):
        runs["plain"].result()


def test_what_could_not_be_stored_says_why_in_the_state() -> None:
    in_a_flow(lambda: keep(threading.Lock()))
    run = only_task_run()
    assert run.state.is_completed()
    assert "_thread.lock cannot be stored" in str(run.state.state_details.untrackable_result)


# --- where ----------------------------------------------------------------------------------------


def test_small_results_are_in_the_run_database(sluiceway_home: Path) -> None:
    in_a_flow(lambda: echo(SMALL))
    result = stored(only_task_run().key)
    assert result is not None
    assert (result.location, result.size) == (None, len(result.blob or b""))
    assert [path.name.partition("-")[0] for path in files(sluiceway_home)] == ["sluiceway.db"] * len(
        files(sluiceway_home)
    )


def test_large_results_are_in_result_storage_by_content(sluiceway_home: Path) -> None:
    in_a_flow(lambda: [echo(LARGE), echo(LARGE)])
    with get_client(sync_client=True) as client:
        one, other = client.read_task_runs()
    assert one.state.result() == other.state.result() == LARGE
    first, second = stored(one.key), stored(other.key)
    assert first is not None
    assert second is not None
    assert first.blob is None
    assert first.location == second.location
    assert len([path for path in files(sluiceway_home) if path.stat().st_size >= 1_000 and "db" not in path.name]) == 1


def test_the_limit_for_what_is_small_is_64_kibibytes() -> None:
    in_a_flow(lambda: keep(b"x" * 65_000, b"x" * 65_600))
    with get_client(sync_client=True) as client:
        above, below = client.read_task_runs()
    assert getattr(stored(below.key), "location", "") is None
    assert getattr(stored(above.key), "location", None)


def test_another_folder_can_be_the_storage_of_all_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICEWAY_RESULTS_STORAGE", str(tmp_path / "elsewhere"))
    in_a_flow(lambda: echo(LARGE))
    assert only_task_run().state.result() == LARGE
    assert files(tmp_path / "elsewhere")


def test_any_fsspec_address_can_be_the_storage() -> None:
    fsspec = pytest.importorskip("fsspec")
    in_a_flow(lambda: echo.with_options(result_storage="memory://results-of-a-test")(LARGE))
    assert only_task_run().state.result() == LARGE
    assert fsspec.filesystem("memory").find("/results-of-a-test")


def test_a_task_may_have_a_storage_of_its_own(tmp_path: Path) -> None:
    in_a_flow(lambda: echo.with_options(result_storage=LocalFileSystem(basepath=str(tmp_path / "own")))(SMALL))
    assert only_task_run().state.result() == SMALL
    assert len(files(tmp_path / "own")) == 1


def test_a_stored_result_may_have_a_name_made_of_the_parameters(tmp_path: Path) -> None:
    named = echo.with_options(result_storage=str(tmp_path / "own"), result_storage_key="of-{value}.result")
    in_a_flow(lambda: named(7))
    assert [path.name for path in files(tmp_path / "own")] == ["of-7.result"]
    assert only_task_run().state.result() == 7


def test_a_result_that_has_gone_is_an_error_that_says_where_it_was(sluiceway_home: Path) -> None:
    in_a_flow(lambda: echo(LARGE))
    run = only_task_run()
    (result,) = [path for path in files(sluiceway_home) if "db" not in path.name]
    result.unlink()
    with pytest.raises(MissingResult) as caught:
        run.state.result()
    assert result.name in str(caught.value)


def test_a_cached_result_that_has_gone_is_made_anew(sluiceway_home: Path) -> None:
    cached = echo.with_options(cache_policy=INPUTS)
    assert cached(LARGE) == LARGE
    (result,) = [path for path in files(sluiceway_home) if "db" not in path.name]
    result.unlink()
    assert cached(LARGE, return_state=True).name == "Completed"
    assert cached(LARGE, return_state=True).name == "Cached"


# --- how ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("serializer", ["pickle", "json", "compressed/pickle", "compressed/json", JSONSerializer()])
def test_a_result_comes_back_through_any_serializer(serializer: Any) -> None:
    value = {"numbers": [1, 2.5], "text": "ü"}
    in_a_flow(lambda: echo.with_options(result_serializer=serializer)(value))
    run = only_task_run()
    assert run.state.result() == value
    result = stored(run.key)
    assert result is not None
    if isinstance(serializer, str):
        assert result.serializer == serializer
    if result.serializer == "json":
        assert json.loads(result.blob or b"") == value


def test_the_serializer_of_all_results_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICEWAY_RESULTS_SERIALIZER", "json")
    in_a_flow(lambda: echo([1, 2]))
    result = stored(only_task_run().key)
    assert result is not None
    assert (result.serializer, result.blob) == ("json", b"[1, 2]")


# --- reading --------------------------------------------------------------------------------------

loaded: list[str] = []


class Alarming:
    """Says when it is unpickled."""

    def __reduce__(self) -> Any:
        return _alarm, ()


def _alarm() -> Alarming:
    loaded.append("unpickled")
    return Alarming()


def test_reading_runs_unpickles_nothing_until_a_result_is_asked_for() -> None:
    in_a_flow(lambda: keep(Alarming()))
    loaded.clear()
    with get_client(sync_client=True) as client:
        (run,) = client.read_task_runs()
        client.read_task_run_states(run.id)
        result = stored(run.key)
    assert loaded == []
    assert isinstance(run.state.result(), Alarming)
    assert loaded == ["unpickled"]
    assert result is not None


def test_a_stored_result_carries_a_short_text_of_it() -> None:
    in_a_flow(lambda: keep(list(range(1_000)), "short", LARGE))
    with get_client(sync_client=True) as client:
        previews = [getattr(stored(run.key), "preview", None) for run in client.read_task_runs()]
    assert all(preview and len(preview) <= 200 for preview in previews)
    assert previews[1] == "'short'"
    assert str(previews[2]).startswith("[0, 1, 2")
