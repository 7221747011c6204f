"""Generator tasks, when the same call is made a second time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from sluiceway import flow, runtime, task
from sluiceway.cache_policies import INPUTS

pytestmark = pytest.mark.usefixtures("sluiceway_harness")


@pytest.mark.parametrize("options", [{}, {"cache_policy": INPUTS}])
def test_a_generator_task_that_is_iterated_yields_again_when_its_flow_is_retried(options: dict[str, Any]) -> None:
    seen: list[list[int]] = []

    @task(**options)
    def numbers() -> Iterator[int]:
        yield from (1, 2)

    @task(**options)
    async def anumbers() -> AsyncIterator[int]:
        yield 3

    @flow(retries=1)
    async def report() -> None:
        seen.append([*numbers(), *[number async for number in anumbers()]])
        if len(seen) == 1:
            raise ConnectionError

    asyncio.run(report())
    assert seen == [[1, 2, 3]] * 2


def test_a_generator_task_that_is_submitted_is_not_run_again_when_its_flow_is_retried() -> None:
    runs: list[int] = []

    @task
    def numbers() -> Iterator[int]:
        runs.append(1)
        yield from (1, 2)

    @flow(retries=1)
    def report() -> Any:
        values = numbers.submit().result()
        if runtime.flow_run.run_count == 1:
            raise ConnectionError
        return values

    assert report() == [1, 2]
    assert runs == [1]


def test_what_a_generator_task_yields_is_not_replaced_by_nothing_from_the_cache() -> None:
    @task(cache_policy=INPUTS)
    def numbers(most: int) -> Iterator[int]:
        yield from range(most)

    assert list(numbers(2)) == list(numbers(2)) == [0, 1]
    assert numbers.submit(3).result() == numbers.submit(3).result() == [0, 1, 2]
    assert numbers.submit(3, return_state=True).name == "Cached"
