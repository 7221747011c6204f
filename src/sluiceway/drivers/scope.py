"""Scope: which run the code that is executing belongs to.

The driver makes the context of a run the current one around every call of its user code.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token

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

Context = FlowRunContext | TaskRunContext

_tags: ContextVar[frozenset[str]] = ContextVar("sluiceway_tags", default=frozenset())

current: Callable[[], Context | None] = current_run.get
"""Return the context of the run that this code belongs to; None outside runs."""

enter: Callable[[Context | None], Token[Context | None]] = current_run.set
"""Make a context the current one; returns a token for `leave`."""

leave: Callable[[Token[Context | None]], None] = current_run.reset
"""Make the context before the current one again."""

current_tags: Callable[[], frozenset[str]] = _tags.get
"""Return the tags that `tags(…)` gives to runs made here."""

enter_tags: Callable[[frozenset[str]], Token[frozenset[str]]] = _tags.set
"""Set these tags; returns a token for `leave_tags`."""

leave_tags: Callable[[Token[frozenset[str]]], None] = _tags.reset
"""Make the tags before these hold again."""
