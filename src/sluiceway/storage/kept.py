"""Results as a store of users gives them out."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from sluiceway.base.previews import preview
from sluiceway.storage.serializers import Serializer

R = TypeVar("R")
"""The type of the result."""


class ResultRecordMetadata(NamedTuple):
    """What is known of a result in a store.

    Args:
        storage_key: The key.
        expiration: From when on the result is not to be used; None for never.
        serializer: How it became bytes.
    """

    storage_key: str
    expiration: datetime | None
    serializer: Serializer[Any]


class ResultRecord(Generic[R]):
    """A result in a store.

    Args:
        result: The result.
        metadata: What is known of it.
    """

    __slots__ = ("metadata", "result")

    def __init__(self, result: R, metadata: ResultRecordMetadata) -> None:
        self.result: R = result
        self.metadata: ResultRecordMetadata = metadata

    @property
    def expiration(self) -> datetime | None:
        """From when on the result is not to be used; None for never."""
        return self.metadata.expiration

    @property
    def serializer(self) -> Serializer[Any]:
        """How the result became bytes."""
        return self.metadata.serializer

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ResultRecord) and (self.result, self.metadata) == (other.result, other.metadata)

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # compared by value, and results need not be hashable

    def __repr__(self) -> str:
        return f"ResultRecord(result={preview(self.result)}, metadata={self.metadata!r})"


ResultRecord.__module__ = ResultRecordMetadata.__module__ = "sluiceway.results"
