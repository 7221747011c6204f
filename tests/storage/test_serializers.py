"""What is serialised comes back equal, and what cannot be is refused with a remedy."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import os
import pathlib
import subprocess
import sys
import threading
import uuid
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from typing import Any

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.base.errors import InvalidOptionError, SerializationError
from sluiceway.serializers import (
    CompressedJSONSerializer,
    CompressedPickleSerializer,
    CompressedSerializer,
    JSONSerializer,
    PickleSerializer,
    Serializer,
)
from sluiceway.storage.serializers import resolve_serializer

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
RICH = (
    PLAIN
    | st.datetimes(timezones=st.just(dt.UTC)).map(lambda moment: moment.replace(fold=0))  # ISO 8601 has no folds
    | st.datetimes().map(lambda moment: moment.replace(fold=0))
    | st.dates()
    | st.times().map(lambda time: time.replace(fold=0))
    | st.timedeltas()
    | st.uuids()
    | st.decimals(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.frozensets(st.integers() | st.text())
    | st.sets(st.dates())
)
TREES = st.recursive(
    RICH, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)


class Colour(enum.Enum):
    RED = (1, 2)
    GREEN = "g"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Point(pydantic.BaseModel):
    x: float
    when: dt.datetime
    names: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Order:
    number: int
    lines: tuple[str, ...]
    colour: Colour = Colour.GREEN


@dataclasses.dataclass(eq=False)
class Identity:
    number: int


class OddError(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


Pair = namedtuple("Pair", "left right")


def module_function(x: int) -> int:
    return x + 1


@given(TREES)
@settings(max_examples=50)
def test_pickles_come_back_equal(value: object) -> None:
    serializer = PickleSerializer[object]()
    assert serializer.loads(serializer.dumps(value)) == value


@given(TREES)
@settings(max_examples=50)
def test_json_comes_back_equal_and_of_the_same_types(value: Any) -> None:
    serializer = JSONSerializer[Any]()
    restored = serializer.loads(serializer.dumps(value))
    assert restored == value
    assert repr(restored) == repr(value) or "{" in repr(value)  # sets have no order


@given(TREES, st.sampled_from(["lzma", "zlib", "gzip", "bz2"]), st.sampled_from(["json", "pickle"]))
@settings(max_examples=50)
def test_compressed_values_come_back_equal(value: object, library: str, inner: str) -> None:
    serializer = CompressedSerializer[object](serializer=inner, compressionlib=library)
    assert resolve_serializer(serializer.label).loads(serializer.dumps(value)) == value


@pytest.mark.parametrize(
    "value",
    [
        Colour.RED,
        Colour.GREEN,
        Access.READ | Access.WRITE,
        Point(x=1.5, when=dt.datetime(2024, 2, 29, tzinfo=dt.UTC), names=("a", "b")),
        Order(1, ("tea",)),
        pathlib.PurePosixPath("/a/b"),
        bytearray(b"\xff"),
        [Order(1, ()), {"nested": Point(x=0, when=dt.datetime(2024, 1, 1))}],
    ],
    ids=repr,
)
@pytest.mark.parametrize("serializer", ["json", "pickle", "compressed/json", "compressed/pickle"])
def test_objects_come_back_equal(value: object, serializer: str) -> None:
    chosen = resolve_serializer(serializer)
    restored = chosen.loads(chosen.dumps(value))
    assert restored == value
    assert type(restored) is type(value)


@pytest.mark.parametrize("serializer", ["json", "pickle"])
@pytest.mark.parametrize("error", [ValueError("x"), KeyError("a", 1), OddError("a", "b"), OSError(2, "gone")], ids=repr)
def test_exceptions_come_back(error: Exception, serializer: str) -> None:
    chosen = resolve_serializer(serializer)
    if isinstance(error, OddError) and serializer == "pickle":
        return  # Python's own rule: such an exception pickles, but does not come back
    restored = chosen.loads(chosen.dumps(error))
    assert type(restored) is type(error)
    assert str(restored) == str(error)
    assert restored.args == error.args


def test_json_knows_no_tuples_and_no_keys_but_texts() -> None:
    serializer = JSONSerializer[Any]()
    assert serializer.loads(serializer.dumps({"a": (1, Pair(2, 3)), 4: 5})) == {"a": [1, [2, 3]], "4": 5}


def test_json_leaves_objects_of_others_alone() -> None:
    serializer = JSONSerializer[Any]()
    for value in ({"__class__": "x"}, {"__class__": "x", "data": 1, "more": 2}, {"data": 1}):
        assert serializer.loads(serializer.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"__class__": "os.system", "data": "true"}', "os.system is not a class"),
        ('{"__class__": "nowhere.Thing", "data": 1}', "the class nowhere.Thing is not at hand"),
        ('{"__class__": "subprocess.Popen", "data": "true"}', "JSON cannot hold an object of type Popen"),
        ('{"__exc_type__": "builtins.int", "message": "x"}', "builtins.int is not an exception"),
        ("{", "Expecting property name"),
    ],
)
def test_json_that_cannot_be_read_says_why_and_calls_nothing(text: str, reason: str) -> None:
    with pytest.raises(SerializationError, match=reason):
        JSONSerializer[Any]().loads(text.encode())


class Masked(pydantic.BaseModel):
    secret: pydantic.SecretStr


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (threading.Lock(), "_thread.lock.*JSON cannot hold an object of type lock"),
        (Masked(secret=pydantic.SecretStr("hunter2")), "would not come back equal"),
        ({(1, 2): 3}, "keys must be"),
        (module_function, "function"),
        (Order(1, (), Colour.RED), "cannot hold what is in an object of type Order"),
        (dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))), None),
    ],
    ids=["lock", "masked", "keys", "function", "nested", "offset"],
)
def test_json_refuses_what_would_not_come_back(value: object, reason: str | None) -> None:
    serializer = JSONSerializer[Any]()
    if reason is None:
        assert serializer.loads(serializer.dumps(value)) == value
        return
    with pytest.raises(SerializationError, match=reason) as caught:
        serializer.dumps(value)
    assert "hunter2" not in str(caught.value)


def test_json_refuses_classes_that_cannot_be_named() -> None:
    @dataclasses.dataclass
    class Local:
        x: int = 1

    with pytest.raises(SerializationError, match="defined inside a function"):
        JSONSerializer[Any]().dumps(Local())


def test_json_takes_objects_without_a_notion_of_equality() -> None:
    serializer = JSONSerializer[Any]()
    assert serializer.loads(serializer.dumps(Identity(3))).number == 3


def test_options_of_the_json_library_are_passed_on() -> None:
    assert JSONSerializer[Any](dumps_kwargs={"indent": 1}).dumps({"a": 1}) == b'{\n "a": 1\n}'
    ordered = JSONSerializer[Any](object_decoder=None, loads_kwargs={"object_pairs_hook": OrderedDict})
    assert type(ordered.loads(b'{"a": 1}')) is OrderedDict
    with pytest.raises(SerializationError, match="set is not JSON serializable"):
        JSONSerializer[Any](object_encoder=None).dumps({1})


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: JSONSerializer(dumps_kwargs={"default": repr}), "use object_encoder instead"),
        (lambda: JSONSerializer(loads_kwargs={"object_hook": dict}), "use object_decoder instead"),
        (lambda: JSONSerializer(jsonlib="no_such_json"), "jsonlib 'no_such_json' cannot be imported"),
        (lambda: JSONSerializer(jsonlib=""), "jsonlib '' cannot be imported"),
        (lambda: JSONSerializer(jsonlib=".json"), "jsonlib '.json' cannot be imported"),
        (lambda: PickleSerializer(picklelib="no_such_pickle"), "picklelib 'no_such_pickle' cannot be imported"),
        (lambda: PickleSerializer(picklelib="math"), "'math' has no function 'dumps'"),
        (lambda: PickleSerializer(picklelib_version="0.1"), "cloudpickle 0.1 is asked for, but"),
        (lambda: CompressedSerializer(serializer="json", compressionlib="no_such"), "'no_such' cannot be imported"),
        (lambda: CompressedSerializer(serializer="no-such"), "no serializer 'no-such'; there are: compressed"),
        (lambda: resolve_serializer("no-such"), "no serializer 'no-such'"),
        (lambda: resolve_serializer(3), "not a int"),  # type: ignore[arg-type]
        (lambda: TextSerializer(level=3), "has no option 'level'; it has: encoding, prefix"),
        (lambda: TextSerializer(), "needs the option 'prefix'"),
        (lambda: Serializer().dumps(1), "write its method `dumps`"),
        (lambda: Serializer().loads(b""), "write its method `loads`"),
    ],
)  # fmt: skip
def test_a_bad_option_is_named(make: Callable[[], object], reason: str) -> None:
    with pytest.raises(InvalidOptionError, match=reason):
        make()


def test_what_cannot_be_pickled_is_refused_with_a_remedy() -> None:
    with pytest.raises(SerializationError) as caught:
        PickleSerializer[Any]().dumps({"a": threading.Lock()})
    assert "A value of type dict cannot be stored with the pickle serializer" in str(caught.value)
    assert "persist_result=False" in str(caught.value)
    with pytest.raises(SerializationError, match="Return a list of what it yields"):
        PickleSerializer[Any]().dumps(number for number in range(3))
    with pytest.raises(SerializationError, match="stored with the pickle serializer"):
        PickleSerializer[Any](picklelib="pickle").dumps(lambda: 1)


@pytest.mark.parametrize("serializer", ["json", "pickle", "compressed/json", "compressed/pickle"])
@pytest.mark.parametrize("blob", [b"", b"garbage", b"\x80\x05."], ids=repr)
def test_damaged_bytes_are_refused(serializer: str, blob: bytes) -> None:
    with pytest.raises(SerializationError, match="cannot be"):
        resolve_serializer(serializer).loads(blob)


def test_functions_and_classes_defined_inside_others_come_back() -> None:
    class Local:
        def __init__(self, value: int) -> None:
            self.value = value

    serializer = PickleSerializer[Any]()
    assert serializer.loads(serializer.dumps([Local(3), lambda x: x + 1]))[1](1) == 2
    assert serializer.loads(serializer.dumps(module_function)) is module_function


SCRIPT = """
import sys
from sluiceway.serializers import PickleSerializer

