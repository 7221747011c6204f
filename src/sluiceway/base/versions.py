"""Versions of files, by what they hold."""

from __future__ import annotations

from _blake2 import blake2b  # what `hashlib.blake2b` is; `hashlib` would load OpenSSL


def file_digest(path: str) -> str | None:
    """Return 32 hexadecimal characters that stand for the contents of a file; None where there is none.

    Args:
        path: The path, as code objects name their files.
    """
    try:
        with open(path, "rb") as file:
            return blake2b(file.read(), digest_size=16).hexdigest()
    except (OSError, ValueError):  # typed at a prompt, in a notebook, or generated
        return None
