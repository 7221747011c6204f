"""Code counts by what it runs and what it reads, whichever way it was defined."""

from __future__ import annotations

import dataclasses
import enum
import functools
import itertools
import pathlib
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pydantic
import pytest

from sluiceway.base import sources
from sluiceway.base.errors import HashError
from sluiceway.base.hashing import code_hash, stable_hash

_numbers = itertools.count()


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Callable[..., ModuleType]:
    """Give a function that makes a module of the user's, with its file, from a text."""

    def make(text: str, name: str = "users_module", folder: str = "project", **names: object) -> ModuleType:
        path = tmp_path / folder / f"{name}_{next(_numbers)}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        made = ModuleType(name)
        made.__file__ = str(path)
        vars(made).update(names)
        monkeypatch.setitem(sys.modules, name, made)
        exec(compile(path.read_text(), path, "exec"), vars(made))
        return made

    return make


@pytest.fixture(autouse=True)
def _own_modules_are_looked_up_anew() -> Iterator[None]:
    sources.is_own.cache_clear()
    yield
    sources.is_own.cache_clear()


MakeModule = Callable[..., ModuleType]


def differ(one: object, other: object) -> bool:
    return code_hash(one) != code_hash(other)


def test_the_same_text_has_the_same_hash_wherever_it_stands(module: MakeModule) -> None:
    one = module("def f(x):\n    return x + 1\n")
    other = module("# moved\n\n\ndef f(x):\n    # a comment\n    return x + 1\n")
    assert code_hash(one.f) == code_hash(other.f)


@pytest.mark.parametrize(
    "text",
    [
        "def f(x):\n    return x + 2\n",
        "def f(x):\n    return x - 1\n",
        "def f(x):\n    return x + 1.0\n",
        "def f(y):\n    return y + 1\n",
        "def g(x):\n    return x + 1\n\nf = g",
        "def f(x):\n    try:\n        return x + 1\n    except TypeError:\n        return 0\n",
        "def f(x, y=1):\n    return x + 1\n",
        "async def f(x):\n    return x + 1\n",
    ],
)
def test_another_text_has_another_hash(module: MakeModule, text: str) -> None:
    assert differ(module("def f(x):\n    return x + 1\n").f, module(text).f)


def test_functions_with_the_same_text_and_other_closures_differ() -> None:
    def scaled(factor: object) -> Callable[[Any], Any]:
        return lambda value: value * factor

    assert not differ(scaled(2), scaled(2))
    assert differ(scaled(2), scaled(3))
    assert differ(scaled(2), scaled(2.0))
    assert differ(scaled([1]), scaled([2]))


def test_functions_with_the_same_text_and_other_globals_differ(module: MakeModule) -> None:
    text = "def f(x):\n    return x * RATE\n"
    assert not differ(module(text, RATE=3).f, module(text, RATE=3, UNUSED=1).f)
    assert differ(module(text, RATE=3).f, module(text, RATE=4).f)
    assert differ(module(text, RATE=3).f, module(text).f)


def test_functions_with_the_same_text_and_other_defaults_differ(module: MakeModule) -> None:
    text = "def f(x, *, y=DEFAULT):\n    return x * y\n"
    assert differ(module(text, DEFAULT=3).f, module(text, DEFAULT=4).f)


def test_the_values_of_globals_are_looked_at_anew_each_time(module: MakeModule) -> None:
    made = module("RATES = {'a': 1}\n\ndef f(x):\n    return RATES[x]\n")
    before = code_hash(made.f)
    made.RATES["a"] = 2
    assert code_hash(made.f) != before
    made.RATES["a"] = 1
    assert code_hash(made.f) == before


def test_what_a_nested_function_or_comprehension_reads_counts(module: MakeModule) -> None:
    for text in (
        "def f(xs):\n    def inner(x):\n        return x * RATE\n    return [inner(x) for x in xs]\n",
        "def f(xs):\n    return {x: RATE for x in xs}\n",
        "def f(xs):\n    return map(lambda x: x * RATE, xs)\n",
        "def f(xs):\n    class Inner:\n        rate = RATE\n    return Inner\n",
    ):
        assert differ(module(text, RATE=3).f, module(text, RATE=4).f)


