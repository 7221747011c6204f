"""A server of the pages on a free port, which it prints: `python serving_process.py [PREFIX]`."""

from __future__ import annotations

import socket
import sys

import uvicorn

from sluiceway import wiring
from sluiceway.server.app import create_app

if __name__ == "__main__":
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(create_app(wiring.services(), prefix="".join(sys.argv[1:])), log_level="error")
    uvicorn.Server(config).run(sockets=[listening])
