"""Values whose hashes every run of Python must compute alike; run as a program, it prints them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import functools
import pathlib
import re
import uuid
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple

import pydantic

from sluiceway.base.hashing import call_hash, code_hash, stable_hash

RATES = {"north": 3, "south": 5}
WORDS = {"heron", "avocet", "plover", "bittern", "egret"}


class Colour(enum.Enum):
    RED = 1
    GREEN = "green"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Order:
    number: int
    lines: list[str]
    colour: Colour = Colour.RED


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float


class Reading(pydantic.BaseModel):
    station: str
    when: dt.datetime
    values: dict[str, float]


class Plain:
    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)


Pair = namedtuple("Pair", "left right")


def rate(region: str) -> int:
    return RATES[region] + len(WORDS)


def doubled(region: str) -> int:
    return 2 * rate(region)


def scaled(factor: int) -> object:
    return lambda value: value * factor


VALUES: dict[str, object] = {
    "words": WORDS,
    "frozen": frozenset({("a", 1), ("b", 2.0), None, True}),
    "nested": {"b": [1, 2.5, {"c": (None, b"x")}], "a": {1: "one", "1": "number"}},
    "large": list(range(1_000)),
    "huge": 10**5_000,
    "enum": [Colour.RED, Access.READ | Access.WRITE],
    "order": Order(7, ["tea", "milk"]),
    "point": Point(1.0, -0.0),
    "model": Reading(station="A", when=dt.datetime(2024, 2, 29, tzinfo=dt.UTC), values={"t": 1.5}),
    "plain": Plain(tags={"x", "y", "z"}, where=pathlib.PurePosixPath("/a/b")),
    "pair": Pair("l", "r"),
    "decimal": decimal.Decimal("1.10"),
    "uuid": uuid.UUID(int=7),
    "times": [dt.timedelta(seconds=1.5), dt.time(1, 2), dt.date(2024, 1, 1)],
    "pattern": re.compile("a+b", re.IGNORECASE),
    "containers": [
        Counter("hello"),
        OrderedDict(b=1, a=2),
        defaultdict(list, x=[1]),
        deque([1, 2], maxlen=3),
    ],
    "error": ValueError("wrong", 3),
    "function": doubled,
    "closure": scaled(3),
    "partial": functools.partial(rate, region="north"),
    "class": Order,
    "builtin": len,
}


def hashes() -> dict[str, str]:
    """Return the hash of each value in hexadecimal."""
    found = {name: stable_hash(value).hex() for name, value in VALUES.items()}
    found["code"] = code_hash(doubled).hex()
    return found | {f"call {name}": str(call_hash({"value": value})[0]) for name, value in VALUES.items()}


if __name__ == "__main__":
    for name, digest in hashes().items():
        print(name, digest)
