"""The ways through a value that is hashed.

Plain data is a tree: each part is hashed by itself, so that it does not matter whether two parts are one
object or two equal ones. Data with cycles, and code, are graphs: what was met before is named by the number
at which it was met.
"""

from __future__ import annotations

import copyreg
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cached_property, lru_cache
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    MappingProxyType,
    MethodType,
    ModuleType,
)
from typing import Any

from sluiceway.base import sources, tables
from sluiceway.base.keys import lasting_module
from sluiceway.base.previews import preview
from sluiceway.base.tokens import ATOMS, CHECKED_ATOMS, named, node, packed, type_token

MOST_READ_BY_CODE = 20_000
"""How many objects code may read, directly and through others."""

_MOST_REMEMBERED = 10_000
_MUTABLE = (list, dict, set, bytearray)


class Obstacle(Exception):
    """Something that cannot be hashed, with the steps that led to it, the last one first."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.steps: list[str] = []

    def after(self, step: str) -> Obstacle:
        """Return the same obstacle, seen from one step before."""
        self.steps.append(step)
        return self


class Cycle(Exception):
    """The value contains itself."""


class TooMuch(Exception):
    """The code reads too many objects."""


class Walk:
    """One walk through a value.

    Args:
        graph: Whether what was met before is named by its number rather than hashed again.
    """

    __slots__ = ("_graph", "_met")

    atoms = ATOMS

    def __init__(self, graph: bool = False) -> None:
        self._graph = graph
        self._met: dict[int, tuple[object, bytes | None]] = {}
        """By identity: the object, so that it stays alive, and its token; None while that is being made."""

    def token(self, value: object) -> bytes:
        """Return the token of a value."""
        kind = type(value)
        atom = self.atoms.get(kind)
        if atom is not None:
            return atom(value)
        key = id(value)
        met = self._met.get(key)
        if met is not None:
            if met[1] is None:
                raise Cycle
            return met[1]
        if self._graph:
            if kind not in (tuple, frozenset):  # equal ones are one object or several by chance
                self._met[key] = (value, b"@%d" % len(self._met))
            return self._compound(value, kind)
        self._met[key] = (value, None)
        token = self._compound(value, kind)
        if len(self._met) < _MOST_REMEMBERED:
            self._met[key] = (value, token)
        else:
            del self._met[key]
        return token

    def step(self, value: object, step: str) -> bytes:
        """Return the token of a part of a value.

        Args:
            value: The part.
            step: How the part is reached, such as `.name` or `[0]`.
        """
        try:
            return self.token(value)
        except Obstacle as obstacle:
            raise obstacle.after(step) from None

    def _compound(self, value: Any, kind: type) -> bytes:
        by_kind = _BY_KIND.get(kind)
        if by_kind is not None:
            return by_kind(self, value)
        if issubclass(kind, type):
            return self._class(value)
        if issubclass(kind, Enum):
            return node(b"enum", (type_token(kind), repr(value._name_).encode(), self.token(value._value_)))
        if issubclass(kind, set | frozenset):
            state = getattr(value, "__dict__", None)
            return node(b"set of", (type_token(kind), self._set(value), self._state(state, kind)))
        return self._object(value, kind)

    # --- containers -------------------------------------------------------------------------------

    def _sequence(self, value: Sequence[Any]) -> bytes:
        tag = b"tuple" if type(value) is tuple else b"list"
        at_once = packed(value)
        if at_once is not None:
            return node(tag, (at_once,))
        return node(tag, [self.step(item, f"[{place}]") for place, item in enumerate(value)])

    def _dict(self, value: Mapping[Any, Any]) -> bytes:
        if set(map(type, value)) == {str}:
            at_once = packed([part for key in sorted(value) for part in (key, value[key])])
            if at_once is not None:
                return node(b"dict", (at_once,))
        parts: list[bytes] = []
        for token, key in sorted([(self.token(key), key) for key in value], key=lambda pair: pair[0]):
            parts += (token, self.step(value[key], f"[{preview(key, 40)}]"))
        return node(b"dict of", parts)

    def _set(self, value: Iterable[Any]) -> bytes:
        tag = b"frozenset" if isinstance(value, frozenset) else b"set"
        return node(tag, sorted([self._apart(item) for item in value]))

    def _apart(self, item: object) -> bytes:
        """Return the token of an element of a set, whose place in the walk is not settled."""
        if not self._graph or type(item) in ATOMS:
            return self.token(item)
        met = self._met
        self._met = met.copy()
        try:
            return self.token(item)
        finally:
            self._met = met

    # --- objects ----------------------------------------------------------------------------------

    def _object(self, value: Any, kind: type) -> bytes:
        parts = tables.parts_of(value, kind)
        if parts is not None:
            return node(b"table", [self.token(part) for part in parts])
        if kind.__module__.startswith("sluiceway.") and isinstance(getattr(value, "fn", None), FunctionType):
            return node(b"task", (type_token(kind), self.token(value.fn)))
        if hasattr(kind, "__next__"):
            raise Obstacle(f"it is a {kind.__qualname__}, which can be read only once")
        reduced = _reduced(value, kind)
        if isinstance(reduced, str):
            return self._global(value, reduced)
        make, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
        if getattr(make, "__module__", None) == "copyreg" and arguments:
            make, arguments = arguments[0], arguments[1:]
        tokens = [self._maker(make), self.step(arguments, ""), self._state(state, kind)]
        if items is not None:
            tokens.append(self._sequence(list(items)))
        if pairs is not None:
            ordered = issubclass(kind, OrderedDict)
            tokens.append(self._sequence(list(pairs)) if ordered else self._dict(dict(pairs)))
        return node(b"object", tokens)

    def _state(self, state: Any, kind: type) -> bytes:
        """Return the token of the state of an object, without what was merely computed from it."""
        if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):
            return node(b"state", (self._state(state[0], kind), self._state(state[1], kind)))
        if not isinstance(state, dict):
            return b"" if state is None else self.step(state, "")
        if "__pydantic_fields_set__" in state:
            rest = {**state, "__dict__": None, "__pydantic_fields_set__": None}
            return node(b"model", (self._state(state["__dict__"], kind), self.token(rest)))
        parts: list[bytes] = []
        for name in sorted(state.keys() - _remembered(kind), key=str):
            parts += (self.token(name), self.step(state[name], f".{name}"))
        return node(b"state", parts)

    def _maker(self, value: Any) -> bytes:
        """Return the token of what an object is made by, which counts by its name."""
        if isinstance(value, type | FunctionType | BuiltinFunctionType):
            return named(b"name", lasting_module(value.__module__), value.__qualname__)
        return self.token(value)

    def _global(self, value: Any, name: str) -> bytes:
        """Return the token of what `pickle` would take from a module by its name."""
        token = named(b"global", getattr(value, "__module__", None), name)
        wrapped = getattr(value, "__wrapped__", None)
        return token if wrapped is None else node(b"wrapper", (token, self.token(wrapped)))

    def _method(self, method: MethodType) -> bytes:
        return node(b"method", (self.token(method.__func__), self.step(method.__self__, ".__self__")))

    # --- code -------------------------------------------------------------------------------------

    def _function(self, function: FunctionType) -> bytes:
        return CodeWalk().token(function)

    def _class(self, cls: type) -> bytes:
        return CodeWalk().token(cls)

    def _module(self, module: ModuleType) -> bytes:
        return named(b"module", module.__name__, sources.version(module.__name__))


class CallWalk(Walk):
    """A walk through the arguments of a call: code counts by itself, not by what it reads, and bulk by checksums."""

    __slots__ = ()

    atoms = CHECKED_ATOMS

    def _function(self, function: FunctionType) -> bytes:
        name = named(b"name", lasting_module(function.__module__), function.__qualname__)
        parts = [name, _code_token(function.__code__), self.step(function.__defaults__, "")]
        parts += [self.step(value, f".{name}") for name, value in _closure(function)]
        return node(b"function", parts)

    def _class(self, cls: type) -> bytes:
        return type_token(cls)


class CodeWalk(Walk):
    """A walk through code and whatever it reads.

    Args:
        home: The package whose code is followed in any case, though it may be an installed one.
    """

    __slots__ = ("_home", "_strict")

    def __init__(self, home: str = "") -> None:
        super().__init__(graph=True)
        self._home = home
        self._strict = False
        """Whether a resource makes a resource of what holds it."""

    def _is_own(self, module: str) -> bool:
        return sources.is_own(module) or (module.partition(".")[0] == self._home and not sources.is_standard(module))

    def _compound(self, value: Any, kind: type) -> bytes:
        """Return the token of a compound; of a resource, its type is all that counts.

        An object of an installed package that holds a resource, such as a client with its connections, is one
        as a whole: its inside is the package's business and changes as it likes.
        """
        met, strict = len(self._met), self._strict
        if met > MOST_READ_BY_CODE:
            raise TooMuch
        own = self._is_own(kind.__module__)
        if isinstance(value, FunctionType | type) or own:
            self._strict = False
        elif not sources.is_standard(kind.__module__):
            self._strict = True
        try:
            token = super()._compound(value, kind)
            return node(b"own", (token, self.token(kind))) if own else token
        except Obstacle:
            if strict:
                raise
            while len(self._met) > met:  # what was met inside is to count when it is met elsewhere
                self._met.popitem()
            return node(b"resource", (type_token(kind),))
        finally:
            self._strict = strict

    def _function(self, function: FunctionType) -> bytes:
        code = function.__code__
        module = str(function.__globals__.get("__name__", ""))
        own = self._is_own(module)
        parts = [
            _code_token(code) if own else self._foreign(module, function.__qualname__),
            self.token(function.__defaults__),
            self.token(function.__kwdefaults__),
        ]
        for name, value in _closure(function):
            parts += self._variable(code, name, value)
        if own:
            for name in sources.outer_names(code).read:
                if name in function.__globals__:
                    parts += self._variable(code, name, function.__globals__[name])
        elif "__wrapped__" in function.__dict__:
            parts.append(self.token(function.__dict__["__wrapped__"]))
        return node(b"function", parts)

    def _variable(self, code: CodeType, name: str, value: object) -> tuple[bytes, ...]:
        """Return the tokens of a variable outside the function; none if the function only writes it."""
        may_change = isinstance(value, _MUTABLE) or name in sources.outer_names(code).rebound
        if may_change and name in sources.only_written(code):
            return ()
        if isinstance(value, ModuleType) and self._is_own(value.__name__):
            return (name.encode(), self._own_module(value, code))
        return (name.encode(), self.token(value))

    def _own_module(self, module: ModuleType, code: CodeType, path: tuple[ModuleType, ...] = ()) -> bytes:
        """Return the token of what a function mentions of a module of the user's, and of modules in that."""
        members, path = vars(module), (*path, module)
        parts = [module.__name__.encode()]
        for name in sorted(sources.mentioned(code).intersection(members)):
            member = members[name]
            if not isinstance(member, ModuleType):
                parts += (name.encode(), self.token(member))
            elif self._is_own(member.__name__) and member not in path:
                parts += (name.encode(), self._own_module(member, code, path))
        return node(b"own module", parts)

    def _class(self, cls: type) -> bytes:
        if not self._is_own(cls.__module__):
            return self._foreign(cls.__module__, cls.__qualname__)
        parts = [cls.__qualname__.encode(), *[self.token(base) for base in cls.__bases__]]
        for name in sorted(vars(cls)):
            for part in sources.member_parts(name, vars(cls)[name]):
                parts += (name.encode(), self.token(part))
        fields = getattr(cls, "__pydantic_fields__", None) or {}
        parts += [named(b"field", name, repr(field.default)) for name, field in fields.items()]
        return node(b"class", parts)

    def _foreign(self, module: str, name: str) -> bytes:
        return named(b"foreign", module, name, sources.version(module))


