"""A server over a journal that is another one whenever it is told so: `python serving_process.py`.

It says its port, then reads lines: each is the path of the database that the server is to have from then on.
"""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path

import uvicorn

from sluiceway import wiring
from sluiceway.ports.services import Services
from sluiceway.server.app import create_app
from sluiceway.stores.sqlite import writing
from sluiceway.stores.sqlite.store import SqliteStore
from sluiceway.wiring.presence import LazyPresence


def main() -> None:
    writing.LOOK_INTERVAL = 0.0  # as in the process of the tests
    services: Services = wiring.services()
    settings = services.settings
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(create_app(services), log_level="warning", log_config=None))
    threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    for line in sys.stdin:
        path = Path(line.strip())
        services.store.close()
        services.store = SqliteStore(str(path))
        services.settings = settings.changed({"database_url": f"sqlite:///{path}"}, "the test")
        services.presence = LazyPresence(services.store, services.clock, f"{path}-processes", None)
        print("ready", flush=True)
    server.should_exit = True


if __name__ == "__main__":
    main()
