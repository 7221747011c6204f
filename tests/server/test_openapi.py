"""The OpenAPI document: it is agreed, the server does as it says, and its page is for people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.python.asgi import _shutdown
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from scripts import make_openapi
from sluiceway import flow, get_run_logger, task
from sluiceway.server.api.reference import groups_of, kind_of
from sluiceway.server.app import create_app
from sluiceway.server.door import HEADERS
from sluiceway.server.rules import LOOPBACK_NAMES, Rules
from sluiceway.testing import Harness
from tests.server.asking import Asking

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


BOUNDED = settings(
    max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


def test_the_document_is_the_one_that_was_agreed_on() -> None:
    agreed = make_openapi.PLACE.read_text(encoding="utf-8")
    assert make_openapi.document() == agreed, "if it is meant so: python -m scripts.make_openapi"


def test_every_operation_has_a_text_and_every_parameter_too(app: FastAPI) -> None:
    document = app.openapi()
    operations = [each for item in document["paths"].values() for each in item.values()]
    assert len(operations) > 40
    assert not [each["operationId"] for each in operations if not each.get("description") or not each.get("tags")]
    silent = [
        (each["operationId"], parameter["name"])
        for each in operations
        for parameter in each.get("parameters", ())
        if not parameter.get("description") and parameter["in"] != "path"
    ]
    assert not silent


def test_every_field_of_every_value_has_a_text(app: FastAPI) -> None:
    silent = [
        f"{name}.{field}"
        for name, schema in app.openapi()["components"]["schemas"].items()
        for field, each in schema.get("properties", {}).items()
        if not each.get("description") and "$ref" not in each
    ]
    assert not silent


# --- the server does as the document says ---------------------------------------------------------------


@task
def add(number: int) -> int:
    get_run_logger().info("adding %d", number)
    return number + 1


@flow
def adds(count: int = 2) -> int:
    return sum(add(number) for number in range(count))


@pytest.fixture
def agreed(place: Harness) -> Iterator[Any]:
    """The document of an application with a few runs in its journal."""
    adds()
    place.drain()
    rules = Rules(hosts=LOOPBACK_NAMES | {"testserver"})
    yield schemathesis.openapi.from_asgi("/api/openapi.json", create_app(place.services, rules))
    _shutdown()  # what it keeps for further applications: a thread with an event loop


@pytest.mark.slow
def test_whatever_is_asked_the_answer_is_one_that_the_document_has(agreed: Any) -> None:
    tried = []
    for found in agreed.exclude(path="/api/events").get_all_operations():
        operation = found.ok()
        tried.append(operation.label)

        @settings(
            max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=CHECKS)

        ask()
    assert len(tried) > 40


# --- the page -------------------------------------------------------------------------------------------


class Sources(HTMLParser):
    """Collects what a page loads and links to, and what it says."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.ids: set[str] = set()
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag loads or links to."""
        values = dict(attrs)
        self.scripts += tag == "script" or any(name.startswith("on") for name in values)
        if values.get("id"):
            self.ids.add(values["id"] or "")
        if tag == "a":
            self.linked.append(values.get("href") or "")
        elif values.get("src") or values.get("href"):
            self.loaded.append(values.get("src") or values.get("href") or "")


def test_the_page_has_every_operation_and_loads_nothing_from_elsewhere(app: FastAPI, ask: Asking) -> None:
    answer = ask.get("/api/docs")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["content-security-policy"] == HEADERS["content-security-policy"]
    found = Sources()
    found.feed(answer.text)
    assert (found.loaded, found.scripts) == (["data:,", "/login.css"], 0)
    assert not [link for link in found.linked if link.startswith("#") and link[1:] not in found.ids]
    assert not [link for link in found.linked if not link.startswith(("#", "/"))]
    for path in app.openapi()["paths"]:
        assert f"<code>{path}</code>" in answer.text
    assert not re.search(r"style=|<style", answer.text)


def test_what_is_read_comes_before_what_is_done(app: FastAPI) -> None:
    groups = groups_of(app.openapi())
    assert list(groups)[:3] == ["flows", "flow runs", "task runs"]
    assert groups["flow runs"][0].path == "/api/flow_runs"
    verbs = [each.verb for each in groups["flow runs"]]
    assert verbs == sorted(verbs, key=("get", "post", "delete").index)


def test_below_a_prefix_its_links_are_too(place: Harness) -> None:
    answer = Asking(create_app(place.services, prefix="/flows")).get("/flows/api/docs")
    assert 'href="/flows/login.css"' in answer.text
    assert "<code>/flows/api/flow_runs</code>" in answer.text


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string", "format": "uuid"}, "uuid"),
        ({"type": "integer", "minimum": 1, "maximum": 200}, "integer from 1 to 200"),
        ({"anyOf": [{"type": "array", "items": {"$ref": "#/x/Step"}}, {"type": "null"}]}, "list of Step or null"),
        ({"enum": ["a", "b"]}, "a | b"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "object of integer"),
        ({}, "anything"),
    ],
)
def test_what_a_value_may_be_is_said_in_words(schema: dict[str, Any], words: str) -> None:
    assert kind_of(schema) == words
