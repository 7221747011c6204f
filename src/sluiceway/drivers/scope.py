"""Scope: which run the code that is executing belongs to.

The driver makes the context of a run the current one around every call of its user code.
"""

from __future__ import annotations

from contextvars import ContextVar

from sluiceway.engine.contexts import FlowRunContext, RunContext, TaskRunContext, current_run

__all__ = [
    "FlowRunContext",
    "RunContext",
    "TaskRunContext",
    "current",
    "current_tags",
    "enter",
    "enter_tags",
    "leave",
    "leave_tags",
]

_tags: ContextVar[frozenset[str]] = ContextVar("sluiceway_tags", default=frozenset())

current = current_run.get
"""Return the context of the run that this code belongs to; None outside runs."""

enter = current_run.set
"""Make a context the current one; returns a token for `leave`."""

leave = current_run.reset
"""Make the context before the current one again."""

current_tags = _tags.get
"""Return the tags that `tags(…)` gives to runs made here."""

enter_tags = _tags.set
"""Set these tags; returns a token for `leave_tags`."""

leave_tags = _tags.reset
"""Make the tags before these hold again."""
