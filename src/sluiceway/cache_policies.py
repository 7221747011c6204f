"""Cache policies: from what the key is made under which the result of a task is kept and found again.

A policy is given to a task as `cache_policy`. Policies are joined by `+`, and `INPUTS - "name"` leaves an
argument out. A policy of your own is a subclass of `CachePolicy` with a method `compute_key`.
"""

from __future__ import annotations

from sluiceway.rules.caching import (
    DEFAULT,
    FLOW_PARAMETERS,
    INPUTS,
    NO_CACHE,
    NONE,
    RUN_ID,
    TASK_SOURCE,
    CacheKeyFnPolicy,
    CachePolicy,
    CompoundCachePolicy,
    FlowParameters,
    Inputs,
    RunId,
    TaskSource,
)

__all__ = [
    "DEFAULT",
    "FLOW_PARAMETERS",
    "INPUTS",
    "NONE",
    "NO_CACHE",
    "RUN_ID",
    "TASK_SOURCE",
    "CacheKeyFnPolicy",
    "CachePolicy",
    "CompoundCachePolicy",
    "FlowParameters",
    "Inputs",
    "RunId",
    "TaskSource",
]
