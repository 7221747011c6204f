"""Hundreds of slow calls at once: an async flow with a limit on how many, and a deadline for each.

    python examples/async_feeds.py [--feeds N] [--at-once N]

The feeds are made up, so that nothing leaves this machine: each one answers after a time of its own, and every
fortieth never does. What does not answer in time ends as `TimedOut`, and the flow goes on without it.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from itertools import chain
from typing import NamedTuple

from sluiceway import flow, get_run_logger, task

TOPICS = ("weather", "harbour", "trains", "gardens", "music")


class Digest(NamedTuple):
    """What the flow returns: how many feeds answered, which did not, and how often each topic came up."""

    answered: int
    silent: list[int]
    topics: dict[str, int]


async def answer_of(feed: int) -> list[str]:
    """Return what a feed says, after a while that follows from its number."""
    if feed % 40 == 39:
        await asyncio.Event().wait()  # which nobody sets
    await asyncio.sleep(0.01 + feed % 7 * 0.005)
    return [TOPICS[(feed + entry) % len(TOPICS)] for entry in range(feed % 4)]


@task(task_run_name="feed-{feed}", timeout_seconds=1, tags=["io"])
async def fetch(feed: int) -> list[str]:
    """Return the topics of a feed's entries."""
    return await answer_of(feed)


@task
def count_topics(feeds: list[list[str]]) -> dict[str, int]:
    """Return how many entries each topic has, the most frequent first."""
    return dict(Counter(chain.from_iterable(feeds)).most_common())


@flow
async def read_feeds(feeds: int = 200, at_once: int = 50) -> Digest:
    """Read all feeds, so many at a time, and count what they are about."""
    slots = asyncio.Semaphore(at_once)

    async def fetch_in_turn(feed: int) -> list[str] | None:
        async with slots:
            state = await fetch(feed, return_state=True)
        return state.result() if state.is_completed() else None

    answers = await asyncio.gather(*map(fetch_in_turn, range(feeds)))
    silent = [feed for feed, answer in enumerate(answers) if answer is None]
    if silent:
        get_run_logger().warning("no answer in time: %s", silent)
    topics = count_topics([answer for answer in answers if answer is not None])
    return Digest(feeds - len(silent), silent, topics)


def main() -> None:
    """Read the feeds from the command line."""
    parser = argparse.ArgumentParser(description="Read many feeds at once.")
    parser.add_argument("--feeds", type=int, default=200, help="how many there are")
    parser.add_argument("--at-once", type=int, default=50, help="how many are read at a time")
    given = parser.parse_args()
    digest = asyncio.run(read_feeds(given.feeds, given.at_once))
    print(f"{digest.answered} feeds answered, {len(digest.silent)} did not in time: {digest.silent}")
    print("Topics:", ", ".join(f"{topic} {count}" for topic, count in digest.topics.items()))


if __name__ == "__main__":
    main()
