"""Kinds of settings: what a value may be, whether it comes from the environment, from TOML or from Python."""

# No `from __future__ import annotations` here: see `model/policies.py`.

import os
import re
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

T_co = TypeVar("T_co", covariant=True)

_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})


class Place(NamedTuple):
    """Where relative paths start.

    Args:
        folder: The folder of the file that holds a value; for the environment, the working directory.
        user_home: What `~` stands for.
    """

    folder: str
    user_home: str

    def absolute(self, path: str) -> str:
        """Return a path without `~` and independent of the working directory."""
        if path == "~" or path.startswith(("~/", "~" + os.sep)):
            path = self.user_home + path[1:]
        return os.path.normpath(os.path.join(self.folder, path))


class Kind(NamedTuple, Generic[T_co]):
    """What the value of a setting may be.

    Args:
        allowed: Says so to a person, such as "a whole number of at least 1".
        parse: Turns what was given into a value; raises ValueError or TypeError where it is none.
        choices: The values that there are, where they can be listed.
        told: Returns a value in words for a person, as they might have given it.
    """

    allowed: str
    parse: Callable[[object, Place], T_co]
    choices: tuple[str, ...] = ()
    told: Callable[[object], str] = str


def _text_of(raw: object) -> str:
    text = os.fspath(raw) if isinstance(raw, os.PathLike) else raw
    if not isinstance(text, str) or not text.strip():
        raise ValueError
    return text.strip()


def _items_of(raw: object) -> list[object]:
    """Return the items of a list, or of a text in which commas separate them."""
    if isinstance(raw, str):
        return [item.strip() for item in raw.split(",") if item.strip()]
    return list(raw) if isinstance(raw, (list, tuple)) else [raw]


def _number_of(raw: object) -> float:
    if isinstance(raw, bool) or not isinstance(raw, (str, int, float)):
        raise ValueError
    return float(raw)


def _switch_of(raw: object) -> bool:
    word = str(raw).strip().lower()
    if word not in _YES | _NO:
        raise ValueError
    return word in _YES


def whole(at_least: int) -> Kind[int]:
    """Return the kind of whole numbers from a smallest one upwards."""

    def parse(raw: object, place: Place) -> int:
        if isinstance(raw, (bool, float)) or not isinstance(raw, (str, int)) or int(raw) < at_least:
            raise ValueError
        return int(raw)

    return Kind(f"a whole number of at least {at_least}", parse)


def choice(*choices: str) -> Kind[str]:
    """Return the kind of words that can be listed; upper and lower case do not matter."""
    by_folded = {word.lower(): word for word in choices}

    def parse(raw: object, place: Place) -> str:
        word = by_folded.get(_text_of(raw).lower())
        if word is None:
            raise ValueError
        return word

    return Kind(f"one of {', '.join(choices)}", parse, choices)


def _text(raw: object, place: Place) -> str:
    return _text_of(raw)


def _path(raw: object, place: Place) -> str:
    return place.absolute(_text_of(raw))


def _path_or_url(raw: object, place: Place) -> str:
    text = _text_of(raw)
    return text if "://" in text else place.absolute(text)


def _web_address(raw: object, place: Place) -> str:
    text = _text_of(raw)
    scheme, _, host = text.partition("://")
    if scheme.lower() not in ("http", "https") or not host.strip("/") or any(map(str.isspace, text)):
        raise ValueError
    return text


def listen_parts(text: str) -> tuple[str, int]:
    """Return the host and the port of a text such as `127.0.0.1:4200` or `[::1]:4200`.

    Raises:
        ValueError: It is none.
    """
    host, _, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not bare or (":" in bare and bare == host) or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise ValueError
    return bare, int(port)


def _listen(raw: object, place: Place) -> str:
    text = _text_of(raw)
    listen_parts(text)
    return text


_URL_PREFIX = r"(?:/[A-Za-z0-9._~-]+)+"
"""Compiled when it is first needed: only servers have a prefix."""


def _url_prefix(raw: object, place: Place) -> str | None:
    text = _text_of(raw).rstrip("/")
    if text and not re.fullmatch(_URL_PREFIX, text):
        raise ValueError
    return text or None


def _database(raw: object, place: Place) -> str:
    text = _text_of(raw)
    if text == "memory:":
        return text
    path = database_path(text)
    if not path:
        raise ValueError
    return f"sqlite:///{place.absolute(path)}"


def database_path(url: str) -> str | None:
    """Return the file of a database address such as `sqlite:///runs.db`; None for one without a file."""
    scheme, mark, path = url.partition(":///")
    return path if mark and scheme == "sqlite" else None


def _switch(raw: object, place: Place) -> bool:
    return _switch_of(raw)


def _switch_or_auto(raw: object, place: Place) -> bool | None:
    return None if isinstance(raw, str) and raw.strip().lower() == "auto" else _switch_of(raw)


