"""The store, as far as it keeps artifacts, variables and sealed secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sluiceway.base.ids import RunId
    from sluiceway.model.keepsakes import Artifact, ArtifactQuery, SealedSecret, Variable, VariableQuery
    from sluiceway.model.queries import Page


class Keepsakes(Protocol):
    """Artifacts, variables and sealed secrets. Artifacts are written as facts, `ArtifactMade` and `ArtifactChanged`."""

    # --- artifacts ------------------------------------------------------------------------------------

    def read_artifact(self, artifact_id: RunId) -> Artifact | None:
        """Return an artifact, or None where there is no such artifact.

        Args:
            artifact_id: The artifact.
        """
        ...

    def read_artifacts(
        self,
        query: ArtifactQuery = ...,
        *,
        limit: int = 200,
        after: str | None = None,
        newest_first: bool = True,
        data: bool = True,
    ) -> Page[Artifact]:
        """Return artifacts by age; those of one key are its versions.

        Args:
            query: Which artifacts.
            limit: How many to a page at most.
            after: The cursor of the page before.
            newest_first: Whether the newest come first.
            data: Whether to read their data, which may be large.

        Raises:
            ValueError: The cursor belongs to another order.
        """
        ...

    def read_latest_artifacts(
        self, query: ArtifactQuery = ..., *, limit: int = 200, after: str | None = None, data: bool = True
    ) -> Page[Artifact]:
        """Return the newest version of each key, by key.

        Args:
            query: Which of the newest versions.
            limit: How many to a page at most.
            after: The cursor of the page before.
            data: Whether to read their data, which may be large.

        Raises:
            ValueError: The cursor belongs to another order.
        """
        ...

    def count_artifacts(self, query: ArtifactQuery = ...) -> int:
        """Return how many artifacts there are, all versions counted.

        Args:
            query: Which artifacts.
        """
        ...

    def delete_artifact(self, artifact_id: RunId) -> bool:
        """Delete an artifact, and return whether there was one; the version before it is the latest then.

        Args:
            artifact_id: The artifact.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    # --- variables ------------------------------------------------------------------------------------

    def write_variable(self, variable: Variable, *, overwrite: bool) -> bool:
        """Set a variable, and return whether that was done.

        Args:
            variable: The variable. Where there is one of its name, that keeps its identifier and when it was made.
            overwrite: Whether to change one that there is; without, it stays as it is.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def read_variable(self, name: str) -> Variable | None:
        """Return a variable, or None where there is none of that name.

        Args:
            name: Its name.
        """
        ...

    def read_variables(
        self, query: VariableQuery = ..., *, limit: int = 200, after: str | None = None
    ) -> Page[Variable]:
        """Return variables by name.

        Args:
            query: Which variables.
            limit: How many to a page at most.
            after: The cursor of the page before.

        Raises:
            ValueError: The cursor belongs to another order.
        """
        ...

    def delete_variable(self, name: str) -> bool:
        """Delete a variable, and return whether there was one.

        Args:
            name: Its name.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    # --- secrets --------------------------------------------------------------------------------------

    def write_secret(self, secret: SealedSecret, *, overwrite: bool) -> bool:
        """Keep a sealed secret, and return whether that was done.

        Args:
            secret: The secret. Where there is one of its name, that keeps its identifier and when it was made.
            overwrite: Whether to change one that there is; without, it stays as it is.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def read_secret(self, name: str) -> SealedSecret | None:
        """Return a sealed secret, or None where there is none of that name.

        Args:
            name: Its name.
        """
        ...

    def read_secrets(self, *, limit: int = 200, after: str | None = None) -> Page[SealedSecret]:
        """Return the sealed secrets by name.

        Args:
            limit: How many to a page at most.
            after: The cursor of the page before.

        Raises:
            ValueError: The cursor belongs to another order.
        """
        ...

    def delete_secret(self, name: str) -> bool:
        """Delete a secret, and return whether there was one.

        Args:
            name: Its name.

        Raises:
            StoreError: The store cannot be used.
        """
        ...
