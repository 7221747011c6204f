"""`sluiceway variable` and `sluiceway artifact`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sluiceway import flow
from sluiceway.artifacts import Artifact, create_image_artifact, create_markdown_artifact, create_table_artifact
from sluiceway.variables import Variable

Lines = Callable[..., list[str]]
Data = Callable[..., Any]
Refused = Callable[..., str]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


# --- variables ----------------------------------------------------------------------------------


def test_without_variables_it_says_how_to_set_one(printed: Lines, as_data: Data) -> None:
    assert printed("variable", "ls") == ["There is no such variable. Set one with: sluiceway variable set NAME VALUE"]
    assert as_data("variable", "ls") == []


def test_a_variable_is_set_listed_read_and_deleted(printed: Lines, as_data: Data) -> None:
    assert printed("variable", "set", "size", "100", "--tag", "nightly") == ["size is 100."]
    assert Variable.get("size") == 100
    assert printed("variable", "get", "size") == ["100"]
    (found,) = as_data("variable", "ls")
    assert (found["name"], found["value"], found["tags"]) == ("size", 100, ["nightly"])
    assert as_data("variable", "get", "size") == found
    assert cells(printed("variable", "ls", "--tag", "nightly")[1]) == ["size", "100", "nightly", "just now"]
    assert as_data("variable", "ls", "--tag", "other") == []
    assert as_data("variable", "unset", "size") == {"name": "size", "deleted": True}
    assert Variable.get("size") is None


def test_a_value_is_json_or_else_a_text(printed: Lines) -> None:
    printed("variable", "set", "days", '["monday"]')
    printed("variable", "set", "name", "a text")
    printed("variable", "set", "digits", "007", "--text")
    printed("variable", "set", "number", "7", "--text")
    names = ("days", "name", "digits", "number")
    assert [Variable.get(name) for name in names] == [["monday"], "a text", "007", "7"]
    assert printed("variable", "get", "name") == ["a text"]


def test_a_variable_is_changed_only_with_overwrite(printed: Lines, refused: Refused) -> None:
    printed("variable", "set", "v", "1")
    assert "already. Change it with --overwrite." in refused("variable", "set", "v", "2")
    printed("variable", "set", "v", "2", "--overwrite")
    assert Variable.get("v") == 2


def test_bad_names_and_unknown_ones_are_refused(refused: Refused) -> None:
    assert "lower-case letters" in refused("variable", "set", "Bad", "1")
    assert "There is no variable 'v'. See which there are with: sluiceway variable ls" in refused(
        "variable", "get", "v"
    )
    assert "There is no variable 'v'." in refused("variable", "unset", "v")


# --- artifacts ----------------------------------------------------------------------------------


def test_without_artifacts_it_says_who_makes_them(printed: Lines, as_data: Data) -> None:
    assert printed("artifact", "ls")[0].startswith("There is no such artifact. Code makes them with")
    assert as_data("artifact", "ls") == []


def test_the_newest_versions_are_listed_or_all(printed: Lines, as_data: Data) -> None:
    create_markdown_artifact("first", "report")
    last = create_markdown_artifact("second", "report")
    create_markdown_artifact("loose")
    assert cells(printed("artifact", "ls")[1]) == ["report", "markdown", "8", "just now", str(last)]
    (found,) = as_data("artifact", "ls")
    assert (found["id"], found["data"], found["flow_run_id"]) == (str(last), "second", None)
    assert [each["data"] for each in as_data("artifact", "ls", "--all")] == ["loose", "second", "first"]
    assert len(as_data("artifact", "ls", "--all", "--limit", "1")) == 1


def test_an_artifact_is_shown_by_key_and_by_identifier(printed: Lines, as_data: Data) -> None:
    @flow
    def reporting() -> None:
        create_markdown_artifact("# Title\n\x1b[31mred", "report", "about it")

    reporting()
    lines = printed("artifact", "inspect", "report")
    assert "key          report" in lines
    assert "description  about it" in lines
    assert lines[-2:] == ["# Title", r"\x1b[31mred"]
    found = as_data("artifact", "inspect", "report")
    assert found["flow_run_id"] is not None
    assert as_data("artifact", "inspect", found["id"]) == found


def test_tables_and_images_are_shown_as_far_as_a_terminal_can(printed: Lines) -> None:
    create_table_artifact([{"day": "monday", "rows": 7}, {"day": "friday"}], "by-row")
    create_table_artifact({"day": ["monday"], "rows": [7]}, "by-column")
    create_table_artifact([["monday", 7]], "plain")
    create_table_artifact([], "empty")
    Artifact(key="own", data={"a": 1}).create()
    create_image_artifact("data:image/png;base64,AAAA", "image")
    create_image_artifact("https://example.org/plot.png", "link")
    assert [cells(line) for line in printed("artifact", "inspect", "by-row")[-3:]] == [
        ["day", "rows"],
        ["monday", "7"],
        ["friday", "–"],
    ]
    assert cells(printed("artifact", "inspect", "by-column")[-1]) == ["monday", "7"]
    assert cells(printed("artifact", "inspect", "plain")[-1]) == ["monday", "7"]
    assert printed("artifact", "inspect", "empty")[-1] == "[]"
    assert printed("artifact", "inspect", "own")[-1] == "}"
    assert printed("artifact", "inspect", "image")[-1].startswith("An image of")
    assert printed("artifact", "inspect", "link")[-1] == "https://example.org/plot.png"


def test_versions_are_listed_and_deleted(printed: Lines, as_data: Data, refused: Refused) -> None:
    ids = [str(create_markdown_artifact(str(number), "report")) for number in range(3)]
    loose = str(create_markdown_artifact("loose"))
    assert [each["id"] for each in as_data("artifact", "inspect", "report", "--versions")] == ids[::-1]
    assert len(printed("artifact", "inspect", "report", "--versions")) == 4
    assert len(as_data("artifact", "inspect", loose, "--versions")) == 1
    assert as_data("artifact", "delete", ids[0]) == {"deleted": [ids[0]]}
    assert printed("artifact", "delete", "report") == ["Deleted 1 version(s) of report."]
    assert as_data("artifact", "inspect", "report")["id"] == ids[1]
    assert as_data("artifact", "delete", "report", "--all") == {"deleted": [ids[1]]}
    assert "There is no artifact 'report'." in refused("artifact", "delete", "report")
