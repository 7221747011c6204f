"""Sluiceway turns plain functions into workflows: `@flow` and `@task` bring retries, timeouts, caching,
concurrency and a full run history, with nothing to start.

Each name is imported when it is first asked for, so that `import sluiceway` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sluiceway import runtime
    from sluiceway.client import get_client
    from sluiceway.context import tags
    from sluiceway.flow_runs import (
        apause_flow_run,
        aresume_flow_run,
        asuspend_flow_run,
        pause_flow_run,
        resume_flow_run,
        suspend_flow_run,
    )
    from sluiceway.flows import Flow, flow
    from sluiceway.logging import get_run_logger
    from sluiceway.model.annotations import allow_failure, quote, unmapped
    from sluiceway.model.states import State
    from sluiceway.tasks import Task, task
    from sluiceway.transactions import Transaction

__version__ = "0.1.0"

__all__ = [
    "Flow",
    "State",
    "Task",
    "Transaction",
    "__version__",
    "allow_failure",
    "apause_flow_run",
    "aresume_flow_run",
    "asuspend_flow_run",
    "flow",
    "get_client",
    "get_run_logger",
    "pause_flow_run",
    "quote",
    "resume_flow_run",
    "runtime",
    "suspend_flow_run",
    "tags",
    "task",
    "unmapped",
]

_HOMES = {
    "Flow": "sluiceway.flows",
    "State": "sluiceway.states",
    "Task": "sluiceway.tasks",
    "Transaction": "sluiceway.transactions",
    "allow_failure": "sluiceway.utilities.annotations",
    "apause_flow_run": "sluiceway.flow_runs",
    "aresume_flow_run": "sluiceway.flow_runs",
    "asuspend_flow_run": "sluiceway.flow_runs",
    "flow": "sluiceway.flows",
    "get_client": "sluiceway.client",
    "get_run_logger": "sluiceway.logging",
    "pause_flow_run": "sluiceway.flow_runs",
    "quote": "sluiceway.utilities.annotations",
    "resume_flow_run": "sluiceway.flow_runs",
    "suspend_flow_run": "sluiceway.flow_runs",
    "tags": "sluiceway.context",
    "task": "sluiceway.tasks",
    "unmapped": "sluiceway.utilities.annotations",
}
"""The module that each name comes from."""


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    from importlib import import_module

    if name == "runtime":
        return import_module("sluiceway.runtime")
    if home is None:
        raise AttributeError(f"module 'sluiceway' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
