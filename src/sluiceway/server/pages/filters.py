"""Which runs a page shows: the filters, as addresses have them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException

from sluiceway.base import times
from sluiceway.base.times import SECOND, Moment
from sluiceway.model.queries import FlowRunQuery, RunOrder
from sluiceway.model.states import StateType

SPANS: Mapping[str, int] = {"1h": 3_600, "24h": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400}
"""How far back a list can look, in seconds, by what addresses call it."""

ORDERS: Mapping[str, RunOrder] = {
    "newest": RunOrder.NEWEST_FIRST,
    "oldest": RunOrder.OLDEST_FIRST,
    "started": RunOrder.STARTED_LAST,
    "started-first": RunOrder.STARTED_FIRST,
    "ended": RunOrder.ENDED_LAST,
    "name": RunOrder.NAME,
}
"""The orders of a list of runs, by what addresses call them."""

_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?\s*")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}


class RunFilters(NamedTuple):
    """Which flow runs a list shows, and in which order.

    Args:
        states: The types of their states.
        flows: The names of their flows.
        tags: Tags that each has.
        parameters: Parameters that they were called with, as `name=value`.
        text: What their names, flows, tags or parameters contain.
        within: How far back: one of `SPANS`.
        since: From when on they were created; goes before `within`.
        until: Before when they were created.
        longer: How long they took at least, as somebody wrote it.
        shorter: How long they took at most.
        children: Whether runs that others called are shown, too.
        order: One of `ORDERS`.
    """

    states: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    text: str = ""
    within: str = ""
    since: Moment | None = None
    until: Moment | None = None
    longer: str = ""
    shorter: str = ""
    children: bool = False
    order: str = "newest"

    @property
    def any(self) -> bool:
        """Whether anything is filtered."""
        return self._replace(order="newest") != RunFilters()

    @property
    def narrow(self) -> bool:
        """Whether one of the filters is set that are seldom needed."""
        return bool(self.parameters or self.since or self.until or self.longer or self.shorter or self.children)

    @property
    def start(self) -> Moment | None:
        """From when on runs were created; None for the beginning of time."""
        if self.since is None and self.within:
            return times.now() - SPANS[self.within] * SECOND
        return self.since

    def query(self) -> FlowRunQuery:
        """Return what to ask the journal."""
        return FlowRunQuery(
            state_types=tuple(StateType(state.upper()) for state in self.states) or None,
            flow_names=self.flows or None,
            tags=self.tags or None,
            created_after=self.start,
            created_before=self.until,
            duration_at_least=_microseconds(duration_of("longer", self.longer)),
            duration_at_most=_microseconds(duration_of("shorter", self.shorter)),
            parameters=tuple(parameter_of(text) for text in self.parameters) or None,
            text=self.text or None,
            roots_only=not self.children,
        )

    def address(self, **other: Any) -> dict[str, Any]:
        """Return the query of the address that shows this.

        Args:
            **other: What is to differ; None for what is to go.
        """
        own = {
            "state": list(self.states),
            "flow": list(self.flows),
            "tag": list(self.tags),
            "param": list(self.parameters),
            "q": self.text,
            "within": self.within,
            "since": text_of(self.since),
            "until": text_of(self.until),
            "longer": self.longer,
            "shorter": self.shorter,
            "children": "1" if self.children else None,
            "order": None if self.order == "newest" else self.order,
        }
        return {**own, **other}

    def toggled(self, name: str, value: str) -> dict[str, Any]:
        """Return the query of the address on which one of several choices is made, or no longer.

        Args:
            name: The filter, as addresses call it.
            value: The choice.
        """
        chosen = [str(item) for item in self.address()[name]]
        return self.address(
            **{name: [item for item in chosen if item != value] if value in chosen else [*chosen, value]}
        )


def run_filters(given: QueryParams) -> RunFilters:
    """Return the filters that an address names.

    Args:
        given: The query of the address.

    Raises:
        HTTPException: One of them is none; the message says which, and what there is.
    """
    states = tuple(dict.fromkeys(state.lower() for state in given.getlist("state") if state))
    for state in states:
        one_of("state", state, [kind.value.lower() for kind in StateType])
    parameters = tuple(text.strip() for text in given.getlist("param") if text.strip())
    for text in parameters:
        parameter_of(text)
    for name in ("longer", "shorter"):
        duration_of(name, given.get(name, ""))
    return RunFilters(
        states=states,
        flows=tuple(dict.fromkeys(name for name in given.getlist("flow") if name)),
        tags=tuple(dict.fromkeys(tag.strip() for tag in given.getlist("tag") if tag.strip())),
        parameters=parameters,
        text=given.get("q", "").strip()[:200],
        within=one_of("within", given.get("within", ""), ["", *SPANS]),
        since=moment_of("since", given.get("since", "")),
        until=moment_of("until", given.get("until", "")),
        longer=given.get("longer", "").strip(),
        shorter=given.get("shorter", "").strip(),
        children=given.get("children", "") == "1",
        order=one_of("order", given.get("order", "") or "newest", ORDERS),
    )


def parameter_of(text: str) -> tuple[str, str]:
    """Return a parameter as the journal is asked for it: its name, and its value as JSON.

    Args:
        text: `name=value`; what is no JSON is taken for a text.

    Raises:
        HTTPException: It is none.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise HTTPException(400, f"param={text} is no parameter. Write it as name=value.")
    try:
        return name.strip(), json.dumps(json.loads(value))
    except ValueError:
        return name.strip(), json.dumps(value.strip())


