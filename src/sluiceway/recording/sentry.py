"""The sentry: a thread of a process that has runs in hand. It shows that the process lives, and looks around.

What others have asked for in the journal, it sees to here: that a run be cancelled, or suspended.
"""

from __future__ import annotations

import logging
import threading

from sluiceway.base.errors import StoreError
from sluiceway.base.times import SECOND
from sluiceway.drivers import in_hand
from sluiceway.model.holding import ProcessInfo
from sluiceway.model.states import CRASHED
from sluiceway.ports.store import Clock, Presence, Store
from sluiceway.rules.outcomes import CALLED_OFF, paused

INTERVAL = 0.5
"""Seconds between two looks; a short lease is looked after more often."""

REAPING_EVERY = 10
"""Every how many looks it looks for processes that are dead, too: the first time at once."""

FENCED = (
    "Other processes have taken this one for dead, as it did not prolong its lease in time. "
    "What it records from now on is refused; end it."
)

_logger = logging.getLogger("sluiceway.recorder")


class Sentry:
    """Looks around while the process has something in hand.

    Args:
        store: The journal.
        presence: This process.
        lease: Seconds that its lease lasts; None where a lock stands for that.
        clock: The time.
    """

    def __init__(self, store: Store, presence: Presence, lease: float | None, clock: Clock) -> None:
        self._store = store
        self._presence = presence
        self._lease = lease
        self._clock = clock
        self._closed = threading.Event()
        self._turn = threading.Lock()
        self._thread: threading.Thread | None = None
        self._trouble = ""
        self._fenced = False

    @property
    def fenced(self) -> bool:
        """Whether others have taken this process for dead."""
        return self._fenced

    def start(self) -> None:
        """Start the thread, if there is none yet."""
        with self._turn:
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._work, name="sluiceway-sentry", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """End the thread. Closing twice is harmless."""
        self._closed.set()
        with self._turn:
            thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _work(self) -> None:
        looks = 0
        interval = INTERVAL if self._lease is None else min(INTERVAL, self._lease / 5)
        while not self._closed.wait(interval):
            try:
                self._look()
                if looks % REAPING_EVERY == 0:
                    self._presence.look_around()
            except StoreError as error:
                if str(error) != self._trouble:
                    self._trouble = str(error)
                    _logger.warning("The journal could not be looked into; it is tried again. %s", error)
            looks += 1

    def _look(self) -> None:
        own = self._presence.announced
        if own is None or not self._presence.known:
            return
        if self._lease is not None and not self._fenced:
            until = self._clock.now() + round(self._lease * SECOND)
            self._fenced = not self._store.prolong_process(own.key, until)
            if self._fenced:
                _logger.critical(FENCED)
        if self._fenced:
            in_hand.call_off_all(FENCED, CRASHED)
        elif in_hand.under_way():
            self._heed(own)

    def _heed(self, own: ProcessInfo) -> None:
        """See to what others have asked for."""
        for run_key, since in self._store.read_held(own.key).items():
            if since is not None:
                in_hand.call_off(run_key, CALLED_OFF)
        for pause in self._store.read_suspensions(own.key):
            state = paused(pause.key, pause.until, self._clock.now(), True, None)
            in_hand.suspend(pause.run_key, state)
