"""The store, as far as it keeps limits, and says who has slots of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sluiceway.base.times import Moment
    from sluiceway.model.slots import HeldSlots, Limit, SlotReply, SlotRequest


class Limits(Protocol):
    """Limits, and who has their slots."""

    def create_limit(self, limit: Limit) -> bool:
        """Make a limit, and return whether there was none of its name before; one that there is stays as it is.

        Args:
            limit: The limit.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def change_limit(self, name: str, limit: Limit) -> bool:
        """Have a limit be as another one, and return whether that was possible. Slots that are taken stay so.

        Args:
            name: The name of the limit.
            limit: What it is to be, by another name perhaps; its identifier stays.

        Returns:
            Whether there was such a limit, and no other one by the new name.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def delete_limit(self, name: str) -> bool:
        """Delete a limit, and return whether there was one. Who has slots of it is not disturbed.

        Args:
            name: The name of the limit.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def read_limits(self, names: Sequence[str] | None = None) -> tuple[Limit, ...]:
        """Return the limits by name.

        Args:
            names: The names; None for all.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def claim_slots(self, request: SlotRequest, until: Moment, at: Moment, *, queue: bool = True) -> SlotReply:
        """Give slots of limits to an owner, all or none; nobody gets them before those who have waited longer.

        Names that no limit has, and limits that are not active, count for nothing. An owner that has slots already
        gets them anew. One that has to wait gets a place in the line, which it keeps until it is granted the slots
        or gives up. Asking again while it has to wait writes nothing, and is in nobody's way.

        Args:
            request: Who asks, and for what.
            until: From when on slots without decay, or the place in the line, are free for others.
            at: The present moment.
            queue: Whether the owner gets a place in the line if it has to wait.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def prolong_slots(self, untils: Mapping[str, Moment], at: Moment) -> frozenset[str]:
        """Let owners keep their slots and places in lines for longer; not what decays, nor what is past its time.

        Args:
            untils: By owner, from when on others may have them.
            at: The present moment.

        Returns:
            The owners that had nothing to keep.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def release_slots(self, owner: str, at: Moment) -> bool:
        """Take from an owner its slots and its place in the line, and return whether it still had any slots.

        Args:
            owner: Who gives them back.
            at: The present moment.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def read_slots(self, name: str | None, at: Moment) -> tuple[HeldSlots, ...]:
        """Return who has slots, and after them who waits for some, by the name of the limit and in their order.

        Args:
            name: The name of a limit; None for all.
            at: The present moment.

        Raises:
            StoreError: The store cannot be used.
        """
        ...
