"""Identifiers that increase, and names that are easy to say."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.base import ids
from sluiceway.base.names import BANNED_CHARACTERS, check_name, run_name
from sluiceway.exceptions import InvalidNameError

few = settings(max_examples=50)

keys = st.binary(min_size=16, max_size=16)


def test_identifiers_of_one_thread_increase_strictly() -> None:
    made = [ids.new_id() for _ in range(20_000)]
    assert all(before < after for before, after in pairwise(made))


def test_identifiers_of_many_threads_are_unique_and_increase_in_each() -> None:
    made: list[list[bytes]] = [[] for _ in range(8)]
    start = threading.Barrier(len(made))

    def make(own: list[bytes]) -> None:
        start.wait()
        own.extend(ids.new_id() for _ in range(2_000))

    threads = [threading.Thread(target=make, args=(own,)) for own in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = [key for own in made for key in own]
    assert len(set(together)) == len(together) == 16_000
    for own in made:
        assert own == sorted(own)


def test_a_forked_process_makes_identifiers_of_its_own() -> None:
    readers = []
    for _ in range(3):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:  # nothing of pytest may run in here
            os.write(writer, b"".join(ids.new_id() for _ in range(50)))
            os._exit(0)
        os.close(writer)
        readers.append((child, reader))
    made = [ids.new_id() for _ in range(50)]
    for child, reader in readers:
        received = b"".join(iter(lambda reader=reader: os.read(reader, 4096), b""))  # type: ignore[misc]
        os.close(reader)
        os.waitpid(child, 0)
        made += [received[at : at + 16] for at in range(0, len(received), 16)]
    assert len(set(made)) == len(made) == 200


def test_an_identifier_is_a_uuid_of_version_7_with_the_time_in_front() -> None:
    before = time.time_ns() // 1_000_000
    key = ids.new_id()
    after = time.time_ns() // 1_000_000
    assert ids.to_uuid(key).version == 7
    assert ids.to_uuid(key).variant == "specified in RFC 4122"
    assert before <= int.from_bytes(key[:6], "big") <= after


def test_identifiers_increase_though_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = iter([5_000_000_000_000, 4_000_000_000_000, 3_000_000, 5_000_000_000_000, 6_000_000_000_000])
    generate = ids._seeded_generator()
    monkeypatch.setattr(time, "time_ns", lambda: next(shown))
    made = [generate() for _ in range(5)]
    assert made == sorted(set(made))


def test_the_counter_of_an_identifier_does_not_reach_its_version() -> None:
    for _ in range(200):
        generate = ids._seeded_generator()
        assert {ids.to_uuid(generate()).version for _ in range(5)} == {7}


@few
@given(keys)
def test_an_identifier_is_the_same_in_each_of_its_forms(key: bytes) -> None:
    uuid = ids.to_uuid(key)
    assert ids.from_uuid(uuid) == ids.from_uuid(str(uuid)) == ids.from_uuid(uuid.hex) == ids.from_uuid(key) == key
    assert ids.optional_uuid(key) == uuid
    assert ids.optional_uuid(None) is None


@few
@given(st.text())
def test_a_text_that_is_no_identifier_is_refused(text: str) -> None:
    try:
        UUID(text)
    except ValueError:
        with pytest.raises(ValueError, match=r"badly formed|not enough|UUID"):
            ids.from_uuid(text)


# --- names ------------------------------------------------------------------------------------------


@few
@given(keys)
def test_a_run_has_the_same_name_each_time(key: bytes) -> None:
    name = run_name(key)
    assert name == run_name(bytes(key))
    quality, creature = name.split("-")
    assert quality.isalpha()
    assert creature.isalpha()
    assert check_name(name, "The name of a run") == name


def test_runs_in_a_row_have_different_names() -> None:
    names = Counter(run_name(ids.new_id()) for _ in range(200))
    assert max(names.values()) <= 3
    assert len(names) > 150


@few
@given(st.text())
def test_a_name_is_refused_exactly_if_it_is_empty_or_has_a_banned_character(name: str) -> None:
    if name.strip() and not BANNED_CHARACTERS.intersection(name):
        assert check_name(name, "The name of a flow") == name
    else:
        with pytest.raises(InvalidNameError, match=r"The name of a flow .*(leave out|must not be empty)"):
            check_name(name, "The name of a flow")


@few
@given(st.text(min_size=1).filter(str.strip))
def test_a_name_that_is_no_part_of_an_address_may_have_any_characters(name: str) -> None:
    assert check_name(name, "The name of a task", frozenset()) == name


@pytest.mark.parametrize("name", [3, None, b"name", ["name"]])
def test_a_name_is_a_text(name: Any) -> None:
    with pytest.raises(InvalidNameError, match="The name of a flow must be a text, not"):
        check_name(name, "The name of a flow")
