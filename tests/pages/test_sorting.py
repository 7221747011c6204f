"""Tables that are whole on their page are sorted as the address says."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from starlette.requests import Request

from sluiceway.server.pages.sorting import Table, arrange

Row = tuple[str, int | None]

COLUMNS = {"name": lambda row: row[0], "-size": lambda row: row[1]}
ROWS: list[Row] = [("b", 1), ("a", None), ("c", 3), ("d", 2)]


def sorted_by(rows: list[Row], usual: str = "", whole: bool = True, **query: str) -> Table[Row]:
    scope = {"type": "http", "query_string": urlencode(query).encode(), "headers": []}
    return arrange(Request(scope), rows, COLUMNS, usual, whole=whole)


def names(table: Table[Row]) -> str:
    return "".join(name for name, _ in table.rows)


def test_the_address_names_the_column_and_the_direction() -> None:
    assert names(sorted_by(ROWS)) == "bacd"
    assert names(sorted_by(ROWS, sort="name")) == "abcd"
    assert names(sorted_by(ROWS, sort="-name")) == "dcba"


def test_what_has_no_value_comes_last_either_way() -> None:
    assert names(sorted_by(ROWS, sort="size")) == "bdca"
    assert names(sorted_by(ROWS, sort="-size")) == "cdba"


def test_a_heading_leads_to_its_order_and_then_to_the_other_direction() -> None:
    table = sorted_by(ROWS, q="x", after="cursor", notice="done")
    assert {name: parse_qs(str(head.href)[1:]) for name, head in table.headings.items()} == {
        "name": {"q": ["x"], "sort": ["name"]},
        "size": {"q": ["x"], "sort": ["-size"]},
    }
    assert [head.sort for head in table.headings.values()] == ["", ""]
    for order, way, other in (("-size", "descending", "size"), ("size", "ascending", "-size")):
        head = sorted_by(ROWS, sort=order).headings["size"]
        assert (head.sort, head.href) == (way, f"?sort={other}")


def test_the_usual_order_needs_no_name_in_the_address() -> None:
    assert sorted_by(ROWS, usual="name").headings["name"].sort == "ascending"
    assert sorted_by(ROWS, usual="name", sort="-name").headings["name"].href == "?"


def test_a_list_of_several_pages_is_left_to_the_store() -> None:
    table = sorted_by(ROWS, whole=False, sort="name")
    assert names(table) == "bacd"
    assert [head.href for head in table.headings.values()] == [None, None]


def test_what_is_no_column_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(HTTPException, match="sort=colour is none of: name, size, -name, -size"):
        sorted_by(ROWS, sort="colour")


@given(st.lists(st.tuples(st.text(), st.none() | st.integers())), st.sampled_from(["name", "size", "-name", "-size"]))
def test_no_row_is_lost_and_equal_ones_keep_their_order(rows: list[Row], order: str) -> None:
    found = sorted_by(rows, sort=order).rows
    assert sorted(found, key=repr) == sorted(rows, key=repr)
    key = COLUMNS[order if order in COLUMNS else order.removeprefix("-")] if order != "size" else COLUMNS["-size"]
    values = [key(row) for row in found if key(row) is not None]
    assert values == sorted(values, reverse=order.startswith("-"))
