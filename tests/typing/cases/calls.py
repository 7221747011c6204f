"""What type checkers make of calls of flows and tasks. Checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Unpack, assert_type

from sluiceway import Flow, State, Task, allow_failure, flow, task, unmapped
from sluiceway.client.schemas.objects import FlowRun
from sluiceway.flows import FlowStateHook
from sluiceway.futures import Future, FutureList, as_completed, wait
from sluiceway.tasks import TaskOptions


@task
def count(text: str, most: int = 3) -> int:
    """Count something."""
    return min(len(text), most)


@task(name="fetch it", retries=2, retry_delay_seconds=[0.1, 0.2])
async def fetch(url: str, *, timeout: float = 1.0) -> bytes:
    """Fetch something."""
    return url.encode()


@task
def lines(text: str) -> Iterator[str]:
    """Yield something."""
    yield from text.splitlines()


@flow
def total(texts: list[str]) -> int:
    """Add something up."""
    return sum(count.map(texts).result())


@flow(name="gather it", retries=1)
async def gather(urls: list[str]) -> dict[str, bytes]:
    """Gather something."""
    return {url: await fetch(url) for url in urls}


@flow
async def stream() -> AsyncIterator[int]:
    """Yield something."""
    yield 1


def a_call_has_the_type_of_the_function() -> None:
    """Check direct calls."""
    assert_type(count("a"), int)
    assert_type(count("a", most=2), int)
    assert_type(lines("a"), Iterator[str])
    assert_type(total(["a"]), int)
    assert_type(stream(), AsyncIterator[int])


async def an_awaited_call_has_the_type_of_the_value() -> None:
    """Check calls of async functions."""
    assert_type(await fetch("a"), bytes)
    assert_type(await fetch("a", timeout=2), bytes)
    assert_type(await gather(["a"]), dict[str, bytes])
    assert_type(await fetch("a", return_state=True), State[bytes])
    assert_type(await gather(["a"], return_state=True), State[dict[str, bytes]])


def a_state_is_of_the_type_of_the_value() -> None:
    """Check `return_state`."""
    assert_type(count("a", return_state=True), State[int])
    assert_type(total(["a"], return_state=True), State[int])
    assert_type(count.submit("a", return_state=True), State[int])
    assert_type(fetch.submit("a", return_state=True), State[bytes])
    assert_type(count.map(["a"], return_state=True), list[State[int]])
    assert_type(fetch.map(["a"], return_state=True), list[State[bytes]])


def a_future_is_of_the_type_of_the_value_whatever_the_colour() -> None:
    """Check `submit`, `delay` and `map`."""
    assert_type(count.submit("a", most=2), Future[int])
    assert_type(count.submit("a", wait_for=[fetch.submit("a")]), Future[int])
    assert_type(fetch.submit("a", timeout=2), Future[bytes])
    assert_type(count.delay("a", most=2), Future[int])
    assert_type(fetch.delay("a"), Future[bytes])
    assert_type(count.apply_async(("a",)), Future[int])
    assert_type(fetch.apply_async(("a",), {"timeout": 2}), Future[bytes])
    assert_type(count.submit("a").result(), int)
    assert_type(count.map(["a", "b"], most=2), FutureList[int])
    assert_type(fetch.map(["a", "b"]), FutureList[bytes])
    assert_type(count.map(["a"]).result(), list[int])
    assert_type([future.result() for future in as_completed(count.map(["a"]))], list[int])
    assert_type(wait(count.map(["a"])).done, set[Future[int]])


@task
def add(one: int, other: int, weight: float = 1) -> int:
    """Add something."""
    return round(one + other * weight)


@task
def add_up(numbers: list[int]) -> int:
    """Add more."""
    return sum(numbers)


@task
async def fetch_more(length: int) -> bytes:
    """Fetch more."""
    return bytes(length)


@flow
def double(number: int) -> int:
    """Double something."""
    return 2 * number


def futures_and_states_stand_for_arguments_of_submitted_tasks(something: Any) -> None:
    """Check what `submit` and `map` take."""
    future, state = count.submit("a"), count("a", return_state=True)
    assert_type(add.submit(future, 1), Future[int])
    assert_type(add.submit(1, other=future, weight=2), Future[int])
    assert_type(add.submit(state, allow_failure(future)), Future[int])
    assert_type(add_up.submit([future, state]), Future[int])
    assert_type(add_up.submit(count.map(["a"])), Future[int])
    assert_type(fetch_more.submit(future), Future[bytes])
    assert_type(fetch_more.submit(length=future), Future[bytes])
    assert_type(add.submit(future, 1, return_state=True), State[int])
    assert_type(add.submit(future, 1, wait_for=[state]), Future[int])
    assert_type(add.map([future, 2], other=unmapped(state)), FutureList[int])
    assert_type(add.submit(something, 1), Future[int])


async def futures_and_states_stand_for_arguments_of_calls(something: Any) -> None:
    """Check what direct calls take."""
    future, state = count.submit("a"), count("a", return_state=True)
    assert_type(add(future, 1), int)
    assert_type(add(1, future), int)
    assert_type(add(1, 2, allow_failure(future)), int)
    assert_type(add_up([future]), int)
    assert_type(add_up(count.map(["a"])), int)
    assert_type(await fetch_more(future), bytes)
    assert_type(await fetch_more(future, return_state=True), State[bytes])
    assert_type(double(state), int)
    assert_type(double(future, return_state=True), State[int])
    assert_type(add(something, 1), int)
    assert_type(double(something), int)


class Shelf:
    """Has methods that are tasks and flows."""

    @task
    def put(self, book: str) -> int:
        """Put something."""
        return len(book)

    @flow
    def fill(self, books: list[str]) -> int:
        """Fill something."""
        return sum(self.put(book) for book in books)


def a_method_keeps_its_signature_without_its_first_argument() -> None:
    """Check methods."""
    assert_type(Shelf().put("a"), int)
    assert_type(Shelf().put.submit("a"), Future[int])
    assert_type(Shelf().put.submit(count.submit("a")), Future[int])
    assert_type(Shelf().put(count.submit("a")), int)
    assert_type(Shelf().fill(["a"]), int)
    assert_type(Shelf.put(Shelf(), "a"), int)


def options_change_nothing_about_the_types() -> None:
    """Check `with_options`."""
    assert_type(count.with_options(retries=1).submit("a"), Future[int])
    assert_type(total.with_options(name="other")(["a"]), int)


def job(**given: Unpack[TaskOptions]) -> Task[..., int]:
    """Pass options on."""

    def length(text: str, /) -> int:
        """Measure something."""
        return len(text)

    return task(**given)(length)


def told(flow: Flow[..., int], flow_run: FlowRun, state: State[Any]) -> None:
    """Be a hook."""


def hooks_and_options_have_types(hook: FlowStateHook[..., int] = told) -> None:
    """Check the types that users annotate with."""
    assert_type(job(retries=2)("a"), int)
    hook(total, FlowRun.__new__(FlowRun), count("a", return_state=True))
