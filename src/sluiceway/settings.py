"""Settings: what can be configured, from where it is taken, and what is in force.

A setting comes from the first of: the environment variable `SLUICEWAY_…`; `sluiceway.toml`, or
`[tool.sluiceway]` in `pyproject.toml`, whichever is nearest from the working directory upwards; the profile
in the home folder (`profiles.toml`, with `active = "NAME"` and tables `[profiles.NAME]`); its default. In
TOML, `logging_level = "DEBUG"` and `[logging]` with `level = "DEBUG"` are the same.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from sluiceway import wiring
from sluiceway.wiring.configuration import SETTINGS, Setting, Settings
from sluiceway.wiring.temporary import changed_settings

__all__ = ["SETTINGS", "Setting", "Settings", "get_current_settings", "temporary_settings"]

Setting.__module__ = Settings.__module__ = __name__


def get_current_settings() -> Settings:
    """Return the settings that are in force; they are read once in the life of a process.

    Raises:
        ConfigurationError: A setting is unknown or has a value that cannot be used.

    Example:
        ```python
        settings = get_current_settings()
        print(settings.database_url, "from", settings.origin_of("database_url"))
        ```
    """
    return wiring.defaults()


@contextmanager
def temporary_settings(**values: object) -> Generator[Settings, None, None]:
    """Change settings within, for the whole process.

    Args:
        values: The values by setting name, such as `logging_level="DEBUG"`; None brings back the default.

    Raises:
        ConfigurationError: Something is no setting, or has a value that cannot be used.

    Example:
        ```python
        with temporary_settings(database_url="memory:", logging_level="DEBUG") as settings:
            report()
        ```
    """
    with changed_settings(values) as settings:
        yield settings
