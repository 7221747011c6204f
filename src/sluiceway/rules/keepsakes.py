"""What artifacts and variables may be: their names, their data as JSON, and how large it is at most."""

from __future__ import annotations

import json
import math
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sluiceway.base.errors import InvalidNameError, InvalidOptionError

MAX_DATA = 4 * 2**20
"""Bytes of JSON that an artifact may have at most."""

MAX_IMAGE = MAX_DATA * 3 // 4 - 100
"""Bytes that an image may have at most which is kept with them: as text, it takes a third more."""

MAX_KEY = 255
"""Characters that the key of an artifact may have at most."""

MAX_VARIABLE_NAME_LENGTH = 255
"""Characters that the name of a variable, or of a secret, may have at most."""

MAX_VALUE = 64 * 2**10
"""Bytes of JSON that a variable, or a secret, may have at most."""

IMAGE_TYPES: dict[str, str] = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".ico": "image/x-icon",
    ".svg": "image/svg+xml",
}
"""The media types of images that are kept with their bytes, by the end of the name of their file."""

_KEY = re.compile(r"[a-z0-9-]+")
_VARIABLE_NAME = re.compile(r"[a-z0-9_-]+")
_DATA_URL = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+);base64,(?P<bytes>[A-Za-z0-9+/]+=*)")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)


class Image(NamedTuple):
    """An image that is kept with its bytes.

    Args:
        media_type: What the bytes are, such as `image/png`.
        content: The bytes.
    """

    media_type: str
    content: bytes


def check_key(key: object) -> None:
    """Refuse what is no key of an artifact.

    Args:
        key: The key.

    Raises:
        InvalidNameError: It is none; the message says what one consists of.
    """
    _check("Artifact key", key, _KEY, "digits and dashes", MAX_KEY)


def check_variable_name(name: object) -> None:
    """Refuse what is no name of a variable.

    Args:
        name: The name.

    Raises:
        InvalidNameError: It is none; the message says what one consists of.
    """
    _check("Variable name", name, _VARIABLE_NAME, "digits, underscores and dashes", MAX_VARIABLE_NAME_LENGTH)


def _check(what: str, given: object, pattern: re.Pattern[str], others: str, most: int) -> None:
    if not isinstance(given, str) or not pattern.fullmatch(given) or len(given) > most:
        raise InvalidNameError(
            f"{what} {given!r} is none: a {what.rpartition(' ')[2]} consists of lower-case letters (a to z), {others}, "
            f"{most} characters at most."
        )


def check_tags(tags: object) -> tuple[str, ...]:
    """Return the tags of a variable, each once and in order.

    Args:
        tags: The tags.

    Raises:
        InvalidOptionError: They are no list of texts.
    """
    if not isinstance(tags, list | tuple | set | frozenset) or not all(isinstance(tag, str) for tag in tags):
        raise InvalidOptionError(f"The tags {tags!r} are none; they are a list of texts, such as ['nightly'].")
    return tuple(sorted(set(tags)))


# --- JSON -------------------------------------------------------------------------------------------


def json_text(value: Any, what: str, most: int, remedy: str) -> str:
    """Return a value as a JSON text.

    What is no number, as NaN, becomes null; times, numbers of other libraries, paths and models become plain data.

    Args:
        value: The value.
        what: What to call it in messages, such as `the data of an artifact`.
        most: How many bytes it may take.
        remedy: What to do where it takes more.

    Raises:
        InvalidOptionError: JSON does not know it, or it is too large.
    """
    try:
        text = _dumped(value)
        size = len(text.encode())
    except UnicodeEncodeError:  # halves of characters
        text = _dumped(value, ensure_ascii=True)
        size = len(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidOptionError(
            f"JSON does not know {what}: {error}. Turn it into text, numbers, lists and such."
        ) from error
    if size > most:
        raise InvalidOptionError(f"{what} takes {size:,} bytes of JSON, and may take {most:,}. {remedy}")
    return text


def _dumped(value: Any, ensure_ascii: bool = False) -> str:
    def dumped(value: Any) -> str:
        return json.dumps(value, allow_nan=False, default=_plain, ensure_ascii=ensure_ascii, separators=(",", ":"))

    try:
        return dumped(value)
    except ValueError:
        return dumped(_finite(value))


def _finite(value: Any, depth: int = 0) -> Any:
    """Return data with nulls in the place of what is no number."""
    if depth > 100:
        raise ValueError("it is nested too deeply, perhaps in itself")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item, depth + 1) for item in value]
    if isinstance(value, str | int | bool | None):
        return value
    return _finite(_plain(value), depth + 1)


def _plain(value: Any) -> Any:
    """Return plain data for a value that JSON does not know.

    Raises:
        TypeError: There is none.
    """
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    if type(value).__module__ in ("uuid", "decimal", "fractions"):
        return str(value)
    for name in ("isoformat", "tolist", "model_dump", "__fspath__"):
        convert: Callable[[], Any] | None = getattr(value, name, None)
        if convert is not None and not isinstance(value, type):
            return convert()
    raise TypeError(f"it holds a {type(value).__qualname__}")