def _seconds(raw: object, place: Place) -> float:
    seconds = _number_of(raw)
    if not 0 <= seconds < float("inf"):
        raise ValueError
    return seconds


def _interval(raw: object, place: Place) -> float:
    seconds = _seconds(raw, place)
    if not seconds:
        raise ValueError
    return seconds


def _delays(raw: object, place: Place) -> tuple[float, ...]:
    return tuple(_seconds(item, place) for item in _items_of(raw))


def _names(raw: object, place: Place) -> tuple[str, ...]:
    return tuple(_text_of(item) for item in _items_of(raw))


_OFF = frozenset({"off", "none", "never", "false", "no"})
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_BYTES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30}


def duration_seconds(text: str) -> float:
    """Return the seconds of a duration such as `90s`, `15m`, `2h`, `30d` or `1w`.

    Raises:
        ValueError: It is none.
    """
    word = text.strip().lower()
    return _quantity(word, word[-1:], _SECONDS)


def size_bytes(text: str) -> int:
    """Return the bytes of a size such as `500 MB`, `1GB` or `2GiB`.

    Raises:
        ValueError: It is none.
    """
    word = text.strip().lower()
    return round(_quantity(word, word.lstrip("0123456789._ "), _BYTES))


def _quantity(word: str, unit: str, units: dict[str, int]) -> float:
    number = float(word.removesuffix(unit).strip()) * units[unit] if unit in units else -1.0
    if not 0 <= number < float("inf"):
        raise ValueError
    return number


def _is_off(raw: object) -> bool:
    return raw is False or (isinstance(raw, str) and raw.strip().lower() in _OFF)


def _limit(raw: object, place: Place) -> int:
    return 0 if _is_off(raw) else whole(0).parse(raw, place)


def _age_limit(raw: object, place: Place) -> float:
    if _is_off(raw):
        return 0.0
    try:
        return _seconds(raw, place)
    except ValueError:
        return duration_seconds(_text_of(raw))


def _size_limit(raw: object, place: Place) -> int:
    if _is_off(raw):
        return 0
    try:
        return whole(0).parse(raw, place)
    except ValueError:
        return size_bytes(_text_of(raw))


# --- in words -----------------------------------------------------------------------------------


def _switch_told(value: object) -> str:
    return "auto" if value is None else "true" if value else "false"


def _seconds_told(value: object) -> str:
    seconds = float(str(value))
    told = f"{_number(seconds)} s"
    return f"{told} ({_in_units(seconds, _SECONDS)})" if seconds >= 60 else told


def _age_told(value: object) -> str:
    return _in_units(float(str(value)), _SECONDS) if value else "off"


def _size_told(value: object) -> str:
    return _in_units(int(str(value)), _BYTES).upper().replace("IB", "iB") if value else "off"


def _in_units(amount: float, units: dict[str, int]) -> str:
    """Return an amount in the largest unit of which it is a multiple."""
    unit = max((unit for unit, size in units.items() if amount % size == 0), key=units.__getitem__, default="")
    return f"{_number(amount / units.get(unit, 1))}{unit}"


def _number(number: float) -> str:
    return f"{number:.0f}" if number == round(number) else repr(number)


def _limit_told(value: object) -> str:
    return str(value) if value else "off"


def _several_told(value: object) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, (list, tuple)) else str(value)


TEXT = Kind("a text", _text)
PATH = Kind("a path", _path)
PATH_OR_URL = Kind("a path, or a URL such as s3://bucket/folder", _path_or_url)
WEB_ADDRESS = Kind("an address such as http://127.0.0.1:4200/api", _web_address)
LISTEN = Kind("an address and a port such as 127.0.0.1:4200", _listen)
URL_PREFIX = Kind("a path such as /flows", _url_prefix)
DATABASE = Kind("sqlite:///PATH (four slashes for an absolute path) or memory:", _database)
SWITCH = Kind("true or false", _switch, ("true", "false"), _switch_told)
SWITCH_OR_AUTO = Kind("auto, true or false", _switch_or_auto, ("auto", "true", "false"), _switch_told)
SECONDS = Kind("a number of seconds, not negative", _seconds, (), _seconds_told)
INTERVAL = Kind("a number of seconds above 0", _interval, (), _seconds_told)
DELAYS = Kind("a number of seconds, not negative, or a list of them", _delays, (), _several_told)
NAMES = Kind("a list of names (separated by commas, outside TOML)", _names, (), _several_told)
LIMIT = Kind("a whole number, or off for no limit", _limit, (), _limit_told)
AGE_LIMIT = Kind("a duration such as 90d, 12h or 30m, or off for no limit", _age_limit, (), _age_told)
SIZE_LIMIT = Kind("a size such as 500MB or 10GB, or off for no limit", _size_limit, (), _size_told)
