"""Finding futures and states among arguments, and putting results in their places."""

from __future__ import annotations

import subprocess
import sys
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.exceptions import SluicewayError
from sluiceway.model.annotations import allow_failure, opaque, quote, unmapped
from sluiceway.model.states import State
from sluiceway.model.upstream import Upstream
from sluiceway.rules.resolution import (
    Reference,
    all_plain,
    as_list,
    find_references,
    resolve,
    resolved_result,
    without_marks,
)
from sluiceway.states import Completed, Failed


class Future(Upstream):
    """A future whose run has completed."""

    def __init__(self, value: Any) -> None:
        self.value = value

    @property
    def state(self) -> State[Any]:
        return Completed(data=self.value)

    def done(self) -> bool:
        return True


@dataclass
class Box:
    content: Any
    label: str = "box"


@dataclass(frozen=True, slots=True)
class Sealed:
    content: Any
    parts: list[Any] = field(default_factory=list)


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True, frozen=True)

    content: Any
    number: int = 1


class Point(NamedTuple):
    x: Any
    y: Any


class Names(list[Any]):
    """A list of one's own."""


few = settings(max_examples=50)

plain_values = st.one_of(st.integers(), st.text(max_size=3), st.none(), st.booleans(), st.builds(object))
sources = st.one_of(st.builds(Future, st.integers()), st.integers().map(lambda n: Completed(data=n)))


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.lists(inner, max_size=4).map(Names),
        st.dictionaries(st.text(max_size=2), inner, max_size=3),
        st.dictionaries(st.text(max_size=2), inner, max_size=3).map(OrderedDict),
        st.builds(Box, inner),
        st.builds(Sealed, inner, st.lists(inner, max_size=2)),
        st.builds(Point, inner, inner),
        inner.map(lambda content: Model.model_construct(content=content)),
    )


without_futures = st.recursive(plain_values, containers, max_leaves=12)
with_futures = st.recursive(st.one_of(plain_values, sources), containers, max_leaves=12)


def leaves(value: Any) -> list[Any]:
    """Return what a value holds that is no container, from left to right."""
    match value:
        case list() | tuple():
            return [leaf for member in value for leaf in leaves(member)]
        case dict():
            return [leaf for member in value.values() for leaf in leaves(member)]
        case Box():
            return [*leaves(value.content), *leaves(value.label)]
        case Sealed():
            return [*leaves(value.content), *leaves(value.parts)]
        case Model():
            return [*leaves(value.content), *leaves(value.number)]
    return [value]


def shape(value: Any) -> Any:
    """Return a value with its leaves left out: types, and how they are nested."""
    match value:
        case list() | tuple():
            return type(value), [shape(member) for member in value]
        case dict():
            return type(value), {key: shape(member) for key, member in value.items()}
        case Box() | Model():
            return type(value), shape(value.content)
        case Sealed():
            return type(value), shape(value.content), shape(value.parts)
    return None


def is_source(value: object) -> bool:
    return isinstance(value, (Future, State))


@few
@given(with_futures)
def test_every_future_and_state_is_found_once_in_order(value: Any) -> None:
    found = [id(reference.source) for reference in find_references(value)]
    assert found == [id(leaf) for leaf in leaves(value) if is_source(leaf)]


@few
@given(with_futures)
def test_every_future_and_state_is_replaced_and_nothing_else_changes(value: Any) -> None:
    before = leaves(value)
    resolved = resolve(value, resolved_result)
    expected = [resolved_result(Reference(leaf, False)) if is_source(leaf) else leaf for leaf in before]
    assert shape(resolved) == shape(value)
    assert leaves(resolved) == expected
    assert find_references(resolved) == []
    assert list(map(id, leaves(value))) == list(map(id, before)), "the arguments of the caller stay as they are"


@few
@given(without_futures)
def test_what_holds_no_future_is_the_same_object(value: Any) -> None:
    assert resolve(value, resolved_result) is value
    beside = [value, Future(1)]
    assert resolve(beside, resolved_result)[0] is value


@few
@given(st.lists(st.integers() | st.builds(Future, st.integers()), max_size=5))
def test_futures_in_sets_and_keys_are_replaced(members: list[Any]) -> None:
    values = {m.value if isinstance(m, Future) else m for m in members}
    assert resolve(set(members), resolved_result) == values
    assert resolve(frozenset(members), resolved_result) == values
    assert set(resolve(dict.fromkeys(members, 0), resolved_result)) == values
    assert len(find_references(set(members))) == sum(isinstance(m, Future) for m in set(members))


