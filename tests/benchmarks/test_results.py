from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest

from benchmarks.lines import Reading
from benchmarks.results import Results, UnreadableResults, from_json, last_committed, to_json


def test_a_document_reads_back_as_what_was_written(results: Results) -> None:
    assert to_json(from_json(to_json(results))) == to_json(results)
    assert from_json(to_json(results)) == results


def test_a_promise_with_a_yardstick_is_judged_by_the_ratio_and_one_without_by_the_figure(
    results: Results,
) -> None:
    fast, small = results.promises

    assert fast.is_met(Reading(figure=99.0, ratio=0.75))
    assert not fast.is_met(Reading(figure=0.0, ratio=0.76))
    assert small.is_met(Reading(figure=400.0))
    assert not small.is_met(Reading(figure=401.0))


def test_a_reading_without_the_ratio_that_its_line_is_judged_by_is_refused(results: Results) -> None:
    with pytest.raises(ValueError, match="'direct' is judged by its ratio"):
        results.promises[0].judged(Reading(figure=1.0))


def test_a_document_of_another_format_is_refused_with_the_remedy(results: Results) -> None:
    other = to_json(results).replace('"format": 1', '"format": 99')

    with pytest.raises(UnreadableResults, match=r"format 99 .* run `python -m benchmarks`"):
        from_json(other)


def test_a_missing_result_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UnreadableResults, match=r"no speed\.json .* run `python -m benchmarks` and commit it"):
        last_committed(tmp_path / "speed.json")


def test_a_result_that_no_commit_has_is_read_as_it_lies_there(tmp_path: Path, results: Results) -> None:
    (tmp_path / "speed.json").write_text(to_json(results))

    assert last_committed(tmp_path / "speed.json") == results


def test_the_committed_result_counts_not_the_one_measured_since(tmp_path: Path, results: Results) -> None:
    path = tmp_path / "speed.json"
    path.write_text(to_json(results))
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "speed.json"], [*author, "commit", "-q", "-m", "Measure"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, timeout=30)

    path.write_text(to_json(dataclasses.replace(results, taken="later")))

    assert last_committed(path) == results


def test_the_committed_lines_can_be_narrowed_down(results: Results) -> None:
    assert [promise.key for promise in results.only({"database"}).promises] == ["database"]