def test_lambdas_on_one_line_are_told_apart() -> None:
    one, two, three = lambda x: x + 1, lambda x: x + 2, lambda x: x + 1
    assert differ(one, two)
    assert not differ(one, three)


def test_the_functions_that_a_function_calls_count(module: MakeModule) -> None:
    text = """
        def f(x):
            return step(x) + 1

        def step(x):
            return deeper(x)

        def deeper(x):
            return x {operator} RATE
    """
    plus = module(text.format(operator="+"), RATE=1).f
    assert not differ(plus, module(text.format(operator="+"), RATE=1).f)
    assert differ(plus, module(text.format(operator="-"), RATE=1).f)
    assert differ(plus, module(text.format(operator="+"), RATE=2).f)


def test_functions_that_call_each_other_can_be_hashed(module: MakeModule) -> None:
    text = """
        def even(n):
            return n == 0 or odd(n - 1)

        def odd(n):
            return n != {end} and even(n - 1)

        TABLE = {{"even": even, "odd": odd, "all": {{even, odd}}}}

        def f(name, n):
            return TABLE[name](n)
    """
    assert not differ(module(text.format(end=0)).f, module(text.format(end=0)).f)
    assert differ(module(text.format(end=0)).f, module(text.format(end=1)).f)


def test_which_of_two_alike_functions_is_used_where_counts() -> None:
    def scaled(factor: int) -> Callable[[int], int]:
        return lambda value: value * factor

    def difference(left: Callable[[int], int], right: Callable[[int], int]) -> Callable[[int], int]:
        return lambda value: left(value) - right(value)

    assert differ(difference(scaled(1), scaled(2)), difference(scaled(2), scaled(1)))


def test_the_function_behind_a_wrapper_counts(module: MakeModule) -> None:
    text = """
        import functools

        def loud(fn):
            @functools.wraps(fn)
            def wrapper(*args):
                return fn(*args)
            return wrapper

        @loud
        def f(x):
            return x + {number}

        @functools.lru_cache
        def remembered(x):
            return x + {number}

        part = functools.partial(f, 1)

        def caller(x):
            return remembered(x)
    """
    one, same, other = (module(text.format(number=number)) for number in (1, 1, 2))
    for name in ("f", "part", "caller"):
        assert not differ(getattr(one, name), getattr(same, name))
        assert differ(getattr(one, name), getattr(other, name))


def test_the_classes_that_a_function_uses_count_by_their_code_and_data(module: MakeModule) -> None:
    text = """
        import functools

        class Base:
            rate = {rate}

            def scale(self, x):
                return x * self.rate {operator} 1

            @staticmethod
            def fixed():
                return {fixed}

            @property
            def size(self):
                return {size}

            @functools.cached_property
            def cached(self):
                return {cached}

        class Derived(Base):
            pass

        def f(x):
            return Derived().scale(x)
    """
    parts = {"rate": 1, "operator": "+", "fixed": 1, "size": 1, "cached": 1}
    first = module(text.format(**parts)).f
    assert not differ(first, module(text.format(**parts)).f)
    for name in parts:
        changed = {**parts, name: "-" if name == "operator" else 2}
        assert differ(first, module(text.format(**changed)).f), name


def test_methods_count_by_their_own_code_and_that_of_super(module: MakeModule) -> None:
    text = """
        class Base:
            def f(self):
                return {number}

        class Derived(Base):
            def f(self):
                return super().f()
    """
    assert differ(module(text.format(number=1)).Derived.f, module(text.format(number=2)).Derived.f)
    assert not differ(module(text.format(number=1)).Derived.f, module(text.format(number=1)).Derived.f)


