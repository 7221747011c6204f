"""Flows and tasks from files and modules: `FILE.py`, `FILE.py:flow`, `module:flow`, `module.flow`."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable
from importlib import import_module
from traceback import extract_tb
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from sluiceway.base.errors import MissingFlowError, MissingTaskError, ScriptError, UnspecifiedFlowError
from sluiceway.drivers.decorated import Decorated

if TYPE_CHECKING:
    from sluiceway.flows import Flow
    from sluiceway.tasks import Task

    AnyFlow: TypeAlias = Flow[..., Any]
    AnyTask: TypeAlias = Task[..., Any]

Missing: TypeAlias = type[MissingFlowError | MissingTaskError]
"""The error where there is nothing: that of flows or that of tasks."""

_from_files: set[str] = set()
"""Names of the modules that are files which somebody named, such as the script of `sluiceway run FILE.py`."""


def load_flow(target: str) -> AnyFlow:
    """Return the flow that a target names.

    Args:
        target: `FILE.py` or a module, and after a colon the name of the flow or of its function, which may
            be left out where there is one flow only.

    Raises:
        MissingFlowError: There is no such file, module or flow.
        UnspecifiedFlowError: There are several flows, and none is named.
        ScriptError: The file or module raised an exception.
    """
    source, name = _parted(target)
    flows = _found_in(_load(source, MissingFlowError), "flow")
    if name is not None:
        return _named(flows, name, source)
    if not flows:
        raise MissingFlowError(f"{source} holds no flow: no function with the decorator @flow.")
    if len(flows) > 1:
        first = next(iter(flows))
        raise UnspecifiedFlowError(
            f"{source} holds several flows: {', '.join(flows)}. Name one: sluiceway run {source}:{first}"
        )
    return next(iter(flows.values()))


def load_object(entrypoint: str) -> Any:
    """Return what an entrypoint names.

    Args:
        entrypoint: `FILE.py:NAME`, `module:NAME` or `module.NAME`; a name may have dots for what is in a class.

    Raises:
        MissingFlowError: There is no such file, module or name.
        ScriptError: The file or module raised an exception.
    """
    source, name = entrypoint_parts(entrypoint)
    found = _at(_load(source, MissingFlowError), name)
    if found is None:
        raise MissingFlowError(f"{source} holds no {name!r}.")
    return found


def entrypoint_parts(entrypoint: str) -> tuple[str, str]:
    """Return the file or module of an entrypoint, and the name in it.

    Args:
        entrypoint: `FILE.py:NAME`, `module:NAME` or `module.NAME`.

    Raises:
        MissingFlowError: It has no name in it.
    """
    source, name = _parted(entrypoint)
    if name is None and not _is_file(source):
        source, _, name = entrypoint.rpartition(".")
    if not source or not name:
        raise MissingFlowError(f"{entrypoint!r} names no flow; write FILE.py:flow, module:flow or module.flow.")
    return source, name


def file_of(source: str) -> str:
    """Return the path of a file or module, which is not executed; the packages around a module are.

    Args:
        source: A file, or the name of a module.

    Raises:
        MissingFlowError: There is none, or it has no source.
    """
    if _is_file(source):
        path: str | None = os.path.abspath(source)
    else:
        try:
            spec = importlib.util.find_spec(source)
        except ModuleNotFoundError:
            spec = None
        path = None if spec is None else spec.origin
    if path is None or not os.path.isfile(path):
        raise MissingFlowError(f"There is no file or module {source!r}.")
    return path


def is_script(module_name: str) -> bool:
    """Return whether a module is a script: the program itself, or a file that was named as one.

    Args:
        module_name: The name of the module.
    """
    return module_name == "__main__" or module_name in _from_files


def is_flow(value: object) -> TypeGuard[AnyFlow]:
    """Return whether something is a flow.

    Args:
        value: Anything.
    """
    return _is_decorated(value, "flow")


def select_flow(flows: Iterable[AnyFlow], flow_name: str | None = None, from_message: str | None = None) -> AnyFlow:
    """Return the one flow among several, or the one of a name.

    Args:
        flows: The flows; of several of one name, the last counts.
        flow_name: The name of the flow; None where there is only one.
        from_message: Where they come from, for the error: `in report.py`.

    Raises:
        MissingFlowError: There is none, or none of that name.
        UnspecifiedFlowError: There are several, and none is named.
    """
    known = {flow.name: flow for flow in flows}
    where = f" {from_message}" if from_message else ""
    if not known:
        raise MissingFlowError(f"No flows found{where}: no function with the decorator @flow.")
    if flow_name is None and len(known) > 1:
        raise UnspecifiedFlowError(f"Found {len(known)} flows{where}: {', '.join(known)}. Name one of them.")
    if flow_name is not None and flow_name not in known:
        raise MissingFlowError(f"Flow {flow_name!r} not found{where}. {_there_are(known)}")
    return next(iter(known.values())) if flow_name is None else known[flow_name]


def load_tasks(target: str) -> list[AnyTask]:
    """Return the tasks that a target names.

    Args:
        target: `FILE.py` or a module, for all tasks in it; or one of them, its name or that of its function after a
            colon, for a method with its class before it.

    Raises:
        MissingTaskError: There is no such file, module or task.
        ScriptError: The file or module raised an exception.
    """
    source, name = _parted(target)
    packaged = _in_package(source) if _is_file(source) else None
    module = _load(source if packaged is None else packaged, MissingTaskError)
    tasks = _found_in(module, "task")
    if name is None:
        if not tasks:
            raise MissingTaskError(f"{source} holds no task: no function with the decorator @task.")
        return list(tasks.values())
    found = tasks.get(name) or next((task for task in tasks.values() if task.name == name), None)
    if found is None:
        found = _at(module, name)
    if not _is_decorated(found, "task"):
        listed = f"Tasks there: {', '.join(tasks)}." if tasks else "It holds no task at all."
        raise MissingTaskError(f"{source} holds no task {name!r}. {listed}")
    return [found]


def place_of(error: ScriptError) -> str:
    """Return which line of the script raised its exception, as far as that is known.

    Args:
        error: What loading the script came to.
    """
    path = os.path.abspath(error.path)
    lines = [frame.lineno for frame in extract_tb(error.user_exc.__traceback__) if frame.filename == path]
    return f" ({path}, line {lines[-1]})" if lines else ""


def _at(module: ModuleType, name: str) -> Any:
    """Return what goes by a qualified name in a module, or None."""
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _load(source: str, missing: Missing) -> ModuleType:
    return _load_file(source, missing) if _is_file(source) else _load_module(source, missing)


def _parted(target: str) -> tuple[str, str | None]:
    """Return the file or module, and the name of the flow if there is one; the colon of a drive is none."""
    source, colon, name = target.rpartition(":")
    if not colon or os.sep in name or len(source) == 1:
        return target, None
    return source, name


def _is_file(source: str) -> bool:
    return source.endswith(".py") or os.sep in source or os.path.isfile(source)


def _in_package(path: str) -> str | None:
    """Return the name that a file is imported by as a part of a package, whose folder it puts on the path; or None.

    Whoever defers calls of its tasks imports it by that name, which is in their keys.
    """
    folder, file = os.path.split(os.path.abspath(path))
    parts = [os.path.splitext(file)[0]]
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, package = os.path.split(folder)
        parts.insert(0, package)
    if len(parts) == 1 or not os.path.isfile(path):
        return None
    sys.path.insert(0, folder)
    return ".".join(parts)


def _load_file(path: str, missing: Missing) -> ModuleType:
    """Run a file as a module named after it, with its folder first on the path, as `python FILE.py` does."""
    full = os.path.abspath(path)
    if not os.path.isfile(full):
        raise missing(f"There is no file {path!r}.")
    sys.path.insert(0, os.path.dirname(full))
    spec = importlib.util.spec_from_file_location(_module_name(full), full)
    if spec is None or spec.loader is None:
        raise missing(f"{path!r} is no Python file: its name should end in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    _from_files.add(spec.name)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(spec.name, None)  # lest whoever imports it by its name finds half of it
        raise ScriptError(error, path) from error
    return module


def _module_name(path: str) -> str:
    """Return the name of a file as a module, unless some other module is imported by it already."""
    stem = os.path.splitext(os.path.basename(path))[0]
    taken = sys.modules.get(stem)
    if taken is None or getattr(taken, "__file__", None) == path:
        return stem
    return f"__sluiceway_{stem}__"


def _load_module(name: str, missing: Missing) -> ModuleType:
    if not all(map(str.isidentifier, name.split("."))):
        raise missing(f"There is no file or module {name!r}.")
    sys.path.insert(0, os.getcwd())
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name + ".").startswith(error.name + "."):
            raise missing(f"There is no file or module {name!r}.") from error
        raise ScriptError(error, name) from error
    except (Exception, SystemExit) as error:
        raise ScriptError(error, name) from error


def _found_in(module: ModuleType, kind: str) -> dict[str, Any]:
    """Return the flows or tasks of a module by their names there; imported ones only where it has none itself."""
    found = {name: value for name, value in vars(module).items() if _is_decorated(value, kind)}
    own = {name: value for name, value in found.items() if value.fn.__module__ == module.__name__}
    return own or found


def _is_decorated(value: object, kind: str) -> bool:
    return isinstance(value, Decorated) and value.decorator == kind


def _named(flows: dict[str, AnyFlow], name: str, source: str) -> AnyFlow:
    found = flows.get(name) or next((flow for flow in flows.values() if flow.name == name), None)
    if found is None:
        raise MissingFlowError(f"{source} holds no flow {name!r}. {_there_are(flows)}")
    return found


def _there_are(names: Iterable[str]) -> str:
    listed = ", ".join(names)
    return f"Flows there: {listed}." if listed else "It holds no flow at all."
