"""The Ray runner on a real Ray of two processes that is there already."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from sluiceway.exceptions import MissingExtraError
from sluiceway.task_runners import RayTaskRunner
from sluiceway.testing import Harness
from tests.runners import clusters

pytestmark = [
    pytest.mark.slow,
    pytest.mark.shared_cluster,
    pytest.mark.usefixtures("sluiceway_harness"),
]


@pytest.fixture(scope="module")
def runner() -> Iterator[RayTaskRunner]:
    import ray

    with clusters.small_ray() as options:
        ray.init(**options)
        yield RayTaskRunner()
        assert ray.is_initialized(), "a Ray that was there stays"
        ray.shutdown()


def test_tasks_on_ray_return_what_they_return_anywhere(runner: RayTaskRunner) -> None:
    clusters.check_values(runner)


def test_tasks_on_ray_fail_retry_and_time_out_as_anywhere(runner: RayTaskRunner) -> None:
    clusters.check_failures(runner)


def test_tasks_on_ray_are_recorded_as_anywhere(runner: RayTaskRunner, sluiceway_harness: Harness) -> None:
    clusters.check_journal(runner, sluiceway_harness)


def test_a_task_whose_ray_worker_dies_has_crashed_at_once_and_the_others_go_on(runner: RayTaskRunner) -> None:
    clusters.check_death(runner, "The Ray worker died while it ran the task")


def test_without_ray_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r'pip install "sluiceway\[ray\]"'):
        RayTaskRunner()