def test_the_class_of_an_object_of_the_users_counts_with_it(module: MakeModule) -> None:
    text = """
        class Model:
            def __init__(self, weight):
                self.weight = weight

            def predict(self, x):
                return x * self.weight + {bias}

        MODEL = Model({weight})

        def f(x):
            return MODEL.predict(x)
    """
    first = module(text.format(bias=1, weight=1)).f
    assert not differ(first, module(text.format(bias=1, weight=1)).f)
    assert differ(first, module(text.format(bias=2, weight=1)).f)
    assert differ(first, module(text.format(bias=1, weight=2)).f)


def test_data_classes_models_and_enumerations_count_by_their_definition(module: MakeModule) -> None:
    text = """
        class Shape({base}):
            {field} = {value}

        {decorator}(Shape)

        def f():
            return Shape
    """
    kinds: list[dict[str, object]] = [
        {"base": "Base", "decorator": "make", "field": "size: int"},
        {"base": "Model", "decorator": "str", "field": "size: int"},
        {"base": "Enum", "decorator": "str", "field": "SIZE"},
    ]
    names = {"Base": object, "make": dataclasses.dataclass, "Model": pydantic.BaseModel, "Enum": enum.Enum}
    for kind in kinds:
        one, same, other = (module(text.format(value=value, **kind), **names).f for value in (1, 1, 2))
        assert not differ(one, same)
        assert differ(one, other)


def test_what_a_function_mentions_of_a_module_of_the_users_counts(module: MakeModule) -> None:
    text = "import rules\n\ndef f(x):\n    return rules.check(x, rules.LIMIT)\n"
    helper = "LIMIT = {limit}\nUNUSED = {unused}\n\ndef check(x, limit):\n    return x {operator} limit\n"

    def made(limit: int, operator: str, unused: int) -> Any:
        module(helper.format(limit=limit, operator=operator, unused=unused), name="rules")
        return code_hash(module(text).f)

    first = made(1, "<", 1)
    assert made(1, "<", 2) == first
    assert made(2, "<", 1) != first
    assert made(1, ">", 1) != first


def test_modules_within_packages_of_the_users_are_followed(module: MakeModule) -> None:
    def made(number: int) -> bytes:
        package = module("", name="shop")
        inner = module(f"def price():\n    return {number}\n", name="shop.prices")
        package.prices = inner  # type: ignore[attr-defined]
        inner.shop = package  # type: ignore[attr-defined]
        return code_hash(module("def f():\n    return shop.prices.price(), shop.prices.shop\n", shop=package).f)

    assert made(1) == made(1)
    assert made(1) != made(2)


def test_installed_packages_count_by_name_and_version(module: MakeModule) -> None:
    text = "import library\nfrom library import Thing, helper\n\ndef f(x):\n    return library.g, helper, Thing\n"
    library = "__version__ = '{version}'\n\ndef helper(x):\n    return {number}\n\nclass Thing:\n    n = {number}\n"

    def made(version: str, number: int) -> bytes:
        installed = "venv/lib/python3/site-packages"
        module(library.format(version=version, number=number), name="library", folder=installed)
        return code_hash(module(text).f)

    assert made("1.0", 1) == made("1.0", 2)
    assert made("1.0", 1) != made("1.1", 1)


def test_code_of_an_installed_package_of_the_users_own_counts_when_it_is_the_task(module: MakeModule) -> None:
    text = "def f(x):\n    return helper(x)\n\ndef helper(x):\n    return x + {number}\n"
    folder = "venv/lib/python3/site-packages"
    one, other = (module(text.format(number=number), name="mine", folder=folder).f for number in (1, 2))
    assert differ(one, other)


def test_what_a_function_only_writes_does_not_count(module: MakeModule) -> None:
    made = module(
        """
        calls = []
        counts = {"f": 0}
        total = 0

        def f(x):
            global total
            calls.append(x)
            counts["f"] += 1
            total += 1
            return x
        """
    )
    before = code_hash(made.f)
    made.f(1)
    assert (made.calls, made.counts, made.total) == ([1], {"f": 1}, 1)
    assert code_hash(made.f) == before


