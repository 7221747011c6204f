"""The Ray runner: tasks run on the workers of a Ray cluster (https://docs.ray.io)."""

from __future__ import annotations

from typing import Any

from sluiceway.base.errors import MissingExtraError
from sluiceway.runners.child import ENTRY, run_collected
from sluiceway.runners.remote import IN_FLIGHT, Errand, RemoteTaskRunner


class RayTaskRunner(RemoteTaskRunner):
    """Runs tasks on Ray: a cluster that is there, or one that is started for the flow run and ended after it.

    Where the program has called `ray.init` already, that connection is used, and stays. What tasks log and record
    while they run arrives with their results. A task whose worker dies has crashed; Ray does not run it again.

    Args:
        address: The address of a cluster that is there, such as `ray://10.0.0.1:10001` or `auto`.
        init_kwargs: Arguments for `ray.init`, such as `num_cpus`.

    Raises:
        MissingExtraError: The package `ray` is not installed.

    Example:
        ```python
        @flow(task_runner=RayTaskRunner(init_kwargs={"num_cpus": 4}))
        def nightly(): ...
        ```
    """

    def __init__(self, address: str | None = None, init_kwargs: dict[str, Any] | None = None) -> None:
        _ray()
        super().__init__()
        self.address = address
        self.init_kwargs: dict[str, Any] = dict(init_kwargs or {})
        self._connected_here = False
        self._references: dict[Errand, Any] = {}
        self._remote: Any = None

    def settings(self) -> tuple[Any, ...]:
        """Return the arguments that make another runner like this one."""
        return self.address, self.init_kwargs

    def open(self) -> int:
        """Connect to the cluster, which is started if there is none.

        Returns:
            How many calls are to be under way at once.
        """
        ray = _ray()
        if not ray.is_initialized():
            ray.init(**({} if self.address is None else {"address": self.address}), **self.init_kwargs)
            self._connected_here = True
        self._remote = ray.remote(max_retries=0)(run_collected)
        return IN_FLIGHT

    def send(self, errand: Errand) -> None:
        """Submit a call to Ray.

        Args:
            errand: The call.
        """
        reference = self._remote.options(name=errand.name).remote(ENTRY, errand.parcel)
        self._references[errand] = reference
        reference.future().add_done_callback(lambda ended: self._ended(errand, ended))

    def stop(self) -> None:
        """End what is under way, with the processes that run it."""
        for reference in list(self._references.values()):
            _ray().cancel(reference, force=True)

    def release(self) -> None:
        """Disconnect, and so end the cluster if it was started for the run."""
        self._references.clear()
        if self._connected_here:
            self._connected_here = False
            _ray().shutdown()

    def _ended(self, errand: Errand, ended: Any) -> None:
        """Tell an errand what its Ray task came to."""
        self._references.pop(errand, None)
        error = ended.exception()
        if error is None:
            batches, reply = ended.result()
            for batch in batches:
                errand.take(batch)
            errand.reply(reply)
        elif type(error).__name__ in _DEATHS:
            errand.lose(f"The Ray worker died while it ran the task: {_first_line(error)}")
        else:
            errand.fail(error)


_DEATHS = frozenset(
    {
        "LocalRayletDiedError",
        "NodeDiedError",
        "OutOfMemoryError",
        "TaskCancelledError",
        "WorkerCrashedError",
    }
)
"""Errors of Ray that tell of the end of a process rather than of the task."""


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _ray() -> Any:
    try:
        import ray  # heavy, and optional
    except ModuleNotFoundError as error:
        raise MissingExtraError('RayTaskRunner needs Ray; install it: pip install "sluiceway[ray]"') from error
    return ray
