"""Serves the pages on a socket that was opened before: `python -m tests.pages.serve NUMBER`."""

from __future__ import annotations

import sys

import uvicorn

from sluiceway import wiring
from sluiceway.server.app import create_app

if __name__ == "__main__":
    uvicorn.run(create_app(wiring.services()), fd=int(sys.argv[1]), log_level="warning", timeout_graceful_shutdown=1)
