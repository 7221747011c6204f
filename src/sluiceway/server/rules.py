"""The rules of the door: who is let in, and with how much."""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple

from sluiceway.base.errors import ConfigurationError

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
"""What this machine calls itself, wherever the server listens."""

SHORTEST_TOKEN = 20
"""Characters that a token has at least, so that nobody guesses one."""

MIB = 1024 * 1024

JOURNAL_BYTES = 32 * MIB
"""How large a batch of facts may be that another process sends, also once it is inflated."""


class Rules(NamedTuple):
    """Who is let in, and with how much.

    Args:
        hosts: The names that the server goes by, in lower case and without ports.
        by_any_address: Whether it also goes by any IP address: that cannot be made to point elsewhere, as a name can.
        token: What who comes has to bring; None where everybody on this machine may.
        body_bytes: How large a body may be.
        body_bytes_within: The same for paths that begin so.
        seconds: How long a body may be on its way.
        streams: How many streams there may be at once.
        streams_per_client: How many of them one address may have.
    """

    hosts: frozenset[str] = LOOPBACK_NAMES
    by_any_address: bool = False
    token: str | None = None
    body_bytes: int = MIB
    body_bytes_within: tuple[tuple[str, int], ...] = (("/api/journal/", JOURNAL_BYTES),)
    seconds: float = 30.0
    streams: int = 200
    streams_per_client: int = 32

    def goes_by(self, name: str) -> bool:
        """Return whether the server goes by a name.

        Args:
            name: A name or an IP address, without brackets and port.
        """
        return name.lower() in self.hosts or (self.by_any_address and _is_address(name))

    def most_bytes(self, path: str) -> int:
        """Return how large a body may be.

        Args:
            path: Where it goes.
        """
        return next((most for start, most in self.body_bytes_within if path.startswith(start)), self.body_bytes)


def rules_for(host: str, allowed: tuple[str, ...], token: str | None) -> Rules:
    """Return the rules of a server that listens at an address.

    Args:
        host: The name or address that it listens at.
        allowed: Further names that it goes by, such as that of a proxy in front of it.
        token: What who comes has to bring; None for nothing.

    Raises:
        ConfigurationError: Others could reach it without a token, or the token is easily guessed.
    """
    bare = host.strip("[]").lower()
    if token is None and not is_loopback(bare):
        raise ConfigurationError(
            f"Others than this machine can reach {host}, so the server needs a token. Give it one with --token-file "
            "FILE or SLUICEWAY_SERVER_TOKEN, or listen at 127.0.0.1, which is the default. A new token: "
            'python -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
    if token is not None and (len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable()):
        raise ConfigurationError(
            f"The token of the server should have at least {SHORTEST_TOKEN} characters, all of them printable ASCII. "
            'A new one: python -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
    anywhere = bare in ("0.0.0.0", "::", "")
    names = {name.lower().strip("[]") for name in allowed}
    return Rules(LOOPBACK_NAMES | names | ({bare} if not anywhere else set()), anywhere, token)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address.

    Args:
        host: A name or address.
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
