"""Figures in the text form of Prometheus: what they count, and that other programs can read them."""

from __future__ import annotations

import re
from typing import NamedTuple

from sluiceway import flow, task
from sluiceway.server.metrics import Sample, _family
from sluiceway.testing import Harness
from tests.server.asking import Answer, Asking

SAMPLE = re.compile(
    r'(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>(?:\w+="(?:[^"\\\n]|\\[\\n"])*",?)*)\})? (?P<value>\S+)'
)


class Family(NamedTuple):
    """The figures of a name.

    Args:
        kind: What kind of figures.
        description: What they tell.
        samples: The figures, by their labels.
    """

    kind: str
    description: str
    samples: dict[str, float]


def families(answer: Answer) -> dict[str, Family]:
    """Return the figures by name, read as strictly as the form is told."""
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.text.endswith("\n")
    found: dict[str, Family] = {}
    for line in answer.text.splitlines():
        if line.startswith("# HELP "):
            name, description = line.removeprefix("# HELP ").split(" ", 1)
            assert name not in found, "a family is told once"
            found[name] = Family("", description, {})
        elif line.startswith("# TYPE "):
            name, kind = line.removeprefix("# TYPE ").split(" ")
            assert found[name] == Family("", found[name].description, {}), "the kind comes before the figures"
            found[name] = found[name]._replace(kind=kind)
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample is not None, line
            found[sample["name"]].samples[sample["labels"] or ""] = float(sample["value"])
    return found


def test_runs_are_counted_by_state(ask: Asking, place: Harness) -> None:
    @task
    def fails() -> None:
        raise ValueError("no")

    @task
    def works() -> int:
        return 1

    @flow
    def mixed() -> int:
        fails(return_state=True)
        return works() + works()

    mixed()
    mixed()
    place.services.recorder.drain()
    found = families(ask.get("/metrics"))
    flow_runs, task_runs = found["sluiceway_flow_runs"], found["sluiceway_task_runs"]
    assert flow_runs.kind == task_runs.kind == "gauge"
    assert {labels: count for labels, count in flow_runs.samples.items() if count} == {'state="COMPLETED"': 2.0}
    counted = {labels: count for labels, count in task_runs.samples.items() if count}
    assert counted == {'state="COMPLETED"': 4.0, 'state="FAILED"': 2.0}
    assert len(flow_runs.samples) == 9, "a state that no run is in is told as 0, so that its line goes on"
    assert found["sluiceway_waiting_calls"].samples == {"": 0.0}
    assert found["sluiceway_recorder_backlog"].samples == {"": 0.0}


def test_deferred_calls_and_processes_are_counted(ask: Asking, place: Harness) -> None:
    @task
    def later() -> None: ...

    later.delay()
    later.delay()
    found = families(ask.get("/metrics"))
    assert found["sluiceway_waiting_calls"].samples == {"": 2.0}
    assert found["sluiceway_processes"].samples == {"": float(len(place.services.store.read_processes()))}


def test_requests_are_counted_by_method_and_status(ask: Asking) -> None:
    ask.get("/health")
    ask.get("/api/flow_runs/nothing")
    ask.get("/metrics")
    requests = families(ask.get("/metrics"))["sluiceway_http_requests_total"]
    assert requests.kind == "counter"
    assert requests.samples == {'method="GET",status="200"': 2.0, 'method="GET",status="422"': 1.0}


def test_labels_and_descriptions_are_escaped() -> None:
    text = _family("a", "two\nlines", [Sample(1.5, (("name", 'a "quoted"\\\n'),))])
    assert text == '# HELP a two\\nlines\n# TYPE a gauge\na{name="a \\"quoted\\"\\\\\\n"} 1.5\n'
