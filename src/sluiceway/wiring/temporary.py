"""Other settings for a while."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager

from sluiceway import wiring
from sluiceway.ports.services import Services
from sluiceway.ports.store import Recorder
from sluiceway.wiring.configuration import Settings, load_settings
from sluiceway.wiring.lines import attach
from sluiceway.wiring.setting_kinds import Place
from sluiceway.wiring.setting_sources import PREFIX, Given, from_profile

_BUILT_IN = (
    "home",
    "database_url",
    "api_url",
    "api_key",
    "spool_limit",
    "results_storage",
    "results_serializer",
    "results_inline_limit",
    "flush_interval",
    "telemetry",
)
"""Settings that are built into the store, the recorder or the results storage."""


class _Borrowing(Services):
    """Services with settings of their own over the adapters of others, which stay open."""

    __slots__ = ()

    def close(self) -> None:
        """End what is not borrowed: the task runner and the watcher."""
        self.close_own()


@contextmanager
def changed_settings(values: Mapping[str, object]) -> Generator[Settings, None, None]:
    """Have the whole process work with changed settings within.

    Args:
        values: The values by setting name; None brings back the default.

    Raises:
        ConfigurationError: Something is no setting or no possible value.
    """
    with other_settings(wiring.services().settings.changed(values, "temporary_settings")) as settings:
        yield settings


@contextmanager
def other_settings(new: Settings) -> Generator[Settings, None, None]:
    """Have the whole process work with other settings within.

    Args:
        new: The settings.
    """
    before = wiring.services()
    old: Settings = before.settings
    if all(getattr(old, name) == getattr(new, name) for name in _BUILT_IN):
        replacement: Services = _Borrowing(new, before.store, before.recorder, before.results, before.clock)
        attach(new, _recorder)
    else:
        replacement = wiring.build(new)
    try:
        with wiring.use(replacement):
            yield new
    finally:
        attach(old, _recorder)


def settings_of_profile(name: str, override: bool) -> Settings:
    """Return the settings of this process as they are with a profile.

    Args:
        name: The profile.
        override: Whether the profile comes before the environment.

    Raises:
        MissingProfileError: There is no such profile.
        ConfigurationError: Something in it is no setting or no possible value.
    """
    environ = {**os.environ, f"{PREFIX}PROFILE": name}
    settings = load_settings(environ, os.getcwd())
    if not override:
        return settings
    told = from_profile(settings.home, Given(name, "profile", "use_profile", Place(settings.home, "")), settings.home)
    hidden = {f"{PREFIX}{setting.upper()}" for setting in told}
    return load_settings({name: value for name, value in environ.items() if name not in hidden}, os.getcwd())


def _recorder() -> Recorder:
    return wiring.services().recorder
