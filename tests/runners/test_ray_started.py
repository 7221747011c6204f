"""The Ray runner where there is no Ray yet: one is started for the flow run, and ended after it."""

from __future__ import annotations

import threading

import pytest

from sluiceway import flow
from sluiceway.task_runners import RayTaskRunner
from sluiceway.testing import Harness
from tests.runners import clusters
from tests.runners.here import PATIENCE


@pytest.mark.slow
@pytest.mark.shared_cluster
def test_an_interrupted_flow_ends_the_ray_that_was_started_for_it(sluiceway_harness: Harness) -> None:
    import ray

    begun = threading.Event()
    endless = clusters.too_slow.with_options(timeout_seconds=None, on_running=[lambda *_: begun.set()])

    with clusters.small_ray() as options:

        @flow(task_runner=RayTaskRunner(init_kwargs=options))
        def interrupted() -> None:
            clusters.double.submit(1).wait()
            endless.submit()
            assert begun.wait(PATIENCE)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert not ray.is_initialized()
    sluiceway_harness.drain()
    names = {run.name.rpartition("-")[0]: run.state_name for run in sluiceway_harness.client.read_task_runs()}
    assert names == {"double": "Completed", "too_slow": "Crashed"}
