"""Logging in with a real browser, below a prefix: the form and the pages hold under their own policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import open_browser
from tests.server.conftest import TOKEN, Serve

pytestmark = [pytest.mark.slow, pytest.mark.shared_cluster]  # the driver of the browser goes a little later


def test_a_person_logs_in_once_and_sees_the_page_that_was_asked_for(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "token.txt"
    file.write_text(TOKEN)
    file.chmod(0o600)
    served = serve("--prefix", "/flows", "--token-file", str(file))
    said: list[str] = []
    asked: set[str] = set()
    with open_browser() as browser:
        page = browser.new_page()
        page.on("request", lambda request: asked.add(request.url.split("/flows/")[0]))
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{served.address}/runs?order=name")
        page.get_by_label("Token of this server").fill("a-token-of-somebody-else")
        page.get_by_role("button", name="Log in").click()
        assert page.get_by_role("alert").inner_text() == "The token is another one."
        assert ["401" in text for text in said] == [True]
        said.clear()
        page.get_by_label("Token of this server").fill(TOKEN)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{served.address}/runs?order=name")
        (cookie,) = page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/flows/")
        assert page.evaluate("document.cookie") == ""
        page.goto(f"{served.address}/api/docs")
        assert page.get_by_role("heading", level=1).inner_text() == "The API of this server"
        page.goto(f"{served.address}/runs")
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url(f"{served.address}/login")
        assert page.context.cookies() == []
    assert said == []
    assert asked == {served.address.removesuffix("/flows")}
