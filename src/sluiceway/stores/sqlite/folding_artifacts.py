"""Folding facts of artifacts: one row for each that was made, one for each that was changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sluiceway.base.ids import RunId
from sluiceway.model.facts import ArtifactChanged, ArtifactMade
from sluiceway.stores.rows import to_json
from sluiceway.stores.sqlite.binding import NULL, blob_of, value_of
from sluiceway.stores.sqlite.statements import encodable

if TYPE_CHECKING:
    from sluiceway.stores.sqlite.folding import Batch


def fold_artifacts(made: Iterable[ArtifactMade], changed: Iterable[ArtifactChanged], batch: Batch) -> None:
    """Add the rows of artifacts to a batch.

    Args:
        made: Those that were made.
        changed: What they were changed to, in order.
        batch: The batch.
    """
    rows = batch.rows["make_artifacts"]
    for fact in made:
        artifact = fact.artifact
        rows += (
            bytearray(artifact.id),
            value_of(artifact.key),
            value_of(artifact.type),
            value_of(artifact.description),
            NULL if artifact.metadata is None else to_json(artifact.metadata),
            blob_of(artifact.flow_run_key),
            blob_of(artifact.task_run_key),
            artifact.created,
            artifact.updated,
            artifact.size,
            value_of(artifact.data),
        )
    last: dict[RunId, ArtifactChanged] = {}
    descriptions: dict[RunId, str | None] = {}
    for change in changed:
        key = change.artifact_id
        last[key] = change
        if change.description is not None:
            descriptions[key] = change.description
    for key, change in last.items():
        data = encodable(change.data)
        batch.rows["change_artifacts"] += (
            bytearray(key),
            data,
            len(data.encode()),
            value_of(descriptions.get(key)),
            change.moment,
        )
