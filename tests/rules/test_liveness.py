"""Whether a process lives: what counts, on one kernel and beyond."""

from __future__ import annotations

import pytest

from sluiceway.model.holding import ProcessInfo
from sluiceway.rules.liveness import cause_of_death

NOW = 1_767_268_800_000_000


def process(host: str = "here", boot: str = "boot", until: int | None = None) -> ProcessInfo:
    lock = "/locks/1" if until is None else None
    return ProcessInfo(b"k" * 16, host, boot, 42, NOW - 1, lock, until)


def cause(subject: ProcessInfo, held: bool, boot: str = "boot") -> str | None:
    return cause_of_death(subject, "here", boot, NOW, lambda _: held)


@pytest.mark.parametrize("host", ["here", "a container on the same kernel"])
def test_on_one_kernel_the_lock_decides(host: str) -> None:
    assert cause(process(host), held=True) is None
    assert "died without a word" in (cause(process(host), held=False) or "")


def test_on_a_system_that_does_not_tell_its_starts_apart_the_lock_decides_for_its_own_host() -> None:
    assert cause(process(boot=""), held=True, boot="") is None
    assert "died without a word" in (cause(process(boot=""), held=False, boot="") or "")
    assert cause(process("elsewhere", boot=""), held=False, boot="") is None


def test_a_restart_of_the_machine_has_ended_its_processes_whatever_has_their_locks_now() -> None:
    assert "restarted" in (cause(process(boot="earlier"), held=True) or "")


def test_nothing_is_known_of_a_process_on_another_machine_that_keeps_a_lock() -> None:
    assert cause(process("elsewhere", "another boot"), held=False) is None


@pytest.mark.parametrize("host", ["here", "elsewhere"])
def test_a_lease_decides_wherever_the_process_is(host: str) -> None:
    assert cause(process(host, until=NOW + 1), held=False) is None
    assert "has not prolonged its lease" in (cause(process(host, until=NOW), held=True) or "")
