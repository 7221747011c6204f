"""A recorder to try things out with, its store a notebook."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from sluiceway.model.facts import Fact, LogWritten, Receipt, TaskRunMoved
from sluiceway.model.states import State, StateType
from sluiceway.recording.batching import BatchingRecorder

SOON = 20.0
"""Seconds that nothing here takes; a test that waits so long has failed."""


def fact(number: int) -> LogWritten:
    return LogWritten(None, None, number, 20, "tests", str(number))


def move(number: int) -> TaskRunMoved:
    """Return a fact that tells what became of a run."""
    return TaskRunMoved(number.to_bytes(16, "big"), State(StateType.COMPLETED), 1)


class Notebook:
    """A store that can be told to fail or to wait.

    Args:
        refuse: Raises for a batch that is not to be written.
    """

    def __init__(self, refuse: Callable[[Sequence[Fact]], None] | None = None) -> None:
        self.batches: list[list[Fact]] = []
        self.durable: list[bool] = []
        """Of each batch, whether it was to be on disk."""
        self.writers: list[threading.Thread] = []
        """Of each batch, the thread that wrote it."""
        self.refuse = refuse
        self.attempts = 0
        self.asked = threading.Event()
        self.open = threading.Event()
        self.open.set()

    def write(
        self, facts: Sequence[Fact], announcer: object = None, *, durable: bool = False, receipt: Receipt | None = None
    ) -> None:
        self.attempts += 1
        self.asked.set()
        assert self.open.wait(SOON)
        if self.refuse is not None:
            self.refuse(facts)
        self.durable.append(durable)
        self.writers.append(threading.current_thread())
        self.batches.append(list(facts))
        if receipt is not None:
            receipt.written = True

    @property
    def numbers(self) -> list[int]:
        return [
            int.from_bytes(fact.run_key, "big") if isinstance(fact, TaskRunMoved) else fact.moment  # type: ignore[union-attr]  # the others are lines
            for batch in self.batches
            for fact in batch
        ]


class Desk:
    """A recorder with its store and its complaints.

    Args:
        store: The store.
        interval: Seconds after which a fact is written at the latest.
    """

    def __init__(self, store: Notebook | None = None, interval: float = 0.002) -> None:
        self.store = store or Notebook()
        self.complaints: list[str] = []
        self.recorder = BatchingRecorder(self.store, interval, self.complaints.append)  # type: ignore[arg-type]

    def record(self, *numbers: int) -> None:
        for number in numbers:
            self.recorder.record(fact(number))
