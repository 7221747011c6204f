"""Torture: flows of 200 steps are killed by `kill -9` at random, again and again, and go on until they end.

    python examples/crash.py [--kills N] [--seed N] [--at-once N]

Each attempt at a run is a process of its own, really killed by a real SIGKILL at a random moment. The next one calls
the same flow with the same `run_id`, by which it finds what the journal has, and goes on from there. Now and then two
processes try at once, of which one has to wait for the end of the other.

Whether all is well is not left to Sluiceway to say. Steps and flows write what they do into a file, a line each, and
after each kill this program looks into that file and, by itself, into the database. It holds:

1. A step that was recorded as completed never runs again.
2. `durability="strict"`: a step whose call returned is recorded, so that it runs exactly once. By default what was not
   yet written may run again; it is never older than a moment.
3. Each run completes with the right value; each of its steps ran, and is recorded.
4. At any time at most one process has the run in hand.

A table shows what happened; the exit code is 1 if anything of that was violated. `make torture` kills 1,000 times.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sluiceway import flow, task
from sluiceway.settings import temporary_settings
from sluiceway.task_runners import ThreadPoolTaskRunner

STEPS = 200
RIGHT = sum(number * number for number in range(STEPS))
"""What each flow returns."""

KILLED_WITHIN = 0.25
"""Seconds from its start after which a process is killed at the latest, as a rule."""

SELDOM, LONG = 0.03, 2.5
"""How often it is left alone for up to as many seconds, so that what is lost would have had the time to be old."""

BOUND = 1.0
"""Seconds: nothing that was done longer than this before a kill may be lost. The flush interval is 0.05."""

STUCK = 120.0
"""Seconds after which a process that nobody kills should have ended."""


# --- what is killed: steps that leave a line, and flows of several kinds --------------------------


class Line(NamedTuple):
    """A line of a history: what a process did, and when.

    Args:
        at: Nanoseconds of the machine's clock.
        pid: The process.
        did: `begin`, `step`, `returned` or `end`, or `dead` by whoever killed it.
        number: The step, or the value; of one that is dead, when it was killed, by the same clock.
    """

    at: int
    pid: int
    did: str
    number: int


class _Place:
    """Where this process leaves its lines, and how long its steps take."""

    descriptor = -1
    pace = 0.0


def write(did: str, number: int = 0) -> None:
    """Add a line to the history of the run, in one write that nobody can tear apart."""
    line = f"{time.monotonic_ns()} {os.getpid()} {did} {number}\n"
    os.write(_Place.descriptor, line.encode())


@task
def step(number: int) -> int:
    """Do something to the outside world, which is to be done once."""
    time.sleep(_Place.pace)
    write("step", number)
    return number * number


@task(name="step")
async def async_step(number: int) -> int:
    """Do the same in async code."""
    await asyncio.sleep(_Place.pace)
    write("step", number)
    return number * number


@flow
def in_a_row() -> int:
    """Call one step after the other."""
    write("begin")
    total = 0
    for number in range(STEPS):
        total += step(number)
        write("returned", number)
    return total


@flow(task_runner=ThreadPoolTaskRunner(max_workers=4))
def mapped() -> int:
    """Have four threads do the steps."""
    write("begin")
    total = 0
    for numbers in (range(STEPS // 2), range(STEPS // 2, STEPS)):
        for number, future in zip(numbers, step.map(numbers), strict=True):
            total += future.result()
            write("returned", number)
    return total


@flow
async def gathered() -> int:
    """Do twenty steps at a time in an event loop."""
    write("begin")
    total = 0
    for first in range(0, STEPS, 20):
        total += sum(await asyncio.gather(*[async_step(number) for number in range(first, first + 20)]))
    return total


@task
def around(number: int) -> int:
    """Call a step within another one."""
    return step(number)


@flow
def part(first: int) -> int:
    """Do ten steps of the run that calls this."""
    return sum(around(number) if number % 2 else step(number) for number in range(first, first + 10))


@flow
def of_parts() -> int:
    """Call child flows, with tasks within tasks."""
    write("begin")
    return sum(part(first) for first in range(0, STEPS, 10))


class Kind(NamedTuple):
    """A kind of flow.

    Args:
        name: What the table calls it.
        flow: The flow.
        strict: Whether a step whose call returned is recorded.
        at_once: How many steps it does at a time.
    """

    name: str
    flow: Any
    strict: bool = False
    at_once: int = 1


KINDS = (
    Kind("in a row", in_a_row),
    Kind("in a row, strict", in_a_row.with_options(durability="strict"), strict=True),
    Kind("mapped in threads", mapped, at_once=4),
    Kind("mapped, strict", mapped.with_options(durability="strict"), strict=True, at_once=4),
    Kind("gathered, async", gathered, at_once=20),
    Kind("child flows", of_parts),
)


def attempt(kind: Kind, run_id: UUID, history: Path, database: Path, pace: float) -> int:
    """Begin a run, or go on with it, in this process, to the end; return the exit code."""
    _Place.descriptor = os.open(history, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    _Place.pace = pace
    called = kind.flow.with_options(run_id=run_id)
    try:
        with temporary_settings(database_url=f"sqlite:///{database}", logging_level="CRITICAL"):
            value = asyncio.run(called()) if kind.flow.isasync else called()
        write("end", value)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        os.close(_Place.descriptor)
    return 0


# --- who watches: outside, with nothing of Sluiceway's ---------------------------------------------

COMPLETED = """
    SELECT call_preview FROM task_run JOIN task ON task.id = task_run.task
    WHERE task.name = 'step' AND state = 3
    AND flow_run IN (SELECT key FROM flow_run WHERE key = :run OR root = :run)
