"""The door: who is let in, on every route and every stream of the application."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI

from sluiceway.base.errors import ConfigurationError
from sluiceway.server import sessions
from sluiceway.server.app import create_app
from sluiceway.server.door import HEADERS
from sluiceway.server.rules import Rules, rules_for
from sluiceway.testing import Harness
from tests.server.asking import HOST, Asking
from tests.server.conftest import TOKEN

BEARER = {"authorization": f"Bearer {TOKEN}"}
OPEN = {("GET", "/health"), ("HEAD", "/health"), ("GET", "/ready"), ("HEAD", "/ready")}
LOGIN = {("GET", "/login"), ("POST", "/login"), ("GET", "/login.css")}
SOME_ID = "0193a1b2-0000-7000-8000-000000000001"


def routes_of(app: FastAPI, filler: str = SOME_ID) -> Iterator[tuple[str, str]]:
    """Yield method and path of each route, with the filler in the place of its parameters."""

    def walk(routes: Any, before: str) -> Iterator[tuple[str, str]]:
        for route in routes:
            if hasattr(route, "effective_candidates"):  # a router that was included, its prefix in front
                yield from walk(route.effective_candidates(), before)
            elif getattr(route, "methods", None):
                yield from ((method, re.sub(r"\{[^}]*\}", filler, before + route.path)) for method in route.methods)
            elif getattr(route, "routes", None):
                yield from walk(route.routes, before + route.path)
            else:
                yield "GET", f"{before}{route.path}/{filler}"

    yield from walk(app.routes, "")


# --- the token ------------------------------------------------------------------------------------


def test_without_credentials_every_route_but_an_exact_list_is_closed(guarded: FastAPI, ask_guarded: Asking) -> None:
    routes = set(routes_of(guarded)) | {("GET", path) for path in guarded.openapi()["paths"]}
    assert len(routes) > 8, routes
    answers = {(method, path): ask_guarded(method, path) for method, path in routes}
    closed = {route for route, answer in answers.items() if answer.headers.get("www-authenticate") == "Bearer"}
    assert routes - closed == OPEN | LOGIN
    assert {answers[route].status for route in closed} == {401}


def test_without_credentials_no_websocket_opens_whatever_its_path(guarded: FastAPI, ask_guarded: Asking) -> None:
    paths = {path for _, path in routes_of(guarded)} - {path for _, path in OPEN | LOGIN}
    assert {ask_guarded.connect(path) for path in paths | {"/api/events", "/nowhere"}} == {1008}


@pytest.mark.parametrize(
    "credentials",
    ["", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, "Bearer \xe9"],
)
def test_other_credentials_do_not_open_the_door(ask_guarded: Asking, credentials: str) -> None:
    answer = ask_guarded("GET", "/metrics", {"authorization": credentials})
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_the_token_opens_the_door(ask_guarded: Asking) -> None:
    assert ask_guarded("GET", "/metrics", BEARER).status == 200


@pytest.mark.parametrize("path", ["//health", "/health/", "/HEALTH", "/health%2f..%2fmetrics", "/health/../metrics"])
def test_paths_that_look_like_open_ones_are_closed(ask_guarded: Asking, path: str) -> None:
    assert ask_guarded.get(path).status == 401


def test_two_authorization_headers_are_none(guarded: FastAPI) -> None:
    class Twice(dict[str, str]):
        def items(self) -> Any:
            return [("host", HOST), ("authorization", f"Bearer {TOKEN}"), ("authorization", "Bearer other")]

    from tests.server.asking import answer_of, scope_of

    told: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        told.append(message)

    import asyncio

    asyncio.run(guarded(scope_of("GET", "/metrics", Twice()), receive, send))
    assert answer_of(told).status == 401


# --- logging in -----------------------------------------------------------------------------------


def log_in(ask: Asking, token: str, to: str = "/") -> Any:
    return ask("POST", "/login", {"origin": f"http://{HOST}"}, body=urlencode({"token": token, "next": to}).encode())


def test_a_person_is_sent_to_the_form_and_back_to_the_page(ask_guarded: Asking) -> None:
    sent = ask_guarded.get("/runs?state=FAILED", accept="text/html")
    assert (sent.status, sent.headers["location"]) == (303, "/login?next=%2Fruns%3Fstate%3DFAILED")
    form = ask_guarded.get(sent.headers["location"])
    assert form.status == 200
    assert 'value="/runs?state=FAILED"' in form.text
    assert log_in(ask_guarded, TOKEN, "/runs?state=FAILED").headers["location"] == "/runs?state=FAILED"


def test_logging_in_gives_a_cookie_that_is_not_the_token_and_no_script_can_read(ask_guarded: Asking) -> None:
    answer = log_in(ask_guarded, TOKEN)
    cookie = answer.headers["set-cookie"]
    assert answer.status == 303
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert TOKEN not in cookie
    session = cookie.split(";")[0]
    assert ask_guarded.get("/metrics", cookie=session).status == 200
    assert ask_guarded.get("/metrics", cookie=session[:-1] + ("0" if session[-1] != "0" else "1")).status == 401


def test_a_wrong_token_gives_no_cookie(ask_guarded: Asking) -> None:
    answer = log_in(ask_guarded, "another-token-of-length")
    assert (answer.status, "set-cookie" in answer.headers) == (401, False)
    assert "The token is another one." in answer.text


def test_a_session_ends_by_itself_and_with_another_token() -> None:
    now = time.time()
    session = sessions.begin(TOKEN, now)
    assert sessions.is_good(TOKEN, session, now + sessions.SECONDS - 2)
    assert not sessions.is_good(TOKEN, session, now + sessions.SECONDS + 2)
    assert not sessions.is_good("another-token-of-length", session, now)
    end, nonce, signature = session.split(".")
    assert not sessions.is_good(TOKEN, f"{int(end) + 9}.{nonce}.{signature}", now)
    assert not sessions.is_good(TOKEN, "", now)


def test_logging_out_ends_the_session_of_the_browser(ask_guarded: Asking) -> None:
    session = log_in(ask_guarded, TOKEN).headers["set-cookie"].split(";")[0]
    answer = ask_guarded("POST", "/logout", {"cookie": session, "origin": f"http://{HOST}"})
    assert (answer.status, answer.headers["location"]) == (303, "/login")
    assert "Max-Age=0" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "address",
    ["//evil.example.org", "http://example.org/", "/\\evil.example.org", "javascript:alert(1)", "evil", "/\n/x"],
)
def test_the_form_leads_to_no_other_site(ask_guarded: Asking, address: str) -> None:
    assert log_in(ask_guarded, TOKEN, address).headers["location"] == "/"


def test_what_is_in_the_address_is_escaped_in_the_form(ask_guarded: Asking) -> None:
    answer = ask_guarded.get("/login?next=/%22%3E%3Cscript%3E")
    assert "<script" not in answer.text


def test_a_session_alone_changes_nothing_without_the_name_of_the_page(ask_guarded: Asking) -> None:
    session = log_in(ask_guarded, TOKEN).headers["set-cookie"].split(";")[0]
    assert ask_guarded("POST", "/logout", {"cookie": session}).status == 403


# --- whose name the server goes by ----------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:4200", "LOCALHOST", "[::1]:4200", "127.0.0.1:1"])
def test_this_machine_goes_by_its_own_names(ask: Asking, host: str) -> None:
    assert ask.get("/health", host=host).status == 200


@pytest.mark.parametrize(
    "host",
    "evil.example.org localhost.evil.example.org 127.0.0.1.evil.example.org 127.0.0.1@evil.example.org [::1 0.0.0.0 "
    "10.0.0.1 localhost/.. localhost# 127.0.0.1:x [::ffff:127.0.0.2] ,".split(" "),
)
def test_a_name_that_was_made_to_point_here_opens_nothing(ask: Asking, host: str) -> None:
    for path in ("/health", "/metrics"):
        assert ask.get(path, host=host).status == 400
    assert ask.connect("/api/events", host=host) == 1008


def test_names_that_were_allowed_are_names_of_the_server(place: Harness) -> None:
    rules = rules_for("0.0.0.0", ("Flows.example.org",), TOKEN)
    ask = Asking(create_app(place.services, rules))
    assert ask.get("/health", host="flows.EXAMPLE.org").status == 200
    assert ask.get("/health", host="10.1.2.3:4200").status == 200
    assert ask.get("/health", host="other.example.org").status == 400


# --- pages of others ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    "http://example.org null http://127.0.0.1 http://127.0.0.1:3000 http://localhost:4200 file:// x "
    f"http://{HOST}.example.org ftp://127.0.0.1:4200 ".split(" "),
)
def test_a_page_of_another_origin_is_refused_whatever_it_wants(ask: Asking, origin: str) -> None:
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        assert ask(method, "/metrics", {"origin": origin}).status == 403
    assert ask.connect("/api/events", origin=origin) == 1008


@pytest.mark.parametrize("origin", [f"http://{HOST}", f"https://{HOST}"])
def test_our_own_pages_are_let_in(ask: Asking, origin: str) -> None:
    assert ask.get("/metrics", origin=origin).status == 200


def test_no_answer_lets_other_origins_read_it(ask: Asking) -> None:
    for headers in ({}, {"origin": "http://example.org"}, {"origin": f"http://{HOST}"}):
        for method in ("GET", "OPTIONS", "POST"):
            answer = ask(method, "/metrics", {**headers, "access-control-request-method": "POST"})
            assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("site", "mode", "method", "status"),
    [
        ("cross-site", "navigate", "GET", 200),
        ("cross-site", "navigate", "POST", 403),
        ("cross-site", "no-cors", "GET", 403),
        ("same-site", "cors", "GET", 403),
        ("same-origin", "cors", "GET", 200),
        ("none", "navigate", "GET", 200),
    ],
)
def test_other_sites_may_link_to_a_page_and_nothing_else(
    ask: Asking, site: str, mode: str, method: str, status: int
) -> None:
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": "document"}
    assert ask(method, "/metrics", headers).status == status


def test_a_page_of_another_site_cannot_show_ours_in_a_frame(ask: Asking) -> None:
    framed = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}
    assert ask("GET", "/metrics", framed).status == 403
    assert "frame-ancestors 'none'" in ask.get("/health").headers["content-security-policy"]


# --- what every answer tells ----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/health", "/metrics", "/nowhere", "/api/openapi.json"])
def test_every_answer_has_the_headers_of_the_door(ask: Asking, path: str) -> None:
    answer = ask.get(path)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_a_refusal_has_them_too(ask_guarded: Asking) -> None:
    for answer in (ask_guarded.get("/metrics"), ask_guarded.get("/health", host="evil.example.org")):
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_what_goes_wrong_inside_is_not_told(app: FastAPI, ask: Asking, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> None:
        raise RuntimeError("the password is swordfish")

    app.get("/broken")(broken)
    answer = ask.get("/broken")
    assert (answer.status, "swordfish" in answer.text) == (500, False)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "swordfish" in caplog.text


# --- how much -------------------------------------------------------------------------------------


def test_a_body_that_says_that_it_is_too_large_is_refused_before_it_comes(ask: Asking) -> None:
    assert ask("POST", "/login", {"content-length": "1048577"}).status == 413
    assert ask("POST", "/login", {"content-length": "9" * 40}).status == 413


def test_a_body_that_turns_out_too_large_is_refused(ask: Asking) -> None:
    parts = [b"x" * 65_536] * 17
    assert ask("POST", "/login", parts=parts).status == 413


def test_a_body_that_does_not_come_is_not_waited_for(place: Harness) -> None:
    import asyncio

    from tests.server.asking import answer_of, scope_of

    app = create_app(place.services, Rules(seconds=0.01))
    told: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(60)

    async def send(message: Any) -> None:
        told.append(message)

    asyncio.run(app(scope_of("POST", "/login", {"host": HOST}), receive, send))
    assert answer_of(told).status == 408


# --- where it listens -----------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "[::]", "192.168.1.5", "flows.example.org", ""])
def test_a_server_that_others_can_reach_needs_a_token(host: str) -> None:
    with pytest.raises(ConfigurationError, match="needs a token"):
        rules_for(host, (), None)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.0.0.53"])
def test_one_that_only_this_machine_reaches_needs_none(host: str) -> None:
    assert rules_for(host, (), None).token is None


@pytest.mark.parametrize("token", ["short", "", "a token-of-some-length\n", "ä" * 30])
def test_a_token_that_is_easily_guessed_is_refused(token: str) -> None:
    with pytest.raises(ConfigurationError, match="at least 20 characters"):
        rules_for("127.0.0.1", (), token)
