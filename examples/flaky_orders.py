"""Five orders, of which most go wrong: retries, timeouts, hooks, child flows, and going on after a failure.

    python examples/flaky_orders.py

Each order is a child flow. The warehouse is busy at times, which passes; the bank may hang; and some orders cannot
be filled at all. A person is told of what failed, every order has its entry in the book, and the shop goes on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sluiceway import State, allow_failure, flow, get_run_logger, runtime, tags, task
from sluiceway.tasks import exponential_backoff

SHELVES = {"tea": "A1", "cup": "A2", "kettle": "B1", "spoon": "B2"}


@dataclass(frozen=True)
class Order:
    """What somebody wants, and what is to go wrong with it.

    Args:
        number: Which order this is.
        item: What is wanted.
        busy: How many times the warehouse is busy before it has time for this order.
        bank_hangs: Whether the bank does not answer.
    """

    number: int
    item: str
    busy: int = 0
    bank_hangs: bool = False


ORDERS = (
    Order(1, "tea"),
    Order(2, "cup", busy=2),
    Order(3, "kettle", busy=99),
    Order(4, "spoon", bank_hangs=True),
    Order(5, "piano"),
)


class Busy(Exception):
    """The warehouse has no time; it will have, later."""


def will_pass(_: Any, run: Any, state: State[Any]) -> bool:
    """Tell whether it is worth trying again: not for what will never be in stock."""
    return isinstance(state.data, Busy)


@task(retries=3, retry_delay_seconds=exponential_backoff(0.05), retry_condition_fn=will_pass)
def reserve(item: str, busy: int) -> str:
    """Have the warehouse put an item aside; return the shelf."""
    if item not in SHELVES:
        raise LookupError(f"we do not sell {item}s")
    if runtime.task_run.run_count <= busy:
        raise Busy("the warehouse is busy")
    return SHELVES[item]


@task(timeout_seconds=0.5)
def charge(item: str, shelf: str, bank_hangs: bool) -> str:
    """Have the bank charge for an item that is on a shelf; return the receipt."""
    if bank_hangs:
        time.sleep(3600)
    return f"{item} from {shelf}, paid"


@task
def enter_into_book(number: int, shelf: object, payment: object) -> str:
    """Write down how it went: with what the steps returned, or raised, or None for one that never began."""
    return f"order {number}: {payment if isinstance(payment, str) else f'not delivered, {payment or shelf}'}"


def tell_a_person(_: Any, run: Any, state: State[Any]) -> None:
    """Tell somebody of an order that failed; here, the log is read by somebody."""
    get_run_logger().warning("please look after %s: %s", run.name, state.message)


@flow(flow_run_name="order-{order.number}", on_failure=[tell_a_person])
def fill(order: Order) -> State[str]:
    """Fill an order. The run ends as the step that failed did, or as the payment."""
    shelf = reserve.submit(order.item, order.busy)
    payment = charge(order.item, shelf, order.bank_hangs, return_state=True)
    print(enter_into_book(order.number, allow_failure(shelf), allow_failure(payment)))
    return payment if shelf.state.is_completed() else shelf.state


@flow
def open_shop(orders: Sequence[Order] = ORDERS) -> dict[int, str]:
    """Fill all orders, whatever becomes of each; return the names of the states they ended in."""
    with tags("shop"):
        return {order.number: fill(order, return_state=True).name for order in orders}


if __name__ == "__main__":
    print(open_shop())
