from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.results import Results, to_json


def test_an_unknown_line_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--lines", "direct,warp"])

    assert "no such line: warp" in capsys.readouterr().err


def test_an_unknown_peer_is_named_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--peers", "--peer-python", "airflow=python"])

    assert "not a peer: 'airflow'; the peers are prefect, dbos" in capsys.readouterr().err


def test_a_peer_interpreter_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--peers", "--peer-python", "dbos=nowhere/python"])

    assert "there is no interpreter 'nowhere/python'" in capsys.readouterr().err


def test_a_check_without_a_committed_result_says_how_to_get_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check", "--out", str(tmp_path)]) == 2
    assert "run `python -m benchmarks` and commit it" in capsys.readouterr().err


def test_a_quick_check_is_not_compared_with_a_full_result(
    tmp_path: Path, results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "speed.json").write_text(to_json(results))

    assert main(["--check", "--quick", "--out", str(tmp_path)]) == 2
    assert "measured with full effort and this check with quick" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_measures_prints_and_keeps_what_can_then_be_checked_against(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "results"
    quick = ["--quick", "--lines", "direct,database", "--out", str(folder)]

    assert main(quick) == 0
    assert "a task run in the database" in capsys.readouterr().out
    assert {path.name for path in folder.iterdir()} == {"speed.json", "speed.md", "speed.svg"}

    assert main([*quick, "--check", "--lines", "direct", "--tolerance", "1000"]) == 0
    assert "1 of 1 lines are as good as on" in capsys.readouterr().out
