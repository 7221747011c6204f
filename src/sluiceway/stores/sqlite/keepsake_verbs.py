"""The verbs of the SQLite store for artifacts, variables and sealed secrets, as the port describes them."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sluiceway.base.ids import RunId
    from sluiceway.model.keepsakes import Artifact, ArtifactQuery, SealedSecret, Variable, VariableQuery
    from sluiceway.model.queries import Page
    from sluiceway.stores.sqlite.shelf import Shelf


class KeepsakeVerbs:
    """What a store in one SQLite file can do about what is kept beside runs."""

    @abstractmethod
    def _present(self) -> Any:
        """Return what this process holds of the store."""

    def _shelf(self) -> Shelf:
        held = self._present()
        if held.shelf is None:
            from sluiceway.stores.sqlite.shelf import Shelf  # lazy: most programs keep nothing beside runs

            with held.turn:
                if held.shelf is None:
                    held.shelf = Shelf(held.database, held.strict)
        shelf: Shelf = held.shelf
        return shelf

    # --- artifacts ------------------------------------------------------------------------------------

    def read_artifact(self, artifact_id: RunId) -> Artifact | None:
        """Return an artifact, or None where there is no such artifact."""
        from sluiceway.model.keepsakes import ArtifactQuery  # lazy: as above

        found = self._shelf().read_artifacts(ArtifactQuery(ids=(artifact_id,)), 1, None, True, True).items
        return found[0] if found else None

    def read_artifacts(
        self,
        query: ArtifactQuery | None = None,
        *,
        limit: int = 200,
        after: str | None = None,
        newest_first: bool = True,
        data: bool = True,
    ) -> Page[Artifact]:
        """Return artifacts by age; those of one key are its versions."""
        return self._shelf().read_artifacts(query, limit, after, newest_first, data)

    def read_latest_artifacts(
        self, query: ArtifactQuery | None = None, *, limit: int = 200, after: str | None = None, data: bool = True
    ) -> Page[Artifact]:
        """Return the newest version of each key, by key."""
        return self._shelf().read_latest_artifacts(query, limit, after, data)

    def count_artifacts(self, query: ArtifactQuery | None = None) -> int:
        """Return how many artifacts there are, all versions counted."""
        return self._shelf().count_artifacts(query)

    def delete_artifact(self, artifact_id: RunId) -> bool:
        """Delete an artifact, and return whether there was one."""
        return self._shelf().delete_artifact(artifact_id)

    # --- variables ------------------------------------------------------------------------------------

    def write_variable(self, variable: Variable, *, overwrite: bool) -> bool:
        """Set a variable, and return whether that was done."""
        return self._shelf().write_variable(variable, overwrite)

    def read_variable(self, name: str) -> Variable | None:
        """Return a variable, or None where there is none of that name."""
        return self._shelf().read_variable(name)

    def read_variables(
        self, query: VariableQuery | None = None, *, limit: int = 200, after: str | None = None
    ) -> Page[Variable]:
        """Return variables by name."""
        return self._shelf().read_variables(query, limit, after)

    def delete_variable(self, name: str) -> bool:
        """Delete a variable, and return whether there was one."""
        return self._shelf().delete_variable(name)

    # --- secrets --------------------------------------------------------------------------------------

    def write_secret(self, secret: SealedSecret, *, overwrite: bool) -> bool:
        """Keep a sealed secret, and return whether that was done."""
        return self._shelf().write_secret(secret, overwrite)

    def read_secret(self, name: str) -> SealedSecret | None:
        """Return a sealed secret, or None where there is none of that name."""
        return self._shelf().read_secret(name)

    def read_secrets(self, *, limit: int = 200, after: str | None = None) -> Page[SealedSecret]:
        """Return the sealed secrets by name."""
        return self._shelf().read_secrets(limit, after)

    def delete_secret(self, name: str) -> bool:
        """Delete a secret, and return whether there was one."""
        return self._shelf().delete_secret(name)
