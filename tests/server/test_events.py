"""The stream of events: who reads what an event tells of misses nothing, however it comes and goes."""

from __future__ import annotations

import json
import re
import threading
import time
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from sluiceway import flow, task
from sluiceway.base import ids, times
from sluiceway.model.facts import FlowRunCreated, LogWritten
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import PENDING
from sluiceway.rules.outcomes import stamped
from sluiceway.server.api import events
from sluiceway.server.app import create_app
from sluiceway.server.rules import Rules
from sluiceway.testing import Harness
from tests.server.asking import Asking
from tests.server.conftest import Serve


def events_in(text: str) -> list[tuple[str, list[str]]]:
    """Return identifier and topics of each event that came whole."""
    found = re.findall(r"id: (.*)\nevent: change\ndata: (.*)\n\n", text)
    return [(pulse, json.loads(data)["topics"]) for pulse, data in found]


def write_run(place: Harness) -> FlowRun:
    run = FlowRun(ids.new_id(), "written")
    place.services.store.write([FlowRunCreated(run, stamped(PENDING, times.now()))])
    return run


def write_line(place: Harness, run: FlowRun | None = None) -> None:
    key = None if run is None else run.key
    place.services.store.write([LogWritten(key, None, times.now(), 20, "x", "a line")])


def after_each(place: Harness, *actions: Any) -> Any:
    """Do one thing after each event, and have enough when all is done and seen."""
    left = list(actions)
    seen = 0

    def then(text: str) -> bool:
        nonlocal seen
        count = len(events_in(text))
        if count <= seen:
            return False
        seen = count
        if not left:
            return True
        left.pop(0)()
        return False

    return then


def test_who_comes_first_hears_at_once_and_then_of_each_change(ask: Asking, place: Harness) -> None:
    then = after_each(place, lambda: write_run(place), lambda: write_line(place))
    answer = ask.stream("/api/events", then)
    assert answer.headers["content-type"].startswith("text/event-stream")
    first, second, third = events_in(answer.text)
    assert first[1] == ["logs", "others", "runs"]
    assert "runs" in second[1]
    assert "logs" in third[1]
    assert len({pulse for pulse, _ in (first, second, third)}) == 3


def test_who_comes_back_after_a_change_hears_at_once_and_else_not(ask: Asking, place: Harness) -> None:
    write_run(place)
    ((seen, _),) = events_in(ask.stream("/api/events", lambda text: bool(events_in(text))).text)
    write_run(place)
    for target, headers in (("/api/events", {"last_event_id": seen}), (f"/api/events?since={seen}", {})):
        ((now, topics),) = events_in(ask.stream(target, lambda text: bool(events_in(text)), **headers).text)
        assert now != seen
        assert "runs" in topics

    def write_then_enough(text: str) -> bool:
        if events_in(text):
            return True
        if "retry" in text:
            write_line(place)
        return False

    (event,) = events_in(ask.stream("/api/events", write_then_enough, last_event_id=now).text)
    assert "logs" in event[1]


@pytest.mark.parametrize("seen", ["x", "a.b.c", "", "1.2.3.4.5.6.7", "x" * 5_000, "\xff"])
def test_a_pulse_that_says_nothing_is_taken_for_none(ask: Asking, seen: str) -> None:
    (event,) = events_in(ask.stream("/api/events", lambda text: bool(events_in(text)), last_event_id=seen).text)
    assert event[1] == ["logs", "others", "runs"]


def test_a_stream_of_one_run_tells_of_that_run_only(ask: Asking, place: Harness) -> None:
    run = write_run(place)

    def others_then_own() -> None:
        write_run(place)
        write_line(place)
        time.sleep(0.6)
        write_line(place, run)

    answer = ask.stream(f"/api/events?flow_run={run.id}", after_each(place, others_then_own))
    first, second = events_in(answer.text)
    assert first[1] == ["logs", "others", "runs"]
    assert second[1] == ["logs"]


def test_a_line_comes_where_nothing_changes(ask: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.02)
    answer = ask.stream("/api/events", lambda text: text.count(": still here") >= 2)
    assert answer.text.startswith("retry: ")


def test_the_journal_is_asked_once_for_all_who_wait_and_not_when_nobody_does(
    place: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    from sluiceway.server.streams import Streams

    asked = []
    store = place.services.store
    read = store.read_pulse
    monkeypatch.setattr(type(store), "read_pulse", lambda self: asked.append(1) or read())

    async def many() -> None:
        streams = Streams(place.services, 100, 100, look_seconds=0.01)

        async def one() -> None:
            async with streams.place("here"):
                pulse = await streams.wait(None, 5)
                assert await streams.wait(pulse, 0.05) is None

        await asyncio.gather(*(one() for _ in range(50)))
        assert streams.open == 0
        before = len(asked)
        await asyncio.sleep(0.05)
        assert len(asked) <= before + 1

    asyncio.run(many())
    assert 1 <= len(asked) < 50


def test_there_are_only_so_many_streams_for_all_and_for_each(place: Harness) -> None:
    crowded = Asking(create_app(place.services, Rules(streams=0)))
    answer = crowded.get("/api/events")
    assert (answer.status, answer.headers["retry-after"]) == (503, "10")
    greedy = Asking(create_app(place.services, Rules(streams_per_client=0)))
    answer = greedy.get("/api/events")
    assert (answer.status, answer.headers["retry-after"]) == (429, "10")


def test_a_place_is_free_again_when_its_reader_has_gone(place: Harness) -> None:
    app: FastAPI = create_app(place.services, Rules(streams_per_client=1))
    ask = Asking(app)
    for _ in range(3):
        assert ask.stream("/api/events", lambda text: bool(events_in(text))).status == 200
    assert app.state.streams.open == 0


@task
def step() -> None:
    """Do nothing."""


@flow
def short() -> None:
    step()


@pytest.mark.slow
def test_a_run_of_another_process_is_heard_of_and_streams_end_with_the_server(serve: Serve) -> None:
    served = serve()
    heard = threading.Event()
    texts: list[str] = []

    def listen() -> None:
        with served.client() as client, client.stream("GET", "/api/events") as answer:
            for line in answer.iter_lines():
                texts.append(line)
                heard.set()

    reader = threading.Thread(target=listen)
    reader.start()
    assert heard.wait(20)
    short()
    deadline = time.monotonic() + 20
    while sum(line.startswith("id: ") for line in texts) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert sum(line.startswith("id: ") for line in texts) >= 2
    assert served.end() == 0
    reader.join(10)
    assert not reader.is_alive()


@pytest.mark.slow
def test_a_reader_who_takes_nothing_does_not_hold_up_the_end(serve: Serve) -> None:
    served = serve()
    with served.client() as client:
        with client.stream("GET", "/api/events") as answer:
            assert answer.status_code == 200
            assert served.end() == 0
        with pytest.raises(httpx.TransportError):
            client.get("/health")
