"""Retention at work: processes that record runs remove old ones, now and then, each in its turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from sluiceway.base.times import SECOND

if TYPE_CHECKING:
    from sluiceway.model.facts import Fact
    from sluiceway.ports.services import Services
    from sluiceway.recording.pruning import Pruner
    from sluiceway.rules.retention import Retention
    from sluiceway.wiring.configuration import Settings

FIRST_LOOK = 5.0
"""Seconds after which a process looks for the first time whether it is its turn: most have ended by then."""

NEXT_LOOK = 60.0
"""Seconds until it looks again."""

TURN = "sluiceway.retention"
"""The key of the lock that says until when nobody need prune. Nobody gives it back."""

PATIENCE = 1.0
"""Seconds that the end of a process waits at most for a step to end, which takes a few milliseconds."""


def policy_of(settings: Settings) -> Retention:
    """Return how much is kept according to settings, where 0 stands for no limit.

    Args:
        settings: The settings.
    """
    from sluiceway.rules.retention import Retention

    return Retention(
        settings.retention_max_age or None,
        settings.retention_max_flow_runs or None,
        settings.retention_max_task_runs or None,
        settings.retention_max_size or None,
    )


def make_pruner(services: Services, stopped: threading.Event | None = None) -> Pruner:
    """Return what removes runs from the journal of services.

    Args:
        services: The services.
        stopped: Set by whoever wants it to stop.
    """
    from sluiceway.recording.pruning import Pruner

    return Pruner(services.store, services.results, services.clock.now, stopped)


class Housekeeper:
    """Prunes the journal in the background while a process records, at most once in a while over all processes.

    It listens to the recorder, so that a process which records nothing does nothing, and one that ends soon has
    neither a thread nor anything imported for it.

    Args:
        services: The services.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._due = time.monotonic() + FIRST_LOOK
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self, facts: Sequence[Fact]) -> None:
        """Look whether it is time, on the thread that writes; all else is done on a thread of its own.

        Args:
            facts: What was written.
        """
        now = time.monotonic()
        if now < self._due or self._stopped.is_set():
            return
        self._due = now + NEXT_LOOK
        if self._thread is None or not self._thread.is_alive():
            thread = threading.Thread(target=self.work, name="sluiceway-retention", daemon=True)
            with suppress(RuntimeError):  # the system has no thread to give now, or the interpreter ends
                thread.start()
                self._thread = thread

    def work(self) -> bool:
        """Prune if nobody has for long enough; return whether it was done."""
        import logging

        from sluiceway.base.errors import StoreError
        from sluiceway.base.ids import new_id

        services, settings = self._services, self._services.settings
        now = services.clock.now()
        until = now + round(settings.retention_interval * SECOND)
        try:
            if not services.store.claim_lock(TURN, new_id().hex(), until, now):
                return False
            make_pruner(services, self._stopped).prune(policy_of(settings))
        except StoreError as error:
            if not self._stopped.is_set():  # a store that is closed need not be pruned
                logging.getLogger("sluiceway.retention").warning("Old runs could not be removed. %s", error)
            return False
        return True

    def close(self) -> None:
        """Stop after the step that is under way, and begin nothing any more."""
        self._stopped.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(PATIENCE)


def keep_house(services: Services) -> None:
    """Have a process prune its journal while it records, if the settings say so and others can see the journal.

    What a server keeps, the server prunes.

    Args:
        services: The services.
    """
    settings = services.settings
    if settings.retention_automatic and settings.api_url is None and settings.database_url != "memory:":
        services.housekeeper = Housekeeper(services)
        services.recorder.listeners.append(services.housekeeper)
