"""Task runners by name, each imported when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sluiceway import wiring
from sluiceway.drivers.scope import FlowRunContext
from sluiceway.ports.services import Services

if TYPE_CHECKING:
    from sluiceway.runners.base import TaskRunner
    from sluiceway.runners.dask import DaskTaskRunner
    from sluiceway.runners.processes import ProcessPoolTaskRunner
    from sluiceway.runners.ray import RayTaskRunner
    from sluiceway.runners.threads import ThreadPoolTaskRunner
    from sluiceway.runners.threads import ThreadPoolTaskRunner as ConcurrentTaskRunner

__all__ = [
    "ConcurrentTaskRunner",
    "DaskTaskRunner",
    "ProcessPoolTaskRunner",
    "RayTaskRunner",
    "TaskRunner",
    "ThreadPoolTaskRunner",
    "make_runner",
    "shared_runner",
]


def make_runner(context: FlowRunContext) -> None:
    """Give a flow run its task runner, started; one only, however many threads submit their first task at once.

    Args:
        context: The context of the run.
    """
    with wiring._lock:
        if context.runner is not None:
            return
        chosen = context.flow.task_runner
        if chosen is None:
            context.runner = _default_runner(context.services)
            return
        runner = chosen.duplicate()
        runner.__enter__()
        context.runner = runner


def shared_runner(services: Services) -> Any:
    """Return the task runner of tasks that are submitted outside flows.

    Args:
        services: The services of the process.
    """
    if services.runner is not None:
        return services.runner
    with wiring._lock:
        if services.runner is None:
            runner = _default_runner(services)
            runner.services = services
            services.runner = runner
        return services.runner


def _default_runner(services: Services) -> Any:
    from sluiceway.runners.threads import ThreadPoolTaskRunner

    return ThreadPoolTaskRunner(services.settings.task_runner_thread_pool_max_workers)


_HOMES = {
    "ConcurrentTaskRunner": ("sluiceway.runners.threads", "ThreadPoolTaskRunner"),
    "DaskTaskRunner": ("sluiceway.runners.dask", "DaskTaskRunner"),
    "ProcessPoolTaskRunner": ("sluiceway.runners.processes", "ProcessPoolTaskRunner"),
    "RayTaskRunner": ("sluiceway.runners.ray", "RayTaskRunner"),
    "TaskRunner": ("sluiceway.runners.base", "TaskRunner"),
    "ThreadPoolTaskRunner": ("sluiceway.runners.threads", "ThreadPoolTaskRunner"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
