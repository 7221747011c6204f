"""The shelf: artifacts, variables and sealed secrets in the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from sluiceway.base.ids import RunId
from sluiceway.model.keepsakes import Artifact, ArtifactQuery, SealedSecret, Variable, VariableQuery
from sluiceway.model.queries import Page
from sluiceway.stores import cursors
from sluiceway.stores.rows import first_key, from_json, to_json
from sluiceway.stores.sqlite.connection import Database, WritingConnection, transaction
from sluiceway.stores.sqlite.pool import ReadingPool
from sluiceway.stores.sqlite.selecting import Bound, Select
from sluiceway.stores.sqlite.statements import encodable, load


class Shelf:
    """Keeps what there is beside runs. The verbs are those of the port.

    Args:
        database: The database.
        strict: Whether a commit waits for the disk, rather than for the operating system.
    """

    def __init__(self, database: Database, strict: bool) -> None:
        self._pool = ReadingPool(database, lambda _: None)
        self._connection = WritingConnection(database, strict)
        self._texts = load("keepsakes.sql")

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()
        self._connection.close()

    # --- artifacts ------------------------------------------------------------------------------------

    def read_artifacts(
        self, query: ArtifactQuery | None, limit: int, after: str | None, newest_first: bool, data: bool
    ) -> Page[Artifact]:
        """Return artifacts by age."""
        statement, values = list_artifacts(self._texts, query or ArtifactQuery(), limit, after, newest_first, data)
        found = [_artifact(row) for row in self._all(statement, values)]
        order = cursors.ARTIFACTS[newest_first]
        more = len(found) > limit
        return Page(tuple(found[:limit]), cursors.write(order, found[limit - 1].id.hex()) if more else None)

    def read_latest_artifacts(
        self, query: ArtifactQuery | None, limit: int, after: str | None, data: bool
    ) -> Page[Artifact]:
        """Return the newest version of each key, by key."""
        statement, values = list_latest(self._texts, query or ArtifactQuery(), limit, after, data)
        found = [_artifact(row) for row in self._all(statement, values)]
        more = len(found) > limit
        cursor = cursors.text_cursor(found[limit - 1].key or "", cursors.LATEST_ARTIFACTS) if more else None
        return Page(tuple(found[:limit]), cursor)

    def count_artifacts(self, query: ArtifactQuery | None) -> int:
        """Return how many artifacts there are."""
        select = select_artifacts(self._texts, query or ArtifactQuery())
        return int(self._all(select.count(), select.values)[0][0])

    def delete_artifact(self, artifact_id: RunId) -> bool:
        """Delete an artifact."""
        values = (artifact_id,)
        return self._connection.write(lambda connection: self._found(connection, "delete_artifact", values))

    # --- variables ------------------------------------------------------------------------------------

    def write_variable(self, variable: Variable, overwrite: bool) -> bool:
        """Set a variable."""
        name, tags = encodable(variable.name), sorted(set(map(encodable, variable.tags)))
        values = {**variable._asdict(), "name": name, "value": encodable(variable.value), "tags": to_json(tags)}

        def write(connection: sqlite3.Connection) -> bool:
            with transaction(connection):
                done = self._found(connection, "set_variable" if overwrite else "create_variable", values)
                if done:
                    connection.execute(self._texts["untag_variable"], (name,))
                    connection.executemany(self._texts["tag_variable"], [(tag, name) for tag in tags])
            return done

        return self._connection.read(write)

    def read_variable(self, name: str) -> Variable | None:
        """Return a variable, or None."""
        found = self._all(self._texts["variable"], (encodable(name),))
        return _variable(found[0]) if found else None

    def read_variables(self, query: VariableQuery | None, limit: int, after: str | None) -> Page[Variable]:
        """Return variables by name."""
        cursors.check_page(limit)
        query = query or VariableQuery()
        beyond = "" if after is None else cursors.text(after, cursors.VARIABLES)
        names = self._names(query)
        if names is None:
            rows = self._all(self._texts["variables"], (beyond, limit + 1))
        else:
            rows = self._all(self._texts["variables_of_names"], (beyond, to_json(names), limit + 1))
        found = tuple(map(_variable, rows[:limit]))
        return Page(found, cursors.text_cursor(found[-1].name, cursors.VARIABLES) if len(rows) > limit else None)

    def delete_variable(self, name: str) -> bool:
        """Delete a variable."""
        values = (encodable(name),)

        def delete(connection: sqlite3.Connection) -> bool:
            with transaction(connection):
                connection.execute(self._texts["untag_variable"], values)
                return self._found(connection, "delete_variable", values)

        return self._connection.read(delete)

    # --- secrets --------------------------------------------------------------------------------------

    def write_secret(self, secret: SealedSecret, overwrite: bool) -> bool:
        """Keep a sealed secret."""
        values = {**secret._asdict(), "name": encodable(secret.name)}
        name = "set_secret" if overwrite else "create_secret"
        return self._connection.write(lambda connection: self._found(connection, name, values))

    def read_secret(self, name: str) -> SealedSecret | None:
        """Return a sealed secret, or None."""
        found = self._all(self._texts["secret"], (encodable(name),))
        return SealedSecret(*found[0]) if found else None

    def read_secrets(self, limit: int, after: str | None) -> Page[SealedSecret]:
        """Return the sealed secrets by name."""
        cursors.check_page(limit)
        beyond = "" if after is None else cursors.text(after, cursors.SECRETS)
        rows = self._all(self._texts["secrets"], (beyond, limit + 1))
        found = tuple(SealedSecret(*row) for row in rows[:limit])
        return Page(found, cursors.text_cursor(found[-1].name, cursors.SECRETS) if len(rows) > limit else None)

    def delete_secret(self, name: str) -> bool:
        """Delete a secret."""
        values = (encodable(name),)
        return self._connection.write(lambda connection: self._found(connection, "delete_secret", values))

    # --- behind the verbs -----------------------------------------------------------------------------

    def _names(self, query: VariableQuery) -> list[str] | None:
        """Return the names of variables that are asked for; None for all."""
        names = None if query.names is None else set(map(encodable, query.names))
        if query.tags:
            tags = set(map(encodable, query.tags))
            with self._pool.lend() as connection:
                rows = connection.execute(self._texts["names_of_tags"], {"tags": to_json([*tags]), "count": len(tags)})
                tagged = {name for (name,) in rows}
            names = tagged if names is None else names & tagged
        return None if names is None else sorted(names)

    def _found(self, connection: sqlite3.Connection, name: str, values: Any) -> bool:
        return bool(connection.execute(self._texts[name], values).fetchall())

    def _all(self, statement: str, values: Sequence[Bound]) -> list[Any]:
        with self._pool.lend() as connection:
            return connection.execute(statement, values).fetchall()


def _artifact(row: Sequence[Any]) -> Artifact:
    key, name, kind, data, description, metadata, *others = row
    return Artifact(key, name, kind, data, description, None if metadata is None else from_json(metadata), *others)


def _variable(row: Sequence[Any]) -> Variable:
    key, name, value, tags, created, updated = row
    return Variable(key, name, value, tuple(from_json(tags)), created, updated)


# --- statements -------------------------------------------------------------------------------------


def select_artifacts(texts: dict[str, str], query: ArtifactQuery) -> Select:
    """Return the selection of the artifacts that are asked for.

    Args:
        texts: The parts of `keepsakes.sql`.
        query: Which artifacts.
    """
    select = Select(texts, "artifact")
    _narrow(select, query)
    return select


def _narrow(select: Select, query: ArtifactQuery) -> None:
    for name, value in query._asdict().items():
        if isinstance(value, tuple):
            select.where_any(name, value)
        elif value is not None:
            select.where(name, first_key(value))


def list_artifacts(
    texts: dict[str, str],
    query: ArtifactQuery,
    limit: int = 200,
    after: str | None = None,
    newest_first: bool = True,
    data: bool = True,
) -> tuple[str, list[Bound]]:
    """Return the statement that lists artifacts by age, and its values.

    Args:
        texts: The parts of `keepsakes.sql`.
        query: Which artifacts.
        limit: How many to a page.
        after: The cursor of the page before.
        newest_first: Whether the newest come first.
        data: Whether to read their data.

    Raises:
        ValueError: The cursor belongs to another order, or the page cannot be.
    """
    cursors.check_page(limit)
    select = select_artifacts(texts, query)
    if after is not None:
        place = cursors.key(after, cursors.ARTIFACTS[newest_first])
        select.that(f"artifact.id {'<' if newest_first else '>'} ?", place)
    statement = select.rows(f"artifact.id{' DESC' if newest_first else ''}", limit)
    return _with_data(statement, data), select.values


def list_latest(
    texts: dict[str, str], query: ArtifactQuery, limit: int = 200, after: str | None = None, data: bool = True
) -> tuple[str, list[Bound]]:
    """Return the statement that lists the newest version of each key, and its values.

    Args:
        texts: The parts of `keepsakes.sql`.
        query: Which of the newest versions.
        limit: How many to a page.
        after: The cursor of the page before.
        data: Whether to read their data.

    Raises:
        ValueError: The cursor belongs to another order, or the page cannot be.
    """
    cursors.check_page(limit)
    select = Select(texts, "latest")
    select.values.append("" if after is None else encodable(cursors.text(after, cursors.LATEST_ARTIFACTS)))
    _narrow(select, query)
    return _with_data(select.rows("place.key", limit), data), select.values


def _with_data(statement: str, data: bool) -> str:
    return statement.replace("{data}", "artifact.data" if data else "NULL", 1)
