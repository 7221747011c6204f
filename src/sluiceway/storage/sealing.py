"""Sealing: secrets are encrypted by a key in a file that nobody but this user may read."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from sluiceway.base.errors import SecretError
from sluiceway.base.ids import new_id

if TYPE_CHECKING:
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

_OWNER_ONLY = 0o600
_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Sealer:
    """Encrypts texts and opens them again.

    Args:
        path: The file of the key. It is made, with its folder, when something is sealed and it is not there.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._key: bytes | None = None

    def seal(self, text: str) -> bytes:
        """Return a text encrypted, each time another way.

        Args:
            text: The text.

        Raises:
            SecretError: The key cannot be used; the message says why, and what to do.
        """
        return self._fernet(make=True).encrypt(text.encode("utf-8", "surrogatepass"))

    def unseal(self, sealed: bytes, name: str) -> str:
        """Return a text that was encrypted.

        Args:
            sealed: The text, encrypted.
            name: What to call it in messages.

        Raises:
            SecretError: It was sealed by another key, or changed, or the key cannot be used.
        """
        from cryptography.fernet import InvalidToken  # lazy: takes a while, and few programs have secrets

        fernet = self._fernet(make=False, name=name)
        try:
            return fernet.decrypt(sealed).decode("utf-8", "surrogatepass")
        except InvalidToken:
            raise self._wrong_key(name) from None

    def seal_alike(self, text: str) -> bytes:
        """Return a text encrypted, each time the same way, so that equal values can be told to be equal.

        Args:
            text: The text.

        Raises:
            SecretError: The key cannot be used.
        """
        return self._siv(make=True).encrypt(text.encode("utf-8", "surrogatepass"), None)

    def unseal_alike(self, sealed: bytes) -> str:
        """Return a text that `seal_alike` encrypted.

        Args:
            sealed: The text, encrypted.

        Raises:
            SecretError: It was sealed by another key, or changed, or the key cannot be used.
        """
        from cryptography.exceptions import InvalidTag  # lazy: as above

        name = "that came from another process"
        siv = self._siv(make=False, name=name)
        try:
            return siv.decrypt(sealed, None).decode("utf-8", "surrogatepass")
        except InvalidTag:
            raise self._wrong_key(name) from None

    def _fernet(self, *, make: bool, name: str = "") -> Fernet:
        from cryptography.fernet import Fernet  # lazy: as above

        try:
            return Fernet(self._read_key(make, name))
        except ValueError as error:
            raise SecretError(
                f"The file {self.path} holds no key. Put back the one that secrets were sealed with, or remove the "
                "file and save the secrets anew."
            ) from error

    def _siv(self, *, make: bool, name: str = "") -> AESSIV:
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # lazy: as above

        self._fernet(make=make, name=name)  # which refuses what is no key
        return AESSIV(hashlib.sha512(b"sluiceway secrets that travel\0" + self._read_key(make, name)).digest())

    def _wrong_key(self, name: str) -> SecretError:
        return SecretError(
            f"The secret {name} cannot be opened by the key in {self.path}: it was sealed by another one, or has "
            "been changed. Put back the key that it was sealed with, or save the secret anew with overwrite=True."
        )

    def _read_key(self, make: bool, name: str) -> bytes:
        if self._key is None:
            try:
                self._key = self._read_file()
            except FileNotFoundError:
                if not make:
                    raise SecretError(
                        f"The secret {name} cannot be opened: its key is missing. There is no file {self.path}; copy "
                        "it from where the secret was saved, or save the secret anew with overwrite=True."
                    ) from None
                self._make_file()
                self._key = self._read_file()
        return self._key

    def _read_file(self) -> bytes:
        try:
            with open(self.path, "rb") as file:
                found = os.fstat(file.fileno())
                content = file.read(1_000).strip()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise SecretError(f"The key of secrets, {self.path}, cannot be read: {error.strerror}.") from error
        if found.st_mode & _OF_OTHERS:
            raise SecretError(
                f"Others may read the key of secrets: {self.path} has the mode {stat.S_IMODE(found.st_mode):o}. "
                f"Run `chmod 600 {self.path}`, and ask yourself who has read it."
            )
        if found.st_uid not in (os.geteuid(), 0):
            raise SecretError(f"The key of secrets, {self.path}, belongs to another user (uid {found.st_uid}).")
        return content

    def _make_file(self) -> None:
        """Make the file with a new key, all at once; where another process is first, it is its key that counts."""
        from cryptography.fernet import Fernet  # lazy: as above

        folder = os.path.dirname(self.path)
        draft = f"{self.path}.{new_id().hex()}"
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OWNER_ONLY)
            try:
                os.write(descriptor, Fernet.generate_key() + b"\n")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            try:
                with suppress(FileExistsError):
                    os.link(draft, self.path)
            finally:
                os.unlink(draft)
        except OSError as error:
            raise SecretError(f"The key of secrets, {self.path}, cannot be made: {error.strerror}.") from error
