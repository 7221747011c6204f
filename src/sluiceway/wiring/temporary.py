"""Other settings for a while."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from sluiceway import wiring
from sluiceway.ports.services import Services
from sluiceway.ports.store import Recorder
from sluiceway.wiring.configuration import Settings
from sluiceway.wiring.lines import attach

_BUILT_IN = (
    "home",
    "database_url",
    "api_url",
    "api_key",
    "results_storage",
    "results_serializer",
    "results_inline_limit",
    "flush_interval",
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
    before = wiring.services()
    old: Settings = before.settings
    new = old.changed(values, "temporary_settings")
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


def _recorder() -> Recorder:
    return wiring.services().recorder
