"""`sluiceway variable ls`, `get`, `set` and `unset`."""

from __future__ import annotations

import json
from typing import Any

import click

from sluiceway.base import ids, times
from sluiceway.base.errors import InvalidNameError, InvalidOptionError
from sluiceway.base.previews import cut, on_one_line
from sluiceway.cli.journal import journal
from sluiceway.cli.printing import Refusal, ago, json_option, print_json, print_table
from sluiceway.model.keepsakes import Variable, VariableQuery
from sluiceway.model.paging import walk
from sluiceway.rules.keepsakes import check_tags, check_variable_name, value_text

_WIDTH = 60
"""How many characters of a value are listed."""


@click.group(no_args_is_help=True)
def command() -> None:
    """Look at variables and set them: values by name that any run can read with `sluiceway.variables.Variable`.

    \b
    Examples:
      sluiceway variable set batch-size 100
      sluiceway variable get batch-size
      sluiceway variable ls --tag nightly
    """


@command.command("ls")
@click.option("--tag", "tags", multiple=True, help="Only those with this tag; with each one that is given.")
@json_option
def list_variables(tags: tuple[str, ...], machine_readable: bool) -> None:
    """List the variables.

    \b
    Example:
      sluiceway variable ls
    """
    store, now = journal(), times.now()
    found = list(walk(lambda after: store.read_variables(VariableQuery(tags=tags or None), after=after)))
    if machine_readable:
        print_json([_record(variable) for variable in found])
    elif not found:
        click.echo("There is no such variable. Set one with: sluiceway variable set NAME VALUE")
    else:
        rows = [
            (each.name, cut(on_one_line(each.value), _WIDTH), ", ".join(each.tags), ago(each.updated, now))
            for each in found
        ]
        print_table(("Variable", "Value", "Tags", "Set"), rows, wrapping=("Variable", "Value"))


@command.command()
@click.argument("name")
@json_option
def get(name: str, machine_readable: bool) -> None:
    """Print the value of a variable: a text as it is, anything else as JSON.

    \b
    Example:
      sluiceway variable get batch-size
    """
    found = journal().read_variable(name)
    if found is None:
        raise _unknown(name)
    if machine_readable:
        print_json(_record(found))
    else:
        value = json.loads(found.value)
        click.echo(value if isinstance(value, str) else found.value)


@command.command("set")
@click.argument("name")
@click.argument("value")
@click.option("--tag", "tags", multiple=True, help="A tag; it may be given several times.")
@click.option("--text", is_flag=True, help="Take the value for a text, also if it is JSON.")
@click.option("--overwrite", is_flag=True, help="Change the variable, if there is one of that name.")
@json_option
def set_variable(
    name: str, value: str, tags: tuple[str, ...], text: bool, overwrite: bool, machine_readable: bool
) -> None:
    """Set a variable to VALUE, which is read as JSON if it is that, and else taken for a text.

    \b
    Examples:
      sluiceway variable set batch-size 100
      sluiceway variable set days '["monday", "friday"]' --tag nightly
      sluiceway variable set batch-size 200 --overwrite
    """
    store, now = journal(), times.now()
    try:
        check_variable_name(name)
        told = value_text(value if text else _read(value))
        wanted = Variable(ids.new_id(), name, told, check_tags(tags), now, now)
    except (InvalidNameError, InvalidOptionError) as error:
        raise Refusal(str(error)) from error
    if not store.write_variable(wanted, overwrite=overwrite):
        raise Refusal(f"There is a variable {name!r} already. Change it with --overwrite.")
    if machine_readable:
        print_json(_record(store.read_variable(name) or wanted))
    else:
        click.echo(f"{name} is {cut(on_one_line(told), _WIDTH)}.")


@command.command()
@click.argument("name")
@json_option
def unset(name: str, machine_readable: bool) -> None:
    """Delete a variable.

    \b
    Example:
      sluiceway variable unset batch-size
    """
    if not journal().delete_variable(name):
        raise _unknown(name)
    if machine_readable:
        print_json({"name": name, "deleted": True})
    else:
        click.echo(f"{name} is deleted.")


def _read(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _record(variable: Variable) -> dict[str, Any]:
    return {
        "id": str(ids.to_uuid(variable.id)),
        "name": variable.name,
        "value": json.loads(variable.value),
        "tags": list(variable.tags),
        "created": times.to_datetime(variable.created).isoformat(),
        "updated": times.to_datetime(variable.updated).isoformat(),
    }


def _unknown(name: str) -> Refusal:
    return Refusal(f"There is no variable {name!r}. See which there are with: sluiceway variable ls")
