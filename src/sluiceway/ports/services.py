"""Services: what a run needs of the world, in one bundle."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sluiceway.ports.results import Results
    from sluiceway.ports.store import Clock, Presence, Recorder, Store


class Services:
    """The adapters that runs work with.

    Args:
        settings: The effective settings.
        store: Where the journal is kept.
        recorder: The way into the journal.
        results: Keeps what runs returned.
        clock: The time as runs see it.
    """

    __slots__ = (
        "clock",
        "counting",
        "described",
        "housekeeper",
        "presence",
        "recorder",
        "results",
        "runner",
        "settings",
        "store",
        "strict",
        "watcher",
    )

    def __init__(self, settings: Any, store: Store, recorder: Recorder, results: Results, clock: Clock) -> None:
        self.settings: Any = settings
        self.strict: bool = settings.durability == "strict"
        """Whether runs that do not say otherwise are strict: on disk when their calls return."""
        self.store: Store = store
        self.recorder: Recorder = recorder
        self.results: Results = results
        self.clock: Clock = clock
        self.counting: threading.RLock = threading.RLock()
        """Held while equal calls are counted: threads may make them at the same moment."""
        self.described: set[tuple[str, int]] = set()
        """The flows that the journal was told of: their names and the identities of their code."""
        self.runner: Any = None
        """The task runner of tasks that are submitted outside flows; made when it is first needed."""
        self.presence: Presence | None = None
        """How this process shows others that it lives, and sees whether they do; None where nobody can look."""
        self.watcher: Any = None
        """What looks for the ends of deferred runs; made when it is first needed."""
        self.housekeeper: Any = None
        """What removes old runs now and then, if anything does."""

    def close_own(self) -> None:
        """End what these services have made: the task runner and the watcher. Closing twice is harmless."""
        if self.runner is not None:
            self.runner.close()
            self.runner = None
        if self.watcher is not None:
            self.watcher.close()
            self.watcher = None

    def close(self) -> None:
        """End the threads, write what is left, release the store. Closing twice is harmless."""
        self.close_own()
        if self.housekeeper is not None:
            self.housekeeper.close()
        self.recorder.close()
        if self.presence is not None:
            self.presence.leave()
        self.store.close()
