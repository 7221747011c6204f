"""`sluiceway artifact ls`, `inspect` and `delete`."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import click

from sluiceway.base import ids, times
from sluiceway.base.previews import on_lines, on_one_line
from sluiceway.cli.journal import journal
from sluiceway.cli.printing import Refusal, ago, json_option, print_json, print_table
from sluiceway.model.keepsakes import Artifact, ArtifactQuery
from sluiceway.model.paging import walk
from sluiceway.ports.store import Store
from sluiceway.rules.keepsakes import laid_out


@click.group(no_args_is_help=True)
def command() -> None:
    """Look at artifacts: what code made for people to look at, with `sluiceway.artifacts`.

    \b
    Examples:
      sluiceway artifact ls
      sluiceway artifact inspect summary
    """


@command.command("ls")
@click.option("--all", "all_versions", is_flag=True, help="All versions, and those without a key; newest first.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many at most.")
@json_option
def list_artifacts(all_versions: bool, limit: int, machine_readable: bool) -> None:
    """List the artifacts: the newest version of each key.

    \b
    Examples:
      sluiceway artifact ls
      sluiceway artifact ls --all --json
    """
    store, now = journal(), times.now()
    read = store.read_artifacts if all_versions else store.read_latest_artifacts
    found = read(limit=limit, data=machine_readable).items
    if machine_readable:
        print_json([_record(artifact) for artifact in found])
    elif not found:
        click.echo(
            "There is no such artifact. Code makes them with sluiceway.artifacts, such as create_table_artifact."
        )
    else:
        rows = [
            (
                on_one_line(each.key or "–"),
                on_one_line(each.type or "–"),
                f"{each.size:,}",
                ago(each.updated, now),
                str(ids.to_uuid(each.id)),
            )
            for each in found
        ]
        print_table(("Key", "Type", "Bytes", "Updated", "Identifier"), rows, wrapping=("Key",))


@command.command()
@click.argument("artifact")
@click.option("--versions", is_flag=True, help="List the versions of the key instead, newest first.")
@json_option
def inspect(artifact: str, versions: bool, machine_readable: bool) -> None:
    """Print ARTIFACT, which is a key or an identifier: the newest version of a key.

    \b
    Examples:
      sluiceway artifact inspect summary
      sluiceway artifact inspect summary --versions --json
    """
    store = journal()
    found = _chosen(store, artifact)
    if versions:
        query = ArtifactQuery(ids=(found.id,)) if found.key is None else ArtifactQuery(keys=(found.key,))
        every = [_record(each) for each in walk(lambda after: store.read_artifacts(query, limit=50, after=after))]
        if machine_readable:
            print_json(every)
        else:
            rows = [(each["created"], str(each["size"]), each["id"]) for each in every]
            print_table(("Created", "Bytes", "Identifier"), rows)
    elif machine_readable:
        print_json(_record(found))
    else:
        _print(found)


@command.command()
@click.argument("artifact")
@click.option("--all", "all_versions", is_flag=True, help="All versions of its key.")
@json_option
def delete(artifact: str, all_versions: bool, machine_readable: bool) -> None:
    """Delete ARTIFACT, which is a key or an identifier: the newest version of a key, or all.

    \b
    Examples:
      sluiceway artifact delete summary
      sluiceway artifact delete summary --all
    """
    store = journal()
    found = _chosen(store, artifact)
    chosen = [found]
    if all_versions and found.key is not None:
        query = ArtifactQuery(keys=(found.key,))
        chosen = list(walk(lambda after: store.read_artifacts(query, after=after, data=False)))
    deleted = [str(ids.to_uuid(each.id)) for each in chosen if store.delete_artifact(each.id)]
    if machine_readable:
        print_json({"deleted": deleted})
    else:
        click.echo(f"Deleted {len(deleted)} version(s) of {on_one_line(found.key or artifact)}.")


def _chosen(store: Store, name: str) -> Artifact:
    """Return the artifact of an identifier, or the newest version of a key."""
    try:
        found = store.read_artifact(UUID(name).bytes)
    except ValueError:
        found = next(iter(store.read_latest_artifacts(ArtifactQuery(keys=(name,)), limit=1).items), None)
    if found is None:
        raise Refusal(f"There is no artifact {name!r}. See which there are with: sluiceway artifact ls --all")
    return found


def _record(artifact: Artifact) -> dict[str, Any]:
    return {
        "id": str(ids.to_uuid(artifact.id)),
        "key": artifact.key,
        "type": artifact.type,
        "description": artifact.description,
        "data": None if artifact.data is None else json.loads(artifact.data),
        "metadata": artifact.metadata,
        "size": artifact.size,
        "created": times.to_datetime(artifact.created).isoformat(),
        "updated": times.to_datetime(artifact.updated).isoformat(),
        "flow_run_id": _id(artifact.flow_run_key),
        "task_run_id": _id(artifact.task_run_key),
    }


def _id(key: ids.RunId | None) -> str | None:
    return None if key is None else str(ids.to_uuid(key))


def _print(artifact: Artifact) -> None:
    record = _record(artifact)
    for name in ("id", "key", "type", "description", "created", "updated", "flow_run_id", "task_run_id"):
        if record[name] is not None:
            click.echo(f"{name.replace('_', ' '):12} {on_one_line(record[name])}")
    data = record["data"]
    if artifact.type == "image" and isinstance(data, str) and data.startswith("data:"):
        click.echo(f"\nAn image of {artifact.size:,} bytes as text; print it with --json.")
    elif artifact.type == "table" and (table := laid_out(data)) is not None:
        click.echo()
        _print_table(*table)
    elif data is not None:
        click.echo("\n" + on_lines(data if isinstance(data, str) else json.dumps(data, indent=1, ensure_ascii=False)))


def _print_table(columns: list[str], rows: list[list[Any]]) -> None:
    texts = [tuple(_cell(value) for value in row) for row in rows]
    print_table(tuple(map(on_one_line, columns)), texts, wrapping=tuple(columns))


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return on_one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
