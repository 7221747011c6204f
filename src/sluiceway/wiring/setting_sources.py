"""Where settings stand: the environment, the nearest project file, a profile in the home folder.

Most programs have none of the files, and then nothing is imported to parse them.
"""

# No `from __future__ import annotations` here: see `model/policies.py`.

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sluiceway.base.errors import ConfigurationError, MissingProfileError
from sluiceway.wiring.setting_kinds import Place

PREFIX = "SLUICEWAY_"
ENVIRONMENT = "the environment"
PROFILES_FILE = "profiles.toml"


class Given(NamedTuple):
    """A value as it was given.

    Args:
        raw: The value, not checked yet.
        key: What it is called there, such as `SLUICEWAY_LOGGING_LEVEL` or `logging.level`.
        source: Where it stands, such as `the environment` or the path of a file.
        place: Where relative paths start.
    """

    raw: object
    key: str
    source: str
    place: Place

    @property
    def origin(self) -> str:
        """What the value is called, and where it stands."""
        return f"{self.key} in {self.source}"


def nearest(word: str, words: Iterable[str]) -> str | None:
    """Return the word that was probably meant, whatever its case; None if none is near."""
    import difflib  # only once something is wrong

    folded = {known.lower(): known for known in words}
    matches = difflib.get_close_matches(word.lower(), folded, n=1)
    return folded[matches[0]] if matches else None


def did_you_mean(word: str | None) -> str:
    """Return a hint to append to a sentence; an empty one where there is nothing to suggest."""
    return f" Did you mean {word}?" if word else ""


def from_environment(environ: Mapping[str, str], place: Place) -> dict[str, Given]:
    """Return the values of `SLUICEWAY_*` variables by setting name; an empty variable counts as unset.

    Args:
        environ: The environment.
        place: Where relative paths start.
    """
    return {
        name[len(PREFIX) :].lower(): Given(value, name, ENVIRONMENT, place)
        for name, value in environ.items()
        if name.startswith(PREFIX) and value.strip() and not _is_service_link(name)
    }


def _is_service_link(name: str) -> bool:
    """Whether a container platform set the variable, to tell pods of a service called sluiceway or the like.

    Kubernetes documents the forms under "Service environment variables".
    """
    return name.endswith(("_SERVICE_HOST", "_PORT")) or "_SERVICE_PORT" in name or "_PORT_" in name


def from_project(folder: str, user_home: str) -> dict[str, Given]:
    """Return the values of the nearest `sluiceway.toml`, or `[tool.sluiceway]` in `pyproject.toml`.

    Args:
        folder: Where to begin; the folders above follow.
        user_home: What `~` stands for in the file.

    Raises:
        ConfigurationError: The file cannot be read, or sets something twice.
    """
    while True:
        own = os.path.join(folder, "sluiceway.toml")
        shared = os.path.join(folder, "pyproject.toml")
        if os.path.isfile(own):
            return _flat(_parsed(own, _content(own)), own, Place(folder, user_home))
        if os.path.isfile(shared):
            table = _own_table(shared)
            if table is not None:
                return _flat(table, shared, Place(folder, user_home))
        parent = os.path.dirname(folder)
        if parent == folder:
            return {}
        folder = parent


def from_profile(home: str, chosen: Given | None, user_home: str) -> dict[str, Given]:
    """Return the values of a profile.

    Args:
        home: The home folder, which holds the profiles.
        chosen: The name of the profile, if somebody chose one; else the file's own `active` holds.
        user_home: What `~` stands for in the file.

    Raises:
        MissingProfileError: There is no such profile.
        ConfigurationError: The file cannot be read, or is no file of profiles.
    """
    path = os.path.join(home, PROFILES_FILE)
    if not os.path.isfile(path):
        if chosen is None:
            return {}
        raise MissingProfileError(f"{chosen.origin} is {chosen.raw!r}, but there are no profiles: no file {path}.")
    place = Place(home, user_home)
    content = _parsed(path, _content(path))
    profiles = content.pop("profiles", {})
    active = content.pop("active", None)
    if content or not isinstance(profiles, dict):
        raise ConfigurationError(f"{path} must have nothing but `active` and tables `[profiles.NAME]`.")
    if chosen is None and active is not None:
        chosen = Given(active, "active", path, place)
    if chosen is None:
        return {}
    profile = profiles.get(chosen.raw)
    if not isinstance(profile, dict):
        known = ", ".join(profiles) or "none"
        hint = did_you_mean(nearest(str(chosen.raw), profiles))
        raise MissingProfileError(
            f"{chosen.origin} is {chosen.raw!r}, but {path} has no such profile. It has: {known}.{hint}"
        )
    return _flat(profile, f"profile {chosen.raw!r} of {path}", place)


def _flat(table: dict[str, Any], source: str, place: Place) -> dict[str, Given]:
    """Return the values of a table by setting name, `[logging] level` under the same as `logging_level`."""
    values: dict[str, Given] = {}
    for keys, raw in _leaves(table):
        name = "_".join(keys)
        given = Given(raw, ".".join(keys), source, place)
        if name in values:
            raise ConfigurationError(f"{source} sets {values[name].key} and {given.key}, which are the same.")
        values[name] = given
    return values


def _leaves(table: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _own_table(path: str) -> dict[str, Any] | None:
    """Return `[tool.sluiceway]` of a `pyproject.toml`, or None where it has none."""
    content = _content(path)
    if not _may_have_own_table(content):
        return None
    table = _parsed(path, content).get("tool", {}).get("sluiceway")
    return table if isinstance(table, dict) else None


def _may_have_own_table(content: str) -> bool:
    """Whether a `pyproject.toml` is worth parsing: a project that only depends on Sluiceway is not."""
    for line in content.splitlines():
        if "sluiceway" in line:
            key = line.partition("=")[0].strip(" \t'\"")
            if "tool" in line or key.partition(".")[0].strip(" \t'\"") == "sluiceway":
                return True
    return False


def _content(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The settings file {path} cannot be read: {error}.") from error


def _parsed(path: str, content: str) -> dict[str, Any]:
    import tomllib  # costs more than all else here, and most programs have no file

    try:
        return tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"The settings file {path} is not valid TOML: {error}.") from error
