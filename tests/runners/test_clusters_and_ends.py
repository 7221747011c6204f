"""Flows on Dask and Ray whose process is killed, or whose run is cancelled: on clusters of theirs, and on others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from sluiceway import get_client
from sluiceway.flow_runs import cancel_flow_run
from tests.agents.programs import LONG, eventually
from tests.runners import clusters
from tests.runners.test_dask import LOCAL

pytestmark = [pytest.mark.slow, pytest.mark.shared_cluster]

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("cluster_program.py")


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Iterator[tuple[str, dict[str, Any]]]:
    """A task runner that starts a cluster of two places, or finds one that is there: its name and arguments."""
    package, there = request.param
    pytest.importorskip("distributed" if package == "dask" else package, reason=f"{package} is not installed")
    if package == "dask":
        yield from dask_clusters(there)
    else:
        yield from ray_clusters(there)


def dask_clusters(there: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    if not there:
        yield "DaskTaskRunner", {"cluster_kwargs": LOCAL}
        return
    from distributed import LocalCluster

    with tempfile.TemporaryDirectory() as folder, LocalCluster(**LOCAL, local_directory=folder) as cluster:
        yield "DaskTaskRunner", {"address": cluster.scheduler_address}


RAY = """
import json, sys
import ray

connected = ray.init(**json.loads(sys.argv[1]))
print(connected.address_info["gcs_address"], flush=True)
sys.stdin.read()
ray.shutdown()
"""


def ray_clusters(there: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    with clusters.small_ray(token=True) as options:
        if not there:
            yield "RayTaskRunner", {"init_kwargs": options}
            return
        command = [sys.executable, "-c", RAY, json.dumps(options)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            yield "RayTaskRunner", {"address": process.stdout.readline().strip()}
            process.stdin.close()
            process.wait(LONG)


class Place:
    """A folder where a flow is run on a cluster, by processes that are ended afterwards.

    Args:
        folder: The folder.
        cluster: The task runner.
    """

    def __init__(self, folder: Path, cluster: tuple[str, dict[str, Any]]) -> None:
        self.folder = folder
        self._cluster = json.dumps(cluster)
        self._processes: list[subprocess.Popen[str]] = []

    def start(self) -> tuple[subprocess.Popen[str], UUID]:
        """Start the flow; return its process, and the run, once finished steps are recorded and others under way."""
        process = self._run(str(PROGRAM), str(self.folder))
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        assert line, self.ended(process)
        return process, UUID(line)

    def resume(self, run: UUID) -> tuple[int, str]:
        """Have a run go on to its end, with nothing in the way of its steps; return exit code and output."""
        (self.folder / "gate").touch()
        return self.ended(self._run("-m", "sluiceway", "resume", str(run)))

    @staticmethod
    def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
        """Return exit code and output of a process that is to end by itself."""
        out, err = process.communicate(timeout=LONG)
        return process.returncode, out + err

    def begun(self) -> Counter[str]:
        """Return how often each step began."""
        return Counter(what for what, _ in self._noted())

    def workers(self) -> set[int]:
        """Return the processes that steps have begun in."""
        return {int(pid) for _, pid in self._noted()}

    def close(self) -> None:
        """End what is still there."""
        (self.folder / "gate").touch()
        for process in self._processes:
            process.kill()
            process.communicate()

    def _noted(self) -> list[list[str]]:
        return [line.split() for line in (self.folder / "notes").read_text(encoding="utf-8").splitlines()]

    def _run(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "CLUSTER": self._cluster, "COLUMNS": "200"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._processes.append(process)
        return process


@pytest.fixture
def place(tmp_path: Path, cluster: tuple[str, dict[str, Any]]) -> Iterator[Place]:
    folder = tmp_path / "project"
    folder.mkdir()
    made = Place(folder, cluster)
    yield made
    made.close()


def gone(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def states() -> dict[str, Counter[str | None]]:
    """Return the states of the task runs, by the name of the task."""
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs()
    found: dict[str, Counter[str | None]] = {}
    for run in runs:
        found.setdefault(run.task_name, Counter())[run.state_name] += 1
    return found


OWN_AND_OTHERS = pytest.mark.parametrize(
    "cluster",
    [("dask", False), ("dask", True), ("ray", False), ("ray", True)],
    ids=["dask", "dask that is there", "ray", "ray that is there"],
    indirect=True,
)


@OWN_AND_OTHERS
def test_a_flow_on_a_cluster_whose_process_is_killed_goes_on_and_finished_steps_do_not_run_again(
    place: Place, request: pytest.FixtureRequest
) -> None:
    process, run = place.start()
    process.kill()
    process.wait(LONG)
    with get_client(sync_client=True) as client:
        assert client.read_flow_run(run).state_name == "Crashed"
    assert {name: set(found) for name, found in states().items()} == {"ends": {"Completed"}, "waits": {"Crashed"}}
    if "dask that is there" not in request.node.name:  # which lets a thread go on until its function returns
        eventually(lambda: all(map(gone, place.workers())))
    code, said = place.resume(run)
    assert (code, "result: 48" in said) == (0, True), said
    assert states() == {"ends": Counter(Completed=6), "waits": Counter(Completed=3)}
    begun = place.begun()
    assert {begun[f"ends-{number}"] for number in range(6)} == {1}
    assert max(begun.values()) == 2  # those that were under way when the process died


@OWN_AND_OTHERS
def test_a_cancelled_flow_on_a_cluster_ends_and_so_do_its_tasks(place: Place, request: pytest.FixtureRequest) -> None:
    process, run = place.start()
    assert cancel_flow_run(run, grace_seconds=LONG).name == "Cancelled"
    code, said = place.ended(process)
    assert (code, "CancelledRun: Somebody cancelled the flow run." in said) == (1, True), said
    assert states() == {"ends": Counter(Completed=6), "waits": Counter(Cancelled=3)}
    if "dask that is there" not in request.node.name:
        eventually(lambda: all(map(gone, place.workers())))
