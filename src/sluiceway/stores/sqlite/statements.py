"""SQL in named files: `-- name: verb` begins a statement, which ends where the next one begins."""

from __future__ import annotations

import os

_FOLDER = os.path.dirname(__file__)
_BEGIN = "-- name: "


def load(file: str) -> dict[str, str]:
    """Return the statements of a file by name.

    Args:
        file: The name of the file, which lies beside this one.
    """
    statements = {}
    for block in read_text(file).split(_BEGIN)[1:]:
        name, _, text = block.partition("\n")
        statements[name.strip()] = text.strip().removesuffix(";")
    return statements


def read_text(*path: str) -> str:
    """Return the text of a file of this folder.

    Args:
        path: The names of the folders on the way, and that of the file.
    """
    with open(os.path.join(_FOLDER, *path), encoding="utf-8") as file:
        return file.read()


def list_folder(*path: str) -> list[str]:
    """Return the names of the files in a folder below this one, in order.

    Args:
        path: The names of the folders on the way.
    """
    return sorted(os.listdir(os.path.join(_FOLDER, *path)))


def encodable(text: str) -> str:
    """Return a text that SQLite can take: half a surrogate pair, as file names may have, is spelled out.

    Args:
        text: The text.
    """
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
