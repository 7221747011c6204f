"""Inputs of flow runs: what a paused run is given when it goes on, and what runs send each other.

An input is a class with fields, or a type of its values. Its name is how inputs that are sent are told apart.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any, Generic, Self, TypeVar, overload
from uuid import UUID

import pydantic

from sluiceway import wiring
from sluiceway.base.errors import MissingContextError
from sluiceway.base.twins import with_twin
from sluiceway.drivers.receiving import Letter, asend_here, send_here, sender_here
from sluiceway.input.actions import to_json
from sluiceway.input.handlers import GetAutomaticInputHandler, GetInputHandler
from sluiceway.input.keyed import KeyedInput, RunInputMetadata
from sluiceway.input.keysets import Keyset, keyset_from_base_key, keyset_from_paused_state
from sluiceway.model.inputs import SENDER

__all__ = [
    "AutomaticRunInput",
    "BaseRunInput",
    "GetAutomaticInputHandler",
    "GetInputHandler",
    "Keyset",
    "RunInput",
    "RunInputMetadata",
    "asend_input",
    "keyset_from_base_key",
    "keyset_from_paused_state",
    "receive_input",
    "run_input_subclass_from_type",
    "send_input",
]

T = TypeVar("T")
R = TypeVar("R", bound="BaseRunInput")
M = TypeVar("M", bound=pydantic.BaseModel)


class BaseRunInput(KeyedInput):
    """What all kinds of input have in common."""

    @classmethod
    def with_initial_data(cls: type[R], description: str | None = None, **kwargs: Any) -> type[R]:
        """Return a class of input whose fields have values already, which whoever answers may leave as they are.

        Args:
            description: What to tell whoever answers.
            kwargs: Values by the name of their field.

        Raises:
            ValueError: There is no such field.

        Example:
            ```python
            answer = pause_flow_run(wait_for_input=Approval.with_initial_data(reason="looks good"))
            ```
        """
        unknown = [name for name in kwargs if name not in cls.model_fields]
        if unknown:
            raise ValueError(f"{cls.__name__} has no field {unknown[0]!r}.")
        fields: dict[str, Any] = {name: (cls.model_fields[name].annotation, value) for name, value in kwargs.items()}
        made: type[R] = pydantic.create_model(cls.__name__, __base__=cls, __doc__=description or cls.__doc__, **fields)
        made._description = description
        return made

    # --- sending --------------------------------------------------------------------------------

    def send_to(self, flow_run_id: UUID, sender: str | None = None, key_prefix: str | None = None) -> None:
        """Send this to a flow run.

        Args:
            flow_run_id: The run.
            sender: Who sends it; by default the flow run that the executing code is part of.
            key_prefix: How the key is to begin; by default by the name of the class.

        Raises:
            ObjectNotFound: There is no such flow run.
        """
        send_input(self, flow_run_id, sender, key_prefix)

    async def asend_to(self, flow_run_id: UUID, sender: str | None = None, key_prefix: str | None = None) -> None:
        """Send this to a flow run; `send_to` for async code.

        Args:
            flow_run_id: The run.
            sender: Who sends it; by default the flow run that the executing code is part of.
            key_prefix: How the key is to begin; by default by the name of the class.
        """
        await asend_input(self, flow_run_id, sender, key_prefix)

    def respond(self, run_input: Any, sender: str | None = None, key_prefix: str | None = None) -> None:
        """Send something to the flow run that has sent this.

        Args:
            run_input: What is sent.
            sender: Who sends it; by default the flow run that the executing code is part of.
            key_prefix: How the key is to begin; by default by the name of its class.

        Raises:
            MissingContextError: No flow run has sent this.
            ObjectNotFound: The flow run is there no more.
        """
        send_input(run_input, self._sender(), sender, key_prefix)

    async def arespond(self, run_input: Any, sender: str | None = None, key_prefix: str | None = None) -> None:
        """Send something to the flow run that has sent this; `respond` for async code.

        Args:
            run_input: What is sent.
            sender: Who sends it; by default the flow run that the executing code is part of.
            key_prefix: How the key is to begin; by default by the name of its class.
        """
        await asend_input(run_input, self._sender(), sender, key_prefix)

    def _sender(self) -> UUID:
        sender = self.metadata.sender or ""
        if sender.startswith(SENDER):
            try:
                return UUID(sender.removeprefix(SENDER))
            except ValueError:  # somebody else calls itself so
                pass
        raise MissingContextError(f"The sender of this input is {sender or 'not known'}, no flow run to respond to.")


for _name in ("send_to", "respond"):
    setattr(getattr(BaseRunInput, _name), "aio", getattr(BaseRunInput, f"a{_name}"))  # noqa: B010  # as attributes


class RunInput(BaseRunInput):
    """An input with fields of its own: derive from it as from a model of Pydantic.

    Example:
        ```python
        class Approval(RunInput):
            approved: bool
            reason: str = ""
        ```
    """

    @classmethod
    def receive(
        cls,
        timeout: float | None = 3600,
        poll_interval: float = 10,
        raise_timeout_error: bool = False,
        exclude_keys: AbstractSet[str] | None = None,
        key_prefix: str | None = None,
        flow_run_id: UUID | None = None,
    ) -> GetInputHandler[Self]:
        """Return what goes through the inputs of this class that the flow run is sent.

        Args:
            timeout: Seconds to wait for each; None for as long as it takes.
            poll_interval: Seconds between two looks at most.
            raise_timeout_error: Whether a loop over the inputs raises `TimeoutError` where none came in time, rather
                than ending.
            exclude_keys: Keys of inputs to leave alone.
            key_prefix: How the keys of the inputs begin; by default by the name of the class.
            flow_run_id: The run whose inputs they are; by default the one that the executing code is part of.

        Example:
            ```python
            for approval in Approval.receive(timeout=60):
                print(approval.approved, approval.metadata.sender)
            ```
        """
        prefix = key_prefix or _prefix_of(cls)
        return GetInputHandler(cls, prefix, timeout, poll_interval, raise_timeout_error, exclude_keys, flow_run_id)

    @classmethod
    def subclass_from_base_model_type(cls, model_cls: type[pydantic.BaseModel]) -> type[RunInput]:
        """Return a class of input with the fields of a model.

        Args:
            model_cls: The model, which the input is an instance of, too.
        """
        return type(f"{model_cls.__name__}RunInput", (cls, model_cls), {"__module__": model_cls.__module__})


class AutomaticRunInput(BaseRunInput, Generic[T]):
    """An input of a single value, for types that are no models.

    Args:
        value: The value.
    """

    value: T

    @classmethod
    def load(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> T:
        """Return the value of the answer to what a flow run asks for.

        Args:
            keyset: By which keys.
            flow_run_id: The run; by default the one that the executing code is part of.

        Raises:
            ValidationError: It does not fit.
        """
        made: AutomaticRunInput[T] = super().load(keyset, flow_run_id)
        return made.value

    @classmethod
    async def aload(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> T:
        """Return the value of the answer to what a flow run asks for; `load` for async code.

        Args:
            keyset: By which keys.
            flow_run_id: The run; by default the one that the executing code is part of.
        """
        made: AutomaticRunInput[T] = await super().aload(keyset, flow_run_id)
        return made.value

    @classmethod
    def receive(
        cls,
        timeout: float | None = 3600,
        poll_interval: float = 10,
        raise_timeout_error: bool = False,
        exclude_keys: AbstractSet[str] | None = None,
        key_prefix: str | None = None,
        flow_run_id: UUID | None = None,
        with_metadata: bool = False,
    ) -> GetAutomaticInputHandler[T]:
        """Return what goes through the values of this type that the flow run is sent.

        Args:
            timeout: Seconds to wait for each; None for as long as it takes.
            poll_interval: Seconds between two looks at most.
            raise_timeout_error: Whether a loop over the inputs raises `TimeoutError` where none came in time, rather
                than ending.
            exclude_keys: Keys of inputs to leave alone.
            key_prefix: How the keys of the inputs begin; by default by the name of the type.
            flow_run_id: The run whose inputs they are; by default the one that the executing code is part of.
            with_metadata: Whether to return the inputs with their `metadata`, rather than the values alone.
        """
        return GetAutomaticInputHandler(
            cls,
            key_prefix or _prefix_of(cls),
            timeout,
            poll_interval,
            raise_timeout_error,
            exclude_keys,
            flow_run_id,
            with_metadata,
        )

    @classmethod
    def subclass_from_type(cls, _type: type[T]) -> type[AutomaticRunInput[T]]:
        """Return a class of input with a single value.

        Args:
            _type: The type of the value.
        """
        name = getattr(_type, "__name__", str(_type)).title()
        made: type[AutomaticRunInput[T]] = pydantic.create_model(
            f"Automatic{name}RunInput", __base__=AutomaticRunInput, value=(_type, ...)
        )
        return made


def run_input_subclass_from_type(_type: Any) -> Any:
    """Return the class of input for a type: itself, one with the fields of a model, or one with a single value.

    Args:
        _type: A class of input, a model of Pydantic or an instance of one, or any other type.
    """
    if isinstance(_type, type) and issubclass(_type, BaseRunInput):
        return _type
    if isinstance(_type, pydantic.BaseModel):
        values = {name: getattr(_type, name) for name in type(_type).model_fields}
        return RunInput.subclass_from_base_model_type(type(_type)).with_initial_data(None, **values)
    if isinstance(_type, type) and issubclass(_type, pydantic.BaseModel):
        return RunInput.subclass_from_base_model_type(_type)
    return AutomaticRunInput.subclass_from_type(_type)


def _prefix_of(kind: type[BaseRunInput]) -> str:
    """Return how the keys of inputs of a class begin."""
    return f"{kind.__name__.lower()}-auto"


def answer_reader(kind: type[BaseRunInput]) -> Callable[[str | None], Any]:
    """Return what reads an answer, as JSON, to what a paused run asks for.

    Args:
        kind: What is asked for.
    """

    def read(answer: str | None) -> Any:
        made = kind.model_validate_json(answer or "{}")
        return made.value if isinstance(made, AutomaticRunInput) else made

    return read


async def asend_input(
    run_input: Any, flow_run_id: UUID, sender: str | None = None, key_prefix: str | None = None
) -> None:
    """Send something to a flow run; `send_input` for async code.

    Args:
        run_input: What is sent.
        flow_run_id: The run.
        sender: Who sends it; by default the flow run that the executing code is part of.
        key_prefix: How the key is to begin; by default by the name of its class.
    """
    await asend_here(_letter(run_input, flow_run_id, sender, key_prefix), wiring.services())


@with_twin(asend_input)
def send_input(run_input: Any, flow_run_id: UUID, sender: str | None = None, key_prefix: str | None = None) -> None:
    """Send something to a flow run, which receives it with `receive_input`.

    A flow run that goes on after a crash, or is retried, does not send it again.

    Args:
        run_input: What is sent: an instance of a class of input or of a model of Pydantic, or any value that Pydantic
            writes as JSON.
        flow_run_id: The run.
        sender: Who sends it; by default the flow run that the executing code is part of.
        key_prefix: How the key is to begin; by default by the name of its class.

    Raises:
        ObjectNotFound: There is no such flow run.
        SerializationError: It cannot be written as JSON.

    Example:
        ```python
        send_input("Ada", flow_run_id=run.id)
        ```
    """
    send_here(_letter(run_input, flow_run_id, sender, key_prefix), wiring.services())


def _letter(run_input: Any, flow_run_id: UUID, sender: str | None, key_prefix: str | None) -> Letter:
    value: Any = run_input
    if isinstance(run_input, BaseRunInput):
        kind = type(run_input)
    elif isinstance(run_input, pydantic.BaseModel):
        kind = run_input_subclass_from_type(type(run_input))
    else:
        kind = AutomaticRunInput.subclass_from_type(type(run_input))
        value = kind.model_construct(value=run_input)
    return Letter(flow_run_id.bytes, key_prefix or _prefix_of(kind), to_json(value), sender or sender_here())


@overload
def receive_input(  # type: ignore[overload-overlap]  # a model is no single value
    input_type: type[M],
    timeout: float | None = 3600,
    poll_interval: float = 10,
    raise_timeout_error: bool = False,
    exclude_keys: AbstractSet[str] | None = None,
    key_prefix: str | None = None,
    flow_run_id: UUID | None = None,
    with_metadata: bool = False,
) -> GetInputHandler[M]: ...
@overload
def receive_input(
    input_type: type[T],
    timeout: float | None = 3600,
    poll_interval: float = 10,
    raise_timeout_error: bool = False,
    exclude_keys: AbstractSet[str] | None = None,
    key_prefix: str | None = None,
    flow_run_id: UUID | None = None,
    with_metadata: bool = False,
) -> GetAutomaticInputHandler[T]: ...
def receive_input(
    input_type: Any,
    timeout: float | None = 3600,
    poll_interval: float = 10,
    raise_timeout_error: bool = False,
    exclude_keys: AbstractSet[str] | None = None,
    key_prefix: str | None = None,
    flow_run_id: UUID | None = None,
    with_metadata: bool = False,
) -> Any:
    """Return what goes through the inputs of a type that the flow run is sent, the first one first.

    Each input is received once, by one call, of whichever process. A flow run that goes on after a crash, or is
    retried, gets those again that it got, in the same order.

    Args:
        input_type: What is received: a class of `sluiceway.input`, a model of Pydantic, or any type.
        timeout: Seconds to wait for each; None for as long as it takes.
        poll_interval: Seconds between two looks at most; what this process sends, arrives at once.
        raise_timeout_error: Whether a loop over the inputs raises `TimeoutError` where none came in time, rather than
            ending.
        exclude_keys: Keys of inputs to leave alone.
        key_prefix: How the keys of the inputs begin; by default by the name of the type.
        flow_run_id: The run whose inputs they are; by default the one that the executing code is part of.
        with_metadata: Whether to return single values as an input with its `metadata`. Other inputs have it anyway.

    Example:
        ```python
        @flow
        def greets() -> None:
            for name in receive_input(str, timeout=60):
                print(f"Hello, {name}!")
        ```
    """
    kind = run_input_subclass_from_type(input_type)
    options = (timeout, poll_interval, raise_timeout_error, exclude_keys, key_prefix, flow_run_id)
    if issubclass(kind, AutomaticRunInput):
        return kind.receive(*options, with_metadata=with_metadata)
    return kind.receive(*options)
