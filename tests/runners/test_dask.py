"""The Dask runner on a real cluster of two processes."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from sluiceway import flow
from sluiceway.exceptions import MissingExtraError
from sluiceway.task_runners import DaskTaskRunner
from sluiceway.testing import Harness
from tests.runners import clusters
from tests.runners.here import PATIENCE

LOCAL = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0", "host": "127.0.0.1"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.shared_cluster,
    pytest.mark.usefixtures("sluiceway_harness"),
]


@pytest.fixture(scope="module", autouse=True)
def _files_in_a_folder_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    import dask

    with dask.config.set({"temporary-directory": str(tmp_path_factory.mktemp("dask"))}):
        yield


@pytest.fixture(scope="module")
def cluster(_files_in_a_folder_of_their_own: None) -> Iterator[Any]:
    from distributed import LocalCluster

    with LocalCluster(**LOCAL) as cluster:
        yield cluster


@pytest.fixture
def runner(cluster: Any) -> DaskTaskRunner:
    return DaskTaskRunner(cluster=cluster)


def test_tasks_on_dask_return_what_they_return_anywhere(runner: DaskTaskRunner) -> None:
    clusters.check_values(runner)


def test_tasks_on_dask_fail_retry_and_time_out_as_anywhere(runner: DaskTaskRunner) -> None:
    clusters.check_failures(runner)


def test_tasks_on_dask_are_recorded_as_anywhere(runner: DaskTaskRunner, sluiceway_harness: Harness) -> None:
    clusters.check_journal(runner, sluiceway_harness)


def test_a_cluster_that_is_there_is_found_by_its_address(cluster: Any) -> None:
    clusters.check_values(DaskTaskRunner(cluster.scheduler_address))


def test_a_task_whose_dask_worker_dies_has_crashed_at_once_and_the_others_go_on() -> None:
    runner = DaskTaskRunner(cluster_class="distributed.LocalCluster", cluster_kwargs=LOCAL)
    clusters.check_death(runner, "The Dask worker tcp://127.0.0.1:")


def test_a_cluster_of_threads_in_this_process_does(sluiceway_harness: Harness) -> None:
    threads = {name: value for name, value in LOCAL.items() if name != "host"}
    runner = DaskTaskRunner(cluster_kwargs={**threads, "processes": False})
    clusters.check_journal(runner, sluiceway_harness)


def test_a_cluster_can_adapt_to_the_work() -> None:
    adapt = {"minimum": 0, "maximum": 2, "interval": "50ms"}
    clusters.check_values(DaskTaskRunner(cluster_kwargs={**LOCAL, "n_workers": 0}, adapt_kwargs=adapt))


def test_an_interrupted_flow_ends_its_cluster(sluiceway_harness: Harness) -> None:
    clients: list[Any] = []
    begun = threading.Event()
    endless = clusters.too_slow.with_options(timeout_seconds=0, on_running=[lambda *_: begun.set()])

    class Watched(DaskTaskRunner):
        def release(self) -> None:
            clients.append(self._client)
            super().release()

    @flow(task_runner=Watched(cluster_kwargs=LOCAL))
    def interrupted() -> None:
        clusters.double.submit(1).wait()
        endless.submit()
        assert begun.wait(PATIENCE)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert clients[0].status == "closed"
    sluiceway_harness.drain()
    names = {run.name.rpartition("-")[0]: run.state_name for run in sluiceway_harness.client.read_task_runs()}
    assert names == {"double": "Completed", "too_slow": "Crashed"}


def test_a_runner_that_starts_no_cluster_takes_no_options_for_one() -> None:
    with pytest.raises(ValueError, match="only one of the three"):
        DaskTaskRunner("tcp://127.0.0.1:1", cluster_kwargs={"n_workers": 1})
    with pytest.raises(ValueError, match="pass `cluster`"):
        DaskTaskRunner("tcp://127.0.0.1:1", adapt_kwargs={"maximum": 2})


def test_without_dask_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r'pip install "sluiceway\[dask\]"'):
        DaskTaskRunner()
