"""Binding arguments to parameter names, held to what Python itself does."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.base.signatures import Signature, colour_of, signature_of
from sluiceway.exceptions import ParameterBindError, ReservedArgumentError

many = settings(max_examples=60)

NAMES = ("a", "b", "c", "d", "e", "args", "kwargs")


@st.composite
def functions(draw: st.DrawFn) -> Callable[..., dict[str, Any]]:
    """Draw a function that returns its parameters by name."""
    names = iter(draw(st.permutations(NAMES[:5])))
    counts = [draw(st.integers(0, 2)) for _ in range(3)]
    only_positional, either, only_named = ([next(names) for _ in range(count)] for count in (counts[0], 1, counts[2]))
    with_defaults = draw(st.integers(0, len(only_positional) + len(either)))
    positional = [
        name if index < len(only_positional) + len(either) - with_defaults else f"{name}={index}"
        for index, name in enumerate(only_positional + either)
    ]
    parts = positional[: len(only_positional)] + ["/"] * bool(only_positional) + positional[len(only_positional) :]
    if draw(st.booleans()):
        parts.append("*args")
    elif only_named:
        parts.append("*")
    parts += [f"{name}='named'" if draw(st.booleans()) else name for name in only_named]
    if draw(st.booleans()):
        parts.append("**kwargs")
    namespace: dict[str, Any] = {}
    exec(f"def drawn({', '.join(parts)}): return locals()", namespace)
    drawn: Callable[..., dict[str, Any]] = namespace["drawn"]
    return drawn


positions = st.lists(st.integers(), max_size=5)
by_name = st.dictionaries(st.sampled_from((*NAMES, "other")), st.integers(), max_size=4)


@many
@given(functions(), positions, by_name)
def test_binding_does_what_a_call_does(fn: Callable[..., Any], args: list[int], kwargs: dict[str, int]) -> None:
    signature = signature_of(fn)
    try:
        expected = fn(*args, **kwargs)
    except TypeError:
        with pytest.raises(ParameterBindError, match=r"drawn\(\) .* Its signature is \("):
            signature.bind(tuple(args), kwargs)
        return
    parameters = signature.bind(tuple(args), kwargs)
    assert parameters == expected
    positional, named = signature.arguments(parameters)
    assert fn(*positional, **named) == expected, "what was bound calls the function with the same"
    assert parameters == expected, "the parameters of the run stay as they are"


@pytest.mark.parametrize(
    ("parameters", "args", "kwargs"),
    [
        ("a, /", (), {"a": 1}),
        ("a=0, /", (), {"a": 1}),
        ("a, /, **kwargs", (1,), {"a": 2}),
        ("a, /, **kwargs", (), {"a": 2}),
        ("a, b", (1,), {"a": 2}),
        ("a, b", (1,), {"b": 2}),
        ("a, *args, b", (1, 2, 3), {"b": 4}),
        ("a, *args, b", (1, 2, 3), {}),
        ("*args, **kwargs", (1,), {"args": 2, "kwargs": 3}),
        ("a, *, b=1", (1, 2), {}),
        ("", (), {"a": 1}),
    ],
)
def test_binding_the_hard_cases_does_what_a_call_does(
    parameters: str, args: tuple[int, ...], kwargs: dict[str, int]
) -> None:
    namespace: dict[str, Any] = {}
    exec(f"def drawn({parameters}): return locals()", namespace)
    try:
        expected = namespace["drawn"](*args, **kwargs)
    except TypeError:
        with pytest.raises(ParameterBindError):
            signature_of(namespace["drawn"]).bind(args, kwargs)
    else:
        assert signature_of(namespace["drawn"]).bind(args, kwargs) == expected


@many
@given(functions(), positions, by_name)
def test_binding_does_what_inspect_does(fn: Callable[..., Any], args: list[int], kwargs: dict[str, int]) -> None:
    try:
        fn(*args, **kwargs)  # first, since some versions of `inspect` accept calls that Python refuses
        bound = inspect.signature(fn).bind(*args, **kwargs)
    except TypeError:
        return  # or it should not have: of a positional-only name among the keywords it knows less than a call does
    bound.apply_defaults()
    parameters = signature_of(fn).bind(tuple(args), kwargs)
    assert parameters == bound.arguments
    assert list(parameters) == list(bound.arguments)


@many
@given(functions())
def test_both_ways_of_reading_a_signature_agree(fn: Callable[..., Any]) -> None:
    wrapped = functools.wraps(fn)(lambda *args, **kwargs: None)
    quick, inspected = signature_of(fn), signature_of(wrapped)
    for attribute in Signature.__slots__:
        assert getattr(quick, attribute) == getattr(inspected, attribute), attribute
    assert str(quick) == str(inspect.signature(fn))
    assert quick.names == tuple(inspect.signature(fn).parameters)


@many
@given(functions())
def test_a_bound_method_has_all_but_the_first_parameter(fn: Callable[..., Any]) -> None:
    expected = signature_of(fn).bound()
    kinds = inspect.signature(fn).parameters
    if next(iter(kinds.values())).kind is inspect.Parameter.VAR_POSITIONAL:
        return
    assert signature_of(fn.__get__(object())).names == expected.names  # type: ignore[attr-defined]  # a function
    assert tuple(inspect.signature(fn.__get__(object())).parameters) == expected.names  # type: ignore[attr-defined]


class Callables:
    """What can be called beside plain functions."""

    def method(self, a: int, b: int = 2) -> None: ...

    @classmethod
    def of_the_class(cls, a: int) -> None: ...

    def __call__(self, x: int, /, *, y: int = 1) -> None: ...


@pytest.mark.parametrize(
    "fn",
    [
        Callables().method,
        Callables.of_the_class,
        Callables(),
        functools.partial(Callables().method, 1),
        functools.partial(Callables().method, b=1),
        functools.wraps(Callables.method)(lambda *args: None),
        functools.lru_cache(Callables.of_the_class.__func__),  # type: ignore[attr-defined]  # a function
        len,
        lambda x: x,
    ],
)
def test_any_callable_has_its_signature_read(fn: Callable[..., Any]) -> None:
    signature = signature_of(fn)
    assert signature.names == tuple(inspect.signature(fn).parameters)
    assert signature.name


@pytest.mark.parametrize("name", ["return_state", "wait_for"])
@pytest.mark.parametrize("how", ["{}", "*{}", "**{}", "*, {}"])
def test_names_that_a_call_takes_for_itself_are_refused(name: str, how: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"def fn({how.format(name)}): ...", namespace)
    with pytest.raises(ReservedArgumentError, match=f"Task 'fn' has a parameter named '{name}'.*rename"):
        signature_of(namespace["fn"]).check_reserved("Task")


async def _async() -> None: ...


def _generator() -> Any:
    yield


async def _async_generator() -> Any:
    yield


class _AsyncCall:
    async def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("fn", "colour"),
    [
        (len, "sync"),
        (test_any_callable_has_its_signature_read, "sync"),
        (_async, "async"),
        (_generator, "generator"),
        (_async_generator, "async generator"),
        (_AsyncCall(), "async"),
        (functools.partial(_async), "async"),
        (functools.partial(functools.partial(_generator)), "generator"),
        (functools.wraps(_async)(lambda: None), "async"),
        (_AsyncCall().__call__, "async"),
    ],
)
def test_the_colour_of_a_function_is_what_calling_it_gives(fn: Callable[..., Any], colour: str) -> None:
    assert colour_of(fn) == colour
