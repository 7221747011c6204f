"""The context of the code that is executing: its run, and the tags around it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from sluiceway.base.errors import MissingContextError
from sluiceway.drivers import scope
from sluiceway.drivers.scope import FlowRunContext, RunContext, TaskRunContext
from sluiceway.rules.options import plain_tags

__all__ = ["FlowRunContext", "RunContext", "TagsContext", "TaskRunContext", "get_run_context", "tags"]


class TagsContext:
    """The tags that runs get here.

    Args:
        current_tags: The tags.
    """

    __slots__ = ("current_tags",)

    def __init__(self, current_tags: set[str]) -> None:
        self.current_tags: set[str] = current_tags

    @classmethod
    def get(cls) -> TagsContext:
        """Return the tags that runs get here."""
        return cls(set(scope.current_tags()))


@contextmanager
def tags(*new_tags: str) -> Generator[set[str], None, None]:
    """Give tags to the runs that are made within.

    Args:
        new_tags: The tags; they join those that hold around them.

    Example:
        ```python
        with tags("nightly"):
            report()
        ```
    """
    if not all(isinstance(tag, str) for tag in new_tags):
        raise TypeError(f"tags are texts, but {new_tags!r} holds something else.")
    joined = scope.current_tags() | plain_tags(new_tags)
    token = scope.enter_tags(joined)
    try:
        yield set(joined)
    finally:
        scope.leave_tags(token)


def get_run_context() -> FlowRunContext | TaskRunContext:
    """Return the context of the flow run or task run that this code belongs to.

    Raises:
        MissingContextError: The code belongs to none.
    """
    context = scope.current()
    if context is None:
        raise MissingContextError("No run context available. You are not in a flow or task run context.")
    return context
