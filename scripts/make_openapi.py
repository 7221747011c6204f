"""Write the OpenAPI document of the server, `tests/server/openapi.json`.

    python -m scripts.make_openapi

What programs rely on is agreed. A change of it changes this file, and so is seen in review.
"""

from __future__ import annotations

import json
from pathlib import Path

from sluiceway.server.app import create_app
from sluiceway.testing import test_harness

PLACE = Path(__file__).parents[1] / "tests" / "server" / "openapi.json"


def document() -> str:
    """Return the text of the file."""
    with test_harness() as harness:
        return json.dumps(create_app(harness.services).openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PLACE.write_text(document(), encoding="utf-8")
    print(PLACE.relative_to(Path.cwd()))
