"""Artifacts: how code makes them, in a run or outside, as facts that the recorder takes."""

from __future__ import annotations

from typing import Any

from sluiceway.base.errors import InvalidOptionError, ObjectNotFound
from sluiceway.base.ids import RunId, new_id, to_uuid
from sluiceway.drivers import scope
from sluiceway.model.facts import ArtifactChanged, ArtifactMade
from sluiceway.model.keepsakes import Artifact
from sluiceway.ports.services import Services
from sluiceway.rules.keepsakes import artifact_text, check_key

_MOST_REMEMBERED = 1_000

_types: dict[RunId, str | None] = {}
"""The types of artifacts that were made here, the latest last; others are looked up in the journal."""


def make_artifact(
    services: Services,
    *,
    key: str | None,
    kind: str | None,
    data: Any,
    description: str | None,
    metadata: dict[str, str] | None,
    flow_run_key: RunId | None,
    task_run_key: RunId | None,
) -> Artifact:
    """Record an artifact, and return it. Without a run, it is one of the run whose code makes it, if any.

    Args:
        services: The adapters.
        key: What its versions have in common; None for one without versions.
        kind: What the data is.
        data: The data.
        description: What it is for, in Markdown.
        metadata: What else goes with it.
        flow_run_key: The flow run that it is of.
        task_run_key: The task run that it is of.

    Raises:
        InvalidNameError: The key is none.
        InvalidOptionError: JSON does not know the data, or it is too large.
    """
    if key is not None:
        check_key(key)
    context = scope.current()
    flow = None if context is None else context.flow_context
    if context is not None and flow_run_key is None and task_run_key is None:
        if isinstance(context, scope.TaskRunContext):
            flow_run_key, task_run_key = context.task_run.flow_run_key, context.key
        else:
            flow_run_key = context.flow_run.key
    text, now = artifact_text(data), services.clock.now()
    size = 0 if text is None else len(text.encode())
    metadata = None if metadata is None else {str(name): str(value) for name, value in metadata.items()}
    artifact = Artifact(new_id(), key, kind, text, description, metadata, flow_run_key, task_run_key, now, now, size)
    if flow is None or not flow.drawn:
        services.recorder.record(ArtifactMade(artifact))
    if len(_types) >= _MOST_REMEMBERED:
        del _types[next(iter(_types))]
    _types[artifact.id] = kind
    return artifact


def change_artifact(
    services: Services, artifact_id: RunId, data: Any, description: str | None, kind: str | None = None
) -> None:
    """Record that an artifact has other data from now on.

    Args:
        services: The adapters.
        artifact_id: The artifact.
        data: The data.
        description: What it is for from now on; None to leave that.
        kind: The type that it has to be of; None for any.

    Raises:
        InvalidOptionError: It is of another type, or JSON does not know the data, or it is too large.
        ObjectNotFound: There is no such artifact.
    """
    known = _types.get(artifact_id, _UNKNOWN)
    if known is _UNKNOWN:
        services.recorder.drain()
        found = services.store.read_artifact(artifact_id)
        if found is None:
            raise ObjectNotFound(f"There is no artifact with the identifier {to_uuid(artifact_id)}.")
        known = found.type
    if kind is not None and known != kind:
        raise InvalidOptionError(f"The artifact {to_uuid(artifact_id)} is of the type {known!r}, not {kind!r}.")
    text = artifact_text(data)
    services.recorder.record(ArtifactChanged(artifact_id, text or "null", description, services.clock.now()))


_UNKNOWN: Any = object()
