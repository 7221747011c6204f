"""Taking over a run of another process: what goes through to the way into the journal."""

from __future__ import annotations

import pytest

from sluiceway.agents.taking import TakingRecorder
from sluiceway.exceptions import StoreError
from tests.recording.desks import SOON, Desk, Notebook, move


def _broken(_: object) -> None:
    raise StoreError("The run database is broken. Mend it.")


def test_who_waits_for_the_disk_through_it_waits_as_directly() -> None:
    desk = Desk(interval=SOON)
    taking, answers = TakingRecorder(desk.recorder), list[StoreError | None]()
    taking.record(move(1))
    taking.settle()
    assert (desk.store.numbers, desk.store.durable) == ([1], [True])
    taking.record(move(2))
    taking.when_settled(answers.append)
    desk.recorder.close()
    assert (desk.store.numbers, answers) == ([1, 2], [None])


def test_what_is_in_the_way_of_the_disk_is_told_through_it() -> None:
    desk = Desk(Notebook(_broken), interval=SOON)
    taking = TakingRecorder(desk.recorder)
    taking.record(move(1))
    with pytest.raises(StoreError, match="Mend it"):
        taking.settle()
    desk.recorder.close()
