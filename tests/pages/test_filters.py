"""Filters as addresses have them."""

from __future__ import annotations

import pytest
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException

from sluiceway.model.states import StateType
from sluiceway.server.pages.filters import RunFilters, duration_of, moment_of, run_filters, text_of


def test_an_address_names_the_filters_and_the_filters_name_the_address() -> None:
    given = QueryParams("state=failed&state=crashed&flow=etl&tag=a&tag=b&q=owl&since=2030-01-31&order=name&children=1")
    filters = run_filters(given)
    assert filters.query().state_types == (StateType.FAILED, StateType.CRASHED)
    assert filters.query().tags == ("a", "b")
    assert filters.query().roots_only is False
    pairs = [
        (name, each)
        for name, value in filters.address().items()
        for each in (value if isinstance(value, list) else [value])
        if each
    ]
    assert run_filters(QueryParams(pairs)) == filters


def test_a_choice_is_made_and_taken_back() -> None:
    filters = RunFilters(states=("failed",))
    assert filters.toggled("state", "crashed")["state"] == ["failed", "crashed"]
    assert filters.toggled("state", "failed")["state"] == []


@pytest.mark.parametrize("query", ["state=broken", "within=2y", "order=sideways", "since=yesterday", "until=1"])
def test_what_is_no_filter_is_refused_with_its_name(query: str) -> None:
    with pytest.raises(HTTPException) as caught:
        run_filters(QueryParams(query))
    assert caught.value.status_code == 400
    assert query in caught.value.detail


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("90", 90.0), ("1.5m", 90.0), ("2 h", 7200.0), ("", None)]
)
def test_durations_have_units(text: str, seconds: float | None) -> None:
    assert duration_of("longer", text) == seconds


def test_a_moment_without_a_zone_is_utc() -> None:
    assert moment_of("since", "2030-01-31T23:59") == moment_of("since", "2030-01-31T23:59:00+00:00")
    assert text_of(moment_of("since", "2030-01-31T23:59")) == "2030-01-31T23:59Z"
