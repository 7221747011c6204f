"""Whether an answer fits what a paused run asks for, seen from a process that has only the schema."""

from __future__ import annotations

from datetime import date
from enum import Enum
from typing import Any, Literal

import pydantic
import pytest

from sluiceway.rules.answers import filled_in, form_of, misfit


class Size(Enum):
    small = "s"
    large = "l"


class Order(pydantic.BaseModel):
    name: str
    count: int = 1
    price: float | None = None
    tags: list[str] = []
    extra: dict[str, int] = {}
    urgent: bool = False
    how: Literal["mail", "hand"] = "mail"
    size: Size = Size.small


SCHEMA = Order.model_json_schema()


@pytest.mark.parametrize(
    "answer",
    [
        {"name": "a"},
        {"name": "a", "count": 2, "price": 1, "tags": ["x"], "extra": {}, "urgent": True, "how": "hand", "size": "l"},
        {"name": "a", "price": None},
        {"name": "a", "unknown": 1},
    ],
)
def test_what_fits_is_not_refused(answer: dict[str, Any]) -> None:
    assert misfit(SCHEMA, answer) is None


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "'name' is missing"),
        ({"name": 1}, "'name' should be a text, not 1"),
        ({"name": "a", "count": True}, "'count' should be an integer, not True"),
        ({"name": "a", "count": 1.5}, "'count' should be an integer, not 1.5"),
        ({"name": "a", "price": "x"}, "'price' should be number or null, not 'x'"),
        ({"name": "a", "tags": "x"}, "'tags' should be a list, not 'x'"),
        ({"name": "a", "tags": ["x", 1]}, "'tags[1]' should be a text, not 1"),
        ({"name": "a", "extra": []}, "'extra' should be an object, not []"),
        ({"name": "a", "extra": {"b": "c"}}, "'extra.b' should be an integer, not 'c'"),
        ({"name": "a", "urgent": 1}, "'urgent' should be true or false, not 1"),
        ({"name": "a", "how": "fax"}, "'how' should be 'mail' or 'hand', not 'fax'"),
        ({"count": "x"}, "'name' is missing; 'count' should be an integer, not 'x'"),
    ],
)
def test_what_does_not_fit_is_named_with_what_is_wanted(answer: dict[str, Any] | None, why: str) -> None:
    told = misfit(SCHEMA, answer)
    assert told is not None
    assert told.startswith(f"{why}. It takes name: string, count: integer = 1, price: number or null = null")


def test_nothing_is_wanted_and_anything_fits() -> None:
    assert misfit(None, None) is None
    assert misfit(None, {"x": 1}) is None


# --- the form ---------------------------------------------------------------------------------------


class Everything(pydantic.BaseModel):
    """What may be asked for."""

    text: str = pydantic.Field(description="Some words")
    maybe: str | None
    kind: Literal["mail", "hand"]
    one: Literal[1, "1"] = 1
    yes: bool
    perhaps: bool | None = None
    count: int = pydantic.Field(ge=1)
    price: float = 2.5
    day: date = date(2026, 1, 31)
    secret: pydantic.SecretStr = pydantic.SecretStr("")
    either: int | str = 0
    orders: list[Order] = []
    size: Size | None = None


FORM = form_of(Everything.model_json_schema())


def test_a_form_says_of_each_field_what_a_person_needs_to_fill_it_in() -> None:
    assert (FORM.title, FORM.description) == ("Everything", "What may be asked for.")
    assert {field.name: field.kind for field in FORM.fields} == {
        "text": "text",
        "maybe": "text",
        "kind": "choice",
        "one": "choice",
        "yes": "boolean",
        "perhaps": "boolean",
        "count": "integer",
        "price": "number",
        "day": "date",
        "secret": "secret",
        "either": "json",
        "orders": "json",
        "size": "choice",
    }
    text, maybe, kind, *_, size = FORM.fields
    assert (text.description, text.required, text.nullable) == ("Some words", True, False)
    assert (maybe.required, maybe.nullable, maybe.takes) == (True, True, "string or null")
    assert kind.choices == ("mail", "hand")
    assert (size.choices, size.nullable, size.takes) == (("s", "l"), True, "'s' or 'l' or null")
    assert FORM.initial()["price"] == 2.5
    assert "text" not in FORM.initial()


GOOD = {"text": "a", "maybe": "", "kind": "hand", "yes": "on", "count": "3"}


def test_a_form_that_a_browser_sends_becomes_an_answer() -> None:
    assert filled_in(FORM, GOOD) == ({"text": "a", "maybe": None, "kind": "hand", "yes": True, "count": 3}, {})
    more = {"one": "1", "price": "1e3", "either": "7", "orders": '[{"name": "b"}]', "size": "l", "day": ""}
    answer, wrong = filled_in(FORM, {**GOOD, **more, "perhaps": "no"})
    assert wrong == {}
    assert Everything.model_validate(answer).orders == [Order(name="b")]
    assert (answer["one"], answer["price"], answer["either"], answer["perhaps"]) == (1, 1000.0, 7, False)
    assert "day" not in answer
    assert filled_in(FORM, {**GOOD, "either": "seven"})[0]["either"] == "seven"
    assert filled_in(FORM, {name: text for name, text in GOOD.items() if name != "yes"})[0]["yes"] is False


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("text", "", "'text' is missing"),
        ("kind", "fax", "'kind' should be 'mail' or 'hand', not 'fax'"),
        ("yes", "maybe", "'yes' should be true or false, not 'maybe'"),
        ("count", "", "'count' is missing"),
        ("count", "two", "'count' should be integer, not 'two'"),
        ("count", "0", "'count' should be at least 1, not 0"),
        ("day", "soon", "'day' should be a date, not 'soon'"),
        ("orders", "[", "'orders' should be JSON (array of object), and '[' is not: "),
        ("orders", "[{}]", "'orders[0].name' is missing"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(name: str, text: str, why: str) -> None:
    texts = {**GOOD, name: text}
    if (name, text) == ("text", ""):
        del texts[name]
    _, wrong = filled_in(FORM, texts)
    assert set(wrong) == {name}
    assert wrong[name].startswith(why)
