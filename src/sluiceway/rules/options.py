"""Options of flows and tasks: what may be given, and what is said of what may not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sluiceway.base.errors import InvalidOptionError
from sluiceway.model.annotations import NotSet
from sluiceway.model.policies import NO_HOOKS, FlowPolicy, Hooks, ResultPolicy, RetryPolicy, TaskPolicy
from sluiceway.rules.caching import DEFAULT, NO_CACHE, CachePolicy

if TYPE_CHECKING:
    from uuid import UUID

DELAY_LIMIT = 50
"""Retry delays that can be listed one by one."""


DURABILITIES = ("batched", "strict")
"""How soon what happened to a run is on disk: with what else has gathered, or before its call returns."""


def seconds(value: Any, option: str) -> float | None:
    """Return an option that is a number of seconds; None, and zero, mean none.

    Raises:
        InvalidOptionError: It is no number, or below zero.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidOptionError(f"`{option}` must be a number of seconds, not {value!r}.")
    if not value >= 0:
        raise InvalidOptionError(f"`{option}` must not be negative, but it is {value!r}; leave it out for none.")
    return float(value) or None


def times(value: Any, option: str) -> int:
    """Return an option that is a number of times; None means none.

    Raises:
        InvalidOptionError: It is no whole number, or below zero.
    """
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidOptionError(f"`{option}` must be a whole number, not {value!r}.")
    if value < 0:
        raise InvalidOptionError(f"`{option}` must not be negative, but it is {value}; leave it out for none.")
    return value


def durability(given: Any) -> str | None:
    """Return how soon runs are to be on disk; None where nothing is said.

    Raises:
        InvalidOptionError: It is no such level.
    """
    if given is not None and not (isinstance(given, str) and given in DURABILITIES):
        raise InvalidOptionError(f"`durability` must be 'batched' or 'strict', not {given!r}.")
    return given


def retry_policy(retries: Any, delay: Any, jitter: Any = None, condition: Any = None) -> RetryPolicy:
    """Return the retry policy that options stand for.

    Args:
        retries: How many times at most.
        delay: Seconds, a list of them, or a function that makes such a list of the number of retries.
        jitter: Up to which factor a delay is stretched.
        condition: Tells whether to retry.

    Raises:
        InvalidOptionError: One of them cannot be used; the message names it.
    """
    retries = times(retries, "retries")
    if jitter is not None and (isinstance(jitter, bool) or not isinstance(jitter, (int, float)) or not jitter >= 0):
        raise InvalidOptionError(f"`retry_jitter_factor` must be a number >= 0, not {jitter!r}.")
    if condition is not None and not callable(condition):
        raise InvalidOptionError(
            f"`retry_condition_fn` must be a function, not {condition!r}; it receives task, task run and state."
        )
    return RetryPolicy(retries, _delays(retries, delay), jitter or None, condition)


def _delays(retries: int, delay: Any) -> tuple[float, ...]:
    if callable(delay):
        delay = delay(retries)
    if delay is None:
        return ()
    listed = list(delay) if isinstance(delay, Iterable) and not isinstance(delay, (str, bytes)) else [delay]
    if len(listed) > DELAY_LIMIT:
        raise InvalidOptionError(
            f"`retry_delay_seconds` lists {len(listed)} delays; at most {DELAY_LIMIT} can be told apart."
        )
    for item in listed:
        if isinstance(item, bool) or not isinstance(item, (int, float)) or not item >= 0:
            raise InvalidOptionError(
                "`retry_delay_seconds` must be a number of seconds >= 0, a list of them, or a function that "
                f"makes such a list of the number of retries; {item!r} is none of these."
            )
    return tuple(map(float, listed)) if any(listed) else ()


def hooks(given: Any, option: str, decorator: str) -> tuple[Callable[..., Any], ...]:
    """Return an option that lists hooks.

    Args:
        given: The list.
        option: The name of the option.
        decorator: `flow` or `task`, for the message.

    Raises:
        InvalidOptionError: It is no list of functions.
    """
    if given is None:
        return ()
    example = f"@{decorator}({option}=[notify])"
    if not isinstance(given, Iterable) or isinstance(given, str):
        raise InvalidOptionError(f"`{option}` must be a list of functions, not {given!r}; such as {example}.")
    listed = tuple(given)
    for hook in listed:
        if not callable(hook):
            raise InvalidOptionError(f"`{option}` must list functions, but holds {hook!r}; such as {example}.")
    return listed


