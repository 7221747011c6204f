"""`sluiceway ui`."""

from __future__ import annotations

import errno
import webbrowser
from typing import TYPE_CHECKING

import click

from sluiceway import wiring
from sluiceway.cli.journal import journal_to_serve
from sluiceway.wiring.setting_kinds import listen_parts

if TYPE_CHECKING:
    import socket

    from sluiceway.server.serving import Plan


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    metavar="PORT",
    help="The port, 0 for any; by default 4200, or a free one where that is taken.",
)
@click.option("--no-open", is_flag=True, help="Do not open the browser.")
def command(port: int | None, no_open: bool) -> None:
    """Show the runs in the browser, until Ctrl-C. Only this machine can reach the pages.

    \b
    Examples:
      sluiceway ui
      sluiceway ui --port 8000 --no-open
    """
    from sluiceway.server.rules import rules_for  # lazy: `--help` needs no server
    from sluiceway.server.serving import Plan, address_of, serve

    settings = wiring.defaults()
    journal_to_serve(settings.api_url)
    usual_port = listen_parts(settings.server_listen)[1]
    rules = rules_for("127.0.0.1", settings.server_allowed_hosts, settings.server_token)
    plan = Plan("127.0.0.1", usual_port if port is None else port, rules, settings.server_prefix or "")
    listener = _listener(plan, port is None)
    address = address_of(plan, listener)

    def ready() -> None:
        click.echo(f"Sluiceway is at {address}  Ctrl-C ends it.")
        if not no_open:
            webbrowser.open(address)

    serve(plan, listener, ready=ready)


def _listener(plan: Plan, any_port: bool) -> socket.socket:
    """Return what listens: at a free port, where that of the plan is taken and nobody asked for it."""
    from sluiceway.server.serving import PortError, listen  # lazy: `--help` needs no server

    try:
        return listen(plan)
    except PortError as error:
        if not any_port or error.number != errno.EADDRINUSE:
            raise
        return listen(plan._replace(port=0))
