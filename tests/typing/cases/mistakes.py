"""Mistakes that type checkers find. Checked by mypy and pyright, never run.

Each line in question excuses the error that is expected of it, and both checkers report an excuse that is
not needed.
"""

from __future__ import annotations

from sluiceway import flow, task


@task
def count(text: str, most: int = 3) -> int:
    """Count something."""
    return min(len(text), most)


@flow
def total(texts: list[str]) -> int:
    """Add something up."""
    return sum(count.map(texts).result())


def arguments_of_the_wrong_type_are_found() -> None:
    """Check types of arguments."""
    count(3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    total(3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]


def missing_and_unknown_arguments_are_found() -> None:
    """Check names and numbers of arguments."""
    count()  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    count("a", least=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    total()  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


def results_of_the_wrong_type_are_found() -> None:
    """Check types of results."""
    text: str = count("a")  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    other: str = count.submit("a").result()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(text, other)


def wrong_and_unknown_options_are_found() -> None:
    """Check the arguments of the decorators."""
    task(retries="many")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    flow(retires=3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
