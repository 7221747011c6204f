"""Variables: values that any run can read, and that are set from outside, in code or on the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, ClassVar, TypeAlias

from sluiceway.base.errors import ObjectAlreadyExists
from sluiceway.client import SyncClient
from sluiceway.client.schemas.actions import VariableCreate
from sluiceway.client.schemas.objects import Variable as KeptVariable
from sluiceway.drivers import scope
from sluiceway.rules.keepsakes import MAX_VARIABLE_NAME_LENGTH

__all__ = ["MAX_VARIABLE_NAME_LENGTH", "Variable"]

Value: TypeAlias = str | int | bool | float | dict[str, Any] | list[Any] | None
"""What a variable may be: what JSON knows."""


class Variable:
    """A value by name, which all processes with the same run database share.

    Args:
        name: What it is read by: lower-case letters, digits, underscores and dashes.
        value: The value.
        tags: The tags.

    Example:
        ```python
        Variable.set("batch-size", 100)
        assert Variable.get("batch-size") == 100
        ```
    """

    def __init__(self, name: str, value: Value, tags: Iterable[str] | None = None) -> None:
        self.name: str = name
        self.value: Value = value
        self.tags: list[str] = sorted(tags or ())

    def __repr__(self) -> str:
        return f"Variable(name={self.name!r}, value={self.value!r}, tags={self.tags!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Variable) and vars(self) == vars(other)

    __hash__: ClassVar[None]  # type: ignore[assignment]  # it can be changed

    @classmethod
    async def aset(cls, name: str, value: Value, tags: list[str] | None = None, overwrite: bool = False) -> Variable:
        """Set a variable; `set` for async code.

        Args:
            name: Its name.
            value: The value.
            tags: The tags; None for none.
            overwrite: Whether to change the one that there is, if any.
        """
        return await asyncio.to_thread(cls.set, name, value, tags, overwrite)

    @classmethod
    def set(cls, name: str, value: Value, tags: list[str] | None = None, overwrite: bool = False) -> Variable:
        """Set a variable, and return it.

        Args:
            name: Its name.
            value: The value, which JSON has to know.
            tags: The tags; None for none.
            overwrite: Whether to change the one that there is, if any.

        Raises:
            InvalidNameError: The name is none.
            InvalidOptionError: JSON does not know the value, or it is too large, or a tag is no text.
            ObjectAlreadyExists: There is one of that name, and it is not to be changed.
        """
        asked = VariableCreate(name=name, value=value, tags=[] if tags is None else tags)
        try:
            return _of_kept(_client().create_variable(asked, overwrite=overwrite))
        except ObjectAlreadyExists as error:
            raise ObjectAlreadyExists(f"{error} Pass overwrite=True to change it.") from None

    @classmethod
    async def aget(cls, name: str, default: Value = None) -> Value:
        """Return the value of a variable; `get` for async code.

        Args:
            name: Its name.
            default: What to return where there is none of that name.
        """
        return await asyncio.to_thread(cls.get, name, default)

    @classmethod
    def get(cls, name: str, default: Value = None) -> Value:
        """Return the value of a variable.

        Args:
            name: Its name.
            default: What to return where there is none of that name.
        """
        found = _client().read_variable_by_name(name)
        return default if found is None else found.value

    @classmethod
    async def aunset(cls, name: str) -> bool:
        """Delete a variable; `unset` for async code.

        Args:
            name: Its name.
        """
        return await asyncio.to_thread(cls.unset, name)

    @classmethod
    def unset(cls, name: str) -> bool:
        """Delete a variable, and return whether there was one.

        Args:
            name: Its name.
        """
        return _client().delete_variable_by_name(name)


def _of_kept(kept: KeptVariable) -> Variable:
    return Variable(kept.name, kept.value, kept.tags)


def _client() -> SyncClient:
    """Return a client over the journal of the run whose code asks, if any."""
    context = scope.current()
    return SyncClient(None if context is None else context.services)