def test_a_default_dictionary_keeps_its_factory() -> None:
    value = defaultdict(list, {"a": Future(1)})
    resolved = resolve(value, resolved_result)
    assert (resolved["a"], resolved["b"]) == (1, [])
    assert isinstance(value["a"], Future)


def test_a_copied_model_keeps_what_belongs_to_it() -> None:
    class Loose(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(extra="allow")

        held: Any
        _secret: int = pydantic.PrivateAttr(default=7)

    value = Loose(held=Future(3), more="kept")
    resolved = resolve(value, resolved_result)
    assert (resolved.held, resolved.more, resolved._secret) == (3, "kept", 7)
    assert resolved.model_fields_set == value.model_fields_set


def test_deep_nesting_is_followed() -> None:
    value: Any = Future("deep")
    for _ in range(70):
        value = [{"next": (value,)}]
    resolved = resolve(value, resolved_result)
    for _ in range(70):
        resolved = resolved[0]["next"][0]
    assert resolved == "deep"


def test_a_container_that_holds_itself_is_gone_through_once() -> None:
    ring: list[Any] = [Future(1)]
    ring.append(ring)
    box = Box(None)
    box.content = {"box": box, "future": Future(2)}
    assert [reference.state.data for reference in find_references([ring, box])] == [1, 2]
    assert resolve(ring, resolved_result)[0] == 1
    assert resolve(box, resolved_result).content["future"] == 2
    plain: list[Any] = [object()]
    plain.append(plain)
    assert resolve(plain, resolved_result) is plain


def test_a_part_that_occurs_twice_is_resolved_twice() -> None:
    shared = [Future(1)]
    assert len(find_references([shared, shared])) == 2
    assert resolve({"a": shared, "b": shared}, resolved_result) == {"a": [1], "b": [1]}


# --- marks ----------------------------------------------------------------------------------------


@few
@given(with_futures)
def test_all_that_is_marked_may_have_failed(value: Any) -> None:
    assert all(reference.failure_allowed for reference in find_references(allow_failure(value)))
    assert not any(reference.failure_allowed for reference in find_references(value))


@few
@given(with_futures)
def test_what_is_quoted_is_not_looked_into(value: Any) -> None:
    for mark in (quote, opaque):
        assert find_references([mark(value)]) == []
        (resolved,) = resolve([mark(value)], resolved_result)
        assert resolved is value


@few
@given(without_futures)
def test_marks_are_taken_off(value: Any) -> None:
    marked = {"a": unmapped(value), "b": allow_failure(unmapped(value)), "c": quote(value), "d": value}
    resolved = without_marks(marked)
    assert all(part is value for part in resolved.values())
    assert without_marks({"d": value})["d"] is value


def test_a_failed_state_is_passed_on_only_where_that_is_allowed() -> None:
    failed = Failed(data=ValueError("bad"))
    assert not Reference(failed, False).satisfied
    assert Reference(failed, True).satisfied
    assert isinstance(resolve(allow_failure(failed), resolved_result), ValueError)
    with pytest.raises(ValueError, match="bad"):
        resolve(failed, resolved_result)


# --- the quick answer -----------------------------------------------------------------------------


@few
@given(st.lists(plain_values | without_futures))
def test_plain_values_hold_no_futures(values: list[Any]) -> None:
    if all_plain(values):
        assert find_references(values) == []


COUNTING = """
import sys
from sluiceway.rules.resolution import find_references
numbers, calls = list(range(100_000)), []
sys.setprofile(lambda frame, event, _: calls.append(frame.f_code.co_name) if event == "call" else None)
found = find_references([numbers, {"n": numbers}, dict.fromkeys(numbers)])
sys.setprofile(None)
print(found, len(calls) < 50)
"""


@pytest.mark.slow
def test_a_hundred_thousand_numbers_are_looked_at_in_a_handful_of_calls() -> None:
    """In a fresh process: in one that has run much before, CPython 3.11 may go round for ever under a profile."""
    done = subprocess.run([sys.executable, "-c", COUNTING], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "[] True\n"), done.stderr


# --- wait_for -------------------------------------------------------------------------------------


def test_wait_for_takes_a_future_or_any_collection_of_them() -> None:
    future = Future(1)
    assert as_list(None) == []
    assert as_list(future) == [future]
    assert as_list({future}) == as_list((future,)) == as_list(iter([future])) == [future]
    for wrong in (3, "future", b"future"):
        with pytest.raises(SluicewayError, match="wait_for takes a future"):
            as_list(wrong)
