"""Handlers: what goes through the inputs that a flow run is sent, in blocking code or in async code."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Set as AbstractSet
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

from sluiceway import wiring
from sluiceway.base.errors import InvalidOptionError
from sluiceway.client.schemas.objects import FlowRunInput
from sluiceway.drivers.receiving import Wait, areceive_here, receive_here
from sluiceway.model.inputs import SentInput

__all__ = ["GetAutomaticInputHandler", "GetInputHandler"]

R = TypeVar("R")
T = TypeVar("T")
V = TypeVar("V")


class _Handler(Generic[V]):
    """Receives inputs one after the other."""

    def __init__(
        self,
        run_input_cls: Any,
        key_prefix: str,
        timeout: float | None,
        poll_interval: float,
        raise_timeout_error: bool,
        exclude_keys: AbstractSet[str] | None,
        flow_run_id: UUID | None,
    ) -> None:
        if not key_prefix:
            raise InvalidOptionError("key_prefix is empty; inputs are told apart by how their keys begin.")
        self.run_input_cls: Any = run_input_cls
        self.key_prefix: str = key_prefix
        self.timeout: float | None = timeout
        self.poll_interval: float = poll_interval
        self.raise_timeout_error: bool = raise_timeout_error
        self.exclude_keys: set[str] = set(exclude_keys or ())
        self.flow_run_id: UUID | None = flow_run_id

    @abstractmethod
    def to_instance(self, flow_run_input: FlowRunInput) -> V:
        """Return what an input stands for.

        Args:
            flow_run_input: The input.

        Raises:
            ValidationError: It does not fit.
        """

    def next(self) -> V:
        """Wait for the next input, and return it.

        Raises:
            TimeoutError: None came in time.
            ValidationError: It does not fit what was asked for.
        """
        found = self._noted(receive_here(self._wait(self.timeout), wiring.services()))
        if not found:
            raise self._too_late()
        return self.to_instance(found[0])

    async def anext(self) -> V:
        """Wait for the next input, and return it; `next` for async code."""
        found = self._noted(await areceive_here(self._wait(self.timeout), wiring.services()))
        if not found:
            raise self._too_late()
        return self.to_instance(found[0])

    def filter_for_inputs_sync(self) -> list[FlowRunInput]:
        """Receive the next input, if it is there already; return it alone in a list, or an empty one."""
        return self._noted(receive_here(self._wait(0), wiring.services()))

    async def filter_for_inputs(self) -> list[FlowRunInput]:
        """Receive the next input, if it is there already; `filter_for_inputs_sync` for async code."""
        return self._noted(await areceive_here(self._wait(0), wiring.services()))

    def __iter__(self) -> Self:
        return self

    def __aiter__(self) -> Self:
        return self

    def __next__(self) -> V:
        try:
            return self.next()
        except _NoneCame:
            if self.raise_timeout_error:
                raise
            raise StopIteration from None

    async def __anext__(self) -> V:
        try:
            return await self.anext()
        except _NoneCame:
            if self.raise_timeout_error:
                raise
            raise StopAsyncIteration from None

    def _wait(self, timeout: float | None) -> Wait:
        run_key = None if self.flow_run_id is None else self.flow_run_id.bytes
        return Wait(run_key, self.key_prefix, self.exclude_keys, timeout, self.poll_interval)

    def _noted(self, sent: SentInput | None) -> list[FlowRunInput]:
        if sent is None:
            return []
        self.exclude_keys.add(sent.key)
        return [FlowRunInput.from_sent(sent)]

    def _too_late(self) -> TimeoutError:
        kind = getattr(self.run_input_cls, "__name__", self.run_input_cls)
        return _NoneCame(f"No input of {kind} came within {self.timeout:g} second(s).")


class _NoneCame(TimeoutError):
    """No input came in time: not one of the deadlines around the code that waits."""


class GetInputHandler(_Handler[R]):
    """Receives inputs of a class one after the other: with `next()`, or in a `for` or `async for`.

    A flow run that goes on after a crash, or is retried, gets the same ones in the same order.

    Args:
        run_input_cls: The class.
        key_prefix: How the keys of the inputs begin.
        timeout: Seconds to wait for each; None for as long as it takes.
        poll_interval: Seconds between two looks at most.
        raise_timeout_error: Whether a loop over the inputs raises `TimeoutError` where none came in time, rather than
            ending.
        exclude_keys: Keys of inputs to leave alone.
        flow_run_id: The run whose inputs they are; by default the one that the executing code is part of.
    """

    def __init__(
        self,
        run_input_cls: type[R],
        key_prefix: str,
        timeout: float | None = 3600,
        poll_interval: float = 10,
        raise_timeout_error: bool = False,
        exclude_keys: AbstractSet[str] | None = None,
        flow_run_id: UUID | None = None,
    ) -> None:
        super().__init__(
            run_input_cls, key_prefix, timeout, poll_interval, raise_timeout_error, exclude_keys, flow_run_id
        )

    def to_instance(self, flow_run_input: FlowRunInput) -> R:
        """Return an input as an instance of the class.

        Args:
            flow_run_input: The input.

        Raises:
            ValidationError: It does not fit.
        """
        made: R = self.run_input_cls.load_from_flow_run_input(flow_run_input)
        return made


class GetAutomaticInputHandler(_Handler[T]):
    """Receives inputs that are single values one after the other; else as `GetInputHandler`.

    Args:
        run_input_cls: The class of input that was made for the type of the values.
        key_prefix: How the keys of the inputs begin.
        timeout: Seconds to wait for each; None for as long as it takes.
        poll_interval: Seconds between two looks at most.
        raise_timeout_error: Whether a loop over the inputs raises `TimeoutError` where none came in time, rather than
            ending.
        exclude_keys: Keys of inputs to leave alone.
        flow_run_id: The run whose inputs they are; by default the one that the executing code is part of.
        with_metadata: Whether to return the input with its `metadata`, rather than the value alone.
    """

    def __init__(
        self,
        run_input_cls: Any,
        key_prefix: str,
        timeout: float | None = 3600,
        poll_interval: float = 10,
        raise_timeout_error: bool = False,
        exclude_keys: AbstractSet[str] | None = None,
        flow_run_id: UUID | None = None,
        with_metadata: bool = False,
    ) -> None:
        super().__init__(
            run_input_cls, key_prefix, timeout, poll_interval, raise_timeout_error, exclude_keys, flow_run_id
        )
        self.with_metadata: bool = with_metadata

    def to_instance(self, flow_run_input: FlowRunInput) -> Any:
        """Return the value of an input, or the input with its metadata.

        Args:
            flow_run_input: The input.

        Raises:
            ValidationError: It does not fit.
        """
        made = self.run_input_cls.load_from_flow_run_input(flow_run_input)
        return made if self.with_metadata else made.value


setattr(_Handler.next, "aio", _Handler.anext)  # noqa: B010  # a method takes attributes; its type has none
