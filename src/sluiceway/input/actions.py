"""What can be done about inputs of flow runs one by one: making, reading, listing and deleting them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Set as AbstractSet
from typing import Any
from uuid import UUID

import pydantic

from sluiceway import wiring
from sluiceway.base.errors import ObjectNotFound, SerializationError
from sluiceway.base.twins import with_twin
from sluiceway.client import SyncClient
from sluiceway.client.inputs import checked_key
from sluiceway.client.schemas.objects import FlowRunInput
from sluiceway.drivers.receiving import Letter, asend_here, flow_run_here, send_here

__all__ = [
    "acreate_flow_run_input",
    "acreate_flow_run_input_from_model",
    "adelete_flow_run_input",
    "afilter_flow_run_input",
    "aread_flow_run_input",
    "create_flow_run_input",
    "create_flow_run_input_from_model",
    "delete_flow_run_input",
    "filter_flow_run_input",
    "read_flow_run_input",
]


async def acreate_flow_run_input_from_model(
    key: str, model_instance: pydantic.BaseModel, flow_run_id: UUID | None = None, sender: str | None = None
) -> None:
    """Send an instance of a model to a flow run; `create_flow_run_input_from_model` for async code.

    Args:
        key: What tells the input from others of the run.
        model_instance: What is sent.
        flow_run_id: The run; by default the one that the executing code is part of.
        sender: Who sends it.
    """
    await acreate_flow_run_input(key, model_instance, flow_run_id, sender)


@with_twin(acreate_flow_run_input_from_model)
def create_flow_run_input_from_model(
    key: str, model_instance: pydantic.BaseModel, flow_run_id: UUID | None = None, sender: str | None = None
) -> None:
    """Send an instance of a model to a flow run.

    Args:
        key: What tells the input from others of the run.
        model_instance: What is sent.
        flow_run_id: The run; by default the one that the executing code is part of.
        sender: Who sends it.

    Raises:
        MissingContextError: No run is named, and this is no code of a flow.
        ObjectAlreadyExists: The run has another input of that key.
        ObjectNotFound: There is no such flow run.
        SerializationError: It cannot be written as JSON.
    """
    create_flow_run_input(key, model_instance, flow_run_id, sender)


async def acreate_flow_run_input(
    key: str, value: Any, flow_run_id: UUID | None = None, sender: str | None = None
) -> None:
    """Send a value to a flow run; `create_flow_run_input` for async code.

    Args:
        key: What tells the input from others of the run.
        value: What is sent.
        flow_run_id: The run; by default the one that the executing code is part of.
        sender: Who sends it.
    """
    await asend_here(_letter(key, value, flow_run_id, sender), wiring.services())


@with_twin(acreate_flow_run_input)
def create_flow_run_input(key: str, value: Any, flow_run_id: UUID | None = None, sender: str | None = None) -> None:
    """Send a value to a flow run, by a key of one's own.

    Sending the same value by the same key again does nothing, so that a flow which goes on after a crash may do so.

    Args:
        key: What tells the input from others of the run.
        value: What is sent; anything that Pydantic writes as JSON.
        flow_run_id: The run; by default the one that the executing code is part of.
        sender: Who sends it.

    Raises:
        InvalidOptionError: The key is empty.
        MissingContextError: No run is named, and this is no code of a flow.
        ObjectAlreadyExists: The run has another input of that key.
        ObjectNotFound: There is no such flow run.
        SerializationError: It cannot be written as JSON.
    """
    send_here(_letter(key, value, flow_run_id, sender), wiring.services())


def _letter(key: str, value: Any, flow_run_id: UUID | None, sender: str | None) -> Letter:
    run_key = flow_run_here(None if flow_run_id is None else flow_run_id.bytes, "create_flow_run_input")
    return Letter(run_key, checked_key(key), to_json(value), sender, True)


async def afilter_flow_run_input(
    key_prefix: str, limit: int = 1, exclude_keys: AbstractSet[str] | None = None, flow_run_id: UUID | None = None
) -> list[FlowRunInput]:
    """Return inputs of a flow run; `filter_flow_run_input` for async code.

    Args:
        key_prefix: How their keys begin.
        limit: How many at most; 1 or more.
        exclude_keys: Keys of inputs to leave out.
        flow_run_id: The run; by default the one that the executing code is part of.
    """
    return await asyncio.to_thread(filter_flow_run_input, key_prefix, limit, exclude_keys, flow_run_id)


@with_twin(afilter_flow_run_input)
def filter_flow_run_input(
    key_prefix: str, limit: int = 1, exclude_keys: AbstractSet[str] | None = None, flow_run_id: UUID | None = None
) -> list[FlowRunInput]:
    """Return inputs of a flow run, received or not, in the order in which they came. Looking receives none.

    Args:
        key_prefix: How their keys begin.
        limit: How many at most; 1 or more.
        exclude_keys: Keys of inputs to leave out.
        flow_run_id: The run; by default the one that the executing code is part of.

    Raises:
        MissingContextError: No run is named, and this is no code of a flow.
        ValueError: The limit is below 1.
    """
    run_id = _run_id(flow_run_id, "filter_flow_run_input")
    return SyncClient().filter_flow_run_input(run_id, key_prefix, limit, exclude_keys or frozenset())


async def aread_flow_run_input(key: str, flow_run_id: UUID | None = None) -> Any:
    """Return what was sent to a flow run; `read_flow_run_input` for async code.

    Args:
        key: The key of the input.
        flow_run_id: The run; by default the one that the executing code is part of.
    """
    return await asyncio.to_thread(read_flow_run_input, key, flow_run_id)


@with_twin(aread_flow_run_input)
def read_flow_run_input(key: str, flow_run_id: UUID | None = None) -> Any:
    """Return what was sent to a flow run, as plain data; None where there is no input of that key.

    Args:
        key: The key of the input.
        flow_run_id: The run; by default the one that the executing code is part of.

    Raises:
        MissingContextError: No run is named, and this is no code of a flow.
    """
    run_id = _run_id(flow_run_id, "read_flow_run_input")
    try:
        return json.loads(SyncClient().read_flow_run_input(run_id, key))
    except ObjectNotFound:
        return None


async def adelete_flow_run_input(key: str, flow_run_id: UUID | None = None) -> None:
    """Delete an input of a flow run; `delete_flow_run_input` for async code.

    Args:
        key: The key of the input.
        flow_run_id: The run; by default the one that the executing code is part of.
    """
    await asyncio.to_thread(delete_flow_run_input, key, flow_run_id)


@with_twin(adelete_flow_run_input)
def delete_flow_run_input(key: str, flow_run_id: UUID | None = None) -> None:
    """Delete an input of a flow run, so that nobody reads or receives it any more.

    Args:
        key: The key of the input.
        flow_run_id: The run; by default the one that the executing code is part of.

    Raises:
        MissingContextError: No run is named, and this is no code of a flow.
        ObjectNotFound: The run has no such input.
    """
    SyncClient().delete_flow_run_input(_run_id(flow_run_id, "delete_flow_run_input"), key)


def to_json(value: Any) -> str:
    """Return a value as JSON, as Pydantic writes it.

    Args:
        value: The value.

    Raises:
        SerializationError: Something in it cannot be written.
    """
    try:
        return _ANYTHING.dump_json(
            value.model_dump(mode="json") if isinstance(value, pydantic.BaseModel) else value
        ).decode()
    except (ValueError, TypeError) as error:
        kind = type(value).__name__
        raise SerializationError(f"An input is sent as JSON, and this {kind} cannot be written so: {error}") from error


_ANYTHING: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(
    Any, config=pydantic.ConfigDict(ser_json_inf_nan="constants")
)


def _run_id(flow_run_id: UUID | None, what: str) -> UUID:
    return UUID(bytes=flow_run_here(None if flow_run_id is None else flow_run_id.bytes, what))
