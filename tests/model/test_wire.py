"""The wire: what travels arrives as it was, and what was meddled with is refused with its place."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.base.ids import RunId
from sluiceway.model import facts, wire
from sluiceway.model.facts import FACTS, FlowRunMoved, LogWritten, TaskRunStaged, TaskRunStarted
from sluiceway.model.holding import ProcessInfo
from sluiceway.model.inputs import InputPlace, KeptInputs, Reception
from sluiceway.model.keeping import KeptRun, KeptTree
from sluiceway.model.keepsakes import Artifact
from sluiceway.model.queries import FlowRunQuery, LogLine, LogQuery, Page, RunOrder, StoredState, TaskRunQuery
from sluiceway.model.results import StoredResult
from sluiceway.model.runs import FlowInfo, FlowRun, TaskRun
from sluiceway.model.slots import Limit, LimitUse, SlotReply, SlotRequest, Verdict
from sluiceway.model.states import State, StateDetails, StateType
from sluiceway.model.wire_values import WireError

few = settings(max_examples=12)

# Few values each: an example takes few choices.
KEYS = st.sampled_from([b"k" * 16, bytes(16), b"\xff" * 16])
INTS = st.sampled_from([0, 1, -(1 << 63), (1 << 63) - 1])
TEXTS = st.sampled_from(["", "a", "\ud800", "\0", "ä🜁 '"])
BYTES = st.sampled_from([b"", b"\x80N.", bytes(range(256))])
PLAIN = st.sampled_from([None, True, 0.1, 1 << 70, "\0", [None, {"": []}], {"ä": {"n": [1, -1.5]}}])
DATES = st.sampled_from([datetime(1971, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, 5, 6, 7, 8, tzinfo=UTC)])


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


def made(kind: Any, **parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return objects of a class with slots, each slot filled."""

    def make(values: dict[str, Any]) -> Any:
        thing = kind.__new__(kind)
        for name, value in values.items():
            setattr(thing, name, value)
        return thing

    return st.fixed_dictionaries(parts).map(make)


