"""The connection to a server: questions in JSON, answers in JSON, and what is wrong in words that help."""

from __future__ import annotations

import gzip
import os
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sluiceway.base.errors import StoreError
from sluiceway.model import wire
from sluiceway.model.wire_values import WireError
from sluiceway.ports.carried import ERRORS

if TYPE_CHECKING:
    import httpx

WIRE_HEADER = "sluiceway-wire"
"""The header that names the format of both sides."""

PATIENCE = 15.0
"""Seconds for which a server that cannot be reached is tried again, by who waits for an answer."""

CONNECT_SECONDS, ANSWER_SECONDS, LONG_SECONDS = 5.0, 60.0, 600.0
"""How long it may take to be connected, to be answered, and to be answered where the whole journal is gone through."""

REST_SECONDS = 1.0
"""How long a server that could not be reached is left alone by those who do not wait for it."""

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds between two tries: short at first."""

MOST_BYTES = 32 * 1024 * 1024
"""How large a question may be; the server takes no more."""

_ZIPPED_FROM = 2_048
_AWAY = frozenset({502, 503, 504})
"""What proxies answer while the server is not there."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_LONGEST_DETAIL = 300


class UnreachableError(StoreError):
    """The server cannot be reached at present, or not by this process."""


class Connection:
    """A way to the journal of a server, for any number of threads; a process that was forked opens its own.

    Args:
        address: Where the API is, such as `http://host:4200/api`.
        key: What lets this process in; None where nothing is asked for.
        patience: Seconds for which a server that cannot be reached is tried again.
    """

    def __init__(self, address: str, key: str | None, patience: float = PATIENCE) -> None:
        self.address: str = address.rstrip("/")
        self._key = key
        self._patience = patience
        self._trouble = ""
        """Why the server could not be reached the last time; empty if it could."""
        self._rests_until = 0.0
        self._clients: dict[int, httpx.Client] = {}
        """By process: this one, and those that it was forked from, whose connections are theirs."""

    def ask(self, verb: str, body: bytes, *, safe: bool, patient: bool = True, seconds: float = ANSWER_SECONDS) -> Any:
        """Ask the server for something, and return what it gives, as JSON knows it.

        Args:
            verb: What is asked for.
            body: What goes with it, as JSON.
            safe: Whether it may be asked twice; otherwise it is asked again only where it cannot have arrived.
            patient: Whether to try again while the server cannot be reached.
            seconds: How long the answer may take.

        Raises:
            UnreachableError: The server is not there, does not let this process in, or is of another version.
            StoreError: The server cannot use its journal.
            ValueError: What is asked for cannot be done.
        """
        if len(body) > MOST_BYTES:
            raise ValueError(
                f"This is too large for the server at {self.address}: {len(body):,} bytes, where {MOST_BYTES:,} may be."
            )
        headers = {}
        if len(body) >= _ZIPPED_FROM:
            body, headers["content-encoding"] = gzip.compress(body, 1), "gzip"
        answer = self._tried(lambda: self._post(verb, body, headers, seconds), safe, patient)
        return self._value(answer)

    def close(self) -> None:
        """Close what is open. Closing twice is harmless."""
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            client.close()

    # --- asking -----------------------------------------------------------------------------------

    def _tried(self, post: Callable[[], httpx.Response], safe: bool, patient: bool) -> httpx.Response:
        """Return an answer, after as many tries as there is patience for."""
        import httpx  # lazy: only who talks to a server

        if self._trouble and not patient and time.monotonic() < self._rests_until:
            raise self._unreachable(self._trouble, False)
        end = time.monotonic() + (self._patience if patient else 0.0)
        pause = FIRST_PAUSE
        while True:
            try:
                answer = post()
                if answer.status_code not in _AWAY:
                    self._trouble = ""
                    return answer
                trouble, arrived = f"it answered {answer.status_code}", False
            except httpx.TransportError as error:
                trouble = str(error) or type(error).__name__
                arrived = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
            except httpx.InvalidURL as error:
                raise UnreachableError(f"SLUICEWAY_API_URL is {self.address!r}, which is no address: {error}") from None
            if (arrived and not safe) or time.monotonic() + pause > end:
                self._trouble, self._rests_until = trouble, time.monotonic() + REST_SECONDS
                raise self._unreachable(trouble, arrived and not safe)
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(LONGEST_PAUSE, pause * 2)

    def _post(self, verb: str, body: bytes, headers: dict[str, str], seconds: float) -> httpx.Response:
        client = self._clients.get(os.getpid()) or self._open()
        timeout = (CONNECT_SECONDS, seconds, ANSWER_SECONDS, CONNECT_SECONDS)
        return client.post(f"{self.address}/journal/{verb}", content=body, headers=headers, timeout=timeout)

    def _open(self) -> httpx.Client:
        import httpx  # lazy: only who talks to a server

        headers = {WIRE_HEADER: str(wire.WIRE_VERSION), "content-type": "application/json", "accept-encoding": "gzip"}
        if self._key is not None:
            headers["authorization"] = f"Bearer {self._key}"
        # Proxies that the environment names are for what is far away.
        proxies = urlsplit(self.address).hostname not in _LOOPBACK
        client = httpx.Client(headers=headers, trust_env=proxies, follow_redirects=False)
        return self._clients.setdefault(os.getpid(), client)

    def _unreachable(self, trouble: str, doubtful: bool) -> UnreachableError:
        doubt = " Whether it has done what it was asked for is not known." if doubtful else ""
        return UnreachableError(
            f"The server at {self.address} cannot be reached: {trouble.rstrip('.')}.{doubt} "
            "Start it with `sluiceway server start`, or see whether SLUICEWAY_API_URL names it."
        )

    # --- answers ----------------------------------------------------------------------------------

    def _value(self, answer: httpx.Response) -> Any:
        """Return what an answer gives.

        Raises:
            StoreError: It gives nothing.
        """
        told = self._told(answer)
        if answer.status_code == 200 and "value" in told:
            return told["value"]
        kind, message = self._error_in(told)
        if answer.status_code in (409, 413, 422) and kind is not None:
            raise kind(f"{message} (The server is at {self.address}.)" if issubclass(kind, StoreError) else message)
        raise UnreachableError(self._complaint(answer, message))

    def _told(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            told = wire.parse(answer.content)
        except WireError:
            return {}
        return told if isinstance(told, dict) else {}

    def _error_in(self, told: dict[str, Any]) -> tuple[type[Exception] | None, str]:
        error = told.get("error")
        if isinstance(error, dict):
            return ERRORS.get(str(error.get("type"))), str(error.get("message"))
        return None, str(told.get("detail", ""))[:_LONGEST_DETAIL]

    def _complaint(self, answer: httpx.Response, message: str) -> str:
        """Return what is wrong with an answer, and the remedy."""
        status, server = answer.status_code, f"The server at {self.address}"
        if status in (401, 403):
            given = "the key in SLUICEWAY_API_KEY is not its token" if self._key else "SLUICEWAY_API_KEY is not set"
            return f"{server} does not let this process in: {given}. Set SLUICEWAY_API_KEY to the token of the server."
        if status == 426:
            return f"{server} is of another version than this process: {message}"
        if status == 404:
            return (
                f"{server} has no such journal; it is another program, or of another version. {message}".rstrip()
                + " SLUICEWAY_API_URL should be such as http://host:4200/api."
            )
        if answer.is_redirect:
            return f"{server} is elsewhere: it answered with the address {answer.headers.get('location', '')!r:.200}."
        if status == 200:
            return f"{server} answers, but not as a journal does. SLUICEWAY_API_URL should be such as http://host:4200/api."
        return f"{server} answered {status}. {message}".rstrip()