"""


ENDED = "SELECT key FROM flow_run WHERE key = :run AND state = 3 AND key NOT IN (SELECT run FROM held_run)"


def found(database: Path, statement: str, run_id: UUID) -> list[Any]:
    """Return what the database has of a run; nothing where the first process was killed before it had made that."""
    with closing(sqlite3.connect(database, timeout=60)) as connection:
        try:
            return [value for (value,) in connection.execute(statement, {"run": run_id.bytes})]
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
    return []


def recorded_steps(database: Path, run_id: UUID) -> set[int]:
    """Return the steps of a run that the database has as completed."""
    return {int(preview.removeprefix("number=")) for preview in found(database, COMPLETED, run_id)}


class Ordeal:
    """What happens to one run.

    Args:
        kind: The kind of flow.
        folder: Where its history is kept.
        database: The journal.
    """

    def __init__(self, kind: Kind, folder: Path, database: Path) -> None:
        self.kind = kind
        self.run_id = uuid4()
        self.history = folder / f"{self.run_id}.history"
        self.history.touch()
        self.database = database
        self.kills = 0
        self.oldest = 0.0
        """Seconds before a kill at which the oldest step was done that was not recorded by then."""
        self.lost = 0
        """Steps that never ran, or are not in the journal in the end."""
        self.violations: list[str] = []
        self._recorded: set[int] = set()
        self._read = 0

    def lines(self) -> list[Line]:
        """Return the whole history."""
        return [_line(text) for text in self.history.read_text().splitlines()]

    def killed(self, pid: int, at: int) -> None:
        """Look at what a process has left that was killed."""
        self.kills += 1
        with open(self.history, "a", encoding="ascii") as file:
            file.write(f"{time.monotonic_ns()} {pid} dead {at}\n")
        recorded = recorded_steps(self.database, self.run_id)
        self._check_repeated()
        self._check_lost([line for line in self.lines() if line.pid == pid], recorded, at)
        self._recorded, self._read = recorded, self.history.stat().st_size

    def ended(self) -> None:
        """Look at the whole, once the run is over."""
        self._check_repeated()
        lines, recorded = self.lines(), recorded_steps(self.database, self.run_id)
        done = Counter(line.number for line in lines if line.did == "step")
        everything = set(range(STEPS))
        self.lost = len(everything - (done.keys() & recorded))
        self._expect(done.keys() >= everything, f"steps never ran: {sorted(everything - done.keys())}")
        self._expect(recorded == everything, f"steps are not recorded: {sorted(everything - recorded)}")
        self._expect(bool(found(self.database, ENDED, self.run_id)), "the run is not recorded as completed")
        values = {line.number for line in lines if line.did == "end"}
        self._expect(values == {RIGHT}, f"the value is {values}, not {RIGHT}")
        self._expect(not (others := list(_strangers(lines))), f"another process had the run in hand: {others}")
        if self.kind.strict:
            again = list(_done_again(lines))
            self._expect(not again, f"steps whose calls had returned ran again: {again}")

    def repeated(self) -> int:
        """Return how many times steps ran that had run before."""
        numbers = [line.number for line in self.lines() if line.did == "step"]
        return len(numbers) - len(set(numbers))

    def _check_repeated(self) -> None:
        with open(self.history, encoding="ascii") as file:
            file.seek(self._read)
            since = [_line(text) for text in file]
        again = [line.number for line in since if line.did == "step" and line.number in self._recorded]
        self._expect(not again, f"recorded steps ran again: {again}")

    def _check_lost(self, lines: Sequence[Line], recorded: set[int], at: int) -> None:
        lost = [line for line in lines if line.did == "step" and line.number not in recorded]
        age = max((at - line.at for line in lost), default=0) / 1e9
        self.oldest = max(self.oldest, age)
        self._expect(age <= BOUND, f"something was lost that had been done {age:.2f} s before the kill")
        if self.kind.strict:
            gone = [line.number for line in lines if line.did == "returned" and line.number not in recorded]
            self._expect(not gone, f"steps whose calls had returned are not recorded: {gone}")

    def _expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.violations.append(f"{self.kind.name}, run {self.run_id}: {otherwise}")


def _line(text: str) -> Line:
    at, pid, did, number = text.split()
    return Line(int(at), int(pid), did, int(number))


def _strangers(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield what processes did while another one had the run in hand.

    The kernel lets go of what a process held at the moment in which that dies. Another one may begin then, and leave
    its line, before whoever has killed the first one comes to say that it is dead.
    """
    history, holder = list(lines), None
    killed = {line.pid: line.number for line in history if line.did == "dead"}
    for line in history:
        if line.did in ("dead", "end"):
            holder = None if line.pid == holder else holder
        elif line.did == "begin" and (holder is None or killed.get(holder, line.at) < line.at):
            holder = line.pid
        elif line.pid != holder or line.did == "begin":
            yield line


