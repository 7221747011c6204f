"""A subject set up in a scratch folder: starts its programs and its probes, each with a home of its own."""

from __future__ import annotations

import itertools
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks import processes
from benchmarks.clocks import Rounds, alternate
from benchmarks.databases import live_bytes
from benchmarks.processes import ProcessFailed
from benchmarks.subjects import Subject

_TREE = Path(__file__).parent.parent
_INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")
"""All that measured processes take over, so that no setting of the person's changes a figure."""


class Bench:
    """Where one subject is measured.

    Args:
        subject: What to measure.
        scratch: An existing folder for its homes, programs and output; the caller removes it.
    """

    def __init__(self, subject: Subject, scratch: Path) -> None:
        self.subject = subject
        self.effort = subject.effort
        self._scratch = scratch
        self._numbers = itertools.count(1)

    def program(self, *arguments: str) -> Rounds:
        """Time a run of the subject's interpreter, from start to exit, against one that does nothing."""
        folder, home = self._new_folder(), self._home()
        environment = self._environment(home)
        command, bare = [str(self.subject.python), *arguments], [str(self.subject.python), "-c", "pass"]

        def stopwatch(words: list[str]) -> float:
            return processes.run(words, environment=environment, folder=folder, seconds=self.effort.seconds)

        stopwatch(command)
        return alternate(lambda: stopwatch(bare), lambda: stopwatch(command), self.effort.process_rounds)

    def hello(self) -> Rounds:
        """Time the subject's smallest program."""
        path = self._new_folder() / "hello.py"
        path.write_text(self.subject.hello)
        rounds = self.program(str(path))
        if not live_bytes(self._scratch):
            raise ProcessFailed("hello.py left no database: it was not recorded")
        return rounds

    def timing(self, workload: str, yardstick: str, count: int | None = None, rounds: int | None = None) -> Rounds:
        """Time a workload against a yardstick, by default as often as the subject's effort says."""
        count = count or self.effort.counts[workload]
        answer = self._probe(
            *("timing", self.subject.engine, "--workload", workload, "--yardstick", yardstick),
            *("--count", str(count), "--warm-up", str(min(count, self.effort.counts[workload]))),
            *("--bare", str(self.effort.bare), "--rounds", str(rounds or self.effort.rounds)),
        )
        return Rounds(bare=tuple(answer["bare"]), measured=tuple(answer["measured"]))

    def writers(self, number: int) -> Rounds:
        """Time tasks of several processes on one database, against as many tasks of a single process.

        Args:
            number: How many processes.

        Raises:
            ProcessFailed: A process failed, or not all task runs are recorded.
        """
        count = self.effort.written

        def seconds(company: int) -> float:
            home, meeting = self._home(), self._new_folder()
            words = [
                *("writer", self.subject.engine, "--count", str(count * number // company)),
                *("--company", str(company), "--meeting", str(meeting)),
            ]
            with ThreadPoolExecutor(company) as threads:
                answers = list(threads.map(lambda _: self._probe(*words, home=home), range(company)))
            recorded = max(answer["recorded"] for answer in answers)
            if recorded != count * number:
                raise ProcessFailed(f"{recorded:,} of {count * number:,} task runs are recorded")
            span = max(answer["ended"] for answer in answers) - min(answer["began"] for answer in answers)
            return float(span) / (count * number)

        return alternate(lambda: seconds(1), lambda: seconds(number), self.effort.process_rounds // 3)

    def peak(self, count: int) -> tuple[float, float]:
        """Tell the resident bytes before a map of that many tasks, and at its peak."""
        answer = self._probe("peak", self.subject.engine, "--count", str(count))
        return float(answer["before"]), float(answer["peak"])

    def kept(self) -> float:
        """Tell the bytes of memory kept for each finished task."""
        return float(self._probe("kept", self.subject.engine, "--count", str(self.effort.kept))["bytes"])

    def database(self) -> float:
        """Tell the bytes that a finished task run takes in the database."""
        return float(self._probe("database", self.subject.engine, "--count", str(self.effort.database))["bytes"])

    def _probe(self, *arguments: str, home: Path | None = None) -> dict[str, Any]:
        folder, home = self._new_folder(), home or self._home()
        answer = folder / "answer.json"
        processes.run(
            [
                *(str(self.subject.python), "-m", "benchmarks.probe"),
                *("--home", str(home), "--answer", str(answer), *arguments),
            ],
            environment={**self._environment(home), "PYTHONPATH": str(_TREE)},
            folder=folder,
            seconds=self.effort.seconds,
        )
        found: dict[str, Any] = json.loads(answer.read_text())
        return found

    def _environment(self, home: Path) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return {**inherited, "HOME": str(home), **self.subject.variables(home)}

    def _home(self) -> Path:
        home = self._scratch / "home" if self.subject.keeps_home else self._new_folder() / "home"
        home.mkdir(exist_ok=True)
        return home

    def _new_folder(self) -> Path:
        folder = self._scratch / str(next(self._numbers))
        folder.mkdir()
        return folder