def value_text(value: Any) -> str:
    """Return the value of a variable as a JSON text.

    Args:
        value: The value: a text, number, boolean, None, list or dictionary.

    Raises:
        InvalidOptionError: It is none of these, JSON does not know it, or it is too large.
    """
    if value is not None and not isinstance(value, str | int | float | list | dict):
        raise InvalidOptionError(
            f"A variable is a text, number, boolean, None, list or dictionary, not a {type(value).__qualname__}."
        )
    return json_text(value, "the value of the variable", MAX_VALUE, "Keep it in a file, and put its path here.")


def check_secret_name(name: object) -> None:
    """Refuse what is no name of a secret.

    Args:
        name: The name.

    Raises:
        InvalidNameError: It is none; the message says what one consists of.
    """
    _check("Secret name", name, _KEY, "digits and dashes", MAX_VARIABLE_NAME_LENGTH)


def secret_text(value: Any) -> str:
    """Return the value of a secret as a JSON text.

    Args:
        value: The value.

    Raises:
        InvalidOptionError: JSON does not know it, or it is too large; the message does not tell it.
    """
    return json_text(value, "the value of the secret", MAX_VALUE, "Keep it in a file that only you may read.")


# --- data of artifacts ------------------------------------------------------------------------------


def artifact_text(data: Any) -> str | None:
    """Return the data of an artifact as a JSON text; None where there is none.

    Args:
        data: The data.

    Raises:
        InvalidOptionError: JSON does not know it, or it is too large.
    """
    if data is None:
        return None
    return json_text(data, "the data of the artifact", MAX_DATA, "Keep it in a file, and link to that.")


def table_of(table: Any) -> Any:
    """Return a table, once it is seen to be one.

    Args:
        table: Columns by name, or rows, of which each is a list or has values by name.

    Raises:
        InvalidOptionError: It is neither.
    """
    if isinstance(table, Mapping):
        lengths = {len(column) if isinstance(column, list | tuple) else None for column in table.values()}
        if None not in lengths and len(lengths) <= 1:
            return table
        raise InvalidOptionError("A table by column has lists of one length, such as {'a': [1, 2], 'b': [3, 4]}.")
    if isinstance(table, list | tuple) and all(isinstance(row, Mapping) for row in table):
        return table
    if isinstance(table, list | tuple) and all(isinstance(row, list | tuple) for row in table):
        return table
    raise InvalidOptionError(
        f"A table is a list of dictionaries or of lists, or a dictionary of lists, not a {type(table).__qualname__}."
    )


def progress_of(progress: Any) -> float:
    """Return how far something is, in per cent, from 0 to 100.

    Args:
        progress: The number; one beyond these bounds is taken for the nearer one.

    Raises:
        InvalidOptionError: It is no number.
    """
    if isinstance(progress, bool) or not isinstance(progress, int | float) or math.isnan(progress):
        raise InvalidOptionError(f"The progress {progress!r} is no number; it is a percentage, from 0 to 100.")
    return min(100.0, max(0.0, float(progress)))


def link_markdown(link: str, text: str | None) -> str:
    """Return a link in Markdown.

    Args:
        link: Where it leads.
        text: What is shown; by default where it leads.
    """
    return f"[{link if text is None else text}]({link})"


def is_url(text: str) -> bool:
    """Return whether a text is a URL with a host or path of its own, such as `https://example.org/plot.png`.

    Args:
        text: The text.
    """
    return _URL.fullmatch(text) is not None


def image_in(data: object) -> Image | None:
    """Return the image that a `data:` URL holds; None where it is none, or of a type that is not shown.

    Args:
        data: The data of an artifact.
    """
    found = _DATA_URL.fullmatch(data) if isinstance(data, str) else None
    if found is None or found["type"] not in IMAGE_TYPES.values():
        return None
    try:
        return Image(found["type"], b64decode(found["bytes"], validate=True))
    except ValueError:
        return None


def image_of(text: str | None) -> Image | None:
    """Return the image of an artifact that is kept with its bytes; None where it is elsewhere, or there is none.

    Args:
        text: The data of the artifact, as a JSON text.
    """
    return None if text is None else image_in(json.loads(text))


def laid_out(table: Any) -> tuple[list[str], list[list[Any]]] | None:
    """Return the names of the columns of a table, and its rows; None where it is no table, or has nothing in it.

    Args:
        table: The data of an artifact: columns by name, or rows, of which each is a list or has values by name.
    """
    try:
        table_of(table)
    except InvalidOptionError:
        return None
    if not table:
        return None
    if isinstance(table, Mapping):
        return list(map(str, table)), [list(row) for row in zip(*table.values(), strict=True)]
    if isinstance(table[0], Mapping):
        names = list(dict.fromkeys(name for row in table for name in row))
        return list(map(str, names)), [[row.get(name) for name in names] for row in table]
    return [""] * max(map(len, table)), [list(row) for row in table]
