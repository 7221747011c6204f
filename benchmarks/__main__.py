"""``python -m benchmarks``: measure every line of the table, or check that none became worse."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from benchmarks import chart, guard, report, results
from benchmarks.bench import Bench
from benchmarks.lines import LINES, Line
from benchmarks.peers import dbos, prefect, scratch
from benchmarks.processes import ProcessFailed
from benchmarks.results import Findings, Results
from benchmarks.subjects import FULL, QUICK, Effort, Subject, sluiceway
from benchmarks.survey import survey

OURS = "speed"
"""The name of the files about Sluiceway alone, which the guard compares with."""

BESIDE_PEERS = "peers"
"""The name of the files that show the peers too."""

PEERS = ("prefect", "dbos")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for.

    Returns: The exit code: 0; 1 when a line could not be measured or became worse; 2 when there was nothing
    to compare with or no peer to install.
    """
    options = _parser().parse_args(arguments)
    effort = QUICK if options.quick else FULL
    lines = [line for line in LINES if options.lines is None or line.key in options.lines]
    try:
        if options.check:
            return _check(effort, lines, options.out or results.FOLDER, options.tolerance)
        return _measure(effort, lines, options)
    except (results.UnreadableResults, scratch.CannotInstall) as error:
        print(error, file=sys.stderr)
        return 2


def _measure(effort: Effort, lines: Sequence[Line], options: argparse.Namespace) -> int:
    peers = _peers(dict(options.peer_python), options.peer_folder) if options.peers else []
    with _scratch() as folder:
        ours = survey(Bench(sluiceway(effort), folder), lines)
    found = Results(results.now(), results.this_machine(), results.promises_of(lines), [ours])
    is_whole = effort is FULL and options.lines is None
    keep = options.out or (results.FOLDER if is_whole else None)
    if ours.failures:
        keep = None
        print("no results are kept, because not every line could be measured", file=sys.stderr)
    _keep(found, keep, OURS)
    if peers:
        found = dataclasses.replace(found, subjects=[ours, *_findings_of(peers, lines)])
        _keep(found, keep, BESIDE_PEERS)
    print(report.terminal(found), end="")
    return 1 if ours.failures else 0


def _check(effort: Effort, lines: Sequence[Line], folder: Path, tolerance: float) -> int:
    committed = results.last_committed(folder / f"{OURS}.json").only({line.key for line in lines})
    if committed.ours.effort != effort.name:
        raise results.UnreadableResults(
            f"the committed result was measured with {committed.ours.effort} effort and this check with "
            f"{effort.name}: their figures cannot be compared"
        )
    with _scratch() as home:
        bench = Bench(sluiceway(effort), home)
        worse = guard.check(
            lambda keys: survey(bench, [line for line in lines if line.key in keys]), committed, tolerance
        )
    for line in worse:
        print(f"worse: {line}")
    total = len(committed.promises)
    print(f"{total - len(worse)} of {total} lines are as good as on {committed.taken}")
    return 1 if worse else 0


def _keep(found: Results, folder: Path | None, name: str) -> None:
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(results.to_json(found))
    (folder / f"{name}.md").write_text(report.markdown(found))
    (folder / f"{name}.svg").write_text(chart.svg(found))


OpenSubject = Callable[[Path], AbstractContextManager[Subject]]
"""Makes a subject ready in a scratch folder, for instance by starting its server."""


def _peers(given: dict[str, Path], folder: Path) -> list[OpenSubject]:
    prefect_python = given.get("prefect") or scratch.interpreter("prefect", prefect.REQUIREMENTS, folder)
    dbos_python = given.get("dbos") or scratch.interpreter("dbos", dbos.REQUIREMENTS, folder)
    return [
        lambda home: prefect.with_server(prefect_python, home),
        lambda _home: nullcontext(prefect.alone(prefect_python)),
        lambda _home: nullcontext(dbos.dbos(dbos_python)),
    ]


def _findings_of(peers: Sequence[OpenSubject], lines: Sequence[Line]) -> Iterator[Findings]:
    for open_subject in peers:
        try:
            with _scratch() as folder, open_subject(folder) as subject:
                yield survey(Bench(subject, folder), lines, is_peer=True)
        except ProcessFailed as failure:
            print(f"a peer is left out: {failure}", file=sys.stderr)


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sluiceway-benchmark-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--peers", action="store_true", help="measure Prefect and DBOS too")
    parser.add_argument("--check", action="store_true", help="compare with the last committed result instead")
    parser.add_argument("--quick", action="store_true", help="small counts: shows that it works, not how fast")
    parser.add_argument("--lines", type=_keys, metavar="KEY,…", help=f"only these: {', '.join(_all_keys())}")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where results are kept")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=guard.TOLERANCE,
        help="by which part a ratio may exceed the committed one (%(default)s)",
    )
    parser.add_argument(
        "--peer-python",
        action="append",
        default=[],
        type=_peer_python,
        metavar="PEER=PATH",
        help=f"an interpreter that has a peer ({', '.join(PEERS)}), instead of an environment made for it",
    )
    parser.add_argument("--peer-folder", type=Path, default=scratch.FOLDER, help="for environments (%(default)s)")
    return parser


def _all_keys() -> list[str]:
    return [line.key for line in LINES]


def _keys(text: str) -> set[str]:
    keys = set(text.split(","))
    if unknown := keys - set(_all_keys()):
        raise argparse.ArgumentTypeError(f"no such line: {', '.join(sorted(unknown))}")
    return keys


def _peer_python(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if name not in PEERS:
        raise argparse.ArgumentTypeError(f"not a peer: {name!r}; the peers are {', '.join(PEERS)}")
    if not Path(path).is_file():
        raise argparse.ArgumentTypeError(f"there is no interpreter {path!r}")
    return name, Path(path).absolute()


if __name__ == "__main__":
    sys.exit(main())
