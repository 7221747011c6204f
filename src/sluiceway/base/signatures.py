"""Signatures: binding arguments to parameter names, and back, at the cost of a dictionary.

`inspect.signature(f).bind(…)` takes several microseconds a call, and importing `inspect` several
milliseconds; a plain function tells everything by its code object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import CodeType, FunctionType, MethodType
from typing import Any

from sluiceway.base.errors import ParameterBindError, ReservedArgumentError

RESERVED = frozenset({"return_state", "wait_for"})
"""Names that a call takes for itself, so that no parameter may have them."""

_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x200  # flags of code objects, as in `inspect`
_VARIABLE_POSITIONAL, _VARIABLE_KEYWORD = 0x04, 0x08


class Signature:
    """The parameters of a function.

    Args:
        name: The name of the function, for messages.
        positional: Names of the parameters that may be given by position, in order.
        positional_only: How many of them may be given by position only.
        keyword_only: Names of the parameters that are given by name only.
        defaults: Values of those that may be left out.
        variable_positional: The name behind `*`, if any.
        variable_keyword: The name behind `**`, if any.
    """

    __slots__ = (
        "_left_out",
        "_simple",
        "defaults",
        "keyword_only",
        "name",
        "positional",
        "positional_only",
        "variable_keyword",
        "variable_positional",
    )

    def __init__(
        self,
        name: str,
        positional: Sequence[str],
        positional_only: int,
        keyword_only: Sequence[str],
        defaults: Mapping[str, Any],
        variable_positional: str | None,
        variable_keyword: str | None,
    ) -> None:
        self.name: str = name
        self.positional: tuple[str, ...] = tuple(positional)
        self.positional_only: int = positional_only
        self.keyword_only: tuple[str, ...] = tuple(keyword_only)
        self.defaults: dict[str, Any] = dict(defaults)
        self.variable_positional: str | None = variable_positional
        self.variable_keyword: str | None = variable_keyword
        self._simple = not (positional_only or variable_positional or variable_keyword)
        self._left_out = self._trailing_defaults() if self._simple and not self.keyword_only else {}

    def _trailing_defaults(self) -> dict[int, tuple[Any, ...]]:
        """Return, by the number of arguments that a call gives by position, the values of those that it leaves out."""
        left_out: dict[int, tuple[Any, ...]] = {len(self.positional): ()}
        for count in reversed(range(len(self.positional))):
            if self.positional[count] not in self.defaults:
                break
            left_out[count] = (self.defaults[self.positional[count]], *left_out[count + 1])
        return left_out

    @property
    def names(self) -> tuple[str, ...]:
        """All parameter names, in the order of the signature."""
        variable = (self.variable_positional,) if self.variable_positional else ()
        rest = (self.variable_keyword,) if self.variable_keyword else ()
        return (*self.positional, *variable, *self.keyword_only, *rest)

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call by parameter name, defaults included.

        Raises:
            ParameterBindError: They do not fit; the message names the function and the parameter.
        """
        if not kwargs:
            left_out = self._left_out.get(len(args))
            if left_out is not None:
                return dict(zip(self.positional, args + left_out))  # noqa: B905 - of equal length; `strict` costs 0.4 µs
        return self._bind_by_rule(args, kwargs)

    def _bind_by_rule(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        bound: dict[str, Any] = dict(zip(self.positional, args, strict=False))
        surplus = args[len(self.positional) :]
        if surplus and self.variable_positional is None:
            raise self._misfit(f"takes {len(self.positional)} positional arguments but {len(args)} were given")
        by_name = dict(kwargs)
        for index, name in enumerate(self.positional):
            if name in bound:
                if name in by_name and index >= self.positional_only:
                    raise self._misfit(f"got multiple values for argument {name!r}")
            elif name in by_name and index >= self.positional_only:
                bound[name] = by_name.pop(name)
            else:
                bound[name] = self._default(name, by_name)
        if self.variable_positional is not None:
            bound[self.variable_positional] = surplus
        for name in self.keyword_only:
            bound[name] = by_name.pop(name) if name in by_name else self._default(name, by_name)
        if self.variable_keyword is not None:
            bound[self.variable_keyword] = by_name
        elif by_name:
            raise self._misfit(f"got an unexpected keyword argument {next(iter(by_name))!r}")
        return bound

    def _default(self, name: str, by_name: Mapping[str, Any]) -> Any:
        if name in self.defaults:
            return self.defaults[name]
        if name in by_name and self.variable_keyword is None:
            raise self._misfit(f"takes the argument {name!r} by position only")
        raise self._misfit(f"missing a required argument: {name!r}")

    def _misfit(self, reason: str) -> ParameterBindError:
        return ParameterBindError(f"{self.name}() {reason}. Its signature is {self}.")

    def bound(self) -> Signature:
        """Return the signature of the function with its first parameter given, as a method has it."""
        return Signature(
            self.name,
            self.positional[1:],
            max(0, self.positional_only - 1),
            self.keyword_only,
            {name: value for name, value in self.defaults.items() if name not in self.positional[:1]},
            self.variable_positional,
            self.variable_keyword,
        )

    def arguments(self, parameters: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return positional and keyword arguments that call the function with these parameters.

        Args:
            parameters: What `bind` returned, values possibly replaced.
        """
        if self._simple:
            return (), parameters
        by_name = dict(parameters)
        given = (
            [by_name.pop(name) for name in self.positional if name in by_name]
            if self.variable_positional
            else [by_name.pop(name) for name in self.positional[: self.positional_only] if name in by_name]
        )
        if self.variable_positional:
            given.extend(by_name.pop(self.variable_positional, ()))
        if self.variable_keyword:
            by_name.update(by_name.pop(self.variable_keyword, {}))
        return tuple(given), by_name

    def check_reserved(self, what: str) -> None:
        """Refuse parameters whose names a call takes for itself.

        Args:
            what: The kind of thing, for the message: `Flow` or `Task`.

        Raises:
            ReservedArgumentError: There is one.
        """
        for name in self.names:
            if name in RESERVED:
                raise ReservedArgumentError(
                    f"{what} {self.name!r} has a parameter named {name!r}, which every call takes for itself; "
                    "rename the parameter."
                )

    def __str__(self) -> str:
        def shown(name: str) -> str:
            return f"{name}={self.defaults[name]!r}" if name in self.defaults else name

        parts = [shown(name) for name in self.positional]
        if self.positional_only:
            parts.insert(self.positional_only, "/")
        if self.variable_positional:
            parts.append(f"*{self.variable_positional}")
        elif self.keyword_only:
            parts.append("*")
        parts.extend(shown(name) for name in self.keyword_only)
        if self.variable_keyword:
            parts.append(f"**{self.variable_keyword}")
        return f"({', '.join(parts)})"


def signature_of(fn: Callable[..., Any]) -> Signature:
    """Return the signature of a callable.

    Args:
        fn: A function, a bound method, a `functools.partial`, a wrapped function, an object with `__call__`.
    """
    skipped = 0
    plain = fn
    if isinstance(plain, MethodType):
        skipped, plain = 1, plain.__func__
    if isinstance(plain, FunctionType) and not hasattr(plain, "__wrapped__") and not hasattr(plain, "__signature__"):
        return _signature_of_code(plain, skipped)
    return _signature_by_inspection(fn)


def _signature_of_code(fn: FunctionType, skipped: int) -> Signature:
    code: CodeType = fn.__code__
    names = code.co_varnames
    count = code.co_argcount
    keyword_end = count + code.co_kwonlyargcount
    variable_positional = names[keyword_end] if code.co_flags & _VARIABLE_POSITIONAL else None
    after = keyword_end + (variable_positional is not None)
    variable_keyword = names[after] if code.co_flags & _VARIABLE_KEYWORD else None
    given = fn.__defaults__ or ()
    defaults = dict(zip(names[count - len(given) : count], given, strict=True)) if given else {}
    defaults.update(fn.__kwdefaults__ or {})
    return Signature(
        fn.__name__,
        names[skipped:count],
        max(0, code.co_posonlyargcount - skipped),
        names[count:keyword_end],
        defaults,
        variable_positional,
        variable_keyword,
    )


def _signature_by_inspection(fn: Callable[..., Any]) -> Signature:
    import inspect  # lazy: 15 ms, needed only for callables that are no plain functions

    try:
        parameters = inspect.signature(fn).parameters.values()
    except ValueError as error:  # a function of C code that does not tell
        raise TypeError(f"What arguments {fn!r} takes is not known; wrap it in a function of your own.") from error
    kinds = inspect.Parameter
    return Signature(
        getattr(fn, "__name__", type(fn).__name__),
        [p.name for p in parameters if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)],
        sum(p.kind is kinds.POSITIONAL_ONLY for p in parameters),
        [p.name for p in parameters if p.kind is kinds.KEYWORD_ONLY],
        {p.name: p.default for p in parameters if p.default is not kinds.empty},
        next((p.name for p in parameters if p.kind is kinds.VAR_POSITIONAL), None),
        next((p.name for p in parameters if p.kind is kinds.VAR_KEYWORD), None),
    )


def colour_of(fn: Callable[..., Any]) -> str:
    """Return what calling a function gives: `sync`, `async`, `generator` or `async generator`."""
    plain: Any = fn
    while isinstance(plain, MethodType) or hasattr(plain, "__wrapped__") or hasattr(plain, "func"):
        inner = getattr(plain, "__func__", None) or getattr(plain, "__wrapped__", None)
        plain = inner or getattr(plain, "func", None)
    code = getattr(plain, "__code__", None)
    if code is None:
        code = getattr(getattr(type(plain), "__call__", None), "__code__", None)  # noqa: B004 - its code is what is asked for
    flags = 0 if code is None else code.co_flags
    if flags & _ASYNC_GENERATOR:
        return "async generator"
    if flags & _COROUTINE:
        return "async"
    return "generator" if flags & _GENERATOR else "sync"
