"""Policies: what a flow or task was told about how it is to run. Settled when it is decorated."""

# No `from __future__ import annotations` here: named tuples would compile each annotation, which takes longer
# than all else that an import does.

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from uuid import UUID


class ResultPolicy(NamedTuple):
    """How results are kept.

    Args:
        persist: Whether to store them; None for the one rule: where a cache, a retry or a resume may need them.
        storage: A file system, a path or a URL of the caller's; None for the run database and its folder.
        serializer: A serializer or the name of one, such as `json` or `compressed/pickle`; None for the setting.
        storage_key: A name for the stored result, possibly a template over the parameters.
        keep_in_memory: Whether the process also remembers what it stored, if that went to another machine.
        key_storage: Where cache entries are, if not with the results: a file system, a path or a URL.
    """

    persist: bool | None = None
    storage: Any = None
    serializer: Any = None
    storage_key: str | None = None
    keep_in_memory: bool = True
    key_storage: Any = None


class RetryPolicy(NamedTuple):
    """When a failed run is tried again.

    Args:
        retries: How many times at most.
        delays: Seconds before each retry; the last one holds for those that follow. Empty for none.
        jitter: Up to which factor a delay is stretched at random: 0.5 means by up to one half.
        condition: Called with the task, the task run and the failed state; tells whether to retry.
    """

    retries: int = 0
    delays: tuple[float, ...] = ()
    jitter: float | None = None
    condition: Callable[[Any, Any, Any], Any] | None = None


class Hooks(NamedTuple):
    """What to call when a run comes into a state, each with the flow or task, the run and the state.

    Those of `commit` and `rollback`, which only tasks have, are called with the transaction when that ends.
    """

    running: tuple[Callable[..., Any], ...] = ()
    completion: tuple[Callable[..., Any], ...] = ()
    failure: tuple[Callable[..., Any], ...] = ()
    cancellation: tuple[Callable[..., Any], ...] = ()
    crashed: tuple[Callable[..., Any], ...] = ()
    commit: tuple[Callable[..., Any], ...] = ()
    rollback: tuple[Callable[..., Any], ...] = ()


NO_HOOKS = Hooks()
"""Nothing to call."""


class TaskPolicy(NamedTuple):
    """What a task was told about how it is to run.

    Args:
        name: The name of the task.
        task_key: What names the task in every run and process.
        tags: The tags of its runs.
        timeout: Seconds after which a run is ended; None for never.
        retry: When a failed run is tried again.
        cache: The cache policy; None where nothing is cached.
        cache_expiration: How long a cached result may be used.
        refresh_cache: Whether to run in any case, and cache anew.
        result: How results are kept.
        hooks: What to call when a run comes into a state.
        log_prints: Whether `print` logs; None for what holds around it.
        run_name: A template over the parameters or a function; None for generated names.
        plain: Whether it has neither hooks nor a cache, so that there is nothing to do but to call the function.
        durability: `strict` or `batched`; None for what holds around it.
    """

    name: str
    task_key: str
    tags: frozenset[str] = frozenset()
    timeout: float | None = None
    retry: RetryPolicy = RetryPolicy()
    cache: Any = None
    cache_expiration: timedelta | None = None
    refresh_cache: bool | None = None
    result: ResultPolicy = ResultPolicy()
    hooks: Hooks = NO_HOOKS
    log_prints: bool | None = None
    run_name: str | Callable[..., str] | None = None
    plain: bool = False
    durability: str | None = None


class FlowPolicy(NamedTuple):
    """What a flow was told about how it is to run.

    Args:
        name: The name of the flow.
        timeout: Seconds after which a run is ended; None for never.
        retry: When a failed run is tried again.
        result: How results are kept.
        hooks: What to call when a run comes into a state.
        log_prints: Whether `print` logs; None for what holds around it.
        run_name: A template over the parameters or a function; None for generated names.
        validate: Whether parameters are validated by their annotations.
        durability: `strict` or `batched`; None for what holds around it.
        auto_resume: How many times a run that crashed is resumed by itself.
        idempotency_key: What a run is recognised by when it is asked for again; None for nothing.
        run_id: The identifier that a run is to have; None for a new one.
    """

    name: str
    timeout: float | None = None
    retry: RetryPolicy = RetryPolicy()
    result: ResultPolicy = ResultPolicy()
    hooks: Hooks = NO_HOOKS
    log_prints: bool | None = None
    run_name: str | Callable[..., str] | None = None
    validate: bool = True
    durability: str | None = None
    auto_resume: int = 0
    idempotency_key: str | None = None
    run_id: "UUID | None" = None
