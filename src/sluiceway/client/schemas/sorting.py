"""The orders that the client can read in."""

from __future__ import annotations

from enum import Enum

__all__ = ["ArtifactSort", "FlowRunSort", "FlowSort", "LogSort", "TaskRunSort"]


class FlowRunSort(str, Enum):
    """The orders of flow runs."""

    ID_DESC = "ID_DESC"
    START_TIME_ASC = "START_TIME_ASC"
    START_TIME_DESC = "START_TIME_DESC"
    EXPECTED_START_TIME_ASC = "EXPECTED_START_TIME_ASC"
    EXPECTED_START_TIME_DESC = "EXPECTED_START_TIME_DESC"
    NAME_ASC = "NAME_ASC"
    END_TIME_DESC = "END_TIME_DESC"


class TaskRunSort(str, Enum):
    """The orders of task runs."""

    ID_DESC = "ID_DESC"
    EXPECTED_START_TIME_ASC = "EXPECTED_START_TIME_ASC"
    EXPECTED_START_TIME_DESC = "EXPECTED_START_TIME_DESC"
    NAME_ASC = "NAME_ASC"
    END_TIME_DESC = "END_TIME_DESC"


class FlowSort(str, Enum):
    """The orders of flows."""

    NAME_ASC = "NAME_ASC"


class LogSort(str, Enum):
    """The orders of log lines."""

    TIMESTAMP_ASC = "TIMESTAMP_ASC"
    TIMESTAMP_DESC = "TIMESTAMP_DESC"


class ArtifactSort(str, Enum):
    """The orders of artifacts; their identifiers increase with time."""

    ID_DESC = "ID_DESC"
    ID_ASC = "ID_ASC"
