"""Values have one hash in every process, and different values have different ones."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import decimal
import functools
import os
import pathlib
import pickle
import sqlite3
import subprocess
import sys
import threading
import tracemalloc
import uuid
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.base.errors import HashError
from sluiceway.base.hashing import PREVIEW_LIMIT, call_hash, stable_hash

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False)
    | st.sampled_from([0.0, -0.0, 1.0, 2.0])
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.sampled_from(["1", b"1", "", b"", "None"])
    | st.complex_numbers(allow_nan=False)
    | st.dates()
    | st.uuids()
    | st.decimals(allow_nan=False)
)
KEYS = st.text(max_size=3) | st.integers(-3, 3) | st.booleans() | st.none() | st.tuples(st.text(max_size=2))
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.frozensets(KEYS, max_size=4)
        | st.sets(KEYS, max_size=4)
    ),
    max_leaves=8,
)


def meaning(value: Any) -> object:
    """Return a text that is equal exactly for equal values of equal types."""
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}({[meaning(item) for item in value]})"
    if isinstance(value, dict):
        return f"dict({sorted((meaning(key), meaning(item)) for key, item in value.items())})"  # type: ignore[type-var]
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__}({sorted(meaning(item) for item in value)})"  # type: ignore[type-var]
    return f"{type(value).__name__} {value!r}"


@given(VALUES, VALUES)
def test_two_values_share_a_hash_exactly_if_they_are_equal_and_of_equal_types(one: object, other: object) -> None:
    assert (stable_hash(one) == stable_hash(other)) == (meaning(one) == meaning(other))


@given(VALUES)
def test_a_copy_has_the_hash_of_the_original(value: object) -> None:
    assert stable_hash(copy.deepcopy(value)) == stable_hash(value)
    assert stable_hash(pickle.loads(pickle.dumps(value))) == stable_hash(value)


@given(st.dictionaries(KEYS, VALUES, min_size=2, max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_the_order_of_a_dict_does_not_count(value: dict[Any, Any], random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert stable_hash(dict(items)) == stable_hash(value)


@given(VALUES)
def test_it_does_not_matter_whether_two_parts_are_one_object(value: object) -> None:
    assert stable_hash([value, value]) == stable_hash([value, copy.deepcopy(value)])


@given(st.lists(SCALARS, min_size=1, max_size=5), st.data())
@settings(max_examples=50)
def test_a_changed_item_changes_the_hash(values: list[object], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(values) - 1))
    item = data.draw(SCALARS.filter(lambda item: meaning(item) != meaning(values[place])))
    assert stable_hash([*values[:place], item, *values[place + 1 :]]) != stable_hash(values)


def identity(arguments: dict[str, object]) -> int | str:
    """Return what stands for the arguments of a call."""
    number, text = call_hash(arguments)
    return number or text


@given(st.dictionaries(st.sampled_from("abcd"), SCALARS), st.dictionaries(st.sampled_from("abcd"), SCALARS))
def test_calls_share_a_hash_exactly_if_their_arguments_are_equal(
    one: dict[str, object], other: dict[str, object]
) -> None:
    one, other = dict(sorted(one.items())), dict(sorted(other.items()))  # bound arguments have one order
    assert (identity(one) == identity(other)) == (meaning(one) == meaning(other))


@given(st.dictionaries(st.sampled_from("abcd"), VALUES))
@settings(max_examples=50)
def test_a_call_is_known_by_a_short_text_that_tells_all_or_by_a_signed_integer_of_64_bits(
    arguments: dict[str, object],
) -> None:
    number, text = call_hash(arguments)
    assert -(2**63) <= number < 2**63
    assert len(text) <= PREVIEW_LIMIT


@pytest.mark.slow
def test_every_process_computes_the_same_hashes() -> None:
    corpus = pathlib.Path(__file__).with_name("hashing_corpus.py")
    runs = {
        subprocess.run(
            [sys.executable, str(corpus)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(runs) == 1
    assert len(runs.pop().splitlines()) > 40


def test_plain_values_that_look_alike_have_different_hashes() -> None:
    alike = [
        1,
        1.0,
        True,
        "1",
        b"1",
        "True",
        [1],
        (1,),
        {1},
        frozenset({1}),
        {1: None},
        bytearray(b"1"),
        1 + 0j,
    ]
    assert len({stable_hash(value) for value in alike}) == len(alike)
    assert len({identity({"x": value}) for value in alike}) == len(alike)


def test_containers_with_the_same_text_have_different_hashes() -> None:
    alike: list[object] = [
        ["a", "b"],
        ["ab", ""],
        ["a, b"],
        [["a", "b"]],
        ["a", ["b"]],
        {"a": "b"},
        [("a", "b")],
    ]
    assert len({stable_hash(value) for value in alike}) == len(alike)


def test_numbers_too_large_for_a_text_can_be_hashed() -> None:
    large = 10**10_000
    assert stable_hash([large, 1]) != stable_hash([large + 1, 1])
    assert call_hash({"x": large})[0] != call_hash({"x": large + 1})[0]


def test_the_last_of_many_numbers_counts() -> None:
    numbers = [float(number) for number in range(100_000)]
    assert stable_hash(numbers) != stable_hash([*numbers[:-1], 0.5])


@dataclasses.dataclass
class Order:
    number: int
    lines: list[str] = dataclasses.field(default_factory=list)

    @functools.cached_property
    def size(self) -> int:
        return len(self.lines)


@dataclasses.dataclass
class Invoice:
    number: int
    lines: list[str]


class Reading(pydantic.BaseModel):
    station: str = "A"
    value: float = 0.0
    _note: str = pydantic.PrivateAttr(default="")


def test_a_dataclass_counts_by_its_class_and_fields() -> None:
    assert stable_hash(Order(1, ["x"])) == stable_hash(Order(1, ["x"]))
    assert stable_hash(Order(1, ["x"])) != stable_hash(Order(2, ["x"]))
    assert stable_hash(Order(1, ["x"])) != stable_hash(Invoice(1, ["x"]))


def test_what_an_object_merely_remembers_does_not_count() -> None:
    order = Order(1, ["x"])
    before = stable_hash(order)
    assert order.size == 1
    assert stable_hash(order) == before


def test_an_attribute_that_is_no_field_counts_too() -> None:
    order = Order(1)
    order.seed = 4  # type: ignore[attr-defined]
    assert stable_hash(order) != stable_hash(Order(1))


def test_a_pydantic_model_counts_by_its_fields_however_they_were_set() -> None:
    assert stable_hash(Reading()) == stable_hash(Reading(station="A"))
    assert stable_hash(Reading()) != stable_hash(Reading(station="B"))
    private = Reading()
    private._note = "n"
    assert stable_hash(private) != stable_hash(Reading())


def test_moments_paths_and_exact_numbers_count_by_value() -> None:
    utc = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    values = [
        utc,
        utc.replace(tzinfo=None),
        utc.date(),
        dt.timedelta(seconds=1),
        dt.timedelta(seconds=2),
        pathlib.PurePosixPath("/a"),
        pathlib.PurePosixPath("/a/b"),
        decimal.Decimal("1.0"),
        decimal.Decimal("1.00"),
        uuid.UUID(int=1),
    ]
    assert len({stable_hash(value) for value in values}) == len(values)
    assert [stable_hash(copy.deepcopy(value)) for value in values] == [stable_hash(value) for value in values]


def test_the_order_of_an_ordered_dict_counts_and_that_of_a_counter_does_not() -> None:
    assert stable_hash(OrderedDict(a=1, b=2)) != stable_hash(OrderedDict(b=2, a=1))
    assert stable_hash(Counter("ab")) == stable_hash(Counter("ba"))


def test_a_value_that_contains_itself_can_be_hashed() -> None:
    def ring(word: str) -> list[object]:
        items: list[object] = [word]
        items.append({"again": items})
        return items

    assert stable_hash(ring("a")) == stable_hash(ring("a"))
    assert stable_hash(ring("a")) != stable_hash(ring("b"))


def test_many_objects_that_all_know_each_other_are_hashed_once_each() -> None:
    class Node:
        def __init__(self, number: int) -> None:
            self.number = number
            self.others: list[Node] = []

    nodes = [Node(number) for number in range(30)]
    for node in nodes:
        node.others = nodes
    assert len(stable_hash(nodes)) == 16


def test_a_value_that_is_shared_at_every_level_is_hashed_once_a_level() -> None:
    value: list[object] = [object.__new__(Order)]
    for _ in range(60):
        value = [value, value]
    assert len(stable_hash(value)) == 16


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (threading.Lock(), "cfg cannot"),
        ({"a": [1, threading.Lock()]}, "cfg['a'][1] cannot"),
        (Order(1, [threading.Lock()]), "cfg.lines[0] cannot"),  # type: ignore[list-item]
        ((n for n in [1]), "cfg cannot be hashed: it is a generator, which can be read only once"),
        ([iter([1])], "cfg[0] cannot"),
        (functools.partial(print, file=threading.RLock()), "['file'] cannot"),
    ],
)
def test_what_cannot_be_hashed_is_named_with_the_way_to_it(value: object, where: str) -> None:
    with pytest.raises(HashError) as caught:
        stable_hash(value, "cfg")
    assert where in str(caught.value)


def test_open_files_and_connections_cannot_be_hashed(tmp_path: pathlib.Path) -> None:
    connection = sqlite3.connect(":memory:")
    with (tmp_path / "file").open("w") as file, pytest.raises(HashError, match="TextIOWrapper"):
        stable_hash(file)
    with pytest.raises(HashError, match=r"sqlite3\.Connection"):
        stable_hash({"db": connection})
    connection.close()


def test_a_value_nested_too_deeply_cannot_be_hashed() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(HashError, match="nested too deeply"):
        stable_hash(value)
    while value:  # taken apart step by step, since the interpreter would recurse too
        value = value.pop()  # type: ignore[assignment]


def test_an_object_whose_reduction_fails_cannot_be_hashed() -> None:
    class Hostile:
        def __reduce_ex__(self, protocol: object) -> str:
            raise ZeroDivisionError("no")

    with pytest.raises(HashError, match=r"Hostile \(no\)"):
        stable_hash(Hostile())


def test_arguments_of_a_call_that_cannot_be_hashed_count_by_type() -> None:
    one, two = call_hash({"lock": threading.Lock(), "x": 1}), call_hash({"lock": threading.Lock(), "x": 1})
    assert one == two
    assert one[0] != call_hash({"lock": threading.Lock(), "x": 2})[0]
    assert one[1] == "lock=lock object, x=1"


def test_the_text_of_a_call_shows_its_arguments() -> None:
    assert call_hash({"x": 1, "name": "otter"}) == (0, "x=1, name='otter'")
    assert call_hash({}) == (0, "")
    assert call_hash({"xs": [1, 2], "order": Order(1)})[1] == "xs=[1, 2], order=Order object"


def test_functions_among_the_arguments_of_a_call_count_by_their_code_and_closure() -> None:
    def times(factor: int) -> object:
        return lambda value: value * factor

    assert call_hash({"f": times(2)})[0] == call_hash({"f": times(2)})[0]
    assert call_hash({"f": times(2)})[0] != call_hash({"f": times(3)})[0]


def test_arrays_count_by_their_numbers_not_by_their_layout() -> None:
    numpy = pytest.importorskip("numpy")
    grid = numpy.arange(12, dtype="i4").reshape(3, 4)
    assert stable_hash(grid) == stable_hash(numpy.asfortranarray(grid)) == stable_hash(grid[::1].copy())
    different = [grid, grid.T, grid.astype("i8"), grid.reshape(4, 3), grid + 1, grid.tolist(), grid[:0]]
    assert len({stable_hash(value) for value in different}) == len(different)
    assert stable_hash(grid[:, ::2]) == stable_hash(grid[:, ::2].copy())


def test_arrays_of_all_kinds_can_be_hashed() -> None:
    numpy = pytest.importorskip("numpy")
    kinds = [
        numpy.float64(1.0),
        numpy.float32(1.0),
        numpy.int64(1),
        numpy.array("2024-01-01", dtype="datetime64[D]"),
        numpy.array(["a", "b"]),
        numpy.array(["a", None], dtype=object),
        numpy.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        numpy.array([], dtype="f8"),
        numpy.ma.masked_array([1, 2], mask=[0, 1]),
        numpy.dtype("f8"),
    ]
    assert len({stable_hash(value) for value in kinds}) == len(kinds)
    assert [stable_hash(copy.deepcopy(value)) for value in kinds] == [stable_hash(value) for value in kinds]


@pytest.mark.slow
def test_tables_count_by_their_columns() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": [1, 2], "b": ["x", None], "c": pandas.Categorical(["u", "v"])})
    assert stable_hash(table) == stable_hash(table.copy())
    assert stable_hash(table) == stable_hash(pandas.concat([table[["a"]], table[["b", "c"]]], axis=1))
    different = [
        table,
        table.rename(columns={"a": "z"}),
        table.assign(a=[1, 3]),
        table.set_index("a"),
        table[["b", "a", "c"]],
        table.assign(a=table["a"].astype("f8")),
        table["a"],
        table["a"].rename("q"),
        table.index,
    ]
    assert len({stable_hash(value) for value in different}) == len(different)


# --- large arguments ------------------------------------------------------------------------------


def numpy_bytes(content: bytes) -> object:
    return np.frombuffer(content, dtype=np.uint8)


def as_text(content: bytes) -> str:
    return content.decode("ascii")


def in_a_list(content: bytes) -> list[object]:
    return [content, 1]


SIZES = (PREVIEW_LIMIT - 6, PREVIEW_LIMIT + 1, 200_000)


def _changes(content: bytes) -> Iterator[bytes]:
    """Give bytes that differ from others in little."""
    size = len(content)
    for place in (0, 1, size // 2, size - 1):
        yield content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    yield content[1:] + content[:1]
    yield content[:50][::-1] + content[50:]
    yield content[:-1]
    yield content + b"\0"
    # What the sum of the bytes does not see, nor the sum of those sums.
    yield bytes([content[0] + 1, content[1] - 2, content[2] + 1]) + content[3:]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, numpy_bytes, as_text, in_a_list])
def test_large_arguments_count_by_all_their_content(kind: Callable[[bytes], object], size: int) -> None:
    content = bytes(100 + (place * place) % 27 for place in range(size))
    hashes = {identity({"x": kind(other)}) for other in (content, *_changes(content))}
    assert len(hashes) == 1 + len(list(_changes(content)))
    assert call_hash({"x": kind(bytes(content))}) == call_hash({"x": kind(content)})


@pytest.mark.parametrize("size", SIZES)
def test_large_arguments_of_different_types_differ(size: int) -> None:
    content = b"a" * size
    kinds = (bytes, bytearray, memoryview, numpy_bytes, as_text, in_a_list)
    assert len({identity({"x": kind(content)}) for kind in kinds}) == len(kinds)


def test_large_arguments_are_not_written_out() -> None:
    blob = b"a" * 1_000_000
    tracemalloc.start()
    call_hash({"blob": blob})
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < len(blob), "its text would take more than itself"
    _, text = call_hash({"blob": blob, "text": "b" * 1_000_000})
    assert len(text) <= PREVIEW_LIMIT
    assert text.startswith("blob=b'aaa")
