"""Small programs, each of which shows one way that a run can go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from typing import Any, NamedTuple

from sluiceway import flow, task
from sluiceway.cache_policies import INPUTS
from sluiceway.engine.ops import Invoke, Op, Outcome
from sluiceway.flows import Flow
from sluiceway.model.slots import Limit, SlotRequest
from sluiceway.ports.services import Services
from sluiceway.states import Failed
from sluiceway.task_runners import ThreadPoolTaskRunner
from sluiceway.tasks import Task
from sluiceway.testing.scripts import DieAt, Played, play, script_of, services_in_memory

Replies = Mapping[type[Op[Any]], Callable[[Any], Any]]


class Program(NamedTuple):
    """A call of a task or flow.

    Args:
        subject: The task or flow.
        args: The arguments of the call.
        replies: Replies to operations that are not to be performed.
        before: Another call, which is to be over when this one is made.
        limits: Names of limits of one slot each.
        taken: For how many microseconds more somebody else has their slots.
    """

    subject: Task[..., Any] | Flow[..., Any]
    args: tuple[Any, ...] = ()
    replies: Replies | None = None
    before: tuple[Any, ...] | None = None
    limits: tuple[str, ...] = ()
    taken: int = 0

    def prepared(self) -> Services:
        """Return services in memory in which the call can be made."""
        services = services_in_memory()
        now = services.clock.now()
        for name in self.limits:
            services.store.create_limit(Limit(name.encode(), name, 1))
        if self.taken:
            services.store.claim_slots(SlotRequest("another", self.limits), now + self.taken, now)
        if self.before is not None:
            play(script_of(self.subject, services, *self.before), services)
        return services

    def played(
        self,
        services: Services,
        *,
        until: DieAt | None = None,
        errors: Mapping[int, BaseException] | None = None,
        late_errors: Mapping[int, BaseException] | None = None,
    ) -> Played[Any]:
        """Play the call."""
        script = script_of(self.subject, services, *self.args)
        return play(script, services, replies=self.replies, until=until, errors=errors, late_errors=late_errors)


def failing_first() -> Callable[[], None]:
    """Return what raises when it is called for the first time."""
    left = [ValueError("the first try fails")]

    def fail() -> None:
        if left:
            raise left.pop()

    return fail


@task
def add(a: int, b: int = 1) -> int:
    return a + b


@task
def fails() -> None:
    raise ValueError("bad")


def _bad_hook(*_: object) -> None:
    raise LookupError("the hook fails")


def task_succeeds() -> Program:
    return Program(add, (1, 2))


def task_returns_nothing() -> Program:
    @task
    def silent() -> None: ...

    return Program(silent)


def task_fails() -> Program:
    return Program(fails)


def task_is_retried() -> Program:
    fail = failing_first()

    @task(retries=2, retry_delay_seconds=3)
    def flaky() -> str:
        fail()
        return "at last"

    return Program(flaky)


def task_is_retried_at_once_if_a_condition_holds() -> Program:
    @task(retries=1, retry_condition_fn=lambda *_: True)
    def hopeless() -> None:
        raise ValueError("again")

    return Program(hopeless)


def task_times_out() -> Program:
    @task(timeout_seconds=5)
    def slow() -> None: ...

    late = Outcome(None, TimeoutError(), 2_000_000_000_000_000, "interrupted")
    return Program(slow, replies={Invoke: lambda _: late})


def task_misses_the_cache() -> Program:
    return Program(add.with_options(cache_policy=INPUTS), (1, 2))


def task_hits_the_cache() -> Program:
    return Program(add.with_options(cache_policy=INPUTS), (1, 2), before=(1, 2))


def task_result_cannot_be_stored() -> Program:
    @task(persist_result=True)
    def locks() -> threading.Lock:  # type: ignore[valid-type]  # a function, as mypy sees it
        return threading.Lock()

    return Program(locks)


def task_is_not_ready() -> Program:
    return Program(add, (Failed(message="upstream"), 2))


def task_with_upstream_and_name() -> Program:
    state = play(script_of(add, (services := services_in_memory()), 1), services).result
    return Program(add.with_options(task_run_name="{a} and {b}"), (state, 3))


def task_with_failing_hooks() -> Program:
    hooks = {"on_running": [_bad_hook], "on_completion": [_bad_hook]}
    return Program(add.with_options(**hooks), (1, 2))


def task_yields() -> Program:
    @task
    def counts() -> Generator[int, None, None]:
        yield 1
        yield 2

    return Program(counts)


def task_takes_a_slot() -> Program:
    return Program(add.with_options(tags=["db", "unlimited"]), (1, 2), limits=("tag:db",))


def task_waits_for_a_slot() -> Program:
    return Program(add.with_options(tags=["db"]), (1, 2), limits=("tag:db",), taken=5_000)


def task_without_a_limit_for_its_tag() -> Program:
    return Program(add.with_options(tags=["db"]), (1, 2), limits=("db",))


def task_with_a_slot_is_retried() -> Program:
    fail = failing_first()

    @task(tags=["db"], retries=1, retry_delay_seconds=3)
    def flaky() -> str:
        fail()
        return "at last"

    return Program(flaky, limits=("tag:db",))


def task_calls_a_task() -> Program:
    @task
    def outer(x: int) -> int:
        return add(x) + add(x)

    return Program(outer, (1,))


def flow_succeeds() -> Program:
    @flow
    def simple(x: int) -> int:
        return add(x, 2) * 2

    return Program(simple, (1,))


def flow_fails() -> Program:
    @flow
    def broken() -> None:
        fails()

    return Program(broken)


def flow_with_child() -> Program:
    @flow(flow_run_name="of-{x}")
    def child(x: int) -> int:
        return add(x)

    @flow
    def parent() -> int:
        return child(1) + 1

    return Program(parent)


def flow_is_retried_and_replays() -> Program:
    fail = failing_first()

    @flow(retries=1, retry_delay_seconds=2)
    def flaky() -> int:
        first = add(1)
        fail()
        return first

    return Program(flaky)


def flow_gets_bad_parameters() -> Program:
    @flow
    def typed(x: int) -> int:
        return x

    return Program(typed, ("many",))


def flow_with_failing_hooks() -> Program:
    @flow(on_running=[_bad_hook], on_failure=[_bad_hook])
    def hooked() -> None:
        raise ValueError("bad")

    return Program(hooked)


def flow_times_out() -> Program:
    @flow(timeout_seconds=5, validate_parameters=False)
    def slow() -> None: ...

    def reply(op: Any) -> Outcome:
        late = op.fn.__name__ == "slow"
        return Outcome({}, TimeoutError() if late else None, 2_000_000_000_000_000, "interrupted" if late else None)

    return Program(slow, replies={Invoke: reply})


def flow_yields() -> Program:
    @flow
    def counts() -> Generator[int, None, None]:
        yield add(0)
        yield 2

    return Program(counts)


def flow_submits() -> Program:
    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def submits() -> list[int]:
        first = add.submit(1)
        return [first.result(), add.submit(first).result()]

    return Program(submits)


def flow_returns_a_failed_future() -> Program:
    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def returns() -> object:
        return [fails.submit(), add.submit(1)]

    return Program(returns)


def strict_task() -> Program:
    return Program(add.with_options(durability="strict"), (1, 2))


def strict_task_fails_after_a_retry() -> Program:
    @task(durability="strict", retries=1)
    def hopeless() -> None:
        raise ValueError("again")

    return Program(hopeless)


def strict_task_hits_the_cache() -> Program:
    return Program(add.with_options(durability="strict", cache_policy=INPUTS), (1, 2), before=(1, 2))


def strict_task_is_not_ready() -> Program:
    return Program(add.with_options(durability="strict"), (Failed(message="upstream"), 2))


def strict_task_with_hooks() -> Program:
    return Program(add.with_options(durability="strict", on_completion=[_bad_hook]), (1, 2))


def strict_flow_with_child() -> Program:
    @flow
    def child(x: int) -> int:
        return add(x)

    @flow(durability="strict")
    def parent() -> int:
        return child(1) + add.with_options(durability="batched")(1)

    return Program(parent)


def strict_flow_fails() -> Program:
    @flow(durability="strict", on_failure=[_bad_hook])
    def broken() -> None:
        raise ValueError("bad")

    return Program(broken)


def strict_flow_gets_bad_parameters() -> Program:
    @flow(durability="strict")
    def typed(x: int) -> int:
        return x

    return Program(typed, ("many",))


def batched_flow_with_a_strict_task() -> Program:
    @flow
    def mixed() -> int:
        return add(1) + add.with_options(durability="strict")(2)

    return Program(mixed)


STEADY = (
    task_succeeds,
    task_returns_nothing,
    task_fails,
    task_is_retried,
    task_is_retried_at_once_if_a_condition_holds,
    task_times_out,
    task_misses_the_cache,
    task_hits_the_cache,
    task_result_cannot_be_stored,
    task_is_not_ready,
    task_with_upstream_and_name,
    task_with_failing_hooks,
    task_yields,
    task_takes_a_slot,
    task_waits_for_a_slot,
    task_without_a_limit_for_its_tag,
    task_with_a_slot_is_retried,
    task_calls_a_task,
    flow_succeeds,
    flow_fails,
    flow_with_child,
    flow_is_retried_and_replays,
    flow_gets_bad_parameters,
    flow_with_failing_hooks,
    flow_times_out,
    flow_yields,
    strict_task,
    strict_task_fails_after_a_retry,
    strict_task_hits_the_cache,
    strict_task_is_not_ready,
    strict_task_with_hooks,
    strict_flow_with_child,
    strict_flow_fails,
    strict_flow_gets_bad_parameters,
    batched_flow_with_a_strict_task,
)
"""Programs whose operations always come in the same order."""

THREADED = (flow_submits, flow_returns_a_failed_future)
"""Programs in which several threads ask for operations."""
