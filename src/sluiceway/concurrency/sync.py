"""Limits of how many may do something at once, or in a second, for blocking code."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sluiceway import wiring
from sluiceway.base.errors import AcquireConcurrencySlotTimeoutError, ConcurrencySlotAcquisitionError
from sluiceway.drivers.blocking import drive
from sluiceway.drivers.slots import LEASE, asked_by_block
from sluiceway.engine.slots import take

if TYPE_CHECKING:
    from sluiceway.client.schemas.objects import ConcurrencyLeaseHolder

__all__ = [
    "AcquireConcurrencySlotTimeoutError",
    "ConcurrencySlotAcquisitionError",
    "concurrency",
    "rate_limit",
]


@contextmanager
def concurrency(
    names: str | list[str],
    occupy: int = 1,
    timeout_seconds: float | None = None,
    max_retries: int | None = None,
    lease_duration: float = LEASE,
    strict: bool = False,
    holder: ConcurrencyLeaseHolder | None = None,
    raise_on_lease_renewal_failure: bool | None = None,
) -> Generator[None, None, None]:
    """Hold slots of concurrency limits within; wait for them before.

    Slots go to whoever has waited longest. Those of several limits are taken all or none.

    Args:
        names: The name of a limit, or several. A name that no limit has, or one that is not active, limits nothing.
        occupy: How many slots of each.
        timeout_seconds: For how many seconds to wait at most; None for as long as it takes.
        max_retries: How often to try again at most; a try takes a second.
        lease_duration: After how many seconds the slots are free if this process dies. While it lives, a thread
            puts that off.
        strict: Whether a name that no limit has is an error.
        holder: Which run is shown as having the slots; by default the one that is current.
        raise_on_lease_renewal_failure: Whether it is an error at the end of the block that the slots could not be
            kept to the end, because the process was stopped for longer than the lease; by default as `strict`.

    Raises:
        AcquireConcurrencySlotTimeoutError: The slots were not free in time.
        ConcurrencySlotAcquisitionError: The slots can never be had, were not free after `max_retries`, or got lost.
        InvalidOptionError: A number of seconds or retries is none.

    Example:
        ```python
        with concurrency("database", timeout_seconds=60):
            load_rows()
        ```
    """
    services = wiring.services()
    slots = asked_by_block(
        services, names, occupy, timeout_seconds, max_retries, lease_duration, strict=strict, holder=holder
    )
    try:
        drive(take(slots), services)
        yield
    finally:
        slots.give_back()
    if strict if raise_on_lease_renewal_failure is None else raise_on_lease_renewal_failure:
        slots.check()


def rate_limit(
    names: str | list[str], occupy: int = 1, timeout_seconds: float | None = None, strict: bool = False
) -> None:
    """Wait until slots are free, and take them; they come free again by the decay of their limits.

    Args:
        names: The name of a limit with a slot decay, or several. A name that no limit has limits nothing.
        occupy: How many slots of each.
        timeout_seconds: For how many seconds to wait at most; None for as long as it takes.
        strict: Whether a name that no limit has is an error.

    Raises:
        AcquireConcurrencySlotTimeoutError: The slots were not free in time.
        ConcurrencySlotAcquisitionError: The slots can never be had, or a limit has no slot decay.
        InvalidOptionError: The number of seconds is none.

    Example:
        ```python
        for page in pages:
            rate_limit("their-api")
            fetch(page)
        ```
    """
    services = wiring.services()
    slots = asked_by_block(services, names, occupy, timeout_seconds, strict=strict, rate=True)
    try:
        drive(take(slots), services)
    except BaseException:
        slots.give_back()
        raise
