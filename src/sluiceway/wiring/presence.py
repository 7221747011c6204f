"""The presence of this process: what it takes is loaded when it first has something in hand for longer."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING
from weakref import WeakSet

from sluiceway.base.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluiceway.base.ids import RunId
    from sluiceway.model.holding import ProcessInfo
    from sluiceway.ports.store import Clock, Store
    from sluiceway.recording.presence import Presence
    from sluiceway.recording.sentry import Sentry
    from sluiceway.wiring.configuration import Settings

LONGEST_DOUBT = 1.0
"""Seconds in which a process that lives prolongs its lease, twice over, however long that is."""

LET_GO = "Its process let go of it before it had ended."


class LazyPresence:
    """Shows that this process lives, from when a run was not over by the time it was written.

    Args:
        store: The journal.
        clock: The time.
        folder: Where the files of processes are.
        lease: Seconds that a lease lasts; None where a lock stands for that.
        look: Looks for dead processes where this one cannot; by default it looks itself.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        folder: str,
        lease: float | None,
        look: Callable[[], tuple[RunId, ...]] | None = None,
    ) -> None:
        self.known: bool = False
        self._store = store
        self._clock = clock
        self._folder = folder
        self._lease = lease
        self._look = look
        self._inherited: ProcessInfo | None = None
        """In a forked child: the process that it was forked from. What the child records of the runs that it
        inherited, it records as that one, so that it is refused once others have taken them in hand."""
        self._begin()
        _presences.add(self)

    def _begin(self) -> None:
        self._turn = threading.Lock()
        self._presence: Presence | None = None
        self._sentry: Sentry | None = None

    @property
    def announced(self) -> ProcessInfo | None:
        """The process, if it has announced itself before."""
        return self._inherited if self._presence is None else self._presence.announced

    @property
    def fenced(self) -> bool:
        """Whether others have taken this process for dead, so that it records no more."""
        return self._sentry is not None and self._sentry.fenced

    def enter(self) -> ProcessInfo:
        """Return the process, once it is on the list.

        Raises:
            StoreError: It cannot show that it lives, or the store cannot be used.
        """
        process = self.announce()
        if not self.known:
            self._store.announce_process(process)
            self.known = True
        return process

    def announce(self) -> ProcessInfo:
        """Return the process, which from now on shows others that it lives.

        Raises:
            StoreError: It cannot; the message says why.
        """
        if self._inherited is not None:
            return self._inherited
        process = self._present().announce()
        assert self._sentry is not None  # it is made with the presence
        self._sentry.start()
        return process

    def look_around(self) -> tuple[RunId, ...]:
        """Bring the runs to an end that dead processes had in hand, and return those that have crashed.

        Raises:
            StoreError: The store cannot be read.
        """
        if self._look is not None:
            return self._look()
        from sluiceway.recording.reaping import reap  # lazy: for programs that read

        doubt = LONGEST_DOUBT if self._lease is None else min(LONGEST_DOUBT, self._lease * 0.4)
        return reap(self._store, self.announced, self._folder, self._clock, doubt)

    def leave(self) -> None:
        """Let go of all that is in hand, and show no longer that this process lives. Leaving twice is harmless."""
        with self._turn:
            sentry, presence = self._sentry, self._presence
            self._sentry = self._presence = None
        if sentry is not None:
            sentry.close()
        process = None if presence is None else presence.announced
        if presence is None or process is None:
            return
        if self.known:
            try:
                for listed in self._store.read_processes():
                    if listed.key == process.key:  # as it is on the list: its lease has been prolonged since
                        self._store.bury_process(listed, LET_GO, self._clock.now())
            except StoreError as error:  # whoever looks next sees that the process has gone
                logging.getLogger("sluiceway.recorder").warning("The end of the process was not noted. %s", error)
        self.known = False
        presence.leave()

    def _present(self) -> Presence:
        from sluiceway.recording.presence import Presence
        from sluiceway.recording.sentry import Sentry

        with self._turn:
            if self._presence is None:
                self._presence = Presence(self._folder, self._lease)
                self._sentry = Sentry(self._store, self, self._presence.lease, self._clock)
            return self._presence


_presences: WeakSet[LazyPresence] = WeakSet()


def _inherit() -> None:
    """A forked child has neither the locks nor the threads of its parent, whose end it must not announce."""
    for presence in list(_presences):
        presence._inherited = presence.announced
        presence._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_inherit)


def presence_of(store: Store, clock: Clock, settings: Settings) -> LazyPresence | None:
    """Return how this process shows others that it lives; None where the journal ends with the process.

    Args:
        store: The journal.
        clock: The time.
        settings: The settings. The files of processes are beside a database; a server sees leases only.
    """
    if settings.api_url is not None:
        from sluiceway.stores.http.store import HttpStore  # lazy: only who talks to a server

        assert isinstance(store, HttpStore)  # the settings are those that it was made from
        return LazyPresence(store, clock, "", settings.lease_seconds, store.look_around)
    if not settings.database_url.startswith("sqlite:///"):
        return None
    folder = os.path.abspath(settings.database_url.removeprefix("sqlite:///")) + "-processes"
    return LazyPresence(store, clock, folder, settings.lease_seconds if settings.liveness == "lease" else None)
