"""The verbs of the client for concurrency limits, each written once for both colours."""

from __future__ import annotations

from uuid import UUID

from sluiceway.base import ids
from sluiceway.base.errors import ObjectAlreadyExists, ObjectNotFound
from sluiceway.client.colours import verb
from sluiceway.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate
from sluiceway.client.schemas.objects import GlobalConcurrencyLimit
from sluiceway.drivers.slots import forget_absence
from sluiceway.model.slots import Limit
from sluiceway.ports.services import Services
from sluiceway.rules.slots import limit_of


class Limiting:
    """Makes, reads, changes and deletes concurrency limits."""

    _services: Services

    @verb
    def create_global_concurrency_limit(self, concurrency_limit: GlobalConcurrencyLimitCreate) -> UUID:
        """Make a limit, and return its identifier.

        Args:
            concurrency_limit: What it is to be.

        Raises:
            InvalidOptionError: The name is empty, or a number is out of range.
            ObjectAlreadyExists: There is one of that name.
        """
        asked = concurrency_limit
        limit = limit_of(ids.new_id(), asked.name, asked.limit, asked.active, asked.slot_decay_per_second)
        if not self._services.store.create_limit(limit):
            raise ObjectAlreadyExists(f"There is a concurrency limit with the name {asked.name!r} already.")
        forget_absence()
        return ids.to_uuid(limit.key)

    @verb
    def read_global_concurrency_limit_by_name(self, name: str) -> GlobalConcurrencyLimit:
        """Return a limit, and how many of its slots are taken.

        Args:
            name: The name of the limit.

        Raises:
            ObjectNotFound: There is no such limit.
        """
        return self._shown(self._limit(name))

    @verb
    def read_global_concurrency_limits(self, limit: int = 10, offset: int = 0) -> list[GlobalConcurrencyLimit]:
        """Return limits by name, and how many of their slots are taken.

        Args:
            limit: How many at most.
            offset: How many to pass over.

        Raises:
            ValueError: A number is negative.
        """
        if limit < 0 or offset < 0:
            raise ValueError(f"limit and offset must not be negative; they are {limit} and {offset}.")
        return [self._shown(found) for found in self._services.store.read_limits()[offset : offset + limit]]

    @verb
    def update_global_concurrency_limit(self, name: str, concurrency_limit: GlobalConcurrencyLimitUpdate) -> None:
        """Change a limit. Who has slots of it keeps them.

        Args:
            name: The name of the limit.
            concurrency_limit: What is to change.

        Raises:
            InvalidOptionError: The new name is empty, or a number is out of range.
            ObjectAlreadyExists: There is another one of the new name.
            ObjectNotFound: There is no such limit.
        """
        found, asked = self._limit(name), concurrency_limit
        limit = limit_of(
            found.key,
            found.name if asked.name is None else asked.name,
            found.slots if asked.limit is None else asked.limit,
            found.active if asked.active is None else asked.active,
            found.decay if asked.slot_decay_per_second is None else asked.slot_decay_per_second,
        )
        if not self._services.store.change_limit(name, limit):
            self._limit(name)  # which may have been deleted meanwhile
            raise ObjectAlreadyExists(f"There is a concurrency limit with the name {limit.name!r} already.")
        forget_absence()

    @verb
    def upsert_global_concurrency_limit_by_name(
        self, name: str, limit: int, slot_decay_per_second: float | None = None
    ) -> None:
        """Make a limit, or change the one that there is.

        Args:
            name: The name of the limit.
            limit: How many slots may be taken at once.
            slot_decay_per_second: How many slots come free in a second by themselves; None to leave that as it is.

        Raises:
            InvalidOptionError: The name is empty, or a number is out of range.
        """
        store, key = self._services.store, ids.new_id()
        wanted = limit_of(key, name, limit, decay=slot_decay_per_second or 0.0)
        while not store.create_limit(wanted):
            for found in store.read_limits((name,)):
                decay = found.decay if slot_decay_per_second is None else slot_decay_per_second
                if store.change_limit(name, found._replace(slots=limit, decay=float(decay))):
                    return
        forget_absence()

    @verb
    def delete_global_concurrency_limit_by_name(self, name: str) -> None:
        """Delete a limit. Who has slots of it is not disturbed, and who waits for some goes on.

        Args:
            name: The name of the limit.

        Raises:
            ObjectNotFound: There is no such limit.
        """
        if not self._services.store.delete_limit(name):
            raise _unknown(name)

    def _limit(self, name: str) -> Limit:
        for limit in self._services.store.read_limits((name,)):
            return limit
        raise _unknown(name)

    def _shown(self, limit: Limit) -> GlobalConcurrencyLimit:
        rows = self._services.store.read_slots(limit.name, self._services.clock.now())
        taken = sum(row.occupy for row in rows if not row.waits)
        return GlobalConcurrencyLimit(ids.to_uuid(limit.key), limit.name, limit.slots, limit.active, taken, limit.decay)


def _unknown(name: str) -> ObjectNotFound:
    return ObjectNotFound(f"There is no concurrency limit with the name {name!r}.")
