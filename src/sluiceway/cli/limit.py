"""`sluiceway limit ls`, `set`, `rm` and `who`."""

from __future__ import annotations

from typing import Any

import click

from sluiceway.base import ids, times
from sluiceway.base.errors import InvalidOptionError
from sluiceway.cli.journal import journal
from sluiceway.cli.printing import Refusal, ago, json_option, print_json, print_table
from sluiceway.model.slots import HeldSlots, Limit
from sluiceway.ports.store import Store
from sluiceway.rules.slots import limit_of


@click.group(no_args_is_help=True)
def command() -> None:
    """Limit how many may do something at once, or in a second, in all processes with the same run database.

    Code asks for the slots of a limit with `sluiceway.concurrency`; task runs with the tag TAG heed the limit tag:TAG.

    \b
    Examples:
      sluiceway limit set database 5
      sluiceway limit set tag:gpu 1
      sluiceway limit who
    """


@command.command("ls")
@json_option
def list_limits(machine_readable: bool) -> None:
    """List the limits, and how many of their slots are taken.

    \b
    Example:
      sluiceway limit ls
    """
    store, now = journal(), times.now()
    records = [_record(limit, store.read_slots(limit.name, now)) for limit in store.read_limits()]
    if machine_readable:
        print_json(records)
    elif not records:
        click.echo("There is no limit yet. Make one with: sluiceway limit set NAME SLOTS")
    else:
        rows = [
            (
                record["name"],
                f"{record['taken']} of {record['slots']}",
                str(record["waiting"]),
                f"{record['decay']:g}/s" if record["decay"] else "–",
                "yes" if record["active"] else "no",
            )
            for record in records
        ]
        print_table(("Limit", "Taken", "Waiting", "Decay", "Active"), rows, wrapping=("Limit",))


@command.command("set")
@click.argument("name")
@click.argument("slots", type=int)
@click.option("--decay", type=float, default=0.0, metavar="NUMBER", help="How many slots come free in a second.")
@click.option("--inactive", is_flag=True, help="Keep the limit, but let it limit nothing for now.")
@json_option
def set_limit(name: str, slots: int, decay: float, inactive: bool, machine_readable: bool) -> None:
    """Make a limit, or have the one that there is be so. Who has slots of it keeps them.

    \b
    Examples:
      sluiceway limit set database 5
      sluiceway limit set their-api 10 --decay 2
    """
    try:
        wanted = limit_of(ids.new_id(), name, slots, not inactive, decay)
    except InvalidOptionError as error:
        raise Refusal(str(error)) from error
    store = journal()
    while not (store.create_limit(wanted) or store.change_limit(name, wanted)):
        continue  # it was made, or deleted, in between
    (limit,) = store.read_limits((name,)) or (wanted,)
    if machine_readable:
        print_json(_record(limit, store.read_slots(name, times.now())))
        return
    paced = f", of which {limit.decay:g} come free in a second" if limit.decay else ""
    click.echo(f"{name} has {limit.slots} slot(s){paced}{'' if limit.active else '; it limits nothing for now'}.")


@command.command("rm")
@click.argument("name")
@json_option
def remove(name: str, machine_readable: bool) -> None:
    """Delete a limit. Who has slots of it is not disturbed, and who waits for some goes on.

    \b
    Example:
      sluiceway limit rm database
    """
    store = journal()
    if not store.delete_limit(name):
        raise _unknown(store, name)
    if machine_readable:
        print_json({"name": name, "deleted": True})
    else:
        click.echo(f"{name} is deleted.")


@command.command()
@click.argument("name", required=False)
@json_option
def who(name: str | None, machine_readable: bool) -> None:
    """Show who has slots, and who waits for some, in the order of the line.

    \b
    Examples:
      sluiceway limit who
      sluiceway limit who database --json
    """
    store, now = journal(), times.now()
    rows = store.read_slots(name, now)
    if name is not None and not rows and not store.read_limits((name,)):
        raise _unknown(store, name)
    if machine_readable:
        print_json([_holder_record(row) for row in rows])
    elif not rows:
        click.echo("Nobody has slots, and nobody waits for any.")
    else:
        table = [
            (row.name, str(row.occupy), _doing(row), ago(row.since, now), _run_name(store, row.holder), row.process)
            for row in rows
        ]
        print_table(("Limit", "Slots", "", "Since", "Run", "Process"), table, wrapping=("Limit", "Run"))


def _record(limit: Limit, rows: tuple[HeldSlots, ...]) -> dict[str, Any]:
    return {
        "id": str(ids.to_uuid(limit.key)),
        "name": limit.name,
        "slots": limit.slots,
        "active": limit.active,
        "decay": limit.decay,
        "taken": sum(row.occupy for row in rows if not row.waits),
        "waiting": sum(row.waits for row in rows),
    }


def _holder_record(row: HeldSlots) -> dict[str, Any]:
    kind, _, run_id = (row.holder or "").partition(":")
    return {
        "limit": row.name,
        "slots": row.occupy,
        "waits": row.waits,
        "since": times.to_datetime(row.since).isoformat(),
        "until": times.to_datetime(row.until).isoformat(),
        "holder": {"type": kind, "id": run_id} if row.holder else None,
        "process": row.process,
    }


def _doing(row: HeldSlots) -> str:
    if row.waits:
        return "waits"
    return "decays" if row.decays else "has"


def _run_name(store: Store, holder: str | None) -> str:
    """Return the name of a run that has slots; its identifier where the journal does not know it."""
    if holder is None:
        return "–"
    kind, _, run_id = holder.partition(":")
    read = {"task_run": store.read_task_run, "flow_run": store.read_flow_run}.get(kind)
    run = None if read is None else read(ids.from_uuid(run_id))
    return run_id if run is None else run.name


def _unknown(store: Store, name: str) -> Refusal:
    known = ", ".join(limit.name for limit in store.read_limits()) or "there is none yet"
    return Refusal(f"There is no limit {name!r}. Limits: {known}.")
