"""The Dask runner: tasks run on the workers of a Dask cluster (https://distributed.dask.org)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any

from sluiceway.base.errors import MissingExtraError
from sluiceway.runners.child import ENTRY, run_collected
from sluiceway.runners.remote import IN_FLIGHT, Errand, RemoteTaskRunner


class DaskTaskRunner(RemoteTaskRunner):
    """Runs tasks on a Dask cluster: one that is there, or one that is started for the flow run and ended after it.

    What tasks log and record while they run arrives with their results. A task whose worker dies has crashed;
    Dask does not run it again.

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
        ValueError: More than one way to get a cluster was given.

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
        _require_distributed()
        there = [name for name, value in (("address", address), ("cluster", cluster)) if value is not None]
        if len(there) == 2:
            raise ValueError("A Dask cluster is named by its address or given as an object, not both.")
        if there and (cluster_class is not None or cluster_kwargs):
            raise ValueError(f"`{there[0]}` names a cluster that is there, so there is none to start: leave out "
                             "`cluster_class` and `cluster_kwargs`.")
        super().__init__()
        self.address = address
        self.cluster = cluster
        self.cluster_class = cluster_class
        self.cluster_kwargs = dict(cluster_kwargs or {})
        self.adapt_kwargs = dict(adapt_kwargs or {})
        self.client_kwargs = dict(client_kwargs or {})
        self._starting = threading.Lock()
        self._client: Any = None
        self._own_cluster: Any = None

    def duplicate(self) -> DaskTaskRunner:
        """Return a runner with the same settings that has not started."""
        return type(self)(*self._settings())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._settings()

    def _settings(self) -> tuple[Any, ...]:
        return (
            self.address,
            self.cluster,
            self.cluster_class,
            self.cluster_kwargs,
            self.adapt_kwargs,
            self.client_kwargs,
        )

    @property
    def capacity(self) -> int:
        """How many calls are to be under way at once."""
        return IN_FLIGHT

    def send(self, errand: Errand) -> None:
        """Submit a call to the scheduler.

        Args:
            errand: The call.
        """
        future = self._connected().submit(
            run_collected, ENTRY, errand.parcel, pure=False, retries=0, key=f"sluiceway-{errand.key}"
        )
        future.add_done_callback(lambda ended: _tell(errand, ended))

    def stop(self) -> None:
        """End what is under way: what has not begun is cancelled, an own cluster is closed."""

    def release(self) -> None:
        """Disconnect, and end the cluster that was started for the run."""

    def _connected(self) -> Any:
        """Return the client, connected to the cluster when it is first needed."""
