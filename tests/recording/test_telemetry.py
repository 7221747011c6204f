"""Runs as spans of OpenTelemetry, read back from the SDK's own exporter."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from sluiceway import flow, tags, task
from sluiceway.agents.task_worker import TaskWorker
from sluiceway.base import masking
from sluiceway.base.errors import StoreError
from sluiceway.base.ids import RunId
from sluiceway.base.times import SECOND
from sluiceway.flow_runs import pause_flow_run, resume_flow_run, suspend_flow_run
from sluiceway.model.facts import FlowRunMoved, TaskRunMoved, TaskRunStarted
from sluiceway.model.runs import TaskRun
from sluiceway.model.states import COMPLETED, RUNNING
from sluiceway.recording.telemetry import Telemetry
from sluiceway.rules.outcomes import stamped
from sluiceway.states import Cancelled
from sluiceway.stores.memory import MemoryStore
from sluiceway.task_runners import ProcessPoolTaskRunner
from sluiceway.testing import Harness, test_harness
from sluiceway.wiring.telemetry import send_spans


class Traced:
    """A private place for runs, and the spans that are made of them."""

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = provider.get_tracer("test")
        self.telemetry = Telemetry(harness.services.store, self.tracer)
        self._recorder = harness.services.recorder
        self._recorder.listeners.append(self.telemetry)

    def spans(self) -> dict[str, ReadableSpan]:
        """Return the spans that have ended, by name."""
        self._recorder.drain()
        return {span.name: span for span in self._exporter.get_finished_spans()}

    def clear(self) -> None:
        """Forget the spans that have ended so far."""
        self.spans()
        self._exporter.clear()


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
    assert [event.name for event in spans["shaky"].events] == ["Running", "Retrying", "exception"]
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


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def events_of(span: ReadableSpan) -> list[str]:
    return [event.name for event in span.events]


@flow
def calls_leaf() -> int:
    return leaf()


def test_a_child_run_that_a_task_called_is_within_the_task(traced: Traced) -> None:
    @task
    def branch() -> int:
        return calls_leaf()

    @flow
    def outer() -> int:
        return branch()

    outer()
    spans = traced.spans()
    assert {name: parent_of(span, spans) for name, span in spans.items()} == {
        "outer": None,
        "branch": "outer",
        "calls-leaf": "branch",
        "leaf": "calls-leaf",
    }


@pytest.mark.parametrize("durability", ["batched", "strict"])
def test_what_other_code_traces_is_around_no_run_whichever_thread_writes(traced: Traced, durability: str) -> None:
    with traced.tracer.start_as_current_span("request"):
        calls_leaf.with_options(durability=durability)()
    spans = traced.spans()
    assert spans["calls-leaf"].parent is None


def test_a_span_has_the_times_of_the_journal_and_says_which_run_it_is(traced: Traced) -> None:
    calls_leaf()
    spans = traced.spans()
    store, client = traced.harness.services.store, traced.harness.client
    flow_run = store.read_flow_run(client.read_flow_runs()[0].id.bytes)
    task_run = store.read_task_run(client.read_task_runs()[0].id.bytes)
    assert flow_run is not None
    assert task_run is not None
    for run, span in ((flow_run, spans["calls-leaf"]), (task_run, spans["leaf"])):
        assert run.start is not None
        assert run.end is not None
        assert span.end_time == run.end * 1_000
        assert [event.timestamp for event in span.events] == [run.start * 1_000]
        assert attributes_of(span)["sluiceway.run.id"] == str(run.id)
        assert attributes_of(span)["sluiceway.run.name"] == run.name
        assert attributes_of(span)["sluiceway.flow_run.id"] == str(flow_run.id)


def test_an_exception_is_an_event(traced: Traced) -> None:
    @task
    def fails() -> None:
        raise LookupError("nowhere")

    fails(return_state=True)
    span = traced.spans()["fails"]
    assert events_of(span) == ["Running", "exception"]
    told = dict(span.events[1].attributes or {})
    assert (told["exception.type"], told["exception.message"]) == ("builtins.LookupError", "nowhere")
    assert "in fails" in str(told["exception.stacktrace"])


@pytest.fixture
def _secret_seen() -> Iterator[None]:
    masking.learn(["open-sesame-1001"])
    yield
    masking.forget()


@pytest.mark.usefixtures("_secret_seen")
def test_no_span_tells_a_secret(traced: Traced) -> None:
    @flow(flow_run_name="with open-sesame-1001")
    def leaks() -> None:
        raise LookupError("not with open-sesame-1001")

    leaks(return_state=True)
    told = str(traced.spans()["leaks"].to_json())
    assert "open-sesame" not in told
    assert "not with" in told


def test_what_was_cancelled_went_neither_well_nor_wrong(traced: Traced) -> None:
    @flow
    def stops() -> Any:
        return Cancelled(message="enough")

    stops(return_state=True)
    span = traced.spans()["stops"]
    assert (span.status.status_code, attributes_of(span)["sluiceway.state"]) == (StatusCode.UNSET, "Cancelled")


def test_a_task_that_could_not_start_has_ended_too(traced: Traced) -> None:
    @task
    def fails() -> None:
        raise LookupError("nowhere")

    @task
    def after(before: Any) -> None:
        pass

    @flow
    def outer() -> None:
        after.submit(fails.submit()).wait()

    outer(return_state=True)
    span = traced.spans()["after"]
    assert (span.status.status_code, attributes_of(span)["sluiceway.state"]) == (StatusCode.UNSET, "NotReady")


def test_a_pause_is_an_event(traced: Traced) -> None:
    @flow
    def asks() -> None:
        pause_flow_run(timeout=0.01)

    asks(return_state=True)
    assert events_of(traced.spans()["asks"])[:2] == ["Running", "Paused"]


@flow
def suspends() -> None:
    suspend_flow_run(key="once", timeout=60)
    leaf()


def test_a_run_that_goes_on_later_has_another_span_then(traced: Traced) -> None:
    suspends(return_state=True)
    before = traced.spans()["suspends"]
    assert attributes_of(before)["sluiceway.state"] == "Suspended"
    traced.clear()
    resume_flow_run(traced.harness.client.read_flow_runs()[0].id)
    spans = traced.spans()
    assert attributes_of(spans["suspends"])["sluiceway.run.id"] == attributes_of(before)["sluiceway.run.id"]
    assert spans["suspends"].status.status_code is StatusCode.OK
    assert parent_of(spans["leaf"], spans) == "suspends"


def test_a_deferred_task_is_a_span_of_the_worker_that_runs_it(traced: Traced) -> None:
    future = leaf.delay()
    worker = TaskWorker([leaf], traced.harness.services, 1)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        assert future.result(timeout=30) == 1
    finally:
        worker.end(KeyboardInterrupt())
        thread.join()
    span = traced.spans()["leaf"]
    assert attributes_of(span)["sluiceway.run.id"] == str(future.task_run_id)
    assert span.status.status_code is StatusCode.OK


class AwayStore(MemoryStore):
    """A store that cannot be read."""

    def read_flow_run(self, key: RunId) -> Any:
        raise StoreError("The server is away.")


def test_a_run_that_cannot_be_read_has_no_span_and_others_have(
    traced: Traced, caplog: pytest.LogCaptureFixture
) -> None:
    telemetry = Telemetry(AwayStore(), traced.tracer)
    run = TaskRun(b"t" * 16, "key", "alone")
    run.start = 2 * SECOND
    telemetry([FlowRunMoved(b"f" * 16, stamped(RUNNING, SECOND), 1), TaskRunStarted(run, SECOND)])
    telemetry([TaskRunMoved(run.key, stamped(COMPLETED, 3 * SECOND), 1)])
    (span,) = traced.spans().values()
    assert (span.name, span.start_time, span.end_time) == ("alone", 10**9, 3 * 10**9)
    assert caplog.messages == ["A run that goes on here has no span, as it could not be read. The server is away."]


def test_nothing_is_kept_of_what_has_ended(traced: Traced) -> None:
    @flow
    def outer() -> None:
        calls_leaf()

    outer()
    suspends(return_state=True)
    test_a_task_that_could_not_start_has_ended_too(traced)
    assert not traced.telemetry.has_open


PROGRAM = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from sluiceway import flow

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter(formatter=lambda span: f"span {span.name}\\n")))
trace.set_tracer_provider(provider)

@flow
def hello():
    return 1

if __name__ == "__main__":
    hello()
"""


@pytest.mark.slow
@pytest.mark.parametrize("command", [["{file}"], ["-m", "sluiceway", "run", "{file}:hello"]])
def test_a_program_that_ends_at_once_exports_its_spans(tmp_path: Path, command: list[str]) -> None:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    environment = {**os.environ, "SLUICEWAY_TELEMETRY": "on", "SLUICEWAY_FLUSH_INTERVAL": "5"}
    line = [sys.executable, *(part.format(file=file) for part in command)]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert "span hello" in done.stdout.splitlines()
    assert "shutdown" not in done.stderr


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
            send_spans(harness.services.store, harness.services.recorder)
