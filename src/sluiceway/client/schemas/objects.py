"""The objects that the client returns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sluiceway.base import ids, times
from sluiceway.model.queries import LogLine
from sluiceway.model.runs import FlowInfo as Flow
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import State, StateDetails, StateType

__all__ = ["Flow", "FlowRun", "Log", "State", "StateDetails", "StateType", "TaskRun"]


@dataclass(frozen=True, slots=True)
class Log:
    """A line that a run logged.

    Args:
        number: The place of the line in the journal; later lines have higher ones.
        name: The name of the logger.
        level: The level of the standard `logging` module, such as 20 for INFO.
        message: The line.
        timestamp: When it was written.
        flow_run_id: The flow run; None for a task called outside flows.
        task_run_id: The task run; None for a line of the flow itself.
    """

    number: int
    name: str
    level: int
    message: str
    timestamp: datetime
    flow_run_id: UUID | None
    task_run_id: UUID | None

    @classmethod
    def from_line(cls, line: LogLine) -> Log:
        """Return the object for a line of the journal."""
        return cls(
            number=line.number,
            name=line.logger,
            level=line.level,
            message=line.message,
            timestamp=times.to_datetime(line.moment),
            flow_run_id=ids.optional_uuid(line.flow_run_key),
            task_run_id=ids.optional_uuid(line.task_run_key),
        )