def one_of(name: str, value: str, known: Any) -> str:
    """Return a choice, if it is one.

    Args:
        name: What is chosen, as the address calls it.
        value: The choice.
        known: The choices that there are.

    Raises:
        HTTPException: It is none.
    """
    if value not in known:
        raise HTTPException(400, f"{name}={value} is none of: {', '.join(item for item in known if item)}.")
    return value


def moment_of(name: str, text: str) -> Moment | None:
    """Return the moment that an address names; None for an empty text.

    Args:
        name: What it is, as the address calls it.
        text: The moment: ISO 8601; without a zone it is UTC.

    Raises:
        HTTPException: It is none.
    """
    if not text.strip():
        return None
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise HTTPException(
            400, f"{name}={text} is no moment. Write it as 2030-01-31 or 2030-01-31T23:59 (UTC)."
        ) from error
    return times.from_datetime(when if when.tzinfo else when.replace(tzinfo=UTC))


def text_of(moment: Moment | None) -> str | None:
    """Return a moment as addresses have it; None for none.

    Args:
        moment: The moment.
    """
    if moment is None:
        return None
    when = times.to_datetime(moment)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ" if when.second or when.microsecond else "%Y-%m-%dT%H:%MZ")


def duration_of(name: str, text: str) -> float | None:
    """Return the seconds that an address names; None for an empty text.

    Args:
        name: What it is, as the address calls it.
        text: The duration, such as `250ms`, `90`, `1.5m` or `2h`.

    Raises:
        HTTPException: It is none.
    """
    if not text.strip():
        return None
    found = _DURATION.fullmatch(text)
    if found is None:
        raise HTTPException(400, f"{name}={text} is no duration. Write it as 250ms, 90s, 1.5m or 2h.")
    return float(found[1]) * _UNITS[found[2] or "s"]


def _microseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * SECOND)


def limit_of(text: str, usual: int = 50) -> int:
    """Return how many rows a page has.

    Args:
        text: What the address says; empty for the usual number.
        usual: That number.

    Raises:
        HTTPException: It is no number from 1 to 200.
    """
    if not text:
        return usual
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= 200):
        raise HTTPException(400, f"limit={text} is no number from 1 to 200.")
    return int(text)
