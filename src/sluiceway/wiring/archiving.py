"""Exporting a run into a file, and importing it into another journal. Nothing is unpickled on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import Any, TypeVar

from sluiceway.base.errors import MissingResult, ObjectAlreadyExists, ObjectNotFound, UnfinishedRun
from sluiceway.base.ids import RunId, to_uuid
from sluiceway.model.keeping import KeptRun, KeptTree, Pruned
from sluiceway.model.keepsakes import ArtifactQuery
from sluiceway.model.paging import walk
from sluiceway.model.queries import FlowRunQuery, LogQuery, Page, RunOrder, TaskRunQuery
from sluiceway.model.results import NOTHING, StoredResult
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.ports.results import Results
from sluiceway.ports.services import Services
from sluiceway.ports.store import Store
from sluiceway.rules import archiving
from sluiceway.storage.archives import ArchiveReader, ArchiveWriter, digest
from sluiceway.wiring.retention import make_pruner

T = TypeVar("T")

FLOW_RUNS, TASK_RUNS, LINES = "flow_runs.jsonl", "task_runs.jsonl", "logs.jsonl"
ARTIFACTS, INPUTS = "artifacts.jsonl", "inputs.jsonl"
RESULTS = "results/"

PAGE = 1_000
FEW = 50
"""Artifacts to a page, which may be large."""


# --- removing ---------------------------------------------------------------------------------------


def remove_run(services: Services, key: RunId) -> Pruned:
    """Remove a run that no other called, with all that hangs on it, and say what that was.

    Args:
        services: The services of the journal.
        key: The run: a flow run, or a task run outside flows.

    Raises:
        ObjectNotFound: There is no such run.
        UnfinishedRun: Something of it has not ended, or another run called it; the message says which.
    """
    check_removable(services.store, key)
    return make_pruner(services).remove([key])


def check_removable(store: Store, key: RunId) -> None:
    """Refuse to remove a run that does not go as a whole.

    Args:
        store: The journal.
        key: The run.

    Raises:
        ObjectNotFound: There is no such run.
        UnfinishedRun: Something of it has not ended, or another run called it; the message says which.
    """
    run = store.read_flow_run(key) or store.read_task_run(key)
    if run is None:
        raise ObjectNotFound(f"There is no run with the identifier {to_uuid(key)}.")
    caller = _caller(run)
    if caller is not None:
        raise UnfinishedRun(
            f"{_named(run)} belongs to the run {to_uuid(caller)}, and is kept or removed with it. Name that one."
        )
    unfinished = store.read_tree(key).unfinished
    if unfinished is not None:
        what = "It" if unfinished == key else f"Run {to_uuid(unfinished)} in it"
        raise UnfinishedRun(f"{_named(run)} cannot be removed. {what} has not ended; remove the run once it has.")


def _caller(run: FlowRun | TaskRun) -> RunId | None:
    """Return the run that another one goes with, if it is not kept for itself."""
    if isinstance(run, FlowRun):
        return None if run.parent_key is None else run.root_key
    return run.flow_run_key or run.parent_key


def _named(run: FlowRun | TaskRun) -> str:
    return f"{'Flow' if isinstance(run, FlowRun) else 'Task'} run {run.name!r} ({run.id})"


# --- exporting --------------------------------------------------------------------------------------


def export_run(services: Services, key: RunId, path: str, *, results: bool = True) -> FlowRun:
    """Write a flow run with all that hangs on it into a file, and return the run.

    Args:
        services: The services of the journal.
        key: The flow run, which no other called.
        path: The file, which must not be there yet.
        results: Whether the values of results are exported, too.

    Raises:
        ObjectNotFound: There is no such flow run.
        UnfinishedRun: It has not ended, or another run called it; the message says which.
        ArchiveError: The file cannot be written, or is there.
    """
    store = services.store
    root = _exportable(store, key)
    tree = archiving.within(_read_tree(store, root))
    with ArchiveWriter(path) as archive:
        take = partial(_taken, services.results, archive) if results else _left_out
        for run, _, _ in tree.flow_runs:
            run.call = take(run.call)
        flow_runs = [kept._replace(result=take(kept.result)) for kept in tree.flow_runs]
        task_runs = [kept._replace(result=take(kept.result)) for kept in tree.task_runs]
        archive.add_records(FLOW_RUNS, map(archiving.flow_run_record, flow_runs))
        archive.add_records(TASK_RUNS, map(archiving.task_run_record, task_runs))
        archive.add_records(LINES, map(archiving.line_record, tree.lines))
        if tree.artifacts:
            archive.add_records(ARTIFACTS, map(archiving.artifact_record, tree.artifacts))
        if tree.inputs:
            archive.add_records(INPUTS, map(archiving.inputs_record, tree.inputs))
        counts = {"flow_runs": len(flow_runs), "task_runs": len(task_runs), "log_lines": len(tree.lines)}
        archive.finish({"run": str(root.id), "flow": root.flow_name, "name": root.name, **counts})
    return root


def _exportable(store: Store, key: RunId) -> FlowRun:
    run = store.read_flow_run(key)
    if run is None:
        raise ObjectNotFound(f"There is no flow run with the identifier {to_uuid(key)}.")
    if run.parent_key is not None:
        raise UnfinishedRun(f"{_named(run)} was called by another run. Export {to_uuid(run.root_key)} instead.")
    unfinished = store.read_tree(key).unfinished
    if unfinished is not None:
        what = "It" if unfinished == key else f"Run {to_uuid(unfinished)} in it"
        raise UnfinishedRun(f"{_named(run)} cannot be exported. {what} has not ended; export the run once it has.")
    return run


def _read_tree(store: Store, root: FlowRun) -> KeptTree:
    """Return all that hangs on a flow run, as the journal has it."""
    keys = [root.key]
    runs = [root]
    for parent in keys:  # grows while it is read
        query = FlowRunQuery(parent=parent)
        children = list(_walked(partial(store.read_flow_runs, query, order=RunOrder.OLDEST_FIRST, limit=PAGE)))
        runs += children
        keys += [run.key for run in children]
    queries = (TaskRunQuery(flow_run_keys=(key,)) for key in keys)
    for run in runs:
        run.call = store.read_call(run.key)
    tasks: Iterator[TaskRun] = chain.from_iterable(
        _walked(partial(store.read_task_runs, query, order=RunOrder.OLDEST_FIRST, limit=PAGE)) for query in queries
    )
    lines = _walked(partial(store.read_logs, LogQuery(flow_run_keys=tuple(keys)), limit=PAGE))
    made = ArtifactQuery(flow_run_keys=tuple(keys))
    artifacts = _walked(partial(store.read_artifacts, made, newest_first=False, limit=FEW))
    return KeptTree(
        tuple(KeptRun(run, store.read_history(run.key), store.read_result(run.key)) for run in runs),
        tuple(KeptRun(run, store.read_history(run.key), store.read_result(run.key)) for run in tasks),
        tuple(lines),
        tuple(artifacts),
        tuple(kept for kept in map(store.read_kept_inputs, keys) if kept.inputs or kept.receptions),
    )


def _walked(read: Callable[..., Page[T]]) -> Iterator[T]:
    return walk(lambda after: read(after=after))


def _taken(results: Results, archive: ArchiveWriter, result: StoredResult | None) -> StoredResult | None:
    """Put what is in result storage into an archive; return the result with its place there."""
    if result is None or result.location is None:
        return result
    try:
        payload = results.read_payload(result) or b""
    except MissingResult as error:
        return StoredResult(result.serializer, size=result.size, preview=result.preview, why_not=str(error))
    name = f"{RESULTS}{digest(payload)}"
    archive.add(name, payload)
    return result._replace(location=name)


def _left_out(result: StoredResult | None) -> StoredResult | None:
    """Return a result without its value, and without the text that tells it."""
    if result is None or result is NOTHING or result.why_not is not None:
        return result
    return StoredResult(result.serializer, size=result.size, why_not=archiving.LEFT_OUT)


# --- importing --------------------------------------------------------------------------------------


def import_run(services: Services, path: str) -> FlowRun:
    """Write a run that was exported into a journal, under the same identifiers, and return it.

    All of the file is read and checked first, so that the journal is as it was where that fails.

    Args:
        services: The services of the journal.
        path: The file.

    Raises:
        ArchiveError: The file is no export, was cut short or changed, or is a newer version's; the message says which.
        ObjectAlreadyExists: The run, or one of those below it, is there already.
    """
    store = services.store
    with ArchiveReader(path) as archive:
        tree = _checked_tree(archive)
        there = next((key for key in tree.run_keys() if store.read_history(key)), None)
        if there is not None:
            raise ObjectAlreadyExists(
                f"The run {to_uuid(there)} of {path} is in this run database already; nothing was imported."
            )
        written: dict[str, StoredResult] = {}
        try:
            put = partial(_put, services.results, archive, written)
            for run, _, _ in tree.flow_runs:
                run.call = put(run.call)
            placed = KeptTree(
                tuple(kept._replace(result=put(kept.result)) for kept in tree.flow_runs),
                tuple(kept._replace(result=put(kept.result)) for kept in tree.task_runs),
                tree.lines,
                tree.artifacts,
                tree.inputs,
            )
            store.adopt(placed, services.clock.now())
        except BaseException:
            places = [result.location for result in written.values() if result.location is not None]
            store.let_go(places, services.clock.now())  # nothing may refer to them
            raise
    return tree.flow_runs[0].run


def _checked_tree(archive: ArchiveReader) -> KeptTree:
    with archive.understanding(FLOW_RUNS):
        flow_runs = tuple(map(archiving.read_flow_run, archive.records(FLOW_RUNS)))
    with archive.understanding(TASK_RUNS):
        task_runs = tuple(map(archiving.read_task_run, archive.records(TASK_RUNS)))
    with archive.understanding(LINES):
        lines = tuple(map(archiving.read_line, archive.records(LINES)))
    artifacts = _records_if_any(archive, ARTIFACTS, archiving.read_artifact)
    inputs = _records_if_any(archive, INPUTS, archiving.read_inputs)
    tree = KeptTree(flow_runs, task_runs, lines, artifacts, inputs)
    faults = archiving.faults(tree)
    if faults:
        raise archive.refuse(", and ".join(faults))
    results = [kept.result for kept in flow_runs] + [kept.result for kept in task_runs]
    results += [kept.run.call for kept in flow_runs]
    needed = [result.location for result in results if result is not None and result.location is not None]
    for name in dict.fromkeys((*archive.names, *needed)):
        archive.read(name)
    return tree


def _records_if_any(archive: ArchiveReader, name: str, read: Callable[[dict[str, Any]], T]) -> tuple[T, ...]:
    """Return the records of a file that not every archive has."""
    if name not in archive.names:
        return ()
    with archive.understanding(name):
        return tuple(map(read, archive.records(name)))


def _put(
    results: Results, archive: ArchiveReader, written: dict[str, StoredResult], result: StoredResult | None
) -> StoredResult | None:
    """Put a result of an archive where this journal has its own; return it with its place there."""
    if result is None or result.location is None:
        return result
    key = f"{result.serializer} {result.location}"
    if key not in written:
        payload = archive.read(result.location)
        written[key] = results.write_payload(payload, result.serializer, result.preview)
    return written[key]._replace(preview=result.preview)