def test_what_a_function_both_writes_and_reads_counts(module: MakeModule) -> None:
    made = module("seen = []\n\ndef f(x):\n    seen.append(x)\n    return len(seen)\n")
    before = code_hash(made.f)
    made.f(1)
    assert code_hash(made.f) != before


def test_a_list_that_a_closure_only_appends_to_does_not_count() -> None:
    calls: list[int] = []

    def f(x: int) -> int:
        calls.append(x)
        return x

    before = code_hash(f)
    f(1)
    assert code_hash(f) == before


def test_a_resource_that_a_function_uses_counts_by_its_type() -> None:
    connection = sqlite3.connect(":memory:")
    lock = threading.Lock()

    def f(x: int) -> Any:
        with lock:
            return connection.execute("select ?", [x])

    assert len(code_hash(f)) == 16
    connection.close()


def test_the_data_beside_a_resource_counts() -> None:
    class Config:
        def __init__(self, rate: int) -> None:
            self.rate = rate
            self.lock = threading.Lock()

    def using(config: Config) -> Callable[[], int]:
        return lambda: config.rate

    assert not differ(using(Config(1)), using(Config(1)))
    assert differ(using(Config(1)), using(Config(2)))


def test_an_object_of_an_installed_package_that_holds_a_resource_counts_by_its_type(
    module: MakeModule,
) -> None:
    text = """
        import threading

        class Client:
            def __init__(self, number):
                self.number = number
                self.lock = threading.Lock()
    """
    library = module(text, name="library", folder="venv/lib/python3/site-packages")
    text = "def f():\n    return CLIENT\n"
    shared = [1]
    one = module(text + "def g():\n    return CLIENT, SHARED\n", CLIENT=library.Client(shared), SHARED=shared)
    other = module(text + "def g():\n    return CLIENT, SHARED\n", CLIENT=library.Client([2]), SHARED=[2])
    assert not differ(one.f, other.f)
    assert differ(one.g, other.g), "what was met inside the resource counts where it is met outside"


def test_the_standard_library_is_not_followed() -> None:
    def f(text: str) -> Any:
        return textwrap.dedent(text), functools.reduce, pathlib.Path(text)

    assert len(code_hash(f)) == 16


def test_code_that_reads_too_much_is_refused(module: MakeModule) -> None:
    made = module("def f():\n    return TABLE\n", TABLE=[[number] for number in range(30_000)])
    with pytest.raises(HashError, match="f reads more than 20,000 objects"):
        code_hash(made.f, "f")


def test_a_function_that_is_a_value_counts_by_its_code() -> None:
    def scaled(factor: int) -> Callable[[int], int]:
        return lambda value: value * factor

    assert stable_hash({"f": scaled(2)}) == stable_hash({"f": scaled(2)})
    assert stable_hash({"f": scaled(2)}) != stable_hash({"f": scaled(3)})


@pytest.mark.slow
@pytest.mark.parametrize("how", ["-c", "-", "file", "-i"])
def test_functions_without_a_file_have_hashes_too(how: str, tmp_path: pathlib.Path) -> None:
    program = (
        "from sluiceway.base.hashing import code_hash\n"
        "RATE = 3\n"
        "f = lambda x: x * RATE\n"
        "one = code_hash(f)\n"
        "RATE = 4\n"
        "two = code_hash(f)\n"
        "g = lambda x: x * RATE\n"
        "print(one != two, two == code_hash(g), code_hash(lambda x: x + 1) == code_hash(lambda x: x + 2))\n"
    )
    script = tmp_path / "script.py"
    script.write_text(program)
    arguments = {"-c": ["-c", program], "-": ["-"], "file": [str(script)], "-i": ["-i", "-q"]}[how]
    done = subprocess.run(
        [sys.executable, *arguments],
        input=program if how in ("-", "-i") else None,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip().splitlines()[-1] == "True True False"
