"""Cache keys: equal for what may share a result, different for what may not."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.base import ids
from sluiceway.base.errors import HashError, InvalidOptionError
from sluiceway.model.runs import TaskRun
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
    Inputs,
    RunId,
    TaskSource,
)

FLOW_RUN = ids.new_id()


def noop(x: object = None) -> object:
    return x


def context(
    fn: Callable[..., Any] = noop, task_key: str = "noop-1", flow_run: ids.RunId | None = FLOW_RUN
) -> SimpleNamespace:
    task = SimpleNamespace(fn=fn, name=fn.__name__, task_key=task_key)
    return SimpleNamespace(task=task, task_run=TaskRun(ids.new_id(), task_key, fn.__name__, flow_run))


def key(policy: CachePolicy, *, ctx: Any = None, **inputs: object) -> str | None:
    return policy.compute_key(ctx or context(), inputs, {"day": 1})


@given(st.dictionaries(st.sampled_from("xyz"), st.integers(0, 3), min_size=1))
def test_equal_inputs_make_equal_keys(inputs: dict[str, int]) -> None:
    assert key(INPUTS, **inputs) == key(INPUTS, **dict(reversed(inputs.items())))
    assert key(INPUTS, **inputs) != key(INPUTS, **{**inputs, "x": 4})


def test_tasks_with_equal_inputs_have_different_keys() -> None:
    assert key(INPUTS, ctx=context(task_key="a"), x=1) != key(INPUTS, ctx=context(task_key="b"), x=1)


def test_a_task_without_inputs_has_no_key_from_them() -> None:
    assert key(INPUTS) is None
    assert FLOW_PARAMETERS.compute_key(context(), {}, {}) is None
    assert FLOW_PARAMETERS.compute_key(context(), {}, {"a": 1}) is not None


def test_an_input_can_be_left_out() -> None:
    policy = INPUTS - "y"
    assert key(policy, x=1, y=1) == key(policy, x=1, y=2)
    assert key(policy, x=1, y=1) != key(policy, x=2, y=1)
    assert key(policy, x=1, y=threading.Lock()) is not None
    assert Inputs() == INPUTS, "the constant stays as it is"


def test_an_input_can_be_left_out_of_a_joined_policy() -> None:
    policy = DEFAULT - "y"
    ctx = context()
    assert key(policy, ctx=ctx, x=1, y=1) == key(policy, ctx=ctx, x=1, y=2)
    assert key(policy, ctx=ctx, x=1, y=1) != key(policy, ctx=ctx, x=2, y=1)


def test_leaving_an_input_out_of_a_policy_without_inputs_changes_nothing() -> None:
    assert RUN_ID - "x" == RUN_ID
    assert (TASK_SOURCE + RUN_ID) - "x" == TASK_SOURCE + RUN_ID
    assert NONE - "x" == NONE
    with pytest.raises(TypeError, match="name of an input"):
        INPUTS - 3  # type: ignore[operator]


def test_two_functions_with_the_same_text_and_other_closures_do_not_share_results() -> None:
    def scaled(factor: int) -> Callable[[int], int]:
        def scale(x: int) -> int:
            return x * factor

        return scale

    two, three = context(scaled(2)), context(scaled(3))
    assert key(TASK_SOURCE, ctx=two, x=1) == key(TASK_SOURCE, ctx=context(scaled(2)), x=2)
    assert key(TASK_SOURCE, ctx=two, x=1) != key(TASK_SOURCE, ctx=three, x=1)
    assert key(DEFAULT, ctx=two, x=1) != key(DEFAULT, ctx=three, x=1)


def test_the_code_of_a_method_includes_its_class() -> None:
    def make(number: int) -> Any:
        class Shop:
            def total(self, x: int) -> int:
                return self.bonus() + x

            def bonus(self) -> int:
                return number

            @classmethod
            def make(cls) -> object:
                return cls()

        return Shop

    one, same, other = make(1), make(1), make(2)
    keys = [key(TASK_SOURCE, ctx=context(shop.total), self=shop(), x=1) for shop in (one, same, other)]
    assert keys[0] == keys[1] != keys[2]
    keys = [key(TASK_SOURCE, ctx=context(shop.make.__func__), cls=shop) for shop in (one, same, other)]
    assert keys[0] == keys[1] != keys[2]


def test_the_run_id_is_that_of_the_flow_run_and_outside_flows_that_of_the_task_run() -> None:
    assert key(RUN_ID, ctx=context()) == key(RUN_ID, ctx=context())
    assert key(RUN_ID, ctx=context(flow_run=ids.new_id())) != key(RUN_ID)
    assert key(RUN_ID, ctx=context(flow_run=None)) != key(RUN_ID, ctx=context(flow_run=None))


def test_nothing_is_cached_with_no_cache() -> None:
    assert NO_CACHE == NONE
    assert key(NO_CACHE, x=1) is None


def test_policies_are_joined_by_plus() -> None:
    ctx = context()
    joined = INPUTS + TASK_SOURCE
    assert key(joined, ctx=ctx, x=1) != key(joined, ctx=ctx, x=2)
    assert key(joined, ctx=ctx, x=1) != key(joined, ctx=context(lambda x: x + 1), x=1)
    assert joined + RUN_ID == CompoundCachePolicy(policies=[INPUTS, TASK_SOURCE, RUN_ID])
    assert NONE + INPUTS == INPUTS + NONE == INPUTS
    assert joined == CompoundCachePolicy(policies=[Inputs(), TaskSource()])
    with pytest.raises(TypeError, match="another cache policy"):
        INPUTS + 3  # type: ignore[operator]


def test_a_joined_policy_leaves_out_what_makes_no_key() -> None:
    joined = CompoundCachePolicy(policies=[NONE, FLOW_PARAMETERS])
    assert joined.compute_key(context(), {}, {}) is None
    assert joined.compute_key(context(), {}, {"a": 1}) is not None


def test_default_is_inputs_source_and_run() -> None:
    assert DEFAULT == INPUTS + TASK_SOURCE + RUN_ID


def test_a_function_may_make_the_key() -> None:
    policy = CachePolicy.from_cache_key_fn(lambda ctx, parameters: f"{ctx.task.name}:{parameters['x']}")
    assert isinstance(policy, CacheKeyFnPolicy)
    assert key(policy, x=3) == "noop:3"
    assert key(CachePolicy.from_cache_key_fn(lambda *_: None), x=3) is None
    assert key(CacheKeyFnPolicy(), x=3) is None


def test_a_function_that_makes_no_text_is_named() -> None:
    def number(ctx: object, parameters: object) -> int:
        return 3

    with pytest.raises(InvalidOptionError, match=r"cache_key_fn .*number returned a value of type int"):
        key(CachePolicy.from_cache_key_fn(number))  # type: ignore[arg-type]


def test_an_input_that_cannot_be_hashed_is_named_with_the_remedy() -> None:
    with pytest.raises(HashError) as caught:
        key(INPUTS, x=1, cfg={"lock": threading.Lock()})
    assert "argument 'cfg'" in str(caught.value)
    assert "cfg['lock'] cannot be hashed" in str(caught.value)
    assert "`INPUTS - 'cfg'`" in str(caught.value)
    with pytest.raises(HashError, match="flow parameter 'cfg'"):
        FLOW_PARAMETERS.compute_key(context(), {}, {"cfg": threading.Lock()})


def test_configured_policies_keep_their_configuration_when_they_are_joined() -> None:
    stored = INPUTS.configure(key_storage="/cache")
    assert (stored.key_storage, INPUTS.key_storage) == ("/cache", None)
    assert key(stored, x=1) == key(INPUTS, x=1)
    assert (stored + TASK_SOURCE).key_storage == (TASK_SOURCE + stored).key_storage == "/cache"
    assert ((stored + TASK_SOURCE) - "x").key_storage == "/cache"
    assert stored.configure(isolation_level="SERIALIZABLE").key_storage == "/cache"
    with pytest.raises(ValueError, match="different key_storage"):
        stored + TASK_SOURCE.configure(key_storage="/other")


def test_an_unknown_isolation_level_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="no isolation level 'SNAPSHOT'; use READ_COMMITTED or SERIALIZABLE"):
        INPUTS.configure(isolation_level="SNAPSHOT")


def test_a_policy_of_ones_own_needs_compute_key_only() -> None:
    @dataclasses.dataclass
    class ByDay(CachePolicy):
        day: str = "monday"

        def compute_key(self, task_ctx: Any, inputs: Any, flow_parameters: Any, **kwargs: Any) -> str:
            return f"{self.day}-{inputs['x']}"

    policy = ByDay(day="friday").configure(key_storage="/cache")
    assert key(policy, x=1) == "friday-1"
    assert policy.key_storage == "/cache"
    assert key(policy + RUN_ID, x=1) != key(policy + RUN_ID, x=2)


def test_a_policy_without_compute_key_says_so() -> None:
    with pytest.raises(InvalidOptionError, match="write its method `compute_key`"):
        key(CachePolicy())


def test_policies_are_written_as_they_are_made_and_live_in_the_public_module() -> None:
    assert repr(INPUTS - "x") == "Inputs(key_storage=None, isolation_level=None, lock_manager=None, exclude=['x'])"
    assert {type(policy).__module__ for policy in (INPUTS, DEFAULT, RUN_ID, NONE)} == {"sluiceway.cache_policies"}
    assert CachePolicy.__module__ == RunId.__module__ == "sluiceway.cache_policies"
