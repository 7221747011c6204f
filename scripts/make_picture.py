"""Draw `docs/images/show.svg`: what `sluiceway show` prints of a run of `examples/flaky_orders.py`.

    python scripts/make_picture.py

README.md shows it.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI

from sluiceway.cli.sheet import Sheet
from sluiceway.model.queries import FlowRunQuery
from sluiceway.testing import test_harness

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "show.svg"
COLUMNS = 112

FORMAT = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" xml:space="preserve">
<style>
.{unique_id}-matrix {{ font: {char_height}px/{line_height}px ui-monospace, "DejaVu Sans Mono", monospace; }}
.{unique_id}-title {{ font: bold 18px system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""The frame that Rich fills in. Unlike its own, it asks no other host for a font."""


def picture() -> str:
    """Run the example in a private journal, and return the picture of its run."""
    sys.path.insert(0, str(ROOT))  # where the examples are
    from examples.flaky_orders import open_shop  # lazy: only the line before lets Python find it

    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, highlight=False)
    with test_harness() as harness:
        open_shop()
        harness.drain()
        store = harness.services.store
        (run,) = store.read_flow_runs(FlowRunQuery(roots_only=True), limit=1).items
        Sheet(store, console).print_flow_run(run)
    return console.export_svg(
        title="sluiceway show", theme=DIMMED_MONOKAI, code_format=FORMAT, font_aspect_ratio=0.602, unique_id="show"
    )


if __name__ == "__main__":
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(picture(), encoding="utf-8")
