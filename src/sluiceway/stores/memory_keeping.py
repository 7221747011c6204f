"""The store in memory, as far as runs are removed from it or come from another journal."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sluiceway.base.errors import ObjectAlreadyExists
from sluiceway.base.ids import RunId, new_id, to_uuid
from sluiceway.base.times import Moment
from sluiceway.model.facts import ArtifactMade, LogWritten
from sluiceway.model.inputs import KeptInputs
from sluiceway.model.keeping import Holdings, KeptTree, LetGo, Removed, Root, Sizes, Tree
from sluiceway.model.keepsakes import Artifact
from sluiceway.model.queries import LogLine, Page, StoredState
from sluiceway.model.results import CachedResult, StoredResult
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import FINAL_TYPES
from sluiceway.stores import cursors
from sluiceway.stores.rows import created


class MemoryKeeping:
    """What a journal in memory can do about keeping. The verbs are those of the port."""

    _turn: threading.Lock
    _flow_runs: dict[RunId, Any]
    _task_runs: dict[RunId, Any]
    _calls: dict[RunId, Any]
    _cached: dict[str, CachedResult]
    _lines: list[LogLine]
    _artifacts: dict[RunId, Artifact]

    def __init__(self) -> None:
        self._identity = new_id().hex()[-16:]
        self._imported: dict[RunId, Moment] = {}
        self._noted: dict[str, Moment] = {}

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return facts for a person."""

    @abstractmethod
    def _adopt(self, run: FlowRun | TaskRun, history: tuple[StoredState, ...], result: StoredResult | None) -> None:
        """Take over a run with its states and its result."""

    @abstractmethod
    def _adopt_inputs(self, kept: KeptInputs) -> None:
        """Take over what another journal has of the inputs of a flow run."""

    @abstractmethod
    def _forget_inputs(self, run_key: RunId) -> None:
        """Remove what is kept of the inputs of a flow run."""

    @abstractmethod
    def _end_waits(self, run_key: RunId) -> None:
        """Have nobody wait for a deferred run any more."""

    @abstractmethod
    def _log(self, fact: LogWritten) -> None:
        """Take over a line."""

    @abstractmethod
    def _make_artifact(self, fact: ArtifactMade) -> None:
        """Take over an artifact."""

    # --- what there is --------------------------------------------------------------------------

    def read_identity(self) -> str:
        """Return what tells this journal from all others."""
        return self._identity

    def read_roots(self, ended_before: Moment, *, limit: int = 200, after: str | None = None) -> Page[Root]:
        """Return roots that have ended, those that were created first in front."""
        cursors.check_page(limit)
        beyond = b"" if after is None else cursors.key(after, cursors.ROOTS)
        with self._turn:
            roots = sorted(root for root in self._roots() if root.key > beyond)
        found = [root for root in roots if max(root.ended, created(root.key)) < ended_before]
        page = tuple(found[:limit])
        return Page(page, cursors.write(cursors.ROOTS, page[-1].key.hex()) if len(found) > limit else None)

    def _roots(self) -> Iterator[Root]:
        for record in self._flow_runs.values():
            if record.run.parent_key is None and record.run.end is not None:
                key = record.run.key
                yield Root(key, max(record.run.end, self._imported.get(key, record.run.end)), True)
        for record in self._task_runs.values():
            run = record.run
            if run.flow_run_key is None and run.parent_key is None and _has_ended(record):
                yield Root(run.key, created(run.key) if run.end is None else run.end, False)

    def read_tree(self, root: RunId) -> Tree:
        """Return how much hangs on a root."""
        with self._turn:
            flow_runs, task_runs = self._members(root)
            records = [*map(self._flow_runs.__getitem__, flow_runs), *map(self._task_runs.__getitem__, task_runs)]
            unfinished = (record.run.key for record in records if not _has_ended(record))
            return Tree(len(flow_runs), len(task_runs), next(unfinished, None))

    def _members(self, root: RunId) -> tuple[list[RunId], list[RunId]]:
        """Return the flow runs and the task runs that hang on a root, callers in front; none where it is no root."""
        if root in self._flow_runs and self._flow_runs[root].run.parent_key is None:
            flow_runs = [root]
            for key in flow_runs:  # grows while it is read
                flow_runs += [other for other, record in self._flow_runs.items() if record.run.parent_key == key]
            tasks = (key for key, record in self._task_runs.items() if record.run.flow_run_key in flow_runs)
            return flow_runs, sorted(tasks)
        task = self._task_runs.get(root)
        if task is None or task.run.flow_run_key is not None or task.run.parent_key is not None:
            return [], []
        task_runs = [root]
        for key in task_runs:
            called = ((other, record.run) for other, record in self._task_runs.items())
            task_runs += [other for other, run in called if run.parent_key == key and run.flow_run_key is None]
        return [], task_runs

    def read_holdings(self) -> Holdings:
        """Return how much there is; what is in memory has no size."""
        with self._turn:
            roots = sum(record.run.parent_key is None for record in self._flow_runs.values())
            return Holdings(roots, len(self._task_runs), 0)

    def measure(self) -> Sizes:
        """Return what the journal holds, for a person."""
        rows: dict[str, int] = self.describe()["rows"]
        with self._turn:
            moments = sorted(created(key) for key in self._flow_runs)
            stored = {result.location: result.size for result in self._results() if result.location is not None}
        oldest, newest = (moments[0], moments[-1]) if moments else (None, None)
        return Sizes("memory:", 0, 0, rows, {}, oldest, newest, len(stored), sum(stored.values()))

    def _results(self) -> Iterator[StoredResult]:
        for record in (*self._task_runs.values(), *self._flow_runs.values()):
            if record.result is not None:
                yield record.result
            if isinstance(record.run, FlowRun) and record.run.call is not None:
                yield record.run.call
        yield from (entry.result for entry in self._cached.values())

    # --- removing -------------------------------------------------------------------------------

    def remove_runs(self, roots: Sequence[RunId], most: int, at: Moment) -> Removed:
        """Remove a part of what hangs on roots, which may be all of it."""
        counts: Counter[str] = Counter()
        with self._turn:
            for root in roots:
                flow_runs, task_runs = self._members(root)
                records = [*map(self._flow_runs.get, flow_runs), *map(self._task_runs.get, task_runs)]
                if counts.total() < most and all(map(_has_ended, records)):
                    counts += self._remove(flow_runs, task_runs, most - counts.total(), at)
            left = tuple(root for root in roots if root in self._flow_runs or root in self._task_runs)
        return Removed(**counts, left=left)

    def _remove(self, flow_runs: list[RunId], task_runs: list[RunId], most: int, at: Moment) -> Counter[str]:
        """Remove lines, then artifacts, then task runs, then flow runs; return how many of each."""
        numbers = {
            line.number for line in self._lines if line.flow_run_key in flow_runs or line.task_run_key in task_runs
        }
        chosen = set(sorted(numbers)[:most])
        self._lines[:] = [line for line in self._lines if line.number not in chosen]
        room = most - len(chosen) if len(chosen) == len(numbers) else 0
        made = [
            made.id
            for made in self._artifacts.values()
            if made.flow_run_key in flow_runs or made.task_run_key in task_runs
        ]
        artifacts = sorted(made)[:room]
        for artifact in artifacts:
            del self._artifacts[artifact]
        room = room - len(artifacts) if len(artifacts) == len(made) else 0
        tasks = task_runs[::-1][:room]
        flows = flow_runs[::-1][: room - len(tasks)] if len(tasks) == len(task_runs) else []
        for key in tasks:
            self._let_go(self._task_runs.pop(key).result, at)
            if self._calls.pop(key, None) is not None:
                self._end_waits(key)
        for key in flows:
            record = self._flow_runs.pop(key)
            self._forget_inputs(key)
            self._let_go(record.result, at)
            self._let_go(record.run.call, at)
            self._imported.pop(key, None)
        return Counter(flow_runs=len(flows), task_runs=len(tasks), log_lines=len(chosen), artifacts=len(artifacts))

    def remove_expired(self, at: Moment, most: int) -> int:
        """Remove cached results that have expired, and return how many."""
        with self._turn:
            entries = self._cached.values()
            ended = sorted((entry.expires, entry.key) for entry in entries if entry.expires and entry.expires <= at)
            for _, key in ended[:most]:
                self._let_go(self._cached.pop(key).result, at)
            return len(ended[:most])

    def _let_go(self, result: StoredResult | None, at: Moment) -> None:
        if result is not None and result.location is not None:
            self._noted[result.location] = at

    def read_let_go(self, before: Moment, *, limit: int = 200, after: str = "") -> tuple[LetGo, ...]:
        """Return places that something no longer refers to, since before a moment."""
        with self._turn:
            needed = {result.location for result in self._results()}
            places = sorted(place for place, since in self._noted.items() if since < before and place > after)
            return tuple(LetGo(place, place in needed) for place in places[:limit])

    def let_go(self, locations: Iterable[str], at: Moment) -> None:
        """Note places that nothing may refer to."""
        with self._turn:
            self._noted.update(dict.fromkeys(locations, at))

    def forget_locations(self, locations: Iterable[str], before: Moment) -> None:
        """Forget what was noted of places before a moment."""
        with self._turn:
            for location in locations:
                if self._noted.get(location, before) < before:
                    del self._noted[location]

    def compact(self) -> None:
        """Do nothing: memory that is free is used again."""

    # --- adopting -------------------------------------------------------------------------------

    def adopt(self, tree: KeptTree, at: Moment) -> None:
        """Write a flow run of another journal with all that hangs on it, or nothing."""
        with self._turn:
            for key in tree.run_keys():
                if key in self._flow_runs or key in self._task_runs:
                    raise ObjectAlreadyExists(f"There is a run {to_uuid(key)} in this run database already.")
            for flow_run in tree.flow_runs:
                self._adopt(*flow_run)
            for task_run in tree.task_runs:
                self._adopt(*task_run)
            for line in tree.lines:
                self._log(LogWritten(*line[1:]))
            for artifact in tree.artifacts:
                self._make_artifact(ArtifactMade(artifact))
            for kept in tree.inputs:
                self._adopt_inputs(kept)
            self._imported[tree.flow_runs[0].run.key] = at


def _has_ended(record: Any) -> bool:
    """Whether a run has ended, or will never start."""
    last: StoredState = record.history[-1]
    return last.type in FINAL_TYPES or (isinstance(record.run, TaskRun) and last.name == "NotReady")
