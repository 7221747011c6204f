"""A day at a harbour, in two minutes: something to watch while it runs.

    sluiceway ui &
    python examples/live.py

Ships come in and are looked over, six at a time; one inspector is held up now and then, and one ship is not let in.
Each ship that is let in is unloaded by a run of its own, which shows how far it is. The radio calls everybody at once.
Then the harbour master is asked for the berth of the ship that is late: answer on the page of the run, or with
`sluiceway resume`; whoever does not answer in time gets berth 3. In the end there is a report.

With `--fast` all of it takes seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import Any, Literal
from uuid import UUID

from sluiceway import flow, get_run_logger, pause_flow_run, runtime, task
from sluiceway.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from sluiceway.exceptions import FlowPauseTimeout
from sluiceway.futures import as_completed
from sluiceway.input import RunInput, receive_input, send_input
from sluiceway.task_runners import ThreadPoolTaskRunner

SHIPS = ("Alma", "Bruno", "Clara", "Doris", "Emil", "Frida", "Georg", "Hanna", "Ivo", "Jette", "Karl", "Lotte")

UNLOADED = ("Alma", "Clara", "Frida", "Hanna")
"""Ships that have something on board for this harbour."""

FAST = 0.01
"""By how much time is shortened with `--fast`."""


class Berth(RunInput):
    """Where should the ship lie that comes in late?"""

    number: Literal[1, 2, 3] = 3
    note: str = ""


class HeldUp(Exception):
    """The inspector was held up; trying again will do."""


class NotLetIn(Exception):
    """A ship may not come in, whoever asks how often."""


def is_held_up(_: Any, run: Any, state: Any) -> bool:
    """Tell whether it is worth trying again."""
    return isinstance(state.data, HeldUp)


# --- steps ------------------------------------------------------------------------------------------


@task
def forecast(pace: float) -> str:
    """Find out how the weather will be."""
    time.sleep(3 * pace)
    return "a fresh breeze, and sun"


@task(task_run_name="look over {ship}", retries=2, retry_condition_fn=is_held_up, tags=["inspection"])
def look_over(ship: str, number: int, pace: float) -> str:
    """Look a ship over; every third inspector is held up at first, and one ship is not fit for the sea."""
    get_run_logger().info("on board of %s", ship)
    time.sleep((3 + 2 * (number % 4)) * pace)
    if number % 3 == 2 and runtime.task_run.run_count == 1:
        raise HeldUp(f"the gangway of {ship} is still wet")
    if ship == "Ivo":
        raise NotLetIn("Ivo has a hole below the waterline")
    return f"{ship} is fit"


@task(task_run_name="crate {crate} of {ship}")
def lift(ship: str, crate: int, pace: float) -> int:
    """Lift a crate ashore; return what it weighs."""
    time.sleep((2 + 2 * (crate % 3)) * pace)
    return 10 * (crate % 5 + 1)


@task(tags=["radio"])
async def call(ship: str, number: int, pace: float) -> str:
    """Call a ship, and wait until it answers."""
    await asyncio.sleep((1 + 7 * number % 9) * pace)
    return f"{ship}: over"


@task
def enter_into_book(ship: str, tons: int, harbour: UUID) -> None:
    """Tell the harbour what a ship has brought."""
    send_input({"ship": ship, "tons": tons}, harbour)


@task
def report(weather: str, brought: dict[str, int], berth: int, refused: list[str]) -> str:
    """Write down how the day was, for people to read."""
    rows = [{"ship": ship, "tons": tons} for ship, tons in sorted(brought.items())]
    create_table_artifact(rows, key="cargo", description="What came ashore")
    text = f"# The day\n\nThe weather was {weather}. {sum(brought.values())} tons came ashore; the late ship lies at "
    text += f"berth {berth}. Not let in: {', '.join(refused) or 'nobody'}.\n"
    create_markdown_artifact(text, key="the-day", description="How the day was")
    return text


# --- flows ------------------------------------------------------------------------------------------


@flow(flow_run_name="{ship}", task_runner=ThreadPoolTaskRunner(max_workers=4))
def unload(ship: str, harbour: UUID, pace: float, crates: int = 10) -> int:
    """Bring all crates of a ship ashore, four at a time, and show how far that is."""
    shown = create_progress_artifact(0.0, description=f"Crates of {ship} ashore")
    lifted = [lift.submit(ship, crate, pace) for crate in range(crates)]
    tons = 0
    for count, crate in enumerate(as_completed(lifted), 1):
        tons += crate.result()
        update_progress_artifact(shown, progress=100 * count / crates)
    enter_into_book(ship, tons, harbour)
    return tons


@flow
async def radio(pace: float) -> list[str]:
    """Call all ships at once."""
    return await asyncio.gather(*(call(ship, number, pace) for number, ship in enumerate(SHIPS)))


@flow
def rehearse(pace: float) -> None:
    """Rehearse an alarm, which goes wrong as ever."""
    time.sleep(2 * pace)
    raise RuntimeError("nobody found the bell")


def ask_for_berth(pace: float) -> int:
    """Ask a person for a berth; whoever does not answer in time gets the one that is always free."""
    try:
        berth = pause_flow_run(wait_for_input=Berth, timeout=max(0.1, 30 * pace), key="berth")
    except FlowPauseTimeout:
        get_run_logger().warning("nobody has answered, so it is berth 3")
        return 3
    get_run_logger().info("it is berth %s. %s", berth.number, berth.note)
    return berth.number


@flow(task_runner=ThreadPoolTaskRunner(max_workers=6), log_prints=True)
def harbour_day(pace: float = 1.0) -> str:
    """Have all of it happen; a pace of 1 takes two minutes."""
    harbour = UUID(runtime.flow_run.id)
    weather = forecast.submit(pace)
    inspections = look_over.with_options(retry_delay_seconds=2 * pace).map(SHIPS, range(len(SHIPS)), pace)
    inspections.wait()
    refused = [ship for ship, one in zip(SHIPS, inspections, strict=True) if not one.state.is_completed()]
    print(f"{len(SHIPS) - len(refused)} ships were let in, {len(refused)} was not")

    for ship in UNLOADED:
        unload(ship, harbour, pace)
    answers = asyncio.run(radio(pace))
    print(f"{len(answers)} ships have answered")
    if rehearse(pace, return_state=True).is_failed():
        print("the rehearsal went wrong")

    entries = receive_input(dict, timeout=0)
    brought = {entry["ship"]: entry["tons"] for entry in entries}
    return report(weather, brought, ask_for_berth(pace), refused)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A day at a harbour, in two minutes.")
    parser.add_argument("--fast", action="store_true", help="let it pass in seconds")
    print(harbour_day(FAST if parser.parse_args().fast else 1.0))