def _done_again(lines: Iterable[Line]) -> Iterator[int]:
    """Yield the steps that ran after their calls had returned."""
    returned = set()
    for line in lines:
        if line.did == "returned":
            returned.add(line.number)
        elif line.did == "step" and line.number in returned:
            yield line.number


# --- who kills --------------------------------------------------------------------------------------


class Victim(NamedTuple):
    """A process that is at a run.

    Args:
        pid: Its number.
        ordeal: The run.
        due: When it is to be killed; infinite for never.
        late: When it should have ended by itself.
    """

    pid: int
    ordeal: Ordeal
    due: float
    late: float


class Torture:
    """Kills processes until enough have been killed, and lets the runs come to their ends.

    Args:
        folder: Where the journal and the histories are.
        kills: How many to kill.
        seed: What the random moments come from.
        at_once: How many runs are under way.
        meddle: Called with the journal and the run after each kill, by a test that wants something to be violated.
    """

    def __init__(
        self, folder: Path, kills: int, seed: int, at_once: int, meddle: Callable[[Path, UUID], object] | None = None
    ) -> None:
        self.ordeals: list[Ordeal] = []
        self._folder = folder
        self._database = folder / "runs.db"
        self._left = kills
        self._chance = random.Random(seed)
        self._kinds = cycle(KINDS)
        self._at_once = at_once
        self._meddle = meddle
        self._victims: list[Victim] = []
        self._over: set[UUID] = set()

    def go(self) -> list[Ordeal]:
        """Kill, and return what happened to each run."""
        under_way: list[Ordeal] = []
        while True:
            under_way = [ordeal for ordeal in under_way if not self._is_over(ordeal)]
            while self._left > 0 and len(under_way) < self._at_once:
                under_way.append(Ordeal(next(self._kinds), self._folder, self._database))
                self.ordeals.append(under_way[-1])
            if not under_way:
                return self.ordeals
            for ordeal in under_way:
                if all(victim.ordeal is not ordeal for victim in self._victims):
                    self._start(ordeal)
            time.sleep(0.001)
            for victim in list(self._victims):
                self._look_after(victim)

    def _is_over(self, ordeal: Ordeal) -> bool:
        """Return whether a run has ended and no process is left that waits for that."""
        if ordeal.run_id not in self._over or any(victim.ordeal is ordeal for victim in self._victims):
            return False
        ordeal.ended()
        return True

    def _start(self, ordeal: Ordeal) -> None:
        """Start a process that goes on with a run, now and then two."""
        for _ in range(2 if self._chance.random() < 0.15 else 1):
            longest = LONG if self._chance.random() < SELDOM else KILLED_WITHIN
            seconds = self._chance.uniform(0, longest) if self._left > 0 else 0.0
            pace = seconds * ordeal.kind.at_once / 100  # so that it does not come to the end before
            pid = os.fork()
            if not pid:
                os._exit(attempt(ordeal.kind, ordeal.run_id, ordeal.history, self._database, pace))
            now = time.monotonic()
            self._victims.append(Victim(pid, ordeal, now + seconds if seconds else float("inf"), now + STUCK))

    def _look_after(self, victim: Victim) -> None:
        ended, status = os.waitpid(victim.pid, os.WNOHANG)
        if ended:
            self._victims.remove(victim)
            self._over.add(victim.ordeal.run_id)  # for good: a run that failed would fail again and again
            if status:
                victim.ordeal.violations.append(f"{victim.ordeal.kind.name}: a process ended with status {status}")
        elif time.monotonic() > victim.late:
            victim.ordeal.violations.append(f"{victim.ordeal.kind.name}: process {victim.pid} did not come to an end")
            self._over.add(victim.ordeal.run_id)
            self._kill(victim)
        elif time.monotonic() > victim.due and self._left > 0:
            self._left -= 1
            self._kill(victim)

    def _kill(self, victim: Victim) -> None:
        at = time.monotonic_ns()
        os.kill(victim.pid, signal.SIGKILL)
        os.waitpid(victim.pid, 0)
        self._victims.remove(victim)
        victim.ordeal.killed(victim.pid, at)
        if self._meddle is not None:
            self._meddle(self._database, victim.ordeal.run_id)


