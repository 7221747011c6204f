"""Takes the lines for one subject; one that cannot be taken says why and stops no other."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.bench import Bench
from benchmarks.lines import Line, Reading
from benchmarks.processes import ProcessFailed
from benchmarks.quantities import quantity
from benchmarks.results import Findings


def survey(bench: Bench, lines: Sequence[Line], *, is_peer: bool = False) -> Findings:
    """Measure the lines and tell on standard error how it goes.

    Args:
        bench: Where the subject is set up.
        lines: What to measure.
        is_peer: Whether to leave out the lines that small counts cannot answer; what a subject does not offer is
            left out in any case.
    """
    subject = bench.subject
    readings: dict[str, Reading] = {}
    failures: dict[str, str] = {}
    for line in lines:
        if (is_peer and not line.for_peers) or line.key in subject.lacks:
            continue
        try:
            readings[line.key] = line.measure(bench)
        except ProcessFailed as failure:
            failures[line.key] = str(failure)
            _tell(f"{subject.title}, {line.name}: {failure}\n{failure.output}")
        else:
            _tell(f"{subject.title}, {line.name}: {quantity(readings[line.key].figure, line.unit)}")
    return Findings(subject.key, subject.title, bench.effort.name, readings, failures)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
