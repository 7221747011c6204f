"""Figures in the text form of Prometheus: few, each with a bounded number of labels."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from sluiceway.model.queries import FlowRunQuery, TaskRunQuery
from sluiceway.model.states import StateType
from sluiceway.ports.services import Services
from sluiceway.ports.store import Queueing, Store

KIND = "text/plain; version=0.0.4; charset=utf-8"
"""The media type of the text."""

logger: logging.Logger = logging.getLogger("sluiceway.server")


class Sample(NamedTuple):
    """A figure.

    Args:
        value: The figure.
        labels: What tells it from others of its name.
    """

    value: float
    labels: tuple[tuple[str, str], ...] = ()


def text(store: Store, services: Services, answered: Mapping[tuple[str, int], int]) -> str:
    """Return the figures as text.

    Args:
        store: The journal.
        services: The adapters of the server.
        answered: How many requests were answered, by method and status.
    """
    return "".join(_families(store, services, answered))


def _families(store: Store, services: Services, answered: Mapping[tuple[str, int], int]) -> Iterator[str]:
    yield _family(
        "sluiceway_flow_runs",
        "Flow runs in the journal, by the type of their state.",
        _by_state(lambda types: store.count_flow_runs(FlowRunQuery(state_types=types))),
    )
    yield _family(
        "sluiceway_task_runs",
        "Task runs in the journal, by the type of their state.",
        _by_state(lambda types: store.count_task_runs(TaskRunQuery(state_types=types))),
    )
    waiting = sum(store.count_waiting_calls().values())
    yield _family("sluiceway_waiting_calls", "Deferred calls that no worker has claimed.", (Sample(waiting),))
    yield _family("sluiceway_processes", "Processes that have runs in hand.", (Sample(len(store.read_processes())),))
    if isinstance(services.recorder, Queueing):
        yield _family(
            "sluiceway_recorder_backlog",
            "Facts and log lines that this process has recorded and not yet written.",
            (Sample(services.recorder.backlog),),
        )
    yield _family(
        "sluiceway_http_requests_total",
        "Requests that were answered, by method and status.",
        (
            Sample(count, (("method", method), ("status", str(status))))
            for (method, status), count in sorted(answered.items())
        ),
        "counter",
    )


def _by_state(count: Callable[[tuple[StateType, ...] | None], int]) -> Iterator[Sample]:
    """Yield how many runs there are by the type of their state.

    Those that have completed, nearly all, are what is left: no index has them.
    """
    counts: dict[StateType, int] = {kind: count((kind,)) for kind in StateType if kind is not StateType.COMPLETED}
    counts[StateType.COMPLETED] = max(0, count(None) - sum(counts.values()))
    yield from (Sample(counts[kind], (("state", kind.value),)) for kind in StateType)


def _family(name: str, description: str, samples: Iterable[Sample], kind: str = "gauge") -> str:
    lines = [f"# HELP {name} {_escaped(description)}", f"# TYPE {name} {kind}"]
    for sample in samples:
        labels = ",".join(f'{label}="{_escaped(value)}"' for label, value in sample.labels)
        lines.append(f"{name}{'{' + labels + '}' if labels else ''} {sample.value:g}")
    return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
