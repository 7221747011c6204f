"""The wire: values of the model as JSON, for a journal that is reached over a network.

How a value is written follows from its class: the fields of named tuples, the slots of others, their types. So a
field that is added to the model travels, too. What has its default is left out. Reading is strict: what has a field
too many or too few, or one of the wrong type, is refused, with the place where it stands. Bytes are opaque: nothing
that was pickled is ever opened here.
"""

from __future__ import annotations

import collections.abc
import json
import pkgutil
import sys
import types
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from functools import cache
from importlib import import_module
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from sluiceway.base.ops import Op
from sluiceway.model.facts import Fact
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import State
from sluiceway.model.wire_values import PLAIN, Codec, WireError, expected, one_of, sized

WIRE_VERSION = 1
"""The number of the format; both sides must have the same one. What has its default is left out, so that a field
which gets one can be added under the same number."""

KEPT_HERE: Mapping[type, Mapping[str, Any]] = {State: {"data": None, "_id": None}}
"""Slots that do not travel, and what stands in them on the other side: the value of a state is kept as a result, and
its identifier nowhere."""

LIVE: Mapping[type, Mapping[str, Any]] = {
    kind: {"_state": None, "run_count": 0, "end": None, "next_start": None} for kind in (FlowRun, TaskRun)
}
"""The same within a fact: what changes while a run lives has facts of its own."""

_NEVER = object()


def encode(value: Any, hint: Any) -> bytes:
    """Return a value as JSON.

    Args:
        value: The value.
        hint: Its type, as an annotation names it.

    Raises:
        TypeError: It is not of this type.
        ValueError: JSON cannot take it.
    """
    return dump(codec(hint).write(value))


def decode(text: bytes, hint: Any) -> Any:
    """Return the value of a JSON text.

    Args:
        text: The text.
        hint: The type of the value, as an annotation names it.

    Raises:
        WireError: It is no JSON, or no value of this type; the message names the place.
    """
    return codec(hint).read(parse(text))


def dump(data: object) -> bytes:
    """Return plain data as JSON; as in a journal, what JSON does not know is written as its `repr`.

    Args:
        data: The data.
    """
    return json.dumps(data, default=repr, separators=(",", ":")).encode("ascii")


