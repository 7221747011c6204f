"""Taking the run and the tags that hold here to other threads and processes, and holding other settings."""

from __future__ import annotations

import asyncio
import json
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sluiceway import flow, runtime, tags, task
from sluiceway.context import (
    EngineContext,
    FlowRunContext,
    SettingsContext,
    TagsContext,
    get_run_context,
    get_settings_context,
    hydrated_context,
    serialize_context,
    use_profile,
    with_context,
)
from sluiceway.exceptions import ConfigurationError, MissingContextError, MissingProfileError, SerializationError
from sluiceway.settings import get_current_settings
from sluiceway.testing import Harness


@task
def ident(value: Any) -> Any:
    return value


def seen() -> tuple[str | None, str | None, list[str]]:
    """Return which run and which tags hold here."""
    return runtime.flow_run.id, runtime.task_run.id, sorted(TagsContext.get().current_tags)


async def aseen() -> tuple[str | None, str | None, list[str]]:
    await asyncio.sleep(0)
    return seen()


def test_a_function_takes_its_context_to_a_thread() -> None:
    @flow
    def report() -> None:
        with tags("a"):
            there = with_context(seen)
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(seen).result() == (None, None, [])
                assert pool.submit(there).result() == seen()
                assert list(pool.map(with_context(ident.fn), [1, 2])) == [1, 2]

    report()


def test_an_async_function_takes_its_context_along() -> None:
    with tags("a"):
        there = with_context(aseen)

    async def main() -> Any:
        with tags("b"):
            return await asyncio.gather(there(), there())

    assert asyncio.run(main()) == [(None, None, ["a"])] * 2


@pytest.mark.parametrize("function", [seen, aseen])
def test_a_function_with_its_context_can_be_pickled(function: Any) -> None:
    def result(of: Any) -> Any:
        return asyncio.run(of) if function is aseen else of

    @flow
    def report() -> None:
        with tags("a"):
            pickled, expected = pickle.dumps(with_context(function)), seen()
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(lambda: result(pickle.loads(pickled)())).result() == expected

    report()


def test_a_context_that_was_sent_holds_within_and_tasks_in_it_belong_to_the_run(sluiceway_harness: Harness) -> None:
    told: list[dict[str, Any]] = []

    @task(tags=["x"])
    def outer(number: int) -> None:
        with tags("a"):
            told.append(serialize_context())

    @flow(version="7")
    def report(most: int) -> None:
        told.append(serialize_context())
        outer(3)

    report(4)
    for_flow, for_task = (pickle.loads(pickle.dumps(item)) for item in told)
    with hydrated_context(for_flow):
        context = get_run_context()
        assert isinstance(context, EngineContext)
        assert (context.flow.name, context.flow_run.flow_version, context.parameters) == ("report", "7", {"most": 4})
        assert ident.submit(5).result() == 5
        assert runtime.task_run.id is None
    with hydrated_context(for_task):
        assert (runtime.task_run.task_name, runtime.task_run.parameters) == ("outer", {"number": 3})
        assert TagsContext.get().current_tags == {"a"}
        ident(6)
    with pytest.raises(MissingContextError):
        get_run_context()
    sluiceway_harness.drain()
    runs = sluiceway_harness.client.read_task_runs()
    assert [run.name.partition("-")[0] for run in runs].count("ident") == 2
    assert len({run.flow_run_id for run in runs}) == 1


def test_outside_runs_only_the_tags_are_sent() -> None:
    with tags("a", "b"):
        told = serialize_context()
    assert told == {"tags_context": {"current_tags": ["a", "b"]}}
    with hydrated_context(told):
        assert TagsContext.get().current_tags == {"a", "b"}
    with tags("c"), hydrated_context():
        assert TagsContext.get().current_tags == {"c"}


def test_a_context_that_cannot_be_sent_is_refused_by_name() -> None:
    @task
    def outer(number: Any) -> None:
        with pytest.raises(SerializationError, match="context of run 'outer'"):
            serialize_context()

    outer(threading.Lock())


def test_tags_can_be_set_rather_than_added() -> None:
    with tags("a"):
        with TagsContext(current_tags={"z"}) as context:
            assert TagsContext.get().current_tags == context.current_tags == {"z"}
        assert TagsContext.get().current_tags == {"a"}
    assert TagsContext().current_tags == set()
    assert EngineContext is FlowRunContext


PROGRAM = """
import json, multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from sluiceway import flow, get_client, tags, task
from sluiceway.context import with_context

@task
def double(number):
    return 2 * number

@flow
def report():
    with tags("elsewhere"), ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(with_context(double), [1, 2]))

if __name__ == "__main__":
    values = report()
    with get_client(sync_client=True) as client:
        (flow_run,) = client.read_flow_runs()
        runs = client.read_task_runs()
    told = [[run.task_key, run.flow_run_id == flow_run.id, sorted(run.tags), run.state_name] for run in runs]
    print(json.dumps([values, told]))
"""


@pytest.mark.slow
def test_a_task_takes_its_context_to_a_process_of_the_users_own(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    values, runs = json.loads(done.stdout)
    assert values == [2, 4]
    assert runs == [["program.double", True, ["elsewhere"], "Completed"]] * 2


@pytest.fixture
def profiles(sluiceway_home: Path) -> None:
    """Have two profiles in the home folder."""
    sluiceway_home.mkdir(exist_ok=True)
    (sluiceway_home / "profiles.toml").write_text(
        '[profiles.loud.logging]\nlevel = "DEBUG"\n[profiles.bad]\nnonsense = 1\n'
    )


def test_a_profile_holds_within(profiles: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with use_profile("loud") as context:
        assert context == get_settings_context() == SettingsContext.get()
        assert (context.profile, context.settings.logging_level) == ("loud", "DEBUG")
        assert get_current_settings() is context.settings
    assert get_settings_context() == (None, get_current_settings())
    assert get_current_settings().logging_level == "INFO"
    monkeypatch.setenv("SLUICEWAY_LOGGING_LEVEL", "ERROR")
    with use_profile("loud") as context:
        assert context.settings.logging_level == "ERROR"
    with use_profile("loud", override_environment_variables=True) as context:
        assert context.settings.logging_level == "DEBUG"


def test_a_profile_that_is_missing_or_bad_is_refused(profiles: None) -> None:
    with pytest.raises(MissingProfileError, match=r"'none'.*loud"), use_profile("none"):
        pytest.fail("there is no such profile")
    with pytest.raises(ConfigurationError, match="nonsense"), use_profile("bad"):
        pytest.fail("the profile is bad")
