"""The table of a run, for a terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.lines import Detail, Reading
from benchmarks.quantities import DASH, quantity
from benchmarks.results import Findings, Promise, Results

NOT_MEASURED = DASH


def terminal(results: Results) -> str:
    """Write the table in columns of plain text, with the figures behind the figures below it."""
    table = _table(results)
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    rule = "  ".join("─" * width for width in widths)
    return _joined([[_heading(results)], [lines[0], rule, *lines[1:]], _notes(results)])


def markdown(results: Results) -> str:
    """Write the table in Markdown."""
    header, *rows = (f"| {' | '.join(row)} |" for row in _table(results))
    rule = "|---" * len(_header(results)) + "|"
    notes = [f"- {note}" for note in _notes(results)]
    return _joined([[_heading(results)], [header, rule, *rows], notes])


def _joined(paragraphs: Iterable[Sequence[str]]) -> str:
    return "\n\n".join("\n".join(lines) for lines in paragraphs if lines) + "\n"


def _heading(results: Results) -> str:
    effort = "" if results.ours.effort == "full" else f" ({results.ours.effort}: small counts, not to be judged by)"
    return f"Measured {results.taken} on {results.machine}{effort}."


def _table(results: Results) -> list[list[str]]:
    return [_header(results), *(_row(promise, results) for promise in results.promises)]


def _header(results: Results) -> list[str]:
    return [
        "what",
        "promise",
        results.ours.title,
        "ratio",
        "met?",
        *(peer.title for peer in results.subjects[1:]),
    ]


def _row(promise: Promise, results: Results) -> list[str]:
    ours = results.ours.readings.get(promise.key)
    return [
        promise.name,
        promise.promise,
        NOT_MEASURED if ours is None else quantity(ours.figure, promise.unit),
        NOT_MEASURED if ours is None else _ratio(ours),
        _verdict(promise, results.ours),
        *(_peer_cell(promise, peer) for peer in results.subjects[1:]),
    ]


def _ratio(reading: Reading) -> str:
    return NOT_MEASURED if reading.ratio is None else quantity(reading.ratio, "times")


def _verdict(promise: Promise, ours: Findings) -> str:
    if promise.key in ours.failures:
        return "failed"
    reading = ours.readings.get(promise.key)
    if reading is None:
        return NOT_MEASURED
    return "yes" if promise.is_met(reading) else "no"


def _peer_cell(promise: Promise, peer: Findings) -> str:
    if promise.key in peer.failures:
        return "failed"
    reading = peer.readings.get(promise.key)
    if reading is None:
        return NOT_MEASURED
    figure = quantity(reading.figure, promise.unit)
    return figure if reading.ratio is None else f"{figure} ({_ratio(reading)})"


def _notes(results: Results) -> Sequence[str]:
    details = [
        f"{promise.name}: " + ", ".join(f"{detail.label} {quantity(detail.value, detail.unit)}" for detail in found)
        for promise in results.promises
        if (found := _details(promise, results))
    ]
    failures = [
        f"{subject.title}, {promise.name}: {subject.failures[promise.key]}"
        for subject in results.subjects
        for promise in results.promises
        if promise.key in subject.failures
    ]
    return [*details, *failures]


def _details(promise: Promise, results: Results) -> Sequence[Detail]:
    reading = results.ours.readings.get(promise.key)
    return () if reading is None else reading.details
