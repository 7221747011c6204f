"""A real browser for the tests that look at pages, and an ear for what it complains of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ("--no-sandbox", "--disable-quic", "--disable-background-networking")


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Yield a browser without a window.

    As long as it is there, an event loop counts as running in this thread, and `asyncio.run` refuses to start
    another: it has to be gone before the tests of another module begin.
    """
    if not CHROMIUM.exists():
        pytest.skip(f"there is no Chromium at {CHROMIUM}, which the pages are looked at with")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Complaints:
    """What goes wrong on a page: messages of the console, and requests to others than the server.

    Args:
        url: The address of the server.
    """

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc
        self.found: list[str] = []

    def watch(self, page: Page) -> None:
        """Look at a page from now on."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.found.append(f"error: {error}"))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        # A stream that ends with its server is none of the page's faults.
        if message.type in ("error", "warning") and "/api/events" not in str(message.location):
            self.found.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).netloc != self._host and not request.url.startswith(("data:", "blob:", "file:")):
            self.found.append(f"request to {request.url}")
