"""Adopting: runs of another journal are written as they were there, all in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, TypeVar

from sluiceway.base.errors import ObjectAlreadyExists
from sluiceway.base.ids import to_uuid
from sluiceway.base.times import Moment
from sluiceway.model.facts import ArtifactMade, LogWritten
from sluiceway.model.keeping import KeptRun, KeptTree
from sluiceway.model.restoring import live_state
from sluiceway.model.results import StoredResult
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import State
from sluiceway.stores.sqlite.connection import Database, transaction
from sluiceway.stores.sqlite.folding import Batch, fold_lives
from sluiceway.stores.sqlite.folding_artifacts import fold_artifacts
from sluiceway.stores.sqlite.inputs import adopt_inputs
from sluiceway.stores.sqlite.statements import load
from sluiceway.stores.sqlite.writing import Writer

R = TypeVar("R", FlowRun, TaskRun)


class Adopter(Writer):
    """Writes runs of another journal, by the statements that write those of this one.

    Args:
        database: The database.
        strict: Whether a commit waits for the disk, rather than for the operating system.
    """

    def __init__(self, database: Database, strict: bool) -> None:
        super().__init__(database, strict)
        self._own = load("keeping.sql")

    def adopt(self, tree: KeptTree, at: Moment) -> None:
        """Write a flow run with all that hangs on it, or nothing.

        Args:
            tree: The runs, the root in front.
            at: The present moment.

        Raises:
            ObjectAlreadyExists: One of the runs is there already.
            StoreError: The database cannot be used.
            ValueError: Something has a value that the database cannot take.
        """
        self._connection.read(lambda connection: self._adopt(connection, tree, at))

    def _adopt(self, connection: sqlite3.Connection, tree: KeptTree, at: Moment) -> None:
        batch = self._folded(tree)
        with transaction(connection):
            for key in tree.run_keys():
                if connection.execute(self._own["is there"], {"key": key}).fetchone():
                    raise ObjectAlreadyExists(f"There is a run {to_uuid(key)} in this run database already.")
            if not batch.complete:
                self._number(connection, batch)
                batch = self._folded(tree)
            for name, values in batch.rows.items():
                if values:
                    self._statement(name).run(connection, values)
            if tree.inputs:
                adopt_inputs(connection, tree.inputs)
            connection.execute(self._own["note import"], {"key": tree.flow_runs[0].run.key, "at": at})

    def _folded(self, tree: KeptTree) -> Batch:
        batch = fold_lives(_lives(tree.flow_runs), _lives(tree.task_runs), _lines(tree), self._numbers)
        fold_artifacts(map(ArtifactMade, tree.artifacts), (), batch)
        return batch


def _lives(runs: tuple[KeptRun[R], ...]) -> Iterator[tuple[R, list[State[Any]], StoredResult | None]]:
    for kept in runs:
        yield kept.run, list(map(live_state, kept.history)), kept.result


def _lines(tree: KeptTree) -> Iterator[LogWritten]:
    for line in tree.lines:
        yield LogWritten(*line[1:])
