"""Runs as spans of OpenTelemetry, read back from the SDK's own exporter."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from sluiceway import flow, tags, task
from sluiceway.recording.telemetry import Telemetry
from sluiceway.task_runners import ProcessPoolTaskRunner
from sluiceway.testing import Harness, test_harness
from sluiceway.wiring.telemetry import send_spans


class Traced:
    """A private place for runs, and the spans that are made of them."""

    def __init__(self, harness: Harness) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._recorder = harness.services.recorder
        self._recorder.listeners.append(Telemetry(provider.get_tracer("test")))

    def spans(self) -> dict[str, ReadableSpan]:
        """Return the spans that have ended, by name."""
        self._recorder.drain()
        return {span.name: span for span in self._exporter.get_finished_spans()}


@pytest.fixture
def traced() -> Iterator[Traced]:
    """A place whose runs are spans."""
    with test_harness() as harness:
        yield Traced(harness)


def parent_of(span: ReadableSpan, spans: dict[str, ReadableSpan]) -> str | None:
    """Return the name of the span that a span is within."""
    return next(
        (each.name for each in spans.values() if span.parent and each.context.span_id == span.parent.span_id), None
    )


@task
def leaf() -> int:
    return 1


def test_what_a_run_calls_is_within_it(traced: Traced) -> None:
    @task
    def branch() -> int:
        return leaf()

    @flow
    def inner() -> int:
        return branch()

    @flow
    def outer() -> int:
        return inner()

    with tags("b", "a"):
        outer()
    spans = traced.spans()
    assert {name: parent_of(span, spans) for name, span in spans.items()} == {
        "outer": None,
        "inner": "outer",
        "branch": "inner",
        "leaf": "branch",
    }
    assert len({span.context.trace_id for span in spans.values()}) == 1
    for span in spans.values():
        assert span.status.status_code is StatusCode.OK
        assert span.start_time is not None
        assert span.end_time is not None
        assert spans["outer"].start_time <= span.start_time <= span.end_time <= spans["outer"].end_time  # type: ignore[operator]
    attributes = dict(spans["outer"].attributes or {})
    assert attributes["sluiceway.tags"] == ("a", "b")
    assert (attributes["sluiceway.flow.name"], attributes["sluiceway.state"]) == ("outer", "Completed")


def test_attempts_are_events_and_what_failed_is_an_error(traced: Traced) -> None:
    @task(retries=1)
    def shaky() -> None:
        raise LookupError("nowhere")

    @flow
    def fails() -> None:
        shaky()

    fails(return_state=True)
    spans = traced.spans()
    assert [event.name for event in spans["shaky"].events] == ["Running", "Retrying"]
    assert (spans["shaky"].attributes or {})["sluiceway.run_count"] == 2
    for name in ("shaky", "fails"):
        assert spans[name].status.status_code is StatusCode.ERROR
        assert "nowhere" in (spans[name].status.description or "")


@pytest.mark.slow
def test_a_task_in_another_process_is_a_span_of_its_flow(traced: Traced) -> None:
    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def far() -> int:
        return leaf.submit().result()

    assert far() == 1
    spans = traced.spans()
    assert parent_of(spans["leaf"], spans) == "far"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("imports", "setting", "listens"),
    [
        ("", "auto", False),
        ("import opentelemetry.trace", "auto", True),
        ("import opentelemetry.trace", "off", False),
        ("", "on", True),
    ],
)
def test_spans_are_made_where_they_are_wanted_and_nothing_is_imported_elsewhere(
    imports: str, setting: str, listens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICEWAY_TELEMETRY", setting)
    program = f"""
{imports}
import sys
from sluiceway import flow, wiring
@flow
def nothing(): pass
nothing()
names = [type(listener).__name__ for listener in wiring.services().recorder.listeners]
print("Telemetry" in names, "sluiceway.recording.telemetry" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == f"{listens} {listens}\n"


def test_without_opentelemetry_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with test_harness() as harness:
        monkeypatch.setitem(sys.modules, "sluiceway.recording.telemetry", None)
        with pytest.raises(ImportError, match=r"pip install 'sluiceway\[otel\]'"):
            send_spans(harness.services.recorder)