@lru_cache(maxsize=4096)
def _code_token(code: CodeType) -> bytes:
    """Return the token of what the interpreter runs: where it stands in a file does not count."""
    layout = (
        code.co_name,
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_flags,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_code,
        code.co_exceptiontable,
        code.co_consts,
    )
    return node(b"code", (Walk().token(layout),))


def _closure(function: FunctionType) -> Iterator[tuple[str, object]]:
    """Give the variables that a function closes over, with their values."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not assigned yet
            yield name, ...


def _reduced(value: Any, kind: type) -> str | tuple[Any, ...]:
    """Return what `pickle` would rebuild an object from."""
    by_kind = copyreg.dispatch_table.get(kind)
    try:
        reduced: str | tuple[Any, ...] = value.__reduce_ex__(4) if by_kind is None else by_kind(value)
    except RecursionError:
        raise
    except Exception as error:
        raise Obstacle(f"it is a {kind.__module__}.{kind.__qualname__} ({error})") from None
    return reduced


@lru_cache(maxsize=1024)
def _remembered(kind: type) -> frozenset[str]:
    """Return the names of the attributes that hold what a `cached_property` remembers."""
    members = [pair for base in kind.__mro__ for pair in vars(base).items()]
    return frozenset(name for name, member in members if isinstance(member, cached_property))


_BY_KIND: dict[type, Callable[[Any, Any], bytes]] = {
    list: Walk._sequence,
    tuple: Walk._sequence,
    dict: Walk._dict,
    MappingProxyType: Walk._dict,
    set: Walk._set,
    frozenset: Walk._set,
    FunctionType: lambda walk, function: walk._function(function),
    MethodType: Walk._method,
    ModuleType: Walk._module,
    CodeType: lambda _, code: _code_token(code),
}
