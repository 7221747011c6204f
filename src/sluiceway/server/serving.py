"""Serving: the application in a process, at an address, until somebody ends it."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import Any, NamedTuple

import uvicorn

from sluiceway import wiring
from sluiceway.agents.resuming import Resumer
from sluiceway.agents.starting import environment
from sluiceway.base.errors import ConfigurationError
from sluiceway.ports.services import Services
from sluiceway.server.app import create_app
from sluiceway.server.connections import PatientToAPoint
from sluiceway.server.rules import Rules
from sluiceway.server.streams import Streams

CONNECTIONS = 1_000
"""How many connections a process has at most; who comes then is told to come again."""

GRACE_SECONDS = 5
"""How long requests that are being answered may take once the server is to end."""

KEEP_ALIVE_SECONDS = 15
"""How long a connection stays open that nothing comes by."""


class PortError(ConfigurationError):
    """Nobody can listen there.

    Args:
        message: Why.
        number: The number of the error that the system gave.
    """

    def __init__(self, message: str, number: int | None) -> None:
        super().__init__(message)
        self.number: int | None = number


class Plan(NamedTuple):
    """How to serve.

    Args:
        host: The name or address to listen at.
        port: The port; 0 for any that is free.
        rules: Who is let in.
        prefix: The path below which all is; empty for none.
        proxies: The addresses of proxies that are believed when they say for whom they ask.
    """

    host: str
    port: int
    rules: Rules
    prefix: str = ""
    proxies: tuple[str, ...] = ()


def listen(plan: Plan) -> socket.socket:
    """Return a socket that listens at the address of a plan.

    Args:
        plan: How to serve.

    Raises:
        PortError: Nobody can listen there; the message says why.
    """
    bare = plan.host.strip("[]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            bare, plan.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise PortError(f"The server cannot listen at {plan.host}: {error}.", getattr(error, "errno", None)) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise PortError(
            f"The server cannot listen at {plan.host}, port {plan.port}: {error.strerror}. "
            "Choose another port with --port.",
            error.errno,
        ) from error
    listener.setblocking(False)
    return listener


def address_of(plan: Plan, listener: socket.socket) -> str:
    """Return the address of the first page.

    Args:
        plan: How to serve.
        listener: What listens.
    """
    bare = plan.host.strip("[]")
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(bare, bare)
    host = f"[{shown}]" if ":" in shown else shown
    return f"http://{host}:{listener.getsockname()[1]}{plan.prefix}/"


def serve(
    plan: Plan, listener: socket.socket, services: Services | None = None, ready: Callable[[], object] | None = None
) -> None:
    """Serve until SIGTERM or Ctrl-C, and end without leaving anybody waiting.

    Meanwhile, runs whose process has died are found, and those that are to go on by themselves do so.

    Args:
        plan: How to serve.
        listener: What listens; it is closed.
        services: The adapters; by default those of the settings, built here.
        ready: Called once requests are answered.

    Raises:
        ConfigurationError: A setting is bad.
    """
    services = services or wiring.services()
    app = create_app(services, plan.rules, plan.prefix)
    resumer = Resumer(services, partial(_start, services))
    config = uvicorn.Config(
        app,
        http=PatientToAPoint,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=bool(plan.proxies),
        forwarded_allow_ips=list(plan.proxies),
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config, app.state.streams, ready)
    # Once it has ended, the server raises the signal anew, so that whoever started it hears of it.
    before = {number: signal.signal(number, _heard) for number in (signal.SIGINT, signal.SIGTERM)}
    resumer.start()
    try:
        server.run(sockets=[listener])
    finally:
        resumer.close()
        for number, handler in before.items():
            signal.signal(number, handler)


def _start(services: Services, command: Sequence[str], folder: str) -> subprocess.Popen[bytes]:
    """Start a process that outlives the server, and says what it has to say in the journal."""
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        list(command),
        cwd=folder,
        env=environment(services),
        stdin=quiet,
        stdout=quiet,
        stderr=quiet,
        start_new_session=True,
    )


def _heard(number: int, frame: FrameType | None) -> None:
    """Know of a signal that has been dealt with."""


class _Server(uvicorn.Server):
    """A server whose streams end when it does.

    Args:
        config: How it serves.
        streams: The streams that end with it.
        ready: Called once requests are answered.
    """

    def __init__(self, config: uvicorn.Config, streams: Streams, ready: Callable[[], object] | None) -> None:
        super().__init__(config)
        self._streams = streams
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer.

        Args:
            sockets: What listens.
        """
        await super().startup(sockets)
        if self._ready is not None:
            self._ready()

    async def shutdown(self, sockets: Any = None) -> None:
        """Answer no more, once what is being answered has been.

        Args:
            sockets: What listens.
        """
        self._streams.close()
        await super().shutdown(sockets)
