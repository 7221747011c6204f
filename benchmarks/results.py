"""What one run of the benchmark found, as a document that can be kept, drawn and compared."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.lines import Detail, Line, Reading
from benchmarks.quantities import Unit

FORMAT = 1
"""The version of the JSON document; a document of another one cannot be compared."""

FOLDER = Path(__file__).parent / "results"


class UnreadableResults(Exception):
    """A kept result cannot be used; the message says why and how to get one that can."""


@dataclass(frozen=True)
class Promise:
    """A line of the table as it stood when it was measured."""

    key: str
    name: str
    promise: str
    limit: float
    has_yardstick: bool
    unit: Unit

    def judged(self, reading: Reading) -> float:
        """The number that the limit is for: the ratio where there is a yardstick, else the figure."""
        if not self.has_yardstick:
            return reading.figure
        if reading.ratio is None:
            raise ValueError(f"the line {self.key!r} is judged by its ratio, and the reading has none")
        return reading.ratio

    def is_met(self, reading: Reading) -> bool:
        """Whether the reading keeps the promise."""
        return self.judged(reading) <= self.limit


@dataclass(frozen=True)
class Findings:
    """All readings of one subject, and why others are missing."""

    key: str
    title: str
    effort: str
    readings: Mapping[str, Reading]
    failures: Mapping[str, str]


@dataclass(frozen=True)
class Results:
    """One run: the promises, and what each subject showed."""

    taken: str
    machine: str
    promises: Sequence[Promise]
    subjects: Sequence[Findings]

    @property
    def ours(self) -> Findings:
        """The first subject: Sluiceway."""
        return self.subjects[0]

    def only(self, keys: Collection[str]) -> Results:
        """The same without the other lines of the table."""
        return replace(self, promises=tuple(promise for promise in self.promises if promise.key in keys))


def promises_of(lines: Sequence[Line]) -> tuple[Promise, ...]:
    """Write the lines down without the way they are measured."""
    return tuple(
        Promise(line.key, line.name, line.promise, line.limit, line.yardstick is not None, line.unit) for line in lines
    )


def this_machine() -> str:
    """Describe the interpreter and the machine, without their names or folders."""
    return (
        f"{platform.python_implementation()} {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    )


def now() -> str:
    """The present time in UTC, to the minute."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def to_json(results: Results) -> str:
    """Write results as a JSON document."""
    return json.dumps({"format": FORMAT, **asdict(results)}, indent=2, ensure_ascii=False) + "\n"


def from_json(text: str) -> Results:
    """Read what `to_json` wrote.

    Raises:
        UnreadableResults: It is another format.
    """
    document = json.loads(text)
    if document.get("format") != FORMAT:
        raise UnreadableResults(
            f"the kept result has format {document.get('format')} and this benchmark reads {FORMAT}: "
            "run `python -m benchmarks` and commit the new result"
        )
    return Results(
        taken=document["taken"],
        machine=document["machine"],
        promises=tuple(Promise(**promise) for promise in document["promises"]),
        subjects=tuple(_findings(subject) for subject in document["subjects"]),
    )


def last_committed(path: Path) -> Results:
    """Read a result file as it was last committed; where no commit has it, as it lies there.

    Raises:
        UnreadableResults: There is none.
    """
    committed = _committed_text(path)
    if committed is not None:
        return from_json(committed)
    if not path.exists():
        raise UnreadableResults(f"there is no {path.name} to compare with: run `python -m benchmarks` and commit it")
    return from_json(path.read_text())


def _committed_text(path: Path) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    command = [git, "show", f"HEAD:./{path.name}"]
    shown = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, timeout=30, check=False)
    return shown.stdout if shown.returncode == 0 else None


def _findings(document: dict[str, Any]) -> Findings:
    readings = {
        key: Reading(kept["figure"], kept["ratio"], tuple(Detail(**detail) for detail in kept["details"]))
        for key, kept in document["readings"].items()
    }
    return Findings(document["key"], document["title"], document["effort"], readings, document["failures"])
