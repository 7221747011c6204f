"""Flows by entrypoint: what `sluiceway.flows` offers to programs that load the flows of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sluiceway.base.errors import MissingFlowError, ScriptError
from sluiceway.base.signatures import signature_of
from sluiceway.drivers import entrypoints
from sluiceway.drivers.loading import is_flow, load_object
from sluiceway.flows import Flow

__all__ = [
    "load_flow_from_entrypoint",
    "load_function_and_convert_to_flow",
    "load_placeholder_flow",
    "safe_load_flow_from_entrypoint",
]


def load_flow_from_entrypoint(entrypoint: str, use_placeholder_flow: bool = True) -> Flow[..., Any]:
    """Return the flow that an entrypoint names.

    Args:
        entrypoint: `FILE.py:NAME`, `module:NAME` or `module.NAME`.
        use_placeholder_flow: Whether a script that cannot be executed gives a flow with its options, whose calls
            raise what the script raised.

    Raises:
        MissingFlowError: There is no such file or module, or the name is none of a flow.
        ScriptError: The script raised an exception, and no placeholder was asked for.
    """
    try:
        found = load_object(entrypoint)
    except ScriptError as error:
        if not use_placeholder_flow:
            raise
        return load_placeholder_flow(entrypoint, raises=error)
    if not is_flow(found):
        raise MissingFlowError(f"{entrypoint} is not a flow. Make sure that it is decorated with `@flow`.")
    return found


def safe_load_flow_from_entrypoint(entrypoint: str) -> Flow[..., Any] | None:
    """Return the flow that an entrypoint names, or a placeholder of it where its script fails; None for no flow."""
    try:
        return load_flow_from_entrypoint(entrypoint)
    except (MissingFlowError, ScriptError):
        return None


def load_function_and_convert_to_flow(entrypoint: str) -> Flow[..., Any]:
    """Return the flow that an entrypoint names, or a flow of the plain function that it names.

    Args:
        entrypoint: `FILE.py:NAME`, `module:NAME` or `module.NAME`.

    Raises:
        MissingFlowError: There is no such file, module or name.
        ScriptError: The script raised an exception.
    """
    found = load_object(entrypoint)
    return found if isinstance(found, Flow) else Flow(found, log_prints=True)


def load_placeholder_flow(entrypoint: str, raises: BaseException) -> Flow[..., Any]:
    """Return a flow with the options that the source of another tells, whose calls raise an exception.

    Args:
        entrypoint: `FILE.py:NAME`, `module:NAME` or `module.NAME`; its source is read, not executed.
        raises: The exception.

    Raises:
        MissingFlowError: There is no such file, module or function.
        ScriptError: The file is not valid Python.
    """

    def placeholder(*args: Any, **kwargs: Any) -> None:
        raise raises

    async def async_placeholder(*args: Any, **kwargs: Any) -> None:
        raise raises

    told = entrypoints.arguments_of_placeholder(entrypoint, signature_of(Flow.__init__).names[2:])
    fn: Callable[..., Any] = async_placeholder if entrypoints.is_entrypoint_async(entrypoint) else placeholder
    return Flow(fn, **told)
