"""The verbs of the client for artifacts and variables, each written once for both colours."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sluiceway.base.errors import ObjectNotFound
from sluiceway.client import joins, translation
from sluiceway.client.colours import verb
from sluiceway.client.reading import Reading, bounded, key_of
from sluiceway.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from sluiceway.client.schemas.objects import Artifact
from sluiceway.client.schemas.sorting import ArtifactSort
from sluiceway.drivers import keepsakes
from sluiceway.model.keepsakes import ArtifactQuery
from sluiceway.model.paging import walk
from sluiceway.ports.store import Store

if TYPE_CHECKING:  # filters are Pydantic models, which who reads without a filter need not import
    from sluiceway.client.schemas.filters import ArtifactCollectionFilter, ArtifactFilter, FlowRunFilter, TaskRunFilter


class Keepsaking(Reading):
    """Makes, reads and deletes artifacts."""

    @verb
    def create_artifact(self, artifact: ArtifactCreate) -> Artifact:
        """Make an artifact, and return it. It is one of the run whose code makes it, unless it names others.

        Args:
            artifact: What it is to be.

        Raises:
            InvalidNameError: The key is none.
            InvalidOptionError: JSON does not know the data, or it is too large.
        """
        made = keepsakes.make_artifact(
            self._services,
            key=artifact.key,
            kind=artifact.type,
            data=artifact.data,
            description=artifact.description,
            metadata=artifact.metadata_,
            flow_run_key=None if artifact.flow_run_id is None else key_of(artifact.flow_run_id),
            task_run_key=None if artifact.task_run_id is None else key_of(artifact.task_run_id),
        )
        return Artifact.from_kept(made)

    @verb
    def update_artifact(self, artifact_id: UUID, artifact: ArtifactUpdate) -> None:
        """Give an artifact other data; that is no new version.

        Args:
            artifact_id: The identifier of the artifact.
            artifact: What it is to be.

        Raises:
            InvalidOptionError: JSON does not know the data, or it is too large, or the artifact is of another type.
            ObjectNotFound: There is no such artifact.
        """
        key = key_of(artifact_id)
        keepsakes.change_artifact(self._services, key, artifact.data, artifact.description, artifact.type)

    @verb
    def read_artifact(self, artifact_id: UUID) -> Artifact:
        """Return an artifact.

        Args:
            artifact_id: The identifier of the artifact.

        Raises:
            ObjectNotFound: There is no such artifact.
        """
        found = self._journal().read_artifact(key_of(artifact_id))
        if found is None:
            raise _unknown(artifact_id)
        return Artifact.from_kept(found)

    @verb
    def read_artifacts(
        self,
        *,
        artifact_filter: ArtifactFilter | None = None,
        flow_run_filter: FlowRunFilter | None = None,
        task_run_filter: TaskRunFilter | None = None,
        sort: ArtifactSort | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Artifact]:
        """Return artifacts; those of one key are its versions.

        Args:
            artifact_filter: Which artifacts.
            flow_run_filter: Only those made in such flow runs.
            task_run_filter: Only those made in such task runs.
            sort: The order; newest first by default.
            limit: How many at most, up to 10,000; 200 by default.
            offset: How many to pass over.

        Raises:
            ValueError: A limit or offset is out of range, or a filter on runs chooses more than 10,000.

        Example:
            ```python
            versions = ArtifactFilter(key={"any_": ["report"]})
            with get_client(sync_client=True) as client:
                for artifact in client.read_artifacts(artifact_filter=versions):
                    print(artifact.created, artifact.data)
            ```
        """
        limit = bounded(limit, offset)
        store, query = self._artifact_query(artifact_filter, flow_run_filter, task_run_filter)
        newest_first = sort is not ArtifactSort.ID_ASC
        found = walk(lambda after: store.read_artifacts(query, after=after, newest_first=newest_first, limit=_FEW))
        return [Artifact.from_kept(artifact) for artifact in islice(found, offset, offset + limit)]

    @verb
    def read_latest_artifacts(
        self,
        *,
        artifact_filter: ArtifactCollectionFilter | None = None,
        flow_run_filter: FlowRunFilter | None = None,
        task_run_filter: TaskRunFilter | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Artifact]:
        """Return the newest version of each key, by key.

        Args:
            artifact_filter: Which of the newest versions.
            flow_run_filter: Only those made in such flow runs.
            task_run_filter: Only those made in such task runs.
            limit: How many at most, up to 10,000; 200 by default.
            offset: How many to pass over.

        Raises:
            ValueError: A limit or offset is out of range, or a filter on runs chooses more than 10,000.
        """
        limit = bounded(limit, offset)
        store, query = self._artifact_query(artifact_filter, flow_run_filter, task_run_filter)
        found = walk(lambda after: store.read_latest_artifacts(query, after=after, limit=_FEW))
        return [Artifact.from_kept(artifact) for artifact in islice(found, offset, offset + limit)]

    @verb
    def delete_artifact(self, artifact_id: UUID) -> None:
        """Delete an artifact. The version before it is the latest one of its key then.

        Args:
            artifact_id: The identifier of the artifact.

        Raises:
            ObjectNotFound: There is no such artifact.
        """
        if not self._journal().delete_artifact(key_of(artifact_id)):
            raise _unknown(artifact_id)

    def _artifact_query(
        self,
        artifact_filter: ArtifactFilter | ArtifactCollectionFilter | None,
        flow_run_filter: FlowRunFilter | None,
        task_run_filter: TaskRunFilter | None,
    ) -> tuple[Store, ArtifactQuery]:
        store = self._journal()
        query = translation.artifact_query(artifact_filter)
        if flow_run_filter is not None:
            keys = joins.both(query.flow_run_keys, joins.flow_run_keys(store, None, flow_run_filter))
            query = query._replace(flow_run_keys=keys)
        if task_run_filter is not None:
            keys = joins.both(query.task_run_keys, joins.task_run_keys(store, task_run_filter))
            query = query._replace(task_run_keys=keys)
        return store, query


_FEW = 50
"""Artifacts to a page, which may be large."""


def _unknown(artifact_id: Any) -> ObjectNotFound:
    return ObjectNotFound(f"There is no artifact with the identifier {artifact_id}.")