class Shop:
    def __init__(self, name):
        self.name = name

def greet(name):
    return "Hello " + name

sys.stdout.write(PickleSerializer().dumps({dumped}).hex())
print(file=sys.stderr, end="cloudpickle" if "cloudpickle" in sys.modules else "pickle")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dumped", "check", "library"),
    [
        ("[1, 'two', {3: (4.0, None)}]", "[1, 'two', {3: (4.0, None)}]", "pickle"),
        ("__import__('decimal').Decimal('1.1')", "Decimal('1.1')", "pickle"),
        ("Shop('tea')", None, "cloudpickle"),
        ("greet", None, "cloudpickle"),
    ],
)
def test_cloudpickle_is_imported_only_for_what_others_could_not_import(
    dumped: str, check: str | None, library: str, tmp_path: pathlib.Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("{dumped}", dumped))
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=True, env=os.environ
    )
    value = PickleSerializer[Any]().loads(bytes.fromhex(done.stdout))
    assert done.stderr == library
    if check is not None:
        assert repr(value) == check
    else:
        assert getattr(value, "name", None) == "tea" or value("Ada") == "Hello Ada"


class TextSerializer(Serializer[str]):
    type: str = "text"
    prefix: str
    encoding: str = "utf-8"

    def dumps(self, obj: str) -> bytes:
        return (self.prefix + obj).encode(self.encoding)

    def loads(self, blob: bytes) -> str:
        return blob.decode(self.encoding).removeprefix(self.prefix)