def warm_up() -> None:
    """Import all that flows need, so that each process that is forked has it; nothing stays open."""
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            if attempt(kind, uuid4(), Path(folder, "history"), Path(folder, "runs.db"), 0.0):
                sys.exit(1)


def table(ordeals: Sequence[Ordeal]) -> Iterator[str]:
    """Yield what happened, a line for each kind of flow."""
    yield f"{'kind of flow':<20}{'kills':>7}{'runs':>7}{'repeated':>10}{'lost':>6}{'oldest':>10}{'violations':>12}"
    for kind in KINDS:
        of_kind = [ordeal for ordeal in ordeals if ordeal.kind is kind]
        kills, violations = sum(o.kills for o in of_kind), sum(len(o.violations) for o in of_kind)
        oldest = max((o.oldest for o in of_kind), default=0.0)
        yield (
            f"{kind.name:<20}{kills:>7}{len(of_kind):>7}{sum(o.repeated() for o in of_kind):>10}"
            f"{sum(o.lost for o in of_kind):>6}{oldest * 1000:>7.0f} ms{violations:>12}"
        )


EXPLAINED = """
repeated: times that steps ran again, since the kill came before they were recorded
lost:     steps that never ran, or are not in the journal in the end
oldest:   how long before a kill the oldest of what had to be repeated was done"""


def main() -> int:
    """Torture flows, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20, help="how many processes to kill (20)")
    parser.add_argument("--seed", type=int, default=None, help="repeat the random moments of an earlier round")
    parser.add_argument("--at-once", type=int, default=len(KINDS), help="how many runs are under way (6)")
    given = parser.parse_args()
    seed = random.randrange(10**6) if given.seed is None else given.seed
    warm_up()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        ordeals = Torture(Path(folder), given.kills, seed, given.at_once).go()
        print("\n".join(table(ordeals)))
    kills, seconds = sum(ordeal.kills for ordeal in ordeals), time.monotonic() - began
    violations = [violation for ordeal in ordeals for violation in ordeal.violations]
    print(f"{EXPLAINED}\n\n{kills} kills in {seconds:.0f} s, seed {seed}, {len(violations)} violations")
    if violations:
        print(f"seed {seed}", *violations, sep="\n", file=sys.stderr)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
