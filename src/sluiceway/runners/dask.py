"""The Dask runner: tasks run on the workers of a Dask cluster (https://distributed.dask.org)."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from sluiceway.base.errors import MissingExtraError
from sluiceway.runners.child import ENTRY, run_collected
from sluiceway.runners.remote import IN_FLIGHT, Errand, RemoteTaskRunner

CANCELLED = "Dask cancelled the task, or lost the connection to the cluster."


class DaskTaskRunner(RemoteTaskRunner):
    """Runs tasks on a Dask cluster: one that is there, or one that is started for the flow run and ended after it.

    What tasks log and record while they run arrives with their results. A task whose worker dies has crashed. A
    cluster that is there may run it again before it says so: as often as `distributed.scheduler.allowed-failures`
    tells it.

    Args:
        address: The address of the scheduler of a cluster that is there, such as `tcp://10.0.0.1:8786`.
        cluster: A cluster object that is there.
        cluster_class: What starts a cluster, a class or its path such as `dask_kubernetes.KubeCluster`;
            `distributed.LocalCluster` by default.
        cluster_kwargs: Arguments for it.
        adapt_kwargs: Arguments for `cluster.adapt`, to let the cluster grow and shrink with the work.
        client_kwargs: Arguments for `distributed.Client`.

    Raises:
        MissingExtraError: The package `distributed` is not installed.
        ValueError: There is a cluster, and another one is to be started.

    Example:
        ```python
        @flow(task_runner=DaskTaskRunner(cluster_kwargs={"n_workers": 4, "threads_per_worker": 1}))
        def nightly(): ...
        ```
    """

    def __init__(
        self,
        address: str | None = None,
        cluster: Any = None,
        cluster_class: str | Callable[..., Any] | None = None,
        cluster_kwargs: dict[str, Any] | None = None,
        adapt_kwargs: dict[str, Any] | None = None,
        client_kwargs: dict[str, Any] | None = None,
    ) -> None:
        _distributed()
        if sum(option is not None for option in (address, cluster, cluster_class or cluster_kwargs or None)) > 1:
            raise ValueError(
                "DaskTaskRunner takes `address`, or `cluster`, or what starts a cluster (`cluster_class`, "
                "`cluster_kwargs`), but only one of the three."
            )
        if address is not None and adapt_kwargs:
            raise ValueError("A Dask cluster that is named by its address cannot be told to adapt: pass `cluster`.")
        super().__init__()
        self.address = address
        self.cluster = cluster
        self.cluster_class = cluster_class
        self.cluster_kwargs: dict[str, Any] = dict(cluster_kwargs or {})
        self.adapt_kwargs: dict[str, Any] = dict(adapt_kwargs or {})
        self.client_kwargs: dict[str, Any] = dict(client_kwargs or {})
        self._client: Any = None
        self._own_cluster: Any = None
        self._futures: dict[Errand, Any] = {}

    def settings(self) -> tuple[Any, ...]:
        """Return the arguments that make another runner like this one."""
        return (
            self.address,
            self.cluster,
            self.cluster_class,
            self.cluster_kwargs,
            self.adapt_kwargs,
            self.client_kwargs,
        )

    def open(self) -> int:
        """Start the cluster if there is none, and connect to it.

        Returns:
            How many calls are to be under way at once. To a cluster of a fixed size, no more are given than it has
            threads, so that none waits on a worker that another one brings down.
        """
        distributed = _distributed()
        there: Any = self.address if self.cluster is None else self.cluster
        if there is None:
            there = self._own_cluster = self._start_cluster()
        if self.adapt_kwargs:
            there.adapt(**self.adapt_kwargs)
        self._client = distributed.Client(there, **{"set_as_default": False, **self.client_kwargs})
        fixed = self._own_cluster is not None and not self.adapt_kwargs
        return (fixed and sum(self._client.nthreads().values())) or IN_FLIGHT

    def send(self, errand: Errand) -> None:
        """Submit a call to the scheduler.

        Args:
            errand: The call.
        """
        future = self._client.submit(run_collected, ENTRY, errand.parcel, key=f"sluiceway-{errand.name}", pure=False)
        self._futures[errand] = future  # Dask forgets a task whose future nobody holds
        future.add_done_callback(lambda _: self._ended(errand, future))

    def stop(self) -> None:
        """End what is under way: with the cluster, if that is the runner's own."""
        if self._own_cluster is not None:
            self.release()
        elif self._client is not None:
            self._client.cancel(list(self._futures.values()), force=True)

    def release(self) -> None:
        """Disconnect, and end the cluster if it is the runner's own."""
        client, self._client = self._client, None
        cluster, self._own_cluster = self._own_cluster, None
        self._futures.clear()
        if client is not None:
            client.close()
        if cluster is not None:
            cluster.close()

    def _start_cluster(self) -> Any:
        from dask.config import set as configured  # heavy, and optional

        kind = self.cluster_class or _distributed().LocalCluster
        if isinstance(kind, str):
            module, _, name = kind.rpartition(".")
            kind = getattr(import_module(module), name)
        with configured({"distributed.scheduler.allowed-failures": 0}):
            return kind(**self.cluster_kwargs)

    def _ended(self, errand: Errand, future: Any) -> None:
        """Tell an errand what its Dask future came to."""
        self._futures.pop(errand, None)
        if future.status == "finished":
            batches, reply = future.result()
            for batch in batches:
                errand.take(batch)
            errand.reply(reply)
            return
        error = future.exception() if future.status == "error" else None
        if error is None:
            errand.lose(CANCELLED)
        elif type(error).__name__ == "KilledWorker":
            errand.lose(f"The Dask worker {error.last_worker.address} died while it ran the task.")
        else:
            errand.fail(error)


def _distributed() -> Any:
    try:
        import distributed  # heavy, and optional
    except ModuleNotFoundError as error:
        raise MissingExtraError('DaskTaskRunner needs Dask; install it: pip install "sluiceway[dask]"') from error
    return distributed
