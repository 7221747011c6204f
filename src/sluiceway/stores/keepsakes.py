"""Artifacts, variables and sealed secrets of the store in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from sluiceway.base.ids import RunId
from sluiceway.model.facts import ArtifactChanged, ArtifactMade
from sluiceway.model.keepsakes import Artifact, ArtifactQuery, SealedSecret, Variable, VariableQuery
from sluiceway.model.queries import Page
from sluiceway.stores import cursors
from sluiceway.stores.rows import first_key


class MemoryKeepsakes:
    """What a store in memory keeps beside runs."""

    _turn: threading.Lock

    def __init__(self) -> None:
        self._artifacts: dict[RunId, Artifact] = {}
        self._variables: dict[str, Variable] = {}
        self._secrets: dict[str, SealedSecret] = {}

    # --- artifacts ------------------------------------------------------------------------------------

    def _make_artifact(self, fact: ArtifactMade) -> None:
        self._artifacts.setdefault(fact.artifact.id, fact.artifact)

    def _change_artifact(self, fact: ArtifactChanged) -> None:
        if (artifact := self._artifacts.get(fact.artifact_id)) is not None:
            self._artifacts[artifact.id] = artifact._replace(
                data=fact.data,
                size=len(fact.data.encode("utf-8", "backslashreplace")),
                updated=fact.moment,
                description=artifact.description if fact.description is None else fact.description,
            )

    def read_artifact(self, artifact_id: RunId) -> Artifact | None:
        """Return an artifact, or None where there is no such artifact."""
        with self._turn:
            return self._artifacts.get(artifact_id)

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
        cursors.check_page(limit)
        order = cursors.ARTIFACTS[newest_first]
        found = sorted(self._chosen_artifacts(query), key=lambda artifact: artifact.id, reverse=newest_first)
        if after is not None:
            place = cursors.key(after, order)
            found = [artifact for artifact in found if (artifact.id < place if newest_first else artifact.id > place)]
        more = len(found) > limit
        return Page(_shown(found[:limit], data), cursors.write(order, found[limit - 1].id.hex()) if more else None)

    def read_latest_artifacts(
        self, query: ArtifactQuery | None = None, *, limit: int = 200, after: str | None = None, data: bool = True
    ) -> Page[Artifact]:
        """Return the newest version of each key, by key."""
        cursors.check_page(limit)
        beyond = "" if after is None else cursors.text(after, cursors.LATEST_ARTIFACTS)
        with self._turn:
            versions = sorted(self._artifacts.values(), key=lambda artifact: artifact.id)
        latest = {artifact.key: artifact for artifact in versions if artifact.key is not None}
        keys = [key for key in sorted(latest) if key > beyond and _fits(latest[key], query or ArtifactQuery())]
        page = _shown([latest[key] for key in keys[:limit]], data)
        more = len(keys) > limit
        return Page(page, cursors.text_cursor(keys[limit - 1], cursors.LATEST_ARTIFACTS) if more else None)

    def count_artifacts(self, query: ArtifactQuery | None = None) -> int:
        """Return how many artifacts there are, all versions counted."""
        return len(self._chosen_artifacts(query))

    def delete_artifact(self, artifact_id: RunId) -> bool:
        """Delete an artifact, and return whether there was one."""
        with self._turn:
            return self._artifacts.pop(artifact_id, None) is not None

    def _chosen_artifacts(self, query: ArtifactQuery | None) -> list[Artifact]:
        with self._turn:
            return [artifact for artifact in self._artifacts.values() if _fits(artifact, query or ArtifactQuery())]

    # --- variables ------------------------------------------------------------------------------------

    def write_variable(self, variable: Variable, *, overwrite: bool) -> bool:
        """Set a variable, and return whether that was done."""
        variable = variable._replace(tags=tuple(sorted(set(variable.tags))))
        with self._turn:
            known = self._variables.get(variable.name)
            if known is not None:
                if not overwrite:
                    return False
                variable = variable._replace(id=known.id, created=known.created)
            self._variables[variable.name] = variable
            return True

    def read_variable(self, name: str) -> Variable | None:
        """Return a variable, or None where there is none of that name."""
        with self._turn:
            return self._variables.get(name)

    def read_variables(
        self, query: VariableQuery | None = None, *, limit: int = 200, after: str | None = None
    ) -> Page[Variable]:
        """Return variables by name."""
        cursors.check_page(limit)
        query = query or VariableQuery()
        beyond = "" if after is None else cursors.text(after, cursors.VARIABLES)
        with self._turn:
            variables = [self._variables[name] for name in sorted(self._variables) if name > beyond]
        wanted = set(query.tags or ())
        found = [
            variable
            for variable in variables
            if (query.names is None or variable.name in query.names) and wanted <= set(variable.tags)
        ]
        more = len(found) > limit
        cursor = cursors.text_cursor(found[limit - 1].name, cursors.VARIABLES) if more else None
        return Page(tuple(found[:limit]), cursor)

    def delete_variable(self, name: str) -> bool:
        """Delete a variable, and return whether there was one."""
        with self._turn:
            return self._variables.pop(name, None) is not None

    # --- secrets --------------------------------------------------------------------------------------

    def write_secret(self, secret: SealedSecret, *, overwrite: bool) -> bool:
        """Keep a sealed secret, and return whether that was done."""
        with self._turn:
            known = self._secrets.get(secret.name)
            if known is not None:
                if not overwrite:
                    return False
                secret = secret._replace(id=known.id, created=known.created)
            self._secrets[secret.name] = secret
            return True

    def read_secret(self, name: str) -> SealedSecret | None:
        """Return a sealed secret, or None where there is none of that name."""
        with self._turn:
            return self._secrets.get(name)

    def read_secrets(self, *, limit: int = 200, after: str | None = None) -> Page[SealedSecret]:
        """Return the sealed secrets by name."""
        cursors.check_page(limit)
        beyond = "" if after is None else cursors.text(after, cursors.SECRETS)
        with self._turn:
            found = [self._secrets[name] for name in sorted(self._secrets) if name > beyond]
        more = len(found) > limit
        return Page(tuple(found[:limit]), cursors.text_cursor(found[limit - 1].name, cursors.SECRETS) if more else None)

    def delete_secret(self, name: str) -> bool:
        """Delete a secret, and return whether there was one."""
        with self._turn:
            return self._secrets.pop(name, None) is not None


def _shown(artifacts: Iterable[Artifact], data: bool) -> tuple[Artifact, ...]:
    return tuple(artifact if data else artifact._replace(data=None) for artifact in artifacts)


def _fits(artifact: Artifact, query: ArtifactQuery) -> bool:
    """Whether an artifact is one of those that are asked for."""
    return (
        (query.ids is None or artifact.id in query.ids)
        and (query.keys is None or artifact.key in query.keys)
        and (query.types is None or artifact.type in query.types)
        and (query.flow_run_keys is None or artifact.flow_run_key in query.flow_run_keys)
        and (query.task_run_keys is None or artifact.task_run_key in query.task_run_keys)
        and (query.created_after is None or artifact.id >= first_key(query.created_after))
        and (query.created_before is None or artifact.id < first_key(query.created_before))
    )
