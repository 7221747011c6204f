"""What an input has by keys: where it comes from, and how it is asked for and answered."""

from __future__ import annotations

from typing import Any, ClassVar, Self
from uuid import UUID

import pydantic

from sluiceway.base.errors import MissingContextError
from sluiceway.client.schemas.objects import FlowRunInput
from sluiceway.drivers.receiving import flow_run_here
from sluiceway.input.actions import (
    acreate_flow_run_input,
    aread_flow_run_input,
    create_flow_run_input,
    read_flow_run_input,
)
from sluiceway.input.keysets import Keyset, keyset_from_base_key

__all__ = ["KeyedInput", "RunInputMetadata"]


class RunInputMetadata(pydantic.BaseModel):
    """Where an input comes from.

    Args:
        key: What tells it from others of the run.
        sender: Who sent it; `sluiceway.flow-run.` and an identifier for a flow run; None where nobody says.
        receiver: The flow run that it was for.
    """

    key: str
    sender: str | None = None
    receiver: UUID


class KeyedInput(pydantic.BaseModel):
    """An input that may have been sent by somebody, and can be asked for."""

    _description: ClassVar[str | None] = None
    _metadata: RunInputMetadata | None = pydantic.PrivateAttr(default=None)

    @property
    def metadata(self) -> RunInputMetadata:
        """Where the input comes from.

        Raises:
            MissingContextError: It was made here, rather than received or loaded.
        """
        if self._metadata is None:
            raise MissingContextError(f"This {type(self).__name__} was made here, not received, so nobody has sent it.")
        return self._metadata

    @classmethod
    def keyset_from_type(cls) -> Keyset:
        """Return the keys that begin with the name of the class."""
        return keyset_from_base_key(cls.__name__.lower())

    @classmethod
    def save(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> None:
        """Have a flow run tell what it asks for: the JSON schema of the class, and its description.

        Args:
            keyset: By which keys.
            flow_run_id: The run; by default the one that the executing code is part of.
        """
        for key, value in cls._form(keyset).items():
            create_flow_run_input(key, value, flow_run_id)

    @classmethod
    async def asave(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> None:
        """Have a flow run tell what it asks for; `save` for async code.

        Args:
            keyset: By which keys.
            flow_run_id: The run; by default the one that the executing code is part of.
        """
        for key, value in cls._form(keyset).items():
            await acreate_flow_run_input(key, value, flow_run_id)

    @classmethod
    def _form(cls, keyset: Keyset) -> dict[str, Any]:
        form: dict[str, Any] = {keyset["schema"]: cls.model_json_schema()}
        if cls._description is not None:
            form[keyset["description"]] = cls._description
        return form

    @classmethod
    def load(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> Any:
        """Return the answer to what a flow run asks for.

        Args:
            keyset: By which keys.
            flow_run_id: The run; by default the one that the executing code is part of.

        Raises:
            ValidationError: It does not fit.
        """
        return cls._loaded(read_flow_run_input(keyset["response"], flow_run_id), keyset, flow_run_id)

    @classmethod
    async def aload(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> Any:
        """Return the answer to what a flow run asks for; `load` for async code.

        Args:
            keyset: By which keys.
            flow_run_id: The run; by default the one that the executing code is part of.
        """
        return cls._loaded(await aread_flow_run_input(keyset["response"], flow_run_id), keyset, flow_run_id)

    @classmethod
    def _loaded(cls, answer: Any, keyset: Keyset, flow_run_id: UUID | None) -> Self:
        made = cls.model_validate({} if answer is None else answer)
        receiver = flow_run_here(None if flow_run_id is None else flow_run_id.bytes, f"{cls.__name__}.load")
        made._metadata = RunInputMetadata(key=keyset["response"], receiver=UUID(bytes=receiver))
        return made

    @classmethod
    def load_from_flow_run_input(cls, flow_run_input: FlowRunInput) -> Self:
        """Return what was sent as an instance of this class.

        Args:
            flow_run_input: The input.

        Raises:
            ValidationError: It does not fit.
        """
        made = cls.model_validate_json(flow_run_input.value)
        made._metadata = RunInputMetadata(
            key=flow_run_input.key, sender=flow_run_input.sender, receiver=flow_run_input.flow_run_id
        )
        return made
