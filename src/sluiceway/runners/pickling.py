"""Pickling for other processes.

Functions and classes of a script are pickled by value, so that the other process need not import the script.
What a module holds is pickled by name; so are, unlike elsewhere, flows, tasks and the functions in them: their
names in the module stand for the decorated things.

A file that the command line has loaded, to run its flow or to have that go on, is a script as well; but where the
other process has the same path of imports, it may as well go by its name.
"""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, reduce
from types import FunctionType
from typing import Any

from sluiceway.base.errors import SerializationError
from sluiceway.base.homes import have_imported
from sluiceway.drivers.decorated import Decorated
from sluiceway.drivers.deferred import DeferredFuture
from sluiceway.drivers.futures import Future
from sluiceway.drivers.loading import is_script

_PLAIN = frozenset({bool, int, float, str, bytes, type(None)})

_loaded_by_value: ContextVar[bool] = ContextVar("_loaded_by_value", default=False)

Place = tuple[str, str]
"""A module, and the qualified name of something in it."""


def dumps(value: Any) -> bytes:
    """Return a value pickled for another process, where `pickle.loads` restores it.

    Args:
        value: The value.

    Raises:
        Exception: It cannot be pickled; which type of exception, the value itself decides.
    """
    if type(value) in _PLAIN:
        return pickle.dumps(value, protocol=5)
    target = io.BytesIO()
    _pickler_class()(target).dump(value)
    return target.getvalue()


def goes_by_name(thing: Any) -> bool:
    """Return whether a flow or task is pickled by its name in a module.

    Args:
        thing: The flow or task.
    """
    return _place_of(thing, function=False) is not None


@contextmanager
def loaded_scripts_by_value() -> Iterator[None]:
    """Within, have what is in files that were loaded as scripts pickled by value: for processes without the files."""
    token = _loaded_by_value.set(True)
    try:
        yield
    finally:
        _loaded_by_value.reset(token)


@cache
def _pickler_class() -> Any:
    import cloudpickle  # type: ignore[import-untyped]  # lazy: needed only where something leaves the process

    by_value = cloudpickle.cloudpickle._dynamic_class_reduce  # asks no registry, which is everybody's

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle comes without types
        """Cloudpickle's pickler, with decorated functions by name and without futures."""

        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, Future) and not isinstance(obj, DeferredFuture):
                raise SerializationError(
                    f"a future cannot go to another process; pass the result of {obj.run.name!r} instead"
                )
            if isinstance(obj, type):
                have_imported(obj)
            function = isinstance(obj, FunctionType)
            place = _place_of(obj, function)
            if place is None and _goes_by_value(obj):
                return self._dynamic_function_reduce(obj) if function else by_value(obj)
            if place is None:
                return super().reducer_override(obj)
            return (_function_at if function else _found_at), place

    return Pickler


def _place_of(value: Any, function: bool) -> Place | None:
    """Return where a decorated function, or the flow or task that it became, stands in a module; else None."""
    if not function and not isinstance(value, Decorated):
        return None
    module_name, name = value.__module__, getattr(value, "__qualname__", None)
    if not module_name or not name or not _is_importable(module_name):
        return None
    try:
        found = _found_at(module_name, name)
    except (AttributeError, KeyError):  # such as a function in a function
        return None
    same = isinstance(found, Decorated) and found.fn is value if function else found is value
    return (module_name, name) if same else None


def _goes_by_value(obj: Any) -> bool:
    """Whether something is a function or class of a script whose file the other process need not have."""
    return (
        isinstance(obj, FunctionType | type)
        and _loaded_by_value.get()
        and obj.__module__ != "__main__"  # which cloudpickle knows by itself
        and is_script(obj.__module__)
    )


def _found_at(module_name: str, name: str) -> Any:
    """Return what goes by a qualified name in a module, which is imported if need be."""
    module = sys.modules.get(module_name)
    if module is None:
        __import__(module_name)
        module = sys.modules[module_name]
    return reduce(getattr, name.split("."), module)


def _function_at(module_name: str, name: str) -> Any:
    """Return the function of the flow or task that goes by a qualified name in a module."""
    return _found_at(module_name, name).fn


def _is_importable(module_name: str) -> bool:
    """Whether another process can import a module, and nobody asked for what it holds to be pickled by value."""
    import cloudpickle  # lazy: needed only where something leaves the process

    if module_name == "__main__" or module_name not in sys.modules:
        return False
    if _loaded_by_value.get() and is_script(module_name):
        return False
    if not _can_be_found(module_name.partition(".")[0]):
        # A file that was loaded under a name of its own: cloudpickle would take it for importable, too.
        cloudpickle.register_pickle_by_value(sys.modules[module_name])
    by_value = cloudpickle.list_registry_pickle_by_value()
    parts = module_name.split(".")
    return not any(".".join(parts[: count + 1]) in by_value for count in range(len(parts)))


@cache
def _can_be_found(top: str) -> bool:
    """Whether a package or module can be found by its name."""
    finders = (getattr(finder, "find_spec", None) for finder in sys.meta_path)
    return any(find is not None and find(top, None) is not None for find in finders)
