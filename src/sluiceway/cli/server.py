"""`sluiceway server start`."""

from __future__ import annotations

import os
import re

import click

from sluiceway import wiring
from sluiceway.base.errors import ConfigurationError
from sluiceway.cli.journal import journal_to_serve
from sluiceway.cli.printing import Refusal
from sluiceway.wiring.setting_kinds import listen_parts

_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")

_LARGEST_TOKEN_FILE = 4_096
"""Bytes that a file with a token has at most."""


@click.group(no_args_is_help=True)
def command() -> None:
    """Serve the pages and the API, for others or behind a proxy.

    \b
    Example:
      sluiceway server start --host 0.0.0.0 --token-file token.txt
    """


@command.command()
@click.option(
    "--host", metavar="ADDRESS", help="Where to listen; by default 127.0.0.1, which only this machine reaches."
)
@click.option("--port", type=click.IntRange(0, 65_535), metavar="PORT", help="The port, 0 for any; by default 4200.")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, metavar="NUMBER", help="How many processes."
)
@click.option("--token-file", type=click.Path(), metavar="FILE", help="The file with the token that others bring.")
@click.option("--allow-host", "names", multiple=True, metavar="NAME", help="A further name that the server goes by.")
@click.option("--prefix", metavar="PATH", help="The path below which it is reached, such as /flows.")
@click.option("--trust-proxy", "proxies", multiple=True, metavar="ADDRESS", help="A proxy that says for whom it asks.")
def start(
    host: str | None,
    port: int | None,
    workers: int,
    token_file: str | None,
    names: tuple[str, ...],
    prefix: str | None,
    proxies: tuple[str, ...],
) -> None:
    """Serve the pages and the API until Ctrl-C or SIGTERM.

    What is not given here is taken from the settings server_…. Where others can reach the server, it needs a token.

    \b
    Examples:
      sluiceway server start
      sluiceway server start --host 0.0.0.0 --token-file token.txt --allow-host flows.example.org
      sluiceway server start --prefix /flows --trust-proxy 127.0.0.1
    """
    from sluiceway.server.rules import rules_for  # lazy: `--help` needs no server
    from sluiceway.server.serving import Plan, address_of, listen, serve

    settings = wiring.defaults()
    journal_to_serve(settings.api_url)
    usual_host, usual_port = listen_parts(settings.server_listen)
    where = usual_host if host is None else host
    token = settings.server_token if token_file is None else _token_in(token_file)
    try:
        rules = rules_for(where, names or settings.server_allowed_hosts, token)
    except ConfigurationError as error:
        raise Refusal(str(error)) from error
    plan = Plan(
        where,
        usual_port if port is None else port,
        rules,
        (settings.server_prefix or "") if prefix is None else _checked(prefix),
        proxies or settings.server_trusted_proxies,
    )
    listener = listen(plan)
    address = address_of(plan, listener)

    def ready() -> None:
        click.echo(f"Sluiceway is at {address}")

    if workers == 1:
        serve(plan, listener, ready=ready)
        return
    from sluiceway.server.workers import serve_with  # lazy: most servers are one process

    serve_with(workers, plan, listener, ready)


def _token_in(path: str) -> str:
    """Return the token that a file holds."""
    try:
        with open(path, encoding="utf-8") as file:
            others = os.fstat(file.fileno()).st_mode & 0o077
            text = file.read(_LARGEST_TOKEN_FILE).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"--token-file {path} cannot be read: {error}") from error
    if others:
        click.echo(f"Warning: others than you may read {path}. chmod 600 {path}", err=True)
    if not text or len(text.split()) > 1:
        raise Refusal(f"--token-file {path} should hold a token, and nothing else.")
    return text


def _checked(prefix: str) -> str:
    """Return a prefix without a slash at its end."""
    bare = prefix.rstrip("/")
    if bare and not _PREFIX.fullmatch(bare):
        raise Refusal(f"--prefix {prefix!r} should be a path such as /flows, of letters, digits and . _ ~ -")
    return bare
