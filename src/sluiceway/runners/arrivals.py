"""Arrivals: what a call that is under way in another process tells the journal."""

from __future__ import annotations

import logging
import pickle
from typing import Any

from sluiceway.base import masking
from sluiceway.base.ids import RunId
from sluiceway.model.facts import (
    Fact,
    FlowRunCreated,
    FlowRunMoved,
    TaskRunCreated,
    TaskRunMoved,
    TaskRunStarted,
)
from sluiceway.model.states import StateType
from sluiceway.ports.services import Services
from sluiceway.rules.outcomes import stamped
from sluiceway.runners.parcels import BEGUN, ENDED


class Arrivals:
    """Records what runs in another process do, and has their log lines shown and kept like those of this one.

    Args:
        services: The adapters of this process.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._open: dict[RunId, tuple[type[FlowRunMoved] | type[TaskRunMoved], int]] = {}

    def take(self, batch: bytes) -> None:
        """Take what was sent.

        Args:
            batch: A pickled list of facts, and of log lines as the attributes of records; or `BEGUN` or `ENDED`.
        """
        if batch in (BEGUN, ENDED):
            return
        for item in pickle.loads(batch):
            if isinstance(item, dict):
                _log(item)
            elif isinstance(item, masking.Learned):
                masking.learn(item.values)
            else:
                self._note(item)
                self._services.recorder.record(item)

    def end(self, why: str) -> None:
        """Have the runs that were under way there, and that nobody will tell of any more, crash.

        Args:
            why: What became of the process.
        """
        moment = self._services.clock.now()
        for key, (moved, run_count) in self._open.items():
            self._services.recorder.record(moved(key, stamped(StateType.CRASHED, moment, None, why), run_count))
        self._open.clear()

    def _note(self, fact: Fact) -> None:
        """Keep in mind which runs have begun, and not ended."""
        match fact:
            case FlowRunCreated():
                self._open[fact.run.key] = (FlowRunMoved, 0)
            case TaskRunCreated():
                self._open[fact.run.key] = (TaskRunMoved, 0)
            case TaskRunStarted():
                self._open[fact.run.key] = (TaskRunMoved, 1)
            case FlowRunMoved() | TaskRunMoved() if fact.state.is_final() or fact.state.name == "NotReady":
                self._open.pop(fact.run_key, None)
            case FlowRunMoved() | TaskRunMoved():
                self._open[fact.run_key] = (type(fact), fact.run_count)


def _log(line: dict[str, Any]) -> None:
    record = logging.makeLogRecord(line)
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)
