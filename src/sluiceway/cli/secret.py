"""`sluiceway secret ls`, `set` and `rm`. No command prints a value."""

from __future__ import annotations

import sys
from typing import Any

import click

from sluiceway.base import ids, times
from sluiceway.base.errors import InvalidNameError, InvalidOptionError, ObjectAlreadyExists
from sluiceway.blocks.system import Secret
from sluiceway.cli.journal import journal
from sluiceway.cli.printing import Refusal, ago, json_option, print_json, print_table
from sluiceway.model.keepsakes import SealedSecret
from sluiceway.model.paging import walk


@click.group(no_args_is_help=True)
def command() -> None:
    """Keep passwords and tokens, encrypted, for code that loads them with `sluiceway.blocks.system.Secret`.

    \b
    Examples:
      sluiceway secret set api-token
      sluiceway secret ls
    """


@command.command("ls")
@json_option
def list_secrets(machine_readable: bool) -> None:
    """List the names of the secrets.

    \b
    Example:
      sluiceway secret ls
    """
    store, now = journal(), times.now()
    found = list(walk(lambda after: store.read_secrets(after=after)))
    if machine_readable:
        print_json([_record(secret) for secret in found])
    elif not found:
        click.echo("There is no secret yet. Save one with: sluiceway secret set NAME")
    else:
        print_table(("Secret", "Saved"), [(each.name, ago(each.updated, now)) for each in found])


@command.command("set")
@click.argument("name")
@click.option("--overwrite", is_flag=True, help="Change the secret, if there is one of that name.")
@json_option
def set_secret(name: str, overwrite: bool, machine_readable: bool) -> None:
    """Save a secret: its value is asked for, without showing it, or read from a pipe.

    \b
    Examples:
      sluiceway secret set api-token
      cat token.txt | sluiceway secret set api-token --overwrite
    """
    value = click.prompt("Value", hide_input=True) if sys.stdin.isatty() else sys.stdin.read().rstrip("\r\n")
    if not value:
        raise Refusal("The value is empty. Type it, or pipe it in.")
    store = journal()
    try:
        Secret(value=value).save(name, overwrite=overwrite)
    except (InvalidNameError, InvalidOptionError) as error:
        raise Refusal(str(error)) from error
    except ObjectAlreadyExists as error:
        raise Refusal(f"There is a secret {name!r} already. Change it with --overwrite.") from error
    saved = store.read_secret(name)
    if machine_readable and saved is not None:
        print_json(_record(saved))
    else:
        click.echo(f"{name} is saved.")


@command.command("rm")
@click.argument("name")
@json_option
def remove(name: str, machine_readable: bool) -> None:
    """Delete a secret.

    \b
    Example:
      sluiceway secret rm api-token
    """
    if not journal().delete_secret(name):
        raise Refusal(f"There is no secret {name!r}. See which there are with: sluiceway secret ls")
    if machine_readable:
        print_json({"name": name, "deleted": True})
    else:
        click.echo(f"{name} is deleted.")


def _record(secret: SealedSecret) -> dict[str, Any]:
    return {
        "id": str(ids.to_uuid(secret.id)),
        "name": secret.name,
        "created": times.to_datetime(secret.created).isoformat(),
        "updated": times.to_datetime(secret.updated).isoformat(),
    }
