"""Recorders that are closed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.recording.desks import Desk


@pytest.fixture
def desks() -> Iterator[Callable[..., Desk]]:
    """Make recorders that are closed at the end."""
    made: list[Desk] = []

    def make(*args: Any, **kwargs: Any) -> Desk:
        made.append(Desk(*args, **kwargs))
        return made[-1]

    yield make
    for desk in made:
        desk.store.open.set()
        desk.recorder.close()
