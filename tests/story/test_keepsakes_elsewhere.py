"""Variables and secrets in tasks that run in other processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sluiceway import flow, get_client, task
from sluiceway.artifacts import create_markdown_artifact
from sluiceway.base import masking
from sluiceway.base.masking import MASK
from sluiceway.blocks.system import Secret
from sluiceway.task_runners import ProcessPoolTaskRunner
from sluiceway.variables import Variable

pytestmark = pytest.mark.slow

VALUE = "hunter2-and-more"


@pytest.fixture(autouse=True)
def _nothing_learned() -> Iterator[None]:
    masking.forget()
    yield
    masking.forget()


def test_tasks_in_other_processes_read_and_set_variables() -> None:
    @task
    def far() -> Any:
        Variable.set("seen", True)
        return Variable.get("size")

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def spread() -> Any:
        return far.submit().result()

    Variable.set("size", 5)
    assert spread() == 5
    assert Variable.get("seen") is True


def test_a_secret_that_a_task_in_another_process_loads_is_masked_here_too() -> None:
    @task(log_prints=True)
    def far() -> None:
        token = Secret.load("token").get()
        print("have", token)
        create_markdown_artifact(token)
        raise ValueError(f"no access with {token}")

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def spread() -> Any:
        return far.submit().wait()

    Secret(value=VALUE).save("token")
    masking.forget()
    spread(return_state=True)
    with get_client(sync_client=True) as client:
        (step,) = client.read_task_runs()
        lines = [line.message for line in client.read_logs()]
        (artifact,) = client.read_artifacts()
    assert step.state is not None
    assert f"no access with {MASK}" in str(step.state.message)
    assert f"have {MASK}" in lines
    assert artifact.data == MASK
    assert not [line for line in lines if VALUE in line]


def test_a_secret_goes_to_another_process_as_an_argument() -> None:
    @task
    def far(secret: Secret[str]) -> int:
        return len(secret.get())

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def spread() -> int:
        return far.submit(Secret(value=VALUE)).result()

    assert spread() == len(VALUE)
