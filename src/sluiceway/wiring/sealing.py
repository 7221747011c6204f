"""What seals the secrets of this process: the key in its home folder."""

from __future__ import annotations

import os
from functools import lru_cache

from sluiceway import wiring
from sluiceway.storage.sealing import Sealer

KEY_FILE = "secret.key"
"""The name of the file of the key, in the home folder."""


def sealer() -> Sealer:
    """Return what seals secrets by the key in the home folder of this process.

    Raises:
        ConfigurationError: A setting is unknown or bad.
    """
    return _sealer(os.path.join(wiring.defaults().home, KEY_FILE))


@lru_cache(maxsize=8)
def _sealer(path: str) -> Sealer:
    return Sealer(path)
