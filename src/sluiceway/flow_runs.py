"""Flow runs: what can be done about one from outside."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING
from uuid import UUID

from sluiceway.base.errors import FlowRunWaitTimeout
from sluiceway.client import Client

if TYPE_CHECKING:
    from sluiceway.model.runs import FlowRun

__all__ = ["wait_for_flow_run"]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
"""Seconds between two looks: short at first, since most runs that somebody waits for end soon."""

_logger = logging.getLogger("sluiceway.flow_runs")


async def wait_for_flow_run(
    flow_run_id: UUID,
    timeout: float | None = 10800,
    poll_interval: float | None = None,
    client: Client | None = None,
    log_states: bool = False,
) -> FlowRun:
    """Wait until a flow run has ended, in whichever process it runs, and return it.

    Args:
        flow_run_id: The run.
        timeout: How long to wait at most, in seconds; None for as long as it takes.
        poll_interval: Seconds between two looks; by default 0.05 s at first, and then longer, up to 2 s.
        client: Reads the journal; by default one of its own.
        log_states: Whether to log each state that is seen.

    Raises:
        ObjectNotFound: There is no such run.
        FlowRunWaitTimeout: It has not ended by then.
    """
    reader, deadline = client or Client(), None if timeout is None else time.monotonic() + timeout
    pause, seen = poll_interval or _FIRST_PAUSE, None
    while True:
        run = await reader.read_flow_run(flow_run_id)
        if log_states and run.state is not None and run.state_name != seen:
            seen = run.state_name
            _logger.info("Flow run %r is in state %s", run.name, run.state)
        if run.state is not None and run.state.is_final():
            return run
        left = pause if deadline is None else deadline - time.monotonic()
        if left <= 0:
            raise FlowRunWaitTimeout(f"Flow run {run.name!r} ({flow_run_id}) did not end within {timeout:g} second(s).")
        await asyncio.sleep(min(pause, left))
        if poll_interval is None:
            pause = min(2 * pause, _LONGEST_PAUSE)
