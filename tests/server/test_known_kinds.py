"""Kinds of holes that other servers of this field were found to have: each is held shut by a test of its own.

The number of each is that of a published report; the test is for the kind, not for that very hole.
"""

from __future__ import annotations

import os
import pickle
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI

from sluiceway.base import ids, times
from sluiceway.model.facts import FlowRunCreated, FlowRunMoved
from sluiceway.model.keepsakes import Variable
from sluiceway.model.results import StoredResult
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import COMPLETED, PENDING
from sluiceway.rules.outcomes import stamped
from sluiceway.testing import Harness
from tests.server.asking import HOST, Asking
from tests.server.conftest import TOKEN
from tests.server.test_door import LOGIN, OPEN, routes_of

BEARER = {"authorization": f"Bearer {TOKEN}"}

FORMULAS = (
    "{{ 987654321 * 123456789 }}",
    "${987654321*123456789}",
    "{% for x in [].__class__.__mro__ %}{{ x }}{% endfor %}",
    "<%= 987654321*123456789 %>",
    "#{987654321*123456789}",
)


class Bomb:
    """Makes a folder where it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.place),)


def write(place: Harness, name: str, result: StoredResult | None = None) -> FlowRun:
    run = FlowRun(ids.new_id(), name, name=name, parameters={"text": name}, tags=frozenset({name}))
    now = times.now()
    place.services.store.write(
        [
            FlowRunCreated(run, stamped(PENDING, now)),
            FlowRunMoved(run.key, stamped(COMPLETED, now, None, name), 1, result),
        ]
    )
    return run


def everywhere(app: FastAPI, run: FlowRun) -> list[str]:
    """Return all that can be read of a run, whichever way."""
    from tests.server.test_door import SOME_ID

    paths = {path.replace(SOME_ID, str(run.id)) for method, path in routes_of(app) if method == "GET"}
    return sorted(paths - {"/api/events"})


OPEN_NAMES = ("health", "ready", "login", "login.css", "health/ready", "static")


@pytest.mark.parametrize("name", OPEN_NAMES)
def test_kind_of_2026_3514_and_2026_7722_no_path_is_open_because_of_how_it_ends(
    guarded: FastAPI, ask_guarded: Asking, place: Harness, name: str
) -> None:
    now = times.now()
    variable = Variable(ids.new_id(), name, '"the-value-itself"', (), now, now)
    place.services.store.write_variable(variable, overwrite=True)
    run = write(place, name)
    filled = set(routes_of(guarded, name))
    ending = {(method, path.rstrip("/") + end) for method, path in filled for end in (f"/{name}", f"?/{name}")}
    tried = 0
    truly_open = {path for _, path in OPEN | LOGIN}
    for method, path in filled | ending:
        if path.partition("?")[0] in truly_open:
            continue
        answer = ask_guarded(method, path)
        assert answer.status == 401, (method, path)
        assert "the-value-itself" not in answer.text
        assert str(run.id) not in answer.text
        tried += 1
    assert tried > 200
    assert "the-value-itself" in ask_guarded("GET", "/api/variables", BEARER).text  # it is there to be seen


def test_kind_of_2026_7723_no_stream_opens_without_token_or_for_a_foreign_page(
    guarded: FastAPI, ask: Asking, ask_guarded: Asking
) -> None:
    assert ask_guarded.get("/api/events").status == 401
    assert ask_guarded.get("/api/events", authorization="Bearer wrong").status == 401
    for foreign in ({"origin": "http://example.org"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}):
        assert ask.get("/api/events", **foreign).status == 403
        assert ask.connect("/api/events", **foreign) == 1008
    paths = {path for _, path in routes_of(guarded)} - {path for _, path in OPEN | LOGIN}
    for path in paths | {"/api/events/in", "/api/events/out", "/api/logs/out"}:
        assert ask_guarded.connect(path) == 1008


def test_no_header_stands_in_for_the_token(guarded: FastAPI, ask_guarded: Asking) -> None:
    tried = 0
    for method, path in set(routes_of(guarded)) - OPEN - LOGIN:
        for headers in ({}, {"x-forwarded-for": "127.0.0.1"}, {"x-original-url": "/health"}, {"cookie": "token=x"}):
            answer = ask_guarded(method, path, headers)
            assert answer.status == 401, (method, path)
            assert "items" not in answer.text
            tried += 1
    assert tried > 100


def test_nothing_that_is_stored_is_ever_executed(app: FastAPI, ask: Asking, place: Harness, tmp_path: Path) -> None:
    crater = tmp_path / "crater"
    run = write(place, "innocent", StoredResult("pickle", pickle.dumps(Bomb(crater)), preview="Bomb()"))
    for path in everywhere(app, run):
        ask.get(path)
    assert ask.get(f"/api/flow_runs/{run.id}/result").json()["preview"] == "Bomb()"
    assert not crater.exists()
    assert pickle.loads(pickle.dumps(Bomb(crater))) is None  # it would have gone off
    assert crater.exists()


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_text_of_a_run_is_taken_for_a_template(app: FastAPI, ask: Asking, place: Harness, formula: str) -> None:
    run = write(place, formula)
    for path in [*everywhere(app, run), f"/login?next=/{quote(formula)}", f"/runs?text={quote(formula)}"]:
        answer = ask.get(path)
        assert answer.status < 500, path
        assert str(987654321 * 123456789) not in answer.text
        assert "class &#39;object&#39;" not in answer.text


def test_no_path_leads_out_of_its_folder(ask: Asking) -> None:
    outside = ("app.py", "door.py", "templates/base.html", "../../../pyproject.toml", "/etc/hostname")
    for name in outside:
        for dots in ("../", "..%2f", "%2e%2e/", "..%5c", "....//", "%252e%252e/", "static/../../"):
            answer = ask.get(f"/static/{dots}{name}")
            assert answer.status in (400, 404), (dots, name)
            assert "import" not in answer.text


def test_kind_of_2026_7724_the_server_fetches_nothing_that_a_request_or_a_run_names(
    app: FastAPI, ask: Asking, place: Harness, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the-secret-itself")
    # A check of such a name and its use could find two different hosts behind it; there is nothing to check.
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    host = f"localhost:{listener.getsockname()[1]}"
    for location in (f"file://{secret}", f"http://{host}/latest", f"//{host}/latest", f"//{secret}", str(secret)):
        run = write(place, "located", StoredResult("json", None, location, size=17, preview="short"))
        told = [ask.get(path).text for path in everywhere(app, run)]
        assert not [text for text in told if "the-secret-itself" in text]
        assert str(secret) not in ask.get(f"/api/flow_runs/{run.id}/result").text
    with listener, pytest.raises(BlockingIOError):
        listener.accept()  # nobody has come


def test_kind_of_2024_8183_no_other_origin_may_read_or_ask(app: FastAPI, ask: Asking) -> None:
    for method, path in routes_of(app):
        if path == "/api/events":
            continue
        for origin in ("http://example.org", "http://localhost:3000", "null", f"http://{HOST}.example.org"):
            answer = ask(method, path, {"origin": origin, "access-control-request-method": method})
            assert answer.status == 403, (method, path, origin)
            assert not [name for name in answer.headers if name.startswith("access-control-")]
    preflight = ask(
        "OPTIONS", "/api/flow_runs", {"origin": "http://example.org", "access-control-request-method": "GET"}
    )
    assert preflight.status == 403
