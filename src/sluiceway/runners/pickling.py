"""Pickling for other processes.

Functions and classes of a script are pickled by value, so that the other process need not import the script.
What a module holds is pickled by name; so are, unlike elsewhere, flows, tasks and the functions in them: their
names in the module stand for the decorated things.
"""

from __future__ import annotations

import io
import pickle
import sys
from functools import cache, reduce
from types import FunctionType
from typing import Any

from sluiceway.base.errors import SerializationError
from sluiceway.base.homes import have_imported
from sluiceway.drivers.decorated import Decorated
from sluiceway.drivers.deferred import DeferredFuture
from sluiceway.drivers.futures import Future

_PLAIN = frozenset({bool, int, float, str, bytes, type(None)})

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


@cache
def _pickler_class() -> Any:
    import cloudpickle  # type: ignore[import-untyped]  # lazy: needed only where something leaves the process

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
