"""Fixtures for pytest: `sluiceway_harness` and `virtual_clock`. pytest loads them by itself."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sluiceway.testing import Harness, VirtualClock


@pytest.fixture
def _sluiceway_place(request: pytest.FixtureRequest) -> Generator[Harness, None, None]:
    """The private place of a test; with a virtual clock, if the test asks for one."""
    from sluiceway.testing import test_harness  # lazy: most tests of a project run no flows

    virtual = "virtual_clock" in request.fixturenames
    with test_harness(clock="virtual" if virtual else "system") as harness:
        yield harness


@pytest.fixture
def sluiceway_harness(_sluiceway_place: Harness) -> Harness:
    """A private place for runs, with `client`, `clock` and `drain()`, as `test_harness` makes it."""
    return _sluiceway_place


@pytest.fixture
def virtual_clock(_sluiceway_place: Harness) -> VirtualClock:
    """A private place for runs whose clock skips retry delays; the value is the clock."""
    clock: VirtualClock = _sluiceway_place.clock  # type: ignore[assignment]  # that is what was asked for above
    return clock
