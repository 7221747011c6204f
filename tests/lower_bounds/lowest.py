"""Print the lowest version of each dependency that pyproject.toml allows, as constraints for pip."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def lower_bounds(requirements: list[str]) -> dict[str, str]:
    """Return the lowest version allowed by name.

    Args:
        requirements: Requirements such as `click>=8.1`.

    Raises:
        ValueError: One has no lower bound.
    """
    bounds: dict[str, str] = {}
    for requirement in requirements:
        match = re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?>=([0-9.]+)(?:,.*)?", requirement.replace(" ", ""))
        if match is None:
            raise ValueError(f"{requirement!r} has no lower bound; write it as name>=version")
        bounds[match[1]] = match[2]
    return bounds


def main() -> None:
    """Print one `name==version` a line."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    for name, version in lower_bounds(project["dependencies"]).items():
        print(f"{name}=={version}")


if __name__ == "__main__":
    main()
