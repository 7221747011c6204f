"""The verbs of the client that remove runs and take them from one journal to another, for both colours."""

from __future__ import annotations

import os
from uuid import UUID

from sluiceway.base import ids
from sluiceway.base.errors import ObjectNotFound
from sluiceway.client.colours import verb
from sluiceway.client.reading import Reading, key_of
from sluiceway.client.schemas.objects import FlowRun
from sluiceway.wiring import archiving


class Keeping(Reading):
    """Reads the journal, removes runs from it, and takes them elsewhere."""

    @verb
    def delete_flow_run(self, flow_run_id: UUID) -> None:
        """Remove a flow run with all that hangs on it: child runs, task runs, states, logs, results.

        Args:
            flow_run_id: The identifier of a run that no other run called.

        Raises:
            ObjectNotFound: There is no such flow run.
            UnfinishedRun: It has not ended, or another run called it; the message says which.
        """
        key = key_of(flow_run_id)
        if self._journal().read_flow_run(key) is None:
            raise ObjectNotFound(f"There is no flow run with the identifier {flow_run_id}.")
        archiving.remove_run(self._services, key)

    @verb
    def delete_task_run(self, task_run_id: UUID) -> None:
        """Remove a task run that was called outside flows, with the task runs that it called.

        Args:
            task_run_id: The identifier of the run.

        Raises:
            ObjectNotFound: There is no such task run.
            UnfinishedRun: It has not ended, or another run called it; the message says which.
        """
        key = key_of(task_run_id)
        if self._journal().read_task_run(key) is None:
            raise ObjectNotFound(f"There is no task run with the identifier {task_run_id}.")
        archiving.remove_run(self._services, key)

    @verb
    def export_flow_run(
        self, flow_run_id: UUID, path: str | os.PathLike[str] | None = None, *, results: bool = True
    ) -> str:
        """Write a flow run with all that hangs on it into one file, and return the path of the file.

        Args:
            flow_run_id: The identifier of a run that no other run called.
            path: The file, which must not be there yet; by default `run-ID.zip` in the working directory.
            results: Whether the values of results are exported, too.

        Raises:
            ObjectNotFound: There is no such flow run.
            UnfinishedRun: It has not ended, or another run called it; the message says which.
            ArchiveError: The file cannot be written, or is there.
        """
        key = key_of(flow_run_id)
        self._journal()
        file = f"run-{ids.to_uuid(key)}.zip" if path is None else os.fspath(path)
        archiving.export_run(self._services, key, file, results=results)
        return file

    @verb
    def import_flow_run(self, path: str | os.PathLike[str]) -> FlowRun:
        """Write a run that was exported into this journal, under the same identifiers, and return it.

        Nothing in the file is unpickled. Whoever opens an imported result later, with `.state.result()`, unpickles
        it: do that with files of people only whose code you would run.

        Args:
            path: The file.

        Raises:
            ArchiveError: It is no export, was cut short or changed, or is a newer version's; nothing was changed.
            ObjectAlreadyExists: The run, or one of those below it, is there already; nothing was changed.
        """
        self._journal()
        run = archiving.import_run(self._services, os.fspath(path))
        found = self._journal().read_flow_run(run.key)
        return self._with_result(run if found is None else found)
