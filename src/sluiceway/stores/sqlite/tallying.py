"""Tallying: flow runs are counted by state along the narrow rows of an index, however many there are."""

from __future__ import annotations

from typing import NamedTuple

from sluiceway.model.queries import FlowRunQuery
from sluiceway.model.states import STATE_CODES
from sluiceway.stores.rows import to_json
from sluiceway.stores.sqlite.selecting import Bound, select_runs


class Tally(NamedTuple):
    """A statement that counts.

    Args:
        statement: The statement.
        values: The values of its placeholders.
    """

    statement: str
    values: list[Bound]


def tally_states(texts: dict[str, str], query: FlowRunQuery) -> Tally:
    """Return the statement that counts runs by the code of their state.

    Args:
        texts: The parts of `overview.sql` and `reading.sql`.
        query: Which runs.
    """
    return _tally(texts, query, "states", [])


def tally_names(texts: dict[str, str], query: FlowRunQuery) -> Tally:
    """Return the statement that counts runs whose state has a name of its own, by the state's code and that name.

    Args:
        texts: The parts of `overview.sql` and `reading.sql`.
        query: Which runs.
    """
    select = select_runs(_beside_index(texts), query)
    way = "" if _is_narrow(query) else " INDEXED BY flow_run_by_state_name"
    where = select.conditions().replace(" WHERE ", " AND ", 1)
    return Tally(texts["names"].format(way=way, where=where), select.values)


def tally_buckets(texts: dict[str, str], query: FlowRunQuery, borders: list[bytes]) -> Tally:
    """Return the statement that counts runs by bucket and the code of their state; some counts may be 0.

    Args:
        texts: The parts of `overview.sql` and `reading.sql`.
        query: Which runs.
        borders: The first identifiers of the buckets, and the first one beyond the last.
    """
    return _tally(texts, query, "buckets", [len(borders) - 1, b"".join(borders)])


def _tally(texts: dict[str, str], query: FlowRunQuery, name: str, values: list[Bound]) -> Tally:
    if query.flow_names is not None or _is_narrow(query):
        select = select_runs(_beside_index(texts), query)
        way = "" if _is_narrow(query) else " INDEXED BY flow_run_by_flow"
        where = select.conditions().replace(" WHERE ", " AND ", 1)
        return Tally(texts[f"{name} of a few"].format(way=way, where=where), values + select.values)
    kinds = STATE_CODES if query.state_types is None else dict.fromkeys(query.state_types)
    codes = [STATE_CODES[kind] for kind in kinds]
    select = select_runs(_beside_index(texts), query._replace(state_types=None))
    where = select.conditions().replace(" WHERE ", " AND ", 1)
    return Tally(texts[f"{name} of all"].format(where=where), [*values, to_json(codes), *select.values])


def _is_narrow(query: FlowRunQuery) -> bool:
    """Return whether a query names so few runs, or none, that no index of flows or states is to be gone along."""
    return query.state_types == () or any(
        part is not None for part in (query.keys, query.key_prefix, query.names, query.parent)
    )


def _beside_index(texts: dict[str, str]) -> dict[str, str]:
    """Return the parts of conditions, with tags looked up run by run: the other way round, they would lead."""
    return {**texts, "where flow_run tag": texts["where flow_run tag of each"]}