DETAILS = st.builds(
    StateDetails,
    scheduled_time=maybe(DATES),
    cache_key=maybe(TEXTS),
    retriable=maybe(st.booleans()),
    guarantee=maybe(TEXTS),
    pause_reschedule=st.booleans(),
    pause_schema=maybe(st.dictionaries(TEXTS, PLAIN, max_size=2)),
    child_flow_run_id=maybe(st.just(UUID(int=5))),
)
STATES = made(
    State,
    type=st.sampled_from(StateType),
    _name=maybe(TEXTS),
    message=maybe(TEXTS),
    moment=INTS,
    _details=maybe(DETAILS),
    data=st.none(),
    _id=st.none(),
)
RESULTS = st.builds(
    StoredResult,
    serializer=TEXTS,
    blob=maybe(BYTES),
    location=maybe(TEXTS),
    size=INTS,
    preview=maybe(TEXTS),
    why_not=maybe(TEXTS),
)
SHARED = {
    "key": KEYS,
    "given_name": maybe(TEXTS),
    "tags": st.frozensets(TEXTS, max_size=3),
    "parent_key": maybe(KEYS),
    "start": maybe(INTS),
}
LIVE = {"_state": maybe(STATES), "run_count": INTS, "end": maybe(INTS), "next_start": maybe(INTS)}
QUIET = {"_state": st.none(), "run_count": st.just(0), "end": st.none(), "next_start": st.none()}
OF_FLOW = SHARED | {
    "flow_name": TEXTS,
    "flow_version": maybe(TEXTS),
    "flow_key": maybe(KEYS),
    "parameters": st.dictionaries(TEXTS, PLAIN, max_size=3),
    "parent_task_run_key": maybe(KEYS),
    "root_key": KEYS,
    "expected_start": maybe(INTS),
    "epoch": INTS,
    "entrypoint": maybe(TEXTS),
    "auto_resume": INTS,
    "started_by": maybe(TEXTS),
    "call": maybe(RESULTS),
}
OF_TASK = SHARED | {
    "task_key": TEXTS,
    "task_name": TEXTS,
    "flow_run_key": maybe(KEYS),
    "call_hash": INTS,
    "ordinal": INTS,
    "call_preview": maybe(TEXTS),
    "inputs": maybe(st.dictionaries(TEXTS, st.lists(KEYS, max_size=2).map(tuple), max_size=2)),
    "cache_key": maybe(TEXTS),
    "child_flow_run_key": maybe(KEYS),
}
FLOW_RUNS, TASK_RUNS = made(FlowRun, **OF_FLOW, **LIVE), made(TaskRun, **OF_TASK, **LIVE)


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Return values of a type, as an annotation names it."""
    if hint in OF_TYPE:
        return OF_TYPE[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return st.one_of(*map(values_of, arguments))
    if origin is Annotated:
        return KEYS if hint == RunId else values_of(arguments[0])
    if origin is tuple and arguments[1] is Ellipsis:
        return st.lists(values_of(arguments[0]), max_size=2).map(tuple)
    if origin in (dict, Mapping):
        return st.dictionaries(values_of(arguments[0]), values_of(arguments[1]), max_size=2)
    if origin is State:
        return STATES
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    assert hasattr(hint, "_fields"), f"say what a {hint} is like"
    return st.builds(
        hint, **{name: values_of(kind) for name, kind in get_type_hints(hint, include_extras=True).items()}
    )


OF_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    Any: PLAIN,
    type(None): st.none(),
    bool: st.booleans(),
    str: TEXTS,
    int: INTS,
    float: st.sampled_from([0.0, -1.5, 1e300]),
    bytes: BYTES,
    StoredResult: RESULTS,
}


def fact_of(kind: type[facts.Fact], flows: st.SearchStrategy[FlowRun], tasks: st.SearchStrategy[TaskRun]) -> Any:
    hints = wire.hints_of(kind.__init__)
    runs = {FlowRun: flows, TaskRun: tasks}
    told = {name: hints[name] for name in vars(kind)["__slots__"]}
    return st.builds(kind, **{name: runs[hint] if hint in runs else values_of(hint) for name, hint in told.items()})


def seen(thing: Any) -> Any:
    """Return all that there is in a value, to compare."""
    if isinstance(thing, StateDetails):
        return thing.as_dict()
    if hasattr(thing, "_fields"):
        return type(thing), tuple(seen(part) for part in thing)
    slots = [slot for base in type(thing).__mro__ for slot in vars(base).get("__slots__", ())]
    if slots and not isinstance(thing, UUID):
        return type(thing), {slot: seen(getattr(thing, slot)) for slot in slots}
    if isinstance(thing, tuple | list):
        return [seen(part) for part in thing]
    return thing


def there_and_back(value: Any, hint: Any) -> Any:
    return wire.decode(wire.encode(value, hint), hint)


@pytest.mark.parametrize("kind", FACTS)
@settings(max_examples=15)
@given(data=st.data())
def test_every_fact_arrives_as_it_was(kind: type[facts.Fact], data: st.DataObject) -> None:
    fact = data.draw(fact_of(kind, made(FlowRun, **OF_FLOW, **QUIET), made(TaskRun, **OF_TASK, **QUIET)))
    (arrived,) = there_and_back((fact,), wire.FACT_LIST)
    assert seen(arrived) == seen(fact)


@few
@given(fact=fact_of(TaskRunStarted, FLOW_RUNS, TASK_RUNS))
def test_a_fact_does_not_tell_of_what_changes_while_the_run_lives(fact: TaskRunStarted) -> None:
    (arrived,) = there_and_back((fact,), wire.FACT_LIST)
    expected = copy.copy(fact.run)
    expected.state, expected.run_count, expected.end, expected.next_start = None, 0, None, None
    assert seen(arrived.run) == seen(expected)


@few
@given(run=FLOW_RUNS)
def test_a_run_that_is_read_arrives_as_it_is_now(run: FlowRun) -> None:
    assert seen(there_and_back(run, FlowRun)) == seen(run)


@few
@given(page=st.builds(Page, st.lists(TASK_RUNS, max_size=3).map(tuple), maybe(TEXTS)))
def test_a_page_knows_the_type_of_its_rows(page: Page[TaskRun]) -> None:
    assert seen(there_and_back(page, Page[TaskRun])) == seen(page)


HISTORIES = st.lists(
    st.builds(
        StoredState,
        st.sampled_from(StateType),
        TEXTS,
        INTS,
        maybe(TEXTS),
        maybe(st.dictionaries(TEXTS, PLAIN, max_size=2)),
    ),
    max_size=2,
).map(tuple)


@few
@given(
    tree=st.builds(
        KeptTree,
        st.lists(st.builds(KeptRun, FLOW_RUNS, HISTORIES, maybe(RESULTS)), max_size=2).map(tuple),
        st.lists(st.builds(KeptRun, TASK_RUNS, HISTORIES, maybe(RESULTS)), max_size=2).map(tuple),
        st.lists(st.builds(LogLine, INTS, maybe(KEYS), maybe(KEYS), INTS, INTS, TEXTS, TEXTS), max_size=2).map(tuple),
        st.lists(values_of(Artifact), max_size=2).map(tuple),
        st.lists(values_of(KeptInputs), max_size=1).map(tuple),
    )
)
def test_a_whole_run_arrives_as_it_was(tree: KeptTree) -> None:
    assert seen(there_and_back(tree, KeptTree)) == seen(tree)


LIMIT = Limit(b"k" * 16, "disk", 3, False, 0.5)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (FlowRunQuery(keys=(b"a" * 16,), state_types=(StateType.FAILED,), created_after=5), FlowRunQuery),
        (TaskRunQuery(tags=("x", "y"), flow_run_keys=()), TaskRunQuery),
        (LogQuery(text="it's", level_at_least=20), LogQuery),
        (RunOrder.ENDED_LAST, RunOrder),
        (ProcessInfo(b"p" * 16, "host", "boot", 5, 6, None, 7), ProcessInfo),
        (SlotRequest("me", ("a", "b"), 2, True), SlotRequest),
        (SlotReply(Verdict.WAITING, (LimitUse(LIMIT, 1, 2, 3, 4),)), SlotReply),
        ({("load", "Failed"): 3}, dict[tuple[str, str], int]),
        ({b"a" * 16: None, b"b" * 16: 5}, dict[bytes, int | None]),
        (frozenset({"b", "a"}), frozenset[str]),
        (InputPlace(b"r" * 16, "name-auto", b"t" * 16, 3, frozenset({"b", "a"})), InputPlace),
        (Reception(None, "0:name-auto", None, 5), Reception | None),
        ((StateType.RUNNING, 2), tuple[StateType, int]),
        (None, FlowRun | None),
        (Page((FlowInfo(b"f" * 16, "etl", 9),), "next"), Page[FlowInfo]),
    ],
)
def test_what_is_asked_and_answered_arrives_as_it_was(value: Any, hint: Any) -> None:
    assert seen(there_and_back(value, hint)) == seen(value)


def test_what_json_does_not_know_is_written_as_in_a_journal() -> None:
    run = FlowRun(b"k" * 16, "etl", parameters={"odd": {1, 2}, "fine": (1, 2)})
    assert there_and_back(run, FlowRun).parameters == {"odd": repr({1, 2}), "fine": [1, 2]}


STAGED = ["TaskRunStaged", {"run_key": wire.codec(bytes).write(b"k" * 16)}]
MOVED = wire.codec(wire.FACT_LIST).write((FlowRunMoved(b"k" * 16, State(StateType.RUNNING), 1),))[0]


def changed(fact: list[Any], *path: str, to: Any) -> list[Any]:
    """Return a fact as it travels with one part replaced."""
    fact = json.loads(json.dumps(fact))
    inner: Any = fact[1]
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = to
    return fact


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "a list is needed, but this is dict"),
        ([STAGED, []], "[1]: a list of a type and a value is needed"),
        ([["os.system", {}]], "[0][0]: 'os.system' is none of FlowDescribed, "),
        ([[["x"], {}]], "[0]: a list of a type and a value is needed"),
        ([["TaskRunStaged", {}]], "[0].TaskRunStaged: TaskRunStaged needs run_key"),
        ([["TaskRunStaged", 5]], "[0].TaskRunStaged: a TaskRunStaged is needed, but this is int"),
        ([changed(STAGED, "more", to=1)], "[0].TaskRunStaged: TaskRunStaged has no field 'more'"),
        ([changed(STAGED, "run_key", to="a")], "[0].TaskRunStaged.run_key: bytes in base64 are needed"),
        (
            [changed(STAGED, "run_key", to="aGFsbG8=")],
            "[0].TaskRunStaged.run_key: 16 bytes are needed, but these are 5",
        ),
        ([changed(STAGED, "run_key", to=None)], "run_key: bytes in base64 is needed, but this is null"),
        (
            [changed(MOVED, "run_count", to=True)],
            "[0].FlowRunMoved.run_count: a whole number is needed, but this is bool",
        ),
        ([changed(MOVED, "run_count", to=1 << 63)], "run_count: a whole number of at most 64 bits is needed"),
        ([changed(MOVED, "run_count", to=1.0)], "run_count: a whole number is needed, but this is float"),
        ([changed(MOVED, "state", "type", to="DONE")], "[0].FlowRunMoved.state.type: one of SCHEDULED, "),
        ([changed(MOVED, "state", "type", to=[])], "[0].FlowRunMoved.state.type: one of SCHEDULED, "),
        ([changed(MOVED, "state", "data", to="gASV")], "[0].FlowRunMoved.state: State has no field 'data'"),
        ([changed(MOVED, "name", to=5)], "[0].FlowRunMoved.name: a text is needed, but this is int"),
        ([changed(MOVED, "state", "details", to={"scheduled_time": "soon"})], "scheduled_time: a time is needed"),
    ],
)
def test_what_is_no_fact_is_refused_with_its_place(data: Any, message: str) -> None:
    with pytest.raises(WireError) as caught:
        wire.decode(json.dumps(data).encode(), wire.FACT_LIST)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000, b"1" * 5000])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(WireError, match="JSON"):
        wire.decode(text, wire.FACT_LIST)


@few
@given(data=PLAIN)
def test_any_other_json_is_refused_as_a_fact(data: Any) -> None:
    with pytest.raises(WireError):
        wire.decode(json.dumps([data]).encode(), wire.FACT_LIST)


@pytest.mark.parametrize(
    ("fact", "error"),
    [
        ("no fact", TypeError),
        (TaskRunStaged("text"), TypeError),
        (LogWritten(None, None, 1 << 64, 20, "", ""), ValueError),
    ],
)
def test_what_is_no_fact_is_not_sent(fact: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        wire.encode((fact,), wire.FACT_LIST)


def test_a_type_that_nothing_is_known_of_cannot_travel() -> None:
    with pytest.raises(TypeError, match="cannot travel"):
        wire.codec(object)