def run_name(given: Any, option: str) -> Any:
    """Return an option that names runs: a template or a function.

    Raises:
        InvalidOptionError: It is neither.
    """
    if given is None or isinstance(given, str) or callable(given):
        return given
    raise InvalidOptionError(f"`{option}` must be a text or a function that returns one, not {given!r}.")


def function(fn: Any, decorator: str) -> Any:
    """Return what was decorated, if it can be.

    Args:
        fn: What was decorated.
        decorator: `flow` or `task`, for the message.

    Raises:
        TypeError: It is no function that has a name.
    """
    plain = getattr(fn, "__func__", fn)
    name = getattr(plain, "__name__", None)
    if isinstance(plain, type) or not callable(plain):
        raise TypeError(f"@{decorator} goes on a function, not on {fn!r}.")
    if type(plain).__name__ == "builtin_function_or_method":
        raise TypeError(f"@{decorator} cannot go on the builtin {name!r}; wrap it in a function of your own.")
    if name == "<lambda>" and decorator == "flow":
        raise TypeError(
            "@flow cannot go on a lambda, with or without a `name`: flows are found again by the names of their "
            "functions. Define a function with `def`."
        )
    return fn


def changed(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given, out of all those that could be.

    Args:
        given: All options by name.
        defaults: What those are that were left out.
    """
    return {name: value for name, value in given.items() if value is not defaults[name]}


def check_known(given: dict[str, Any], known: Iterable[str], decorator: str) -> None:
    """Refuse options that there are not.

    Args:
        given: The options that were given.
        known: The names of those that there are.
        decorator: `flow` or `task`, for the message.

    Raises:
        TypeError: There is no such option.
    """
    names = sorted(known)
    for name in given:
        if name not in names:
            raise TypeError(f"@{decorator} has no option {name!r}; its options are: {', '.join(names)}.")


def tags(given: Any) -> frozenset[str]:
    """Return an option that lists tags; a single text is one tag.

    Raises:
        TypeError: One of them is no text.
    """
    listed = frozenset([given] if isinstance(given, str) else given or ())
    if not all(isinstance(tag, str) for tag in listed):
        raise TypeError(f"`tags` must be texts, but {given!r} holds something else.")
    return plain_tags(listed)


def plain_tags(given: Iterable[str]) -> frozenset[str]:
    """Return tags as nothing but texts, since other processes may not know the enumeration that they are of."""
    return frozenset(map(str.__str__, given))


def cache_policy(given: Mapping[str, Any]) -> CachePolicy | None:
    """Return the cache policy that the options of a task stand for; None where nothing is cached.

    Args:
        given: The options by name.

    Raises:
        TypeError: `cache_key_fn` or `cache_policy` cannot be used as one.
    """
    policy, persist = given["cache_policy"], given["persist_result"]
    key_fn: Callable[[Any, dict[str, Any]], str | None] | None = given["cache_key_fn"]
    if key_fn is not None:
        if not callable(key_fn):
            raise TypeError(f"`cache_key_fn` must be a function, not {key_fn!r}.")
        return None if persist is False else CachePolicy.from_cache_key_fn(key_fn)
    if policy is NotSet:
        stays = (persist or given["cache_expiration"] is not None) and not given["result_storage_key"]
        return DEFAULT if stays else None
    if policy is None or policy is NO_CACHE or persist is False:
        return None
    if not isinstance(policy, CachePolicy):
        raise TypeError(f"`cache_policy` must be a cache policy such as INPUTS, not {policy!r}.")
    return policy


def task_runner(given: Any) -> Any:
    """Return the task runner that was given as an option: an instance, or a class to make one of.

    Raises:
        TypeError: It is neither.
    """
    runner = given() if isinstance(given, type) else given
    if runner is not None and not (hasattr(runner, "submit") and hasattr(runner, "duplicate")):
        raise TypeError(f"`task_runner` must be a task runner such as ThreadPoolTaskRunner(), not {given!r}.")
    return runner


_FLOW_HOOKS = ("running", "completion", "failure", "cancellation", "crashed")
_TASK_HOOKS = ("running", "completion", "failure", "commit", "rollback")


def flow_policy(name: str, given: Mapping[str, Any], defaults: Any) -> FlowPolicy:
    """Return what a flow was told, as runs go by it.

    Args:
        name: The name of the flow.
        given: The options by name.
        defaults: The settings that hold where an option does not say.

    Raises:
        InvalidOptionError: One of them cannot be used; the message names it.
    """
    retries, delay = given["retries"], given["retry_delay_seconds"]
    chosen = Hooks(**{kind: hooks(given[f"on_{kind}"], f"on_{kind}", "flow") for kind in _FLOW_HOOKS})
    return FlowPolicy(
        name,
        seconds(given["timeout_seconds"], "timeout_seconds"),
        retry_policy(
            defaults.flows_default_retries if retries is None else retries,
            defaults.flows_default_retry_delay_seconds if delay is None else delay,
        ),
        _result_policy(given),
        chosen if any(chosen) else NO_HOOKS,
        given["log_prints"],
        run_name(given["flow_run_name"], "flow_run_name"),
        bool(given["validate_parameters"]),
        durability(given["durability"]),
        times(given["auto_resume"], "auto_resume"),
    )


def identified(policy: FlowPolicy, before: FlowPolicy, key: Any, run_id: Any) -> FlowPolicy:
    """Return the policy of a flow one run of which is told from all others.

    Args:
        policy: The policy.
        before: That of the flow that it was made from; it holds where nothing is said.
        key: What a run is recognised by when it is asked for again.
        run_id: The identifier that a run is to have, a UUID or the text of one.

    Raises:
        InvalidOptionError: One of them cannot be used; the message names it.
    """
    if key is not None and not (isinstance(key, str) and key):
        raise InvalidOptionError(f"`idempotency_key` must be a text that is not empty, not {key!r}.")
    return policy._replace(
        idempotency_key=before.idempotency_key if key is None else key,
        run_id=before.run_id if run_id is None else _run_id(run_id),
    )


def _run_id(given: Any) -> UUID:
    from uuid import UUID  # lazy: most programs let runs have identifiers of their own

    if isinstance(given, UUID):
        return given
    try:
        return UUID(given)
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidOptionError(f"`run_id` must be a UUID or the text of one, not {given!r}.") from error


def task_policy(name: str, task_key: str, given: Mapping[str, Any], defaults: Any) -> TaskPolicy:
    """Return what a task was told, as runs go by it.

    Args:
        name: The name of the task.
        task_key: What names the task in every run and process.
        given: The options by name.
        defaults: The settings that hold where an option does not say.

    Raises:
        InvalidOptionError: One of them cannot be used; the message names it.
        TypeError: `cache_key_fn`, `cache_policy` or `tags` cannot be used.
    """
    retries, delay = given["retries"], given["retry_delay_seconds"]
    chosen = Hooks(**{kind: hooks(given[f"on_{kind}"], f"on_{kind}", "task") for kind in _TASK_HOOKS})
    cache = cache_policy(given)
    return TaskPolicy(
        name,
        task_key,
        tags(given["tags"]),
        seconds(given["timeout_seconds"], "timeout_seconds"),
        retry_policy(
            defaults.tasks_default_retries if retries is None else retries,
            defaults.tasks_default_retry_delay_seconds if delay is None else delay,
            given["retry_jitter_factor"],
            given["retry_condition_fn"],
        ),
        cache,
        given["cache_expiration"],
        given["refresh_cache"],
        _result_policy(given)._replace(key_storage=getattr(cache, "key_storage", None)),
        chosen if any(chosen) else NO_HOOKS,
        given["log_prints"],
        run_name(given["task_run_name"], "task_run_name"),
        cache is None and not any(chosen),
        durability(given["durability"]),
    )


def _result_policy(given: Mapping[str, Any]) -> ResultPolicy:
    return ResultPolicy(
        given["persist_result"],
        given["result_storage"],
        given["result_serializer"],
        given.get("result_storage_key"),
        given["cache_result_in_memory"],
    )