class Inherited(PickleSerializer[Any]):
    pass


def test_a_serializer_of_ones_own_is_known_by_its_type() -> None:
    serializer = TextSerializer(prefix="> ", encoding="latin-1")
    assert serializer.dumps("é") == b"> \xe9"
    assert resolve_serializer(serializer.label) == serializer
    packed = CompressedSerializer[str](serializer=serializer, compressionlib="zlib")
    assert resolve_serializer(packed.label).loads(packed.dumps("é")) == "é"
    assert resolve_serializer(Inherited().label) == Inherited()


def test_labels_tell_what_a_reader_needs_and_nothing_else() -> None:
    assert PickleSerializer[Any]().label == "pickle"
    assert JSONSerializer[Any](dumps_kwargs={"indent": 2}).label == "json"
    assert CompressedPickleSerializer[Any]().label == "compressed/pickle"
    assert CompressedJSONSerializer[Any](compressionlib="zlib").label == 'compressed/json {"compressionlib": "zlib"}'
    assert PickleSerializer[Any](picklelib="pickle").label == 'pickle {"picklelib": "pickle"}'
    with pytest.raises(SerializationError, match="cannot be written down"):
        _ = JSONSerializer[Any](loads_kwargs={"cls": json.JSONDecoder}).label


def test_serializers_are_compared_and_written_by_their_options() -> None:
    assert JSONSerializer[Any]() == JSONSerializer[Any]() != JSONSerializer[Any](dumps_kwargs={"indent": 1})
    assert repr(PickleSerializer[Any]()) == (
        "PickleSerializer(type='pickle', picklelib='cloudpickle', picklelib_version=None)"
    )
    assert PickleSerializer.__module__ == Serializer.__module__ == "sluiceway.serializers"
    assert resolve_serializer(PickleSerializer[Any]()) == PickleSerializer[Any]()


def test_many_serializable_types_survive_pickle() -> None:
    values = [uuid.uuid4(), decimal.Decimal("1.10"), dt.timedelta(1), Order(1, ()), Point(x=1, when=dt.datetime.now())]
    serializer = PickleSerializer[Any]()
    assert serializer.loads(serializer.dumps(values)) == values
