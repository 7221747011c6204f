"""Secrets: values that are encrypted in the run database, and masked wherever people look."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Iterator
from typing import Any, Generic, NoReturn, TypeVar
from uuid import UUID

from sluiceway import wiring
from sluiceway.base import ids, masking
from sluiceway.base.errors import ObjectAlreadyExists, ObjectNotFound
from sluiceway.drivers import scope
from sluiceway.model.keepsakes import SealedSecret
from sluiceway.ports.services import Services
from sluiceway.rules.keepsakes import check_secret_name, secret_text
from sluiceway.wiring.sealing import sealer

__all__ = ["Secret"]

T = TypeVar("T")


class Secret(Generic[T]):
    """A value that is shown to nobody: a password, a token, a dictionary of them.

    It is masked in its `repr`, and from then on also in log lines, previews of results, messages of errors and
    artifacts that this process records. Saved, it is encrypted by a key in the home folder.

    Args:
        value: The value: a text, or anything else that JSON knows; a secret of Pydantic is unpacked.

    Raises:
        InvalidOptionError: JSON does not know the value, or it is too large.

    Example:
        ```python
        Secret(value="hunter2").save("database-password")
        password = Secret.load("database-password").get()
        ```
    """

    __slots__ = ("_text",)

    _text: str

    def __init__(self, value: T) -> None:
        unpack = getattr(value, "get_secret_value", None)
        plain: Any = value if unpack is None else unpack()
        if isinstance(plain, Secret):
            plain = plain.get()
        _take(self, secret_text(plain))

    def get(self) -> T:
        """Return the value. Whoever has it is to take care of it."""
        value: T = json.loads(self._text)
        return value

    # --- masked -------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"Secret({masking.MASK!r})"

    def __str__(self) -> str:
        return masking.MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __copy__(self) -> Secret[T]:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret[T]:
        return self

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("A secret cannot be changed. Make another one, and save that with overwrite=True.")

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel encrypted: only processes with the key in their home folder can open it."""
        return _opened, (sealer().seal_alike(self._text),)

    # --- saved --------------------------------------------------------------------------------------

    async def asave(self, name: str, overwrite: bool = False) -> UUID:
        """Save it under a name; `save` for async code.

        Args:
            name: The name.
            overwrite: Whether to change the one that there is, if any.
        """
        return await asyncio.to_thread(self.save, name, overwrite)

    def save(self, name: str, overwrite: bool = False) -> UUID:
        """Save it under a name, encrypted, and return its identifier.

        Args:
            name: The name: lower-case letters, digits and dashes.
            overwrite: Whether to change the one that there is, if any.

        Raises:
            InvalidNameError: The name is none.
            ObjectAlreadyExists: There is one of that name, and it is not to be changed.
            SecretError: The key in the home folder cannot be used; the message says why.
        """
        check_secret_name(name)
        services = _services()
        now = services.clock.now()
        sealed = SealedSecret(ids.new_id(), name, sealer().seal(self._text), now, now)
        if not services.store.write_secret(sealed, overwrite=overwrite):
            raise ObjectAlreadyExists(f"There is a secret {name!r} already. Pass overwrite=True to change it.")
        found = services.store.read_secret(name)
        return ids.to_uuid(sealed.id if found is None else found.id)

    @classmethod
    async def aload(cls, name: str) -> Secret[Any]:
        """Return the secret of a name; `load` for async code.

        Args:
            name: The name.
        """
        return await asyncio.to_thread(cls.load, name)

    @classmethod
    def load(cls, name: str) -> Secret[Any]:
        """Return the secret of a name.

        Args:
            name: The name.

        Raises:
            ObjectNotFound: There is none of that name.
            SecretError: It was sealed by another key than the one in the home folder, or that cannot be used.
        """
        found = _services().store.read_secret(name)
        if found is None:
            raise ObjectNotFound(f"There is no secret {name!r}. Save one with Secret(value=…).save({name!r}).")
        return _made(sealer().unseal(found.sealed, repr(name)))

    @classmethod
    async def adelete(cls, name: str) -> None:
        """Delete the secret of a name; `delete` for async code.

        Args:
            name: The name.
        """
        await asyncio.to_thread(cls.delete, name)

    @classmethod
    def delete(cls, name: str) -> None:
        """Delete the secret of a name.

        Args:
            name: The name.

        Raises:
            ObjectNotFound: There is none of that name.
        """
        if not _services().store.delete_secret(name):
            raise ObjectNotFound(f"There is no secret {name!r}.")


def _take(secret: Secret[Any], text: str) -> None:
    object.__setattr__(secret, "_text", text)
    masking.learn(_texts(json.loads(text)))


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts in a value, which are what is to be kept from people; numbers, too, if they are long."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield repr(value)


def _made(text: str) -> Secret[Any]:
    secret: Secret[Any] = object.__new__(Secret)
    _take(secret, text)
    return secret


def _opened(sealed: bytes) -> Secret[Any]:
    """Return a secret that travelled."""
    return _made(sealer().unseal_alike(sealed))


def _services() -> Services:
    context = scope.current()
    if context is None:
        return wiring.services()
    services: Services = context.services
    return services