def parse(text: bytes) -> Any:
    """Return the plain data of a JSON text.

    Args:
        text: The text.

    Raises:
        WireError: It is no JSON.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise WireError("the JSON is nested too deeply") from None
    except ValueError as error:
        raise WireError(f"this is no JSON: {error}") from None


def codec(hint: Any) -> Codec:
    """Return how values of a type travel.

    Args:
        hint: The type, as an annotation names it.

    Raises:
        TypeError: Values of this type cannot travel.
    """
    return _codec(hint, False)


def hints_of(signed: Callable[..., Any]) -> dict[str, Any]:
    """Return the types in a signature, also those that are imported for type checkers alone.

    Args:
        signed: A function.
    """
    scope = {**_names(), **signed.__globals__}
    return get_type_hints(signed, scope, scope, include_extras=True)


@cache
def _names() -> dict[str, Any]:
    """Return the names that annotations may use: all those of the model."""
    room = sys.modules[__package__ or ""]
    names: dict[str, Any] = {"Mapping": Mapping, "Callable": Callable, "UUID": UUID, "datetime": datetime}
    names |= {name: getattr(collections.abc, name) for name in collections.abc.__all__}
    for module in pkgutil.iter_modules(room.__path__, room.__name__ + "."):
        names |= {name: value for name, value in vars(import_module(module.name)).items() if name[:2] != "__"}
    return names


@cache
def _codec(hint: Any, told: bool) -> Codec:
    """Return how values of a type travel; `told` says whether they do so within a fact."""
    origin = get_origin(hint)
    if origin is Annotated:
        base, size = get_args(hint)
        return sized(_codec(base, told), size)
    if origin in (Union, types.UnionType):
        return _union(get_args(hint), told)
    if origin is Literal:
        return one_of({value: value for value in get_args(hint)}, lambda value: value)
    if origin is not None and (container := _CONTAINERS.get(origin)) is not None:
        return container(get_args(hint), told)
    plain = PLAIN.get(hint)
    if plain is not None:
        return plain
    kind = origin or hint
    if not isinstance(kind, type):
        raise TypeError(f"Values of the type {hint!r} cannot travel.")
    if issubclass(kind, Enum):
        return one_of({member.value: member for member in kind}, lambda member: member.value)
    return _object(kind, get_args(hint), told or issubclass(kind, Op))


# --- values made of others ------------------------------------------------------------------------


def _many(make: Callable[[list[Any]], Any]) -> Callable[[tuple[Any, ...], bool], Codec]:
    """Return how any number of values of one type travel: as a list."""

    def made(arguments: tuple[Any, ...], told: bool) -> Codec:
        write_item, read_item, kind = _codec(arguments[0], told)
        ordered = make is not frozenset and make is not set

        def write(values: Any) -> list[Any]:
            items = [write_item(value) for value in values]
            return items if ordered else sorted(items)

        def read(data: Any) -> Any:
            return make(_items(data, read_item))

        return Codec(write, read, f"a list of {kind}")

    return made


def _items(data: Any, read: Callable[[Any], Any]) -> list[Any]:
    if type(data) is not list:
        raise expected("a list", data)
    items: list[Any] = []
    try:
        for item in data:
            items.append(read(item))
    except WireError as error:
        raise error.within(len(items)) from None
    return items


def _tuple(arguments: tuple[Any, ...], told: bool) -> Codec:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return _many(tuple)(arguments[:1], told)
    codecs = [_codec(argument, told) for argument in arguments]

    def write(values: tuple[Any, ...]) -> list[Any]:
        return [each.write(value) for each, value in zip(codecs, values, strict=True)]

    def read(data: Any) -> tuple[Any, ...]:
        if type(data) is not list or len(data) != len(codecs):
            raise WireError(f"a list of {len(codecs)} is needed")
        place = iter(codecs)
        return tuple(_items(data, lambda item: next(place).read(item)))

    return Codec(write, read, f"a list of {len(codecs)}")


def _mapping(arguments: tuple[Any, ...], told: bool) -> Codec:
    key, value = arguments
    if key is not str:  # JSON knows no other keys
        pairs = _many(tuple)((tuple[key, value],), told)  # type: ignore[valid-type]  # they are known only now
        return Codec(
            lambda mapping: pairs.write(mapping.items()), lambda data: dict(pairs.read(data)), "a list of pairs"
        )
    write_item, read_item, _ = _codec(value, told)

    def write(mapping: Mapping[str, Any]) -> dict[str, Any]:
        return {name: write_item(item) for name, item in mapping.items()}

    def read(data: Any) -> dict[str, Any]:
        if type(data) is not dict:
            raise expected("an object", data)
        found: dict[str, Any] = {}
        for name, item in data.items():
            try:
                found[name] = read_item(item)
            except WireError as error:
                raise error.within(name) from None
        return found

    return Codec(write, read, "an object")


_CONTAINERS: dict[Any, Callable[[tuple[Any, ...], bool], Codec]] = {
    tuple: _tuple,
    list: _many(list),
    frozenset: _many(frozenset),
    set: _many(set),
    collections.abc.Sequence: _many(tuple),
    collections.abc.Iterable: _many(tuple),
    collections.abc.Collection: _many(tuple),
    dict: _mapping,
    collections.abc.Mapping: _mapping,
}


def _union(choices: tuple[Any, ...], told: bool) -> Codec:
    """Return how one of several types travels: null, or the one other type, or the name of the type in front."""
    others = [choice for choice in choices if choice is not type(None)]
    if len(others) == 1:
        write_it, read_it, kind = _codec(others[0], told)
        return Codec(
            lambda value: None if value is None else write_it(value),
            lambda data: None if data is None else read_it(data),
            f"{kind} or null",
        )
    named = {_name_of(choice): _codec(choice, told) for choice in others}
    nullable = len(others) < len(choices)

    def write(value: Any) -> Any:
        if value is None and nullable:
            return None
        name = type(value).__name__
        if name not in named:
            raise TypeError(f"{type(value).__qualname__} is none of {', '.join(named)}.")
        return [name, named[name].write(value)]

    def read(data: Any) -> Any:
        if data is None and nullable:
            return None
        if type(data) is not list or len(data) != 2 or type(data[0]) is not str:
            raise WireError("a list of a type and a value is needed")
        if data[0] not in named:
            raise WireError(f"{data[0]!r:.40} is none of {', '.join(named)}").within(0)
        try:
            return named[data[0]].read(data[1])
        except WireError as error:
            raise error.within(data[0]) from None

    return Codec(write, read, f"one of {', '.join(named)}")


def _name_of(choice: Any) -> str:
    return str((get_origin(choice) or choice).__name__)


# --- objects --------------------------------------------------------------------------------------


class _Field(NamedTuple):
    """A part of an object: its attribute, its name on the wire, how it travels, and what stands for its absence."""

    attribute: str
    name: str
    codec: Codec
    default: Any


def _object(kind: type, arguments: tuple[Any, ...], told: bool) -> Codec:
    if hasattr(kind, "_fields"):
        fields = _fields_of_tuple(kind, arguments, told)
        make: Callable[[dict[str, Any]], Any] = lambda values: kind(**values)  # noqa: E731 - one of two ways
    else:
        stays = {**KEPT_HERE.get(kind, {}), **(LIVE.get(kind, {}) if told else {})}
        fields = _fields_of_slots(kind, told, stays)
        make = _maker(kind, fields, stays)

    def write(value: Any) -> dict[str, Any]:
        if not isinstance(value, kind):
            raise TypeError(f"{value!r:.80} is no {kind.__name__}.")
        written: dict[str, Any] = {}
        for attribute, name, (write_it, _, _), default in fields:
            part = getattr(value, attribute)
            if part is not default and (type(part) is not type(default) or part != default):
                written[name] = write_it(part)
        return written

    return Codec(write, _reader(kind, fields, make), f"a {kind.__name__}")


def _reader(kind: type, fields: list[_Field], make: Callable[[dict[str, Any]], Any]) -> Callable[[Any], Any]:
    by_name = {field.name: field for field in fields}
    required = [field.name for field in fields if field.default is _NEVER]

    def read(data: Any) -> Any:
        if type(data) is not dict:
            raise expected(f"a {kind.__name__}", data)
        values: dict[str, Any] = {}
        for name, item in data.items():
            field = by_name.get(name)
            if field is None:
                raise WireError(f"{kind.__name__} has no field {name!r:.40}")
            try:
                values[field.attribute] = field.codec.read(item)
            except WireError as error:
                raise error.within(name) from None
        missing = [name for name in required if name not in data]
        if missing:
            raise WireError(f"{kind.__name__} needs {', '.join(missing)}")
        return make(values)

    return read


def _maker(kind: Any, fields: list[_Field], stays: Mapping[str, Any]) -> Callable[[dict[str, Any]], Any]:
    """Return what makes objects from their slots, as `copy` does, rather than by their constructors."""
    absent = {**stays, **{field.attribute: field.default for field in fields if field.default is not _NEVER}}

    def make(values: dict[str, Any]) -> Any:
        made = kind.__new__(kind)
        for attribute, value in {**absent, **values}.items():
            setattr(made, attribute, value)
        return made

    return make


def _fields_of_tuple(kind: Any, arguments: tuple[Any, ...], told: bool) -> list[_Field]:
    scope = {**_names(), **vars(sys.modules[kind.__module__])}
    hints = get_type_hints(kind, scope, scope, include_extras=True)
    bound = dict(zip(getattr(kind, "__parameters__", ()), arguments, strict=False))
    return [
        _Field(name, name, _codec(_filled(hints[name], bound), told), kind._field_defaults.get(name, _NEVER))
        for name in kind._fields
    ]


def _filled(hint: Any, bound: Mapping[Any, Any]) -> Any:
    """Return a type in which type variables are replaced."""
    if isinstance(hint, TypeVar):
        return bound[hint]
    free = getattr(hint, "__parameters__", ())
    return hint[tuple(bound[each] for each in free)] if free else hint


def _fields_of_slots(kind: Any, told: bool, stays: Mapping[str, Any]) -> list[_Field]:
    slots = _slots_of(kind)
    if not slots:
        raise TypeError(f"Values of the type {kind!r} cannot travel: it has neither fields nor slots.")
    scope = {**_names(), **kind.__init__.__globals__}
    signature = get_type_hints(kind.__init__, scope, scope, include_extras=True)
    hints = signature | get_type_hints(kind, scope, scope, include_extras=True)
    defaults = _defaults_of(kind.__init__)
    fields = []
    for slot in slots:
        if slot in stays:
            continue
        if slot not in hints:
            raise TypeError(f"{kind.__name__}.{slot} has no type, so it cannot travel.")
        default = defaults.get(slot, None if type(None) in get_args(hints[slot]) else _NEVER)
        fits = default is not None or type(None) in get_args(hints[slot])
        fields.append(_Field(slot, slot.lstrip("_"), _codec(hints[slot], told), default if fits else _NEVER))
    return fields


def _slots_of(kind: type) -> list[str]:
    return [slot for base in kind.__mro__ for slot in vars(base).get("__slots__", ())]


def _defaults_of(signed: Any) -> dict[str, Any]:
    """Return the defaults of a function's arguments by name."""
    code, defaults = signed.__code__, signed.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount]
    return dict(zip(names[len(names) - len(defaults) :], defaults, strict=True)) | (signed.__kwdefaults__ or {})


FACT_LIST: Any = tuple[Fact, ...]
"""The type of facts that follow each other, as `encode` and `decode` take it."""
