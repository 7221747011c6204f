"""What all stores keep beside runs: artifacts with their versions, variables, sealed secrets."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sluiceway.base.ids import RunId, new_id
from sluiceway.model.facts import ArtifactChanged, ArtifactMade
from sluiceway.model.keeping import Removed
from sluiceway.model.keepsakes import Artifact, ArtifactQuery, SealedSecret, Variable, VariableQuery
from sluiceway.model.paging import walk
from sluiceway.model.states import StateType
from sluiceway.ports.store import Store
from sluiceway.stores.sqlite.shelf import list_artifacts, list_latest, select_artifacts
from sluiceway.stores.sqlite.statements import load
from sluiceway.stores.sqlite.store import SqliteStore
from tests.stores.making import NOON, finished_task_facts, flow_facts, flow_run, key_at, task_run
from tests.stores.trees import LATER, everything, large_tree, loose_tasks

MANY = 1_000
DATA = '"# Ä report"'


def artifact(key: str | None = "report", data: str | None = DATA, **changes: Any) -> Artifact:
    size = 0 if data is None else len(data.encode())
    made = Artifact(new_id(), key, "markdown", data, None, None, None, None, NOON, NOON, size)
    return made._replace(**changes)


def keep(store: Store, *artifacts: Artifact) -> None:
    store.write([ArtifactMade(each) for each in artifacts])


def variable(name: str = "limit", value: str = "1", *tags: str, at: int = NOON) -> Variable:
    return Variable(new_id(), name, value, tags, at, at)


# --- artifacts ----------------------------------------------------------------------------------


def test_an_artifact_is_read_back_as_it_was_made(store: Store) -> None:
    flow = flow_run()
    task = task_run(flow)
    full = artifact(
        "a-1", "[1,2]", type="table", description="ü", metadata={"x": "y"}, flow_run_key=flow.key, task_run_key=task.key
    )
    bare = artifact(None, None, type=None)
    store.write([*flow_facts(flow), *finished_task_facts(task), ArtifactMade(full), ArtifactMade(bare)])
    assert store.read_artifact(full.id) == full
    assert store.read_artifact(bare.id) == bare
    assert store.read_artifact(new_id()) is None
    assert store.check() == []


def test_an_artifact_is_written_once(store: Store) -> None:
    made = artifact()
    keep(store, made)
    keep(store, made._replace(data="0"))
    assert store.read_artifacts().items == (made,)


def test_a_change_is_no_new_version_and_the_last_one_counts(store: Store) -> None:
    made = artifact(data="0.0", description="how far")
    first = ArtifactChanged(made.id, "50.0", "half way", NOON + 1)
    store.write([ArtifactMade(made), first, ArtifactChanged(made.id, '"ö"', None, NOON + 2)])
    changed = made._replace(data='"ö"', size=4, description="half way", updated=NOON + 2)
    assert store.read_artifacts().items == (changed,)
    store.write([ArtifactChanged(made.id, "100.0", None, NOON + 3), ArtifactChanged(new_id(), "1", None, NOON)])
    assert store.read_artifacts().items == (changed._replace(data="100.0", size=5, updated=NOON + 3),)


def test_the_latest_version_of_each_key_is_found_whatever_their_number(store: Store) -> None:
    older, other, newer, loose = artifact("b"), artifact("a"), artifact("b"), artifact(None)
    keep(store, older, other, newer, loose)
    assert store.read_latest_artifacts().items == (other, newer)
    assert store.read_latest_artifacts(ArtifactQuery(keys=("b",))).items == (newer,)
    assert store.read_artifacts(ArtifactQuery(keys=("b",))).items == (newer, older)
    assert store.read_latest_artifacts(ArtifactQuery(ids=(older.id,))).items == ()
    assert store.delete_artifact(newer.id)
    assert not store.delete_artifact(newer.id)
    assert store.read_latest_artifacts().items == (other, older)


def test_artifacts_are_found_by_each_part_of_a_query(store: Store) -> None:
    flow = flow_run()
    task, lone = task_run(flow), task_run()
    store.write([*flow_facts(flow), *finished_task_facts(task), *finished_task_facts(lone)])
    first = artifact("x", id=key_at(NOON), flow_run_key=flow.key)
    second = artifact("y", id=key_at(NOON + 1_000), flow_run_key=flow.key, task_run_key=task.key)
    third = artifact("x", id=key_at(NOON + 2_000), type="table", task_run_key=lone.key)
    keep(store, first, second, third)
    for query, expected in (
        (ArtifactQuery(), {first, second, third}),
        (ArtifactQuery(ids=(first.id, third.id)), {first, third}),
        (ArtifactQuery(ids=()), set()),
        (ArtifactQuery(keys=("x",)), {first, third}),
        (ArtifactQuery(keys=("x", "y", "z")), {first, second, third}),
        (ArtifactQuery(types=("table",)), {third}),
        (ArtifactQuery(types=("table", "image")), {third}),
        (ArtifactQuery(flow_run_keys=(flow.key,)), {first, second}),
        (ArtifactQuery(flow_run_keys=(flow.key, new_id())), {first, second}),
        (ArtifactQuery(task_run_keys=(task.key, lone.key)), {second, third}),
        (ArtifactQuery(created_after=NOON + 1_000), {second, third}),
        (ArtifactQuery(created_before=NOON + 2_000), {first, second}),
        (ArtifactQuery(keys=("x",), types=("markdown",)), {first}),
    ):
        found = store.read_artifacts(query).items
        assert {each.id for each in found} == {each.id for each in expected}, query
        assert store.count_artifacts(query) == len(expected), query


def test_lists_leave_the_data_out_if_it_is_not_asked_for(store: Store) -> None:
    made = artifact()
    keep(store, made)
    assert store.read_artifacts(data=False).items == (made._replace(data=None),)
    assert store.read_latest_artifacts(data=False).items == (made._replace(data=None),)


@pytest.mark.parametrize("newest_first", [True, False])
def test_artifacts_are_read_page_by_page(store: Store, newest_first: bool) -> None:
    made = [artifact() for _ in range(5)]
    keep(store, *made)
    pages = walk(lambda after: store.read_artifacts(limit=2, after=after, newest_first=newest_first))
    assert list(pages) == (made[::-1] if newest_first else made)
    with pytest.raises(ValueError, match="does not belong to the order"):
        store.read_artifacts(after="artifacts-by-key.61", newest_first=newest_first)
    with pytest.raises(ValueError, match="at least one row"):
        store.read_artifacts(limit=0)


def test_latest_versions_are_read_page_by_page(store: Store) -> None:
    latest = [artifact(f"key-{number}") for number in range(5)]
    keep(store, *(each._replace(id=key_at(NOON, number)) for number, each in enumerate(latest)), *latest)
    assert list(walk(lambda after: store.read_latest_artifacts(limit=2, after=after))) == latest
    with pytest.raises(ValueError, match="does not belong to the order"):
        store.read_latest_artifacts(after="variables.61")


# --- artifacts go with their runs ---------------------------------------------------------------


def keepsakes_of_tree(store: Store) -> tuple[RunId, list[Artifact]]:
    """Write a large tree of runs, and an artifact of each of its flow runs and task runs."""
    root, facts = large_tree()
    store.write(facts)
    tree = everything(store)
    made = [artifact(flow_run_key=kept.run.key) for kept in tree.flow_runs]
    made += [artifact(flow_run_key=kept.run.flow_run_key, task_run_key=kept.run.key) for kept in tree.task_runs]
    keep(store, *made)
    return root.key, made


def test_artifacts_are_removed_with_their_runs_and_no_others(store: Store) -> None:
    outside = artifact()
    keep(store, outside)
    root, made = keepsakes_of_tree(store)
    removed = store.remove_runs([root], MANY, LATER)
    assert removed == Removed(3, 5, 4, (), len(made))
    assert store.read_artifacts().items == (outside,)


def test_artifacts_are_removed_step_by_step(store: Store) -> None:
    root, made = keepsakes_of_tree(store)
    counts = []
    while store.read_flow_run(root) is not None:
        counts.append(store.remove_runs([root], 2, LATER).artifacts)
    assert sum(counts) == len(made)
    assert max(counts) <= 2
    assert store.count_artifacts() == 0


def test_a_large_artifact_weighs_as_many_pages_as_it_fills(sqlite: SqliteStore) -> None:
    flow = flow_run()
    sqlite.write(flow_facts(flow, StateType.PENDING, StateType.RUNNING, StateType.COMPLETED))
    keep(sqlite, *(artifact(data=f'"{"x" * 40_000}"', flow_run_key=flow.key) for _ in range(3)))
    steps = [sqlite.remove_runs([flow.key], 10, LATER).artifacts for _ in range(3)]
    assert steps == [1, 1, 1]


def test_artifacts_of_tasks_outside_flows_are_removed_with_them(store: Store) -> None:
    caller, called, facts = loose_tasks()
    store.write(facts)
    keep(store, artifact(task_run_key=caller.key), artifact(task_run_key=called.key))
    assert store.remove_runs([caller.key], MANY, LATER) == Removed(0, 2, 2, (), 2)
    assert store.count_artifacts() == 0


def test_a_run_is_adopted_with_its_artifacts(store: Store, tmp_path: Path) -> None:
    with closing(SqliteStore(str(tmp_path / "other.db"))) as other:
        _, made = keepsakes_of_tree(other)
        tree = everything(other)._replace(artifacts=tuple(made))
        store.adopt(tree, LATER)
    assert store.read_artifacts(newest_first=False).items == tuple(made)


# --- variables ----------------------------------------------------------------------------------


def test_a_variable_is_set_changed_only_if_that_is_asked_for_and_deleted(store: Store) -> None:
    first = variable("ö", '"text"', "b", "a")
    assert store.write_variable(first, overwrite=False)
    assert store.read_variable("ö") == first._replace(tags=("a", "b"))
    second = variable("ö", "null", at=NOON + 1)
    assert not store.write_variable(second, overwrite=False)
    assert store.write_variable(second, overwrite=True)
    assert store.read_variable("ö") == second._replace(id=first.id, created=NOON)
    assert store.delete_variable("ö")
    assert not store.delete_variable("ö")
    assert store.read_variable("ö") is None


def test_variables_are_found_by_name_and_tag(store: Store) -> None:
    for made in (variable("a", "1", "x"), variable("b", "2", "x", "y"), variable("c", "3")):
        store.write_variable(made, overwrite=False)

    def names(**query: Any) -> list[str]:
        return [found.name for found in store.read_variables(VariableQuery(**query)).items]

    assert names() == ["a", "b", "c"]
    assert names(names=("c", "a", "z")) == ["a", "c"]
    assert names(tags=("x",)) == ["a", "b"]
    assert names(tags=("x", "y")) == ["b"]
    assert names(names=("a",), tags=("y",)) == []
    store.write_variable(variable("b", "2", "y"), overwrite=True)
    assert names(tags=("x",)) == ["a"]


def test_variables_are_read_page_by_page(store: Store) -> None:
    for name in "cabde":
        store.write_variable(variable(name), overwrite=False)
    found = walk(lambda after: store.read_variables(limit=2, after=after))
    assert [each.name for each in found] == list("abcde")
    with pytest.raises(ValueError, match="does not belong to the order"):
        store.read_variables(after="secrets.61")


# --- secrets ------------------------------------------------------------------------------------


def test_a_sealed_secret_is_kept_changed_listed_and_deleted(store: Store) -> None:
    first = SealedSecret(new_id(), "token", b"\0sealed", NOON, NOON)
    assert store.write_secret(first, overwrite=False)
    second = first._replace(id=new_id(), sealed=b"anew", created=NOON + 1, updated=NOON + 1)
    assert not store.write_secret(second, overwrite=False)
    assert store.read_secret("token") == first
    assert store.write_secret(second, overwrite=True)
    assert store.read_secret("token") == second._replace(id=first.id, created=NOON)
    other = SealedSecret(new_id(), "a", b"", NOON, NOON)
    store.write_secret(other, overwrite=True)
    names = [each.name for each in walk(lambda after: store.read_secrets(limit=1, after=after))]
    assert names == ["a", "token"]
    assert store.delete_secret("token")
    assert not store.delete_secret("token")
    assert store.read_secret("token") is None


# --- every list is on an index ------------------------------------------------------------------

TEXTS = load("keepsakes.sql")
KEYS = (b"k" * 16, b"l" * 16)
PARTS: list[dict[str, Any]] = [
    {"ids": KEYS},
    {"keys": ("a",)},
    {"keys": ("a", "b")},
    {"types": ("table",)},
    {"flow_run_keys": KEYS[:1]},
    {"flow_run_keys": KEYS},
    {"task_run_keys": KEYS[:1]},
    {"created_after": NOON, "created_before": NOON + 1_000},
]


@pytest.fixture
def connection(sqlite: SqliteStore, database: Path) -> Iterator[sqlite3.Connection]:
    keep(sqlite, artifact())
    with closing(sqlite3.connect(database)) as connection:
        yield connection


def plan(connection: sqlite3.Connection, statement: str, values: Any) -> list[str]:
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]


@pytest.mark.parametrize("part", PARTS, ids=repr)
def test_a_filter_of_artifacts_is_looked_up(connection: sqlite3.Connection, part: dict[str, Any]) -> None:
    query = ArtifactQuery(**part)
    select = select_artifacts(TEXTS, query)
    for statement, values in (list_artifacts(TEXTS, query), (select.count(), select.values)):
        steps = plan(connection, statement, values)
        assert not [step for step in steps if step.startswith("SCAN artifact")], steps


@pytest.mark.parametrize("part", [{}, {"keys": ("a",)}, {"types": ("table",)}, {"flow_run_keys": KEYS[:1]}], ids=repr)
def test_artifacts_come_off_an_index_by_age(connection: sqlite3.Connection, part: dict[str, Any]) -> None:
    after = f"artifacts-newest-first.{KEYS[0].hex()}"
    steps = plan(connection, *list_artifacts(TEXTS, ArtifactQuery(**part), after=after))
    assert not [step for step in steps if "ORDER BY" in step or step.startswith("SCAN artifact")], steps


def test_the_latest_versions_come_off_the_index_key_by_key(connection: sqlite3.Connection) -> None:
    steps = plan(connection, *list_latest(TEXTS, ArtifactQuery()))
    assert not [step for step in steps if re.match("SCAN (artifact|version)", step)], steps


@pytest.mark.parametrize(
    "name", [name for name in TEXTS if re.search("variable|secret|names_of_tags", name) and "create" not in name]
)
def test_variables_and_secrets_are_looked_up(connection: sqlite3.Connection, name: str) -> None:
    text = TEXTS[name]
    values: Any = ("a",) * text.count("?") if "?" in text else dict.fromkeys(re.findall(r":(\w+)", text), 1)
    if name in ("variables", "secrets", "variables_of_names"):
        values = (*values[:-1], 2)
    steps = plan(connection, text, values)
    assert not [step for step in steps if re.match(r"SCAN (variable|secret|variable_tag)\b", step)], steps


# --- searching ------------------------------------------------------------------------------------


def test_a_search_finds_artifacts_and_variables_by_how_they_begin(store: Store) -> None:
    keep(store, *(artifact(key) for key in ("report", "report", "rows", "plot", None)))
    for name in ("rate", "region", "limit"):
        store.write_variable(variable(name), overwrite=False)
    seen = store.search("r")
    assert (seen.artifact_keys, seen.variables) == (("report", "rows"), ("rate", "region"))
    assert (seen.flow_runs, seen.tags) == ((), ())
    one = store.search("r", limit=1)
    assert (one.artifact_keys, one.variables) == (("report",), ("rate",))
    assert store.search("eport").nothing
