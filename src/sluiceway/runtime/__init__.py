"""What is known of the run that is executing: `runtime.flow_run.id`, `runtime.task_run.name` and so on.

Outside runs the values are None or empty.
"""

from sluiceway.runtime import deployment, flow_run, task_run

__all__ = ["deployment", "flow_run", "task_run"]
