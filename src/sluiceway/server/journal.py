"""The journal for other processes: each verb of the store at an address of its own, as JSON, for this package alone.

What comes in is checked against the types of the verb before anything is done. Results travel as bytes that nobody
opens here.
"""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from sluiceway.base.errors import StoreError
from sluiceway.base.times import SECOND, now
from sluiceway.model import wire
from sluiceway.model.facts import Fact
from sluiceway.model.holding import ProcessInfo
from sluiceway.model.wire_values import WireError
from sluiceway.ports import carried
from sluiceway.ports.services import Services
from sluiceway.server.rules import JOURNAL_BYTES

WIRE_HEADER = "sluiceway-wire"
"""The header that names the format of both sides."""

_ZIPPED_FROM = 4_096
"""Bytes from which an answer is made smaller."""

_logger = logging.getLogger("sluiceway.server")


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Let processes keep the leases that they could not prolong while there was no server."""
    services: Services | None = getattr(app.state, "services", None)
    if services is not None:
        await run_in_threadpool(prolong_leases, services)
    yield


router: APIRouter = APIRouter(prefix="/journal", include_in_schema=False, lifespan=_lifespan)


@router.post("/{verb}")
async def ask(verb: str, request: Request) -> Response:
    """Do what a verb of the store does, and answer with what it gives.

    Args:
        verb: The name of the verb.
        request: The request.
    """
    if request.headers.get(WIRE_HEADER) != str(wire.WIRE_VERSION):
        return _refused(
            426, "StoreError", f"The server speaks the format {wire.WIRE_VERSION} of the journal. Use the same version."
        )
    try:
        body = await _body(request)
    except WireError as error:
        return _refused(413, "ValueError", str(error))
    services: Services = request.app.state.services
    status, answer = await run_in_threadpool(_answer, services, verb, body)
    headers = {WIRE_HEADER: str(wire.WIRE_VERSION)}
    if len(answer) >= _ZIPPED_FROM and "gzip" in request.headers.get("accept-encoding", ""):
        answer, headers["content-encoding"] = gzip.compress(answer, 1), "gzip"
    return Response(answer, status, headers, "application/json")


def prolong_leases(services: Services) -> None:
    """Have the leases of all processes last for a while from now on: nobody could prolong them without a server.

    Args:
        services: Where the journal is.
    """
    try:
        until = now() + round(services.settings.lease_seconds * SECOND)
        for process in services.store.read_processes():
            if process.until is not None and process.until < until:
                services.store.prolong_process(process.key, until)
    except StoreError as error:  # whoever asks for something is told, too
        _logger.warning("The leases of processes could not be prolonged. %s", error)


# --- what comes in --------------------------------------------------------------------------------


async def _body(request: Request) -> bytes:
    """Return the body, inflated.

    Raises:
        WireError: It is too large, or not what its header says.
    """
    encoding = request.headers.get("content-encoding", "identity")
    if encoding not in ("identity", "gzip"):
        raise WireError("the body should be plain, or compressed by gzip")
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > JOURNAL_BYTES:
            raise WireError(f"the body has more than {JOURNAL_BYTES} bytes")
        parts.append(part)
    body = b"".join(parts)
    return body if encoding == "identity" else await run_in_threadpool(_inflated, body)


def _inflated(body: bytes) -> bytes:
    machine = zlib.decompressobj(wbits=31)
    try:
        inflated = machine.decompress(body, JOURNAL_BYTES)
    except zlib.error:
        raise WireError("the body is not compressed by gzip, though it says so") from None
    if machine.unconsumed_tail:
        raise WireError(f"the body has more than {JOURNAL_BYTES} bytes once it is inflated")
    if not machine.eof or machine.unused_data:
        raise WireError("the body is not compressed by gzip as a whole")
    return inflated


# --- what is done ---------------------------------------------------------------------------------


def _answer(services: Services, verb: str, body: bytes) -> tuple[int, bytes]:
    """Return the status and the body of the answer."""
    try:
        return 200, wire.dump({"value": _done(services, verb, wire.parse(body))})
    except KeyError:
        return 404, _error("StoreError", f"The journal of the server has no verb {verb!r:.60}.")
    except WireError as error:
        return 422, _error("ValueError", str(error))
    except tuple(carried.ERRORS.values()) as error:
        kind = next(kind.__name__ for kind in type(error).__mro__ if carried.ERRORS.get(kind.__name__) is kind)
        return 409, _error(kind, _without_places(str(error), services))
    except Exception:
        _logger.exception("The journal could not do what another process asked for: %s", verb)
        return 500, _error("StoreError", "Something went wrong in the server. Its log says what.")


def _done(services: Services, name: str, data: Any) -> Any:
    """Do what a verb does, and return what it gives as JSON knows it.

    Raises:
        KeyError: There is no such verb.
        WireError: What was received is not what the verb takes.
    """
    if name == "write":
        return _write(services, data)
    if name == carried.LOOK_AROUND:
        return carried.LOOKED.write(() if services.presence is None else services.presence.look_around())
    verbs = carried.carried_verbs()
    if name not in verbs:
        raise KeyError(name)
    verb = verbs[name]
    arguments = verb.read_arguments(data)
    return verb.result.write(_call(services, name, arguments))


def _call(services: Services, name: str, arguments: dict[str, Any]) -> Any:
    try:
        return getattr(services.store, name)(**arguments)
    except KeyError as error:  # which would look like a verb that is not there
        raise RuntimeError(f"{name} failed") from error


def _write(services: Services, data: Any) -> Any:
    if type(data) is not dict or data.keys() != {"head", "facts"}:
        raise WireError("an object with head and facts is needed")
    head: carried.WriteHead = carried.HEAD.read(data["head"])
    facts: tuple[Fact, ...] = wire.codec(wire.FACT_LIST).read(data["facts"])
    announcer = _Announcer(head.process, head.known) if head.announces else None
    try:
        services.store.write(facts, announcer, durable=head.durable, batch=head.batch)
    except _NotAnnouncedError:
        return carried.REPLY.write(carried.WriteReply(False, False))
    if services.housekeeper is not None:  # who records here has none
        services.housekeeper(facts)
    return carried.REPLY.write(carried.WriteReply(True, announcer is not None and announcer.known))


class _NotAnnouncedError(Exception):
    """The process has to say who it is, before what it has in hand can be written."""


class _Announcer:
    """The process that sends a batch.

    Args:
        process: The process, if it has announced itself.
        known: Whether it is on the list, as far as it knows.
    """

    def __init__(self, process: ProcessInfo | None, known: bool) -> None:
        self.announced: ProcessInfo | None = process
        self.known: bool = known

    def announce(self) -> ProcessInfo:
        """Return the process.

        Raises:
            _NotAnnouncedError: It has not said who it is.
        """
        if self.announced is None:
            raise _NotAnnouncedError
        return self.announced


def _error(kind: str, message: str) -> bytes:
    return wire.dump({"error": {"type": kind, "message": message}})


def _refused(status: int, kind: str, message: str) -> Response:
    headers = {WIRE_HEADER: str(wire.WIRE_VERSION)}
    return Response(_error(kind, message), status, headers, "application/json")


def _without_places(message: str, services: Services) -> str:
    """Return a message that does not tell where the journal is on the machine of the server."""
    place = str(getattr(services.settings, "database_url", "")).removeprefix("sqlite:///")
    return message.replace(f" {place}", " of the server") if place else message
