"""Waiting for flow runs, wherever they run."""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid

import pytest

from sluiceway import flow, get_client, runtime
from sluiceway.exceptions import FlowRunWaitTimeout, ObjectNotFound
from sluiceway.flow_runs import wait_for_flow_run
from sluiceway.testing import Harness


def test_a_flow_run_is_waited_for_until_it_has_ended(
    sluiceway_harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    known: list[str | None] = []
    begun, go_on = threading.Event(), threading.Event()

    @flow
    def slow() -> int:
        known.append(runtime.flow_run.id)
        sluiceway_harness.drain()
        begun.set()
        go_on.wait(10)
        return 3

    async def wait() -> None:
        flow_run_id = uuid.UUID(known[0])
        with pytest.raises(FlowRunWaitTimeout, match=r"did not end within 0\.02 second"):
            await wait_for_flow_run(flow_run_id, timeout=0.02)
        asyncio.get_running_loop().call_later(0.01, go_on.set)
        async with get_client() as client:
            run = await wait_for_flow_run(flow_run_id, poll_interval=0.01, client=client, log_states=True)
        assert (run.id, run.state_name) == (flow_run_id, "Completed")

    thread = threading.Thread(target=slow)
    thread.start()
    begun.wait(10)
    asyncio.run(wait())
    thread.join()
    seen = [record.getMessage() for record in caplog.records if "is in state" in record.getMessage()]
    assert seen[-1].endswith("is in state Completed()")


def test_a_run_that_has_ended_is_returned_at_once(sluiceway_harness: Harness) -> None:
    @flow
    def failing() -> None:
        raise ConnectionError

    failing(return_state=True)
    sluiceway_harness.drain()
    (run,) = sluiceway_harness.client.read_flow_runs()
    assert asyncio.run(wait_for_flow_run(run.id, timeout=0)).state_name == "Failed"


def test_an_unknown_run_is_refused(sluiceway_harness: Harness) -> None:
    with pytest.raises(ObjectNotFound):
        asyncio.run(wait_for_flow_run(uuid.uuid4()))
