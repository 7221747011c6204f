"""Runs that go on by themselves: a living process starts those again that have crashed and may."""

from __future__ import annotations

import logging
import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence

from sluiceway.agents.supervising import this_program
from sluiceway.base.errors import StoreError
from sluiceway.base.ids import new_id
from sluiceway.base.times import SECOND
from sluiceway.model.queries import FlowRunQuery
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import StateType
from sluiceway.ports.services import Services
from sluiceway.rules.resuming import resumes_by_itself

INTERVAL = 1.0
"""Seconds between two looks."""

AT_ONCE = 8
"""Runs that go on at the same time at most, each in a process of its own."""

START_SECONDS = 30.0
"""Within which a process that was started takes its run in hand; else another one may try."""

_logger = logging.getLogger("sluiceway.resumer")


class Resumer:
    """Looks for runs whose process has died and that are to go on by themselves, and has them do so.

    Args:
        services: Where they are recorded.
        start: Starts a command; by default as a process of its own.
    """

    def __init__(
        self, services: Services, start: Callable[[Sequence[str], str], subprocess.Popen[bytes]] | None = None
    ) -> None:
        self._services = services
        self._start = start or _start
        self._owner = new_id().hex()
        self._processes: dict[bytes, subprocess.Popen[bytes]] = {}
        self._given_up: set[tuple[bytes, int]] = set()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Look again and again, in a thread."""
        self._thread = threading.Thread(target=self._work, name="sluiceway-resumer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more. Runs that go on are left alone: they are in the hands of their own processes."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
        for process in self._processes.values():
            process.poll()

    def look(self) -> list[FlowRun]:
        """Have runs go on that are to, and return them.

        Raises:
            StoreError: The journal cannot be used.
            OSError: A process cannot be started.
        """
        self._tidy()
        if self._services.presence is not None:
            self._services.presence.look_around()
        started = []
        for run in self._crashed():
            if len(self._processes) >= AT_ONCE:
                break
            if not resumes_by_itself(run) or run.key in self._processes or (run.key, run.epoch) in self._given_up:
                continue
            if self._may_start(run):
                self._go_on(run)
                started.append(run)
        return started

    def _crashed(self) -> Iterator[FlowRun]:
        """Yield the runs that have crashed and may go on by themselves once more, as far as their number says."""
        query, after = FlowRunQuery(state_types=(StateType.CRASHED,), roots_only=True, may_resume=True), None
        while True:
            page = self._services.store.read_flow_runs(query, after=after)
            yield from page.items
            after = page.cursor
            if after is None:
                return

    def _may_start(self, run: FlowRun) -> bool:
        """Return whether nobody else has just started a process that goes on with a run."""
        now = self._services.clock.now()
        name = f"sluiceway-resume/{run.id}/{run.epoch}"
        return self._services.store.claim_lock(name, self._owner, now + round(START_SECONDS * SECOND), now)

    def _go_on(self, run: FlowRun) -> None:
        place = os.path.dirname((run.entrypoint or "").rpartition(":")[0])
        folder = place if os.path.isdir(place) else os.getcwd()
        _logger.info("Flow run %r has crashed, and goes on in a process of its own.", run.name)
        self._processes[run.key] = self._start(this_program("resume", str(run.id)), folder)
        self._given_up.add((run.key, run.epoch))  # each epoch is tried once: what cannot be loaded stays as it is

    def _tidy(self) -> None:
        for key, process in list(self._processes.items()):
            if process.poll() is not None:
                del self._processes[key]

    def _work(self) -> None:
        trouble = ""
        while not self._closed.wait(INTERVAL):
            try:
                self.look()
            except (StoreError, OSError) as error:  # no store, or no process can be started
                if str(error) != trouble:
                    trouble = str(error)
                    _logger.error("Runs that have crashed cannot go on at present; it is tried again. %s", trouble)


def _start(command: Sequence[str], folder: str) -> subprocess.Popen[bytes]:
    """Start a process that outlives this one."""
    return subprocess.Popen(list(command), cwd=folder, start_new_session=True)
