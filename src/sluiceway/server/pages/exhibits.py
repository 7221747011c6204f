"""What artifacts look like: Markdown as HTML, tables, progress, images. Nothing that runs have written is trusted."""

from __future__ import annotations

import json
from functools import cache
from html import escape
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from markdown_it import MarkdownIt

from sluiceway.model.keepsakes import Artifact
from sluiceway.rules.keepsakes import image_in, laid_out
from sluiceway.server.pages.looks import Html, pretty

MOST_ROWS = 200
"""How many rows of a table a page shows; the API gives all."""

MOST_CHARACTERS = 40_000
"""How much of a text a page shows."""

_LONGEST_CELL = 400


class Exhibit(NamedTuple):
    """An artifact as it is shown.

    Args:
        kind: How it is shown: `markdown`, `table`, `progress`, `image`, `link` or `text`; `nothing` where it is empty.
        html: What Markdown comes to.
        text: A text, or the address of a link or an image elsewhere.
        columns: The names of the columns of a table.
        rows: Its rows, as texts.
        left_out: How many rows, or characters, are not shown.
        percent: How far something is.
    """

    kind: str
    html: Html = Html("")
    text: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    left_out: int = 0
    percent: float = 0.0


def exhibit(artifact: Artifact) -> Exhibit:
    """Return what an artifact looks like.

    Args:
        artifact: The artifact, with its data.
    """
    data = None if artifact.data is None else json.loads(artifact.data)
    if data is None:
        return Exhibit("nothing")
    if artifact.type == "progress" and isinstance(data, int | float) and not isinstance(data, bool):
        return Exhibit("progress", percent=min(100.0, max(0.0, float(data))))
    if artifact.type == "table" and (table := laid_out(data)) is not None:
        return _table(*table)
    if isinstance(data, str):
        if artifact.type == "image":
            return _image(data)
        if artifact.type == "markdown":
            return Exhibit("markdown", html=html_of(data), left_out=max(0, len(data) - MOST_CHARACTERS))
    text = data if isinstance(data, str) else pretty(data)
    return Exhibit("text", text=text[:MOST_CHARACTERS], left_out=max(0, len(text) - MOST_CHARACTERS))


def html_of(markdown: str) -> Html:
    """Return a text in Markdown as HTML. Its own HTML is shown as text, and links lead to pages and mail only.

    Args:
        markdown: The text.
    """
    return Html(_renderer().render(markdown[:MOST_CHARACTERS]))


class _Markdown(MarkdownIt):
    """Markdown whose links lead to pages and mail, and run nothing."""

    def validateLink(self, url: str) -> bool:
        """Return whether an address may be linked."""
        return urlsplit(url.strip().lower()).scheme in ("http", "https", "mailto", "") and not url.startswith("//")


@cache
def _renderer() -> MarkdownIt:
    made = _Markdown("commonmark", {"html": False}).enable(["table", "strikethrough"])
    made.add_render_rule("image", _linked_image)
    made.add_render_rule("link_open", _linked)
    for part in ("heading_open", "heading_close"):
        made.add_render_rule(part, _lowered)
    return made


def _linked(renderer: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
    """Have a link tell other servers nothing of this one."""
    tokens[index].attrSet("rel", "noopener noreferrer")
    return str(renderer.renderToken(tokens, index, options, env))


def _lowered(renderer: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
    """Have a heading be one level below what it says: the page has the first one."""
    token = tokens[index]
    token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
    return str(renderer.renderToken(tokens, index, options, env))


def _linked_image(renderer: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
    """Show a link where there would be an image of elsewhere: pages ask no other server for anything."""
    token = tokens[index]
    text = str(renderer.renderInlineAsText(token.children, options, env)) or "image"
    return f'<a href="{escape(str(token.attrs.get("src", "")))}" rel="noopener noreferrer">{escape(text)}</a>'


def _image(data: str) -> Exhibit:
    """Return an image that is kept, or the way to one that is elsewhere."""
    if image_in(data) is not None:
        return Exhibit("image")
    if urlsplit(data).scheme in ("http", "https"):
        return Exhibit("link", text=data)
    return Exhibit("text", text=data[:MOST_CHARACTERS])


def _table(columns: list[str], rows: list[list[Any]]) -> Exhibit:
    shown = tuple(tuple(map(_cell, row)) for row in rows[:MOST_ROWS])
    return Exhibit("table", columns=tuple(columns), rows=shown, left_out=max(0, len(rows) - MOST_ROWS))


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"
