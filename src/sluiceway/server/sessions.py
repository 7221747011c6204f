"""Sessions: what a browser shows at the door once somebody has logged in, in the place of the token.

A session says when it ends, and is signed with a key that is made from the token. Nothing is kept on the server, so
any of its processes knows it, and with another token all sessions have ended.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

SECONDS = 7 * 86_400
"""How long a session lasts."""

COOKIE = "sluiceway-session"

_LONGEST = 256
"""Characters of what is looked at, at most."""


def begin(token: str, now: float) -> str:
    """Return a new session, as the value of a cookie.

    Args:
        token: The token of the server.
        now: The present moment, in seconds since the epoch.
    """
    said = f"{int(now) + SECONDS}.{secrets.token_hex(16)}"
    return f"{said}.{_signature(token, said)}"


def is_good(token: str, session: str, now: float) -> bool:
    """Return whether a session was begun with a token, and has not ended.

    Args:
        token: The token of the server.
        session: The value of the cookie.
        now: The present moment, in seconds since the epoch.
    """
    said, _, signature = session[:_LONGEST].rpartition(".")
    if not is_same(signature, _signature(token, said)):
        return False
    end = said.partition(".")[0]
    return end.isdecimal() and now < int(end)


def is_same(given: str, right: str) -> bool:
    """Return whether two texts are equal, in a time that does not tell how far they are.

    Args:
        given: What somebody gave.
        right: What it should be.
    """
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode("utf-8", "replace"))


def _signature(token: str, said: str) -> str:
    key = hashlib.sha256(b"sluiceway session\0" + token.encode("utf-8", "replace")).digest()
    return hmac.new(key, said.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
