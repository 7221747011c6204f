"""What artifacts look like: whatever they hold, pages stay what they are."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.base import ids, times
from sluiceway.model.keepsakes import Artifact
from sluiceway.server.pages.exhibits import MOST_ROWS, Exhibit, exhibit, html_of

ALLOWED = frozenset(
    "p h1 h2 h3 h4 h5 h6 ul ol li a em strong s code pre blockquote hr br table thead tbody tr th td".split()
)


class _Elements(HTMLParser):
    """Finds the elements of a text, and what their links lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]


def seen(data: Any, kind: str | None) -> Exhibit:
    """Return what an artifact with some data looks like."""
    text, moment = json.dumps(data), times.now()
    return exhibit(Artifact(ids.new_id(), "key", kind, text, None, None, None, None, moment, moment, len(text)))


dangerous = st.sampled_from(
    (
        *("<script>", "<img src=x onerror=y>", "](", "![", "[a](javascript:x)", "<javascript:x>", "&#106;avascript:"),
        *("|a|b|\n|-|-|\n", "[a]: data:text/html,x\n", "<a href='x'>", '"onclick="x', "[a](//elsewhere)", "`", "\n"),
        "![a](http://b/c)",
    )
)


@given(st.lists(dangerous | st.text(max_size=12), max_size=12).map("".join))
def test_markdown_comes_to_harmless_elements_and_links_whatever_it_holds(text: str) -> None:
    elements = _Elements(html_of(text))
    assert elements.found <= ALLOWED
    assert elements.attributes <= {"href", "rel", "title", "class", "style", "start"}
    for link in elements.links:
        assert link.lower().startswith(("http:", "https:", "mailto:")) or ":" not in link.split("/")[0].split("?")[0], (
            link
        )
        assert not link.startswith("//")


def test_markdown_is_shown_as_people_know_it() -> None:
    html = html_of("# Title\n\n**bold** ~~gone~~ `code`\n\n- a\n\n|x|\n|-|\n|1|\n\n[to](https://example.org)")
    assert "<h2>Title</h2>" in html
    assert "<strong>bold</strong> <s>gone</s> <code>code</code>" in html
    assert "<td>1</td>" in html
    assert '<a href="https://example.org" rel="noopener noreferrer">to</a>' in html


def test_an_image_of_elsewhere_is_a_link_so_that_pages_ask_nobody_else() -> None:
    html = html_of("![the plot](https://example.org/plot.png)")
    assert html == '<p><a href="https://example.org/plot.png" rel="noopener noreferrer">the plot</a></p>\n'
    assert seen("https://example.org/plot.png", "image") == Exhibit("link", text="https://example.org/plot.png")
    assert seen("data:text/html;base64,PGI+", "image").kind == "text"


@pytest.mark.parametrize(
    ("data", "columns", "rows"),
    [
        ([{"a": 1}, {"a": None, "b": "x"}], ("a", "b"), (("1", "–"), ("–", "x"))),
        ({"a": [1, 2], "b": [[3], 4.5]}, ("a", "b"), (("1", "[3]"), ("2", "4.5"))),
        ([[1, 2], [3]], ("", ""), (("1", "2"), ("3",))),
    ],
)
def test_a_table_is_shown_however_it_is_written(data: Any, columns: Any, rows: Any) -> None:
    assert seen(data, "table")[3:5] == (columns, rows)


def test_of_a_long_table_the_first_rows_are_shown_and_the_others_counted() -> None:
    found = seen([[number] for number in range(1_000)], "table")
    assert (len(found.rows), found.left_out) == (MOST_ROWS, 1_000 - MOST_ROWS)


@pytest.mark.parametrize(
    ("data", "kind", "shown"),
    [
        (40, "progress", Exhibit("progress", percent=40.0)),
        (400, "progress", Exhibit("progress", percent=100.0)),
        (None, "markdown", Exhibit("nothing")),
        ("plain", None, Exhibit("text", text="plain")),
        ([], "table", Exhibit("text", text="[]")),
        (True, "progress", Exhibit("text", text="true")),
    ],
)
def test_what_is_of_no_kind_is_shown_as_it_is(data: Any, kind: str | None, shown: Exhibit) -> None:
    assert seen(data, kind) == shown
