"""The fixtures for pytest."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from sluiceway import flow, task
from sluiceway.testing import Harness, VirtualClock


@flow
def greeting() -> str:
    return "hello"


def test_the_harness_fixture_is_a_private_place(sluiceway_harness: Harness) -> None:
    greeting()
    assert sluiceway_harness.client.count_flow_runs() == 1


def test_the_harness_fixture_is_empty_in_each_test(sluiceway_harness: Harness) -> None:
    assert sluiceway_harness.client.count_flow_runs() == 0


def test_the_clock_fixture_skips_retry_delays(virtual_clock: VirtualClock) -> None:
    tries: list[int] = []

    @task(retries=1, retry_delay_seconds=600)
    def flaky() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("not yet")

    flaky()
    assert virtual_clock.slept == [600]


def test_both_fixtures_are_about_one_place(virtual_clock: VirtualClock, sluiceway_harness: Harness) -> None:
    assert sluiceway_harness.clock is virtual_clock


def test_pytest_finds_the_plugin_by_its_entry_point() -> None:
    (found,) = entry_points(group="pytest11", name="sluiceway")
    assert found.value == "sluiceway.testing.plugin"


@pytest.mark.slow
def test_loading_the_plugin_imports_nothing_heavy() -> None:
    script = "import pytest, sys; bare = set(sys.modules); import sluiceway.testing.plugin; "
    script += "print(*sorted(name for name in set(sys.modules) - bare if not name.startswith('sluiceway')))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []


@pytest.mark.slow
def test_loading_the_plugin_loads_no_room_of_the_package() -> None:
    script = "import sys, sluiceway.testing.plugin; print(*(n for n in sys.modules if n.startswith('sluiceway')))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert set(done.stdout.split()) == {"sluiceway", "sluiceway.testing", "sluiceway.testing.plugin"}
