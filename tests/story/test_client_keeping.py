"""The client removes runs, and takes them from one journal to another."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from uuid import uuid4

import pytest

from sluiceway import flow, get_client, task
from sluiceway.exceptions import ArchiveError, ObjectAlreadyExists, ObjectNotFound, UnfinishedRun
from sluiceway.testing import test_harness


@task
def double(number: int) -> int:
    return 2 * number


@flow
def inner(number: int) -> int:
    return double(number)


@flow(persist_result=True)
def outer(number: int) -> int:
    return inner(number) + double(1)


def test_a_flow_run_is_deleted_with_all_that_hangs_on_it() -> None:
    outer(3)
    inner(4)
    with get_client(sync_client=True) as client:
        (kept, child, root) = client.read_flow_runs()
        with pytest.raises(UnfinishedRun, match=f"belongs to the run {root.id}"):
            client.delete_flow_run(child.id)
        client.delete_flow_run(root.id)
        assert [run.id for run in client.read_flow_runs()] == [kept.id]
        assert client.count_task_runs() == 1
        with pytest.raises(ObjectNotFound, match=f"no flow run with the identifier {root.id}"):
            client.delete_flow_run(root.id)


def test_a_task_run_outside_flows_is_deleted() -> None:
    double(1)
    inner(1)
    with get_client(sync_client=True) as client:
        in_flow, loose = client.read_task_runs()
        client.delete_task_run(loose.id)
        with pytest.raises(UnfinishedRun, match=f"belongs to the run {in_flow.flow_run_id}"):
            client.delete_task_run(in_flow.id)
        with pytest.raises(ObjectNotFound, match="no task run with the identifier"):
            client.delete_task_run(uuid4())
        assert [run.id for run in client.read_task_runs()] == [in_flow.id]


def test_a_run_that_is_under_way_is_not_deleted() -> None:
    @flow
    def suicidal() -> None:
        with get_client(sync_client=True) as client:
            (run,) = client.read_flow_runs()
            client.delete_flow_run(run.id)

    with pytest.raises(UnfinishedRun, match="It has not ended"):
        suicidal()


def test_a_run_is_exported_and_imported_in_async_code_too(tmp_path: Path) -> None:
    path = tmp_path / "run.zip"

    async def travel() -> None:
        async with get_client() as client:
            (_, root) = await client.read_flow_runs()
            assert await client.export_flow_run(root.id, path) == str(path)
            with pytest.raises(ObjectAlreadyExists):
                await client.import_flow_run(path)
            await client.delete_flow_run(root.id)
            imported = await client.import_flow_run(path)
            assert imported.id == root.id
            assert imported.state is not None
            assert await imported.state.aresult() == 8

    outer(3)
    asyncio.run(travel())


def test_a_recorded_history_serves_a_test_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outer(3)
    with get_client(sync_client=True) as client:
        root = client.read_flow_runs()[-1]
        file = client.export_flow_run(root.id)
    assert file == f"run-{root.id}.zip"
    with test_harness() as harness:
        run = harness.client.import_flow_run(file)
        assert run.parameters == {"number": 3}
        assert [state.name for state in harness.client.read_flow_run_states(run.id)] == [
            "Pending",
            "Running",
            "Completed",
        ]
        assert harness.client.count_task_runs() == 3
        assert run.state is not None
        assert run.state.result() == 8


def test_a_broken_file_is_one_error(tmp_path: Path) -> None:
    broken = tmp_path / "broken.zip"
    broken.write_text(json.dumps({}))
    with get_client(sync_client=True) as client:
        with pytest.raises(ArchiveError, match=r"broken\.zip cannot be imported"):
            client.import_flow_run(broken)
        assert client.count_flow_runs() == 0
