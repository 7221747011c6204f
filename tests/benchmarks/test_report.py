from __future__ import annotations

import dataclasses

from benchmarks import report
from benchmarks.results import Findings, Results


def row_of(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if line.lstrip("| ").startswith(name))


def test_a_row_tells_promise_figure_ratio_and_whether_it_is_met(results: Results) -> None:
    kept = row_of(report.terminal(results), "a no-op task")
    broken = row_of(report.terminal(results), "a task run in the database")

    assert kept.split() == "a no-op task ≤ 0.75 × bare hop 10.0 µs 0.50 × yes 4.00 ms (200 ×)".split()
    assert broken.split() == "a task run in the database ≤ 400 B 450 B – no failed".split()


def test_columns_line_up(results: Results) -> None:
    lines = report.terminal(results).splitlines()
    header = next(line for line in lines if line.startswith("what"))
    column = header.index("promise")

    assert all(row_of(report.terminal(results), promise.name)[column] == "≤" for promise in results.promises)


def test_the_figures_behind_and_the_failures_stand_below(results: Results) -> None:
    text = report.terminal(results)

    assert "a no-op task: bare hop 20.0 µs" in text
    assert "Other engine, a task run in the database: not done after 60 s" in text


def test_markdown_rows_have_as_many_cells_as_the_header(results: Results) -> None:
    table = [line for line in report.markdown(results).splitlines() if line.startswith("|")]

    assert len(table) == 2 + len(results.promises)
    assert {line.count("|") for line in table} == {len("what promise Sluiceway ratio met? peer".split()) + 1}


def test_a_line_that_could_not_be_measured_says_failed(results: Results) -> None:
    ours = Findings("sluiceway", "Sluiceway", "full", {}, {"direct": "exit code 1"})
    text = report.terminal(dataclasses.replace(results, subjects=(ours,)))

    assert row_of(text, "a no-op task").split()[-1] == "failed"
    assert "Sluiceway, a no-op task: exit code 1" in text


def test_small_counts_are_said_not_to_be_judged_by(results: Results) -> None:
    quick = dataclasses.replace(results.ours, effort="quick")

    assert "not to be judged by" in report.terminal(dataclasses.replace(results, subjects=(quick,)))
    assert "not to be judged by" not in report.terminal(results)
