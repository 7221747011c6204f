"""Artifacts: code makes them in runs and outside, by key in versions; people and programs read them."""

from __future__ import annotations

import asyncio
import json
import math
from base64 import b64encode
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from sluiceway import flow, task
from sluiceway.artifacts import (
    Artifact,
    ImageArtifact,
    LinkArtifact,
    MarkdownArtifact,
    ProgressArtifact,
    TableArtifact,
    acreate_image_artifact,
    acreate_link_artifact,
    acreate_markdown_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from sluiceway.client import Client, SyncClient
from sluiceway.client.schemas.filters import ArtifactCollectionFilter, ArtifactFilter, FlowRunFilter, TaskRunFilter
from sluiceway.client.schemas.sorting import ArtifactSort
from sluiceway.exceptions import InvalidNameError, InvalidOptionError, ObjectNotFound
from sluiceway.model.keepsakes import Artifact as KeptArtifact
from sluiceway.rules.keepsakes import MAX_DATA, MAX_IMAGE, Image, image_of
from sluiceway.task_runners import ProcessPoolTaskRunner
from sluiceway.testing import Harness, test_harness

DOT = b"\x89PNG and so on"
DOT_URL = f"data:image/png;base64,{b64encode(DOT).decode()}"


@pytest.fixture(autouse=True)
def harness() -> Iterator[Harness]:
    with test_harness() as place:
        yield place


@pytest.fixture
def client(harness: Harness) -> SyncClient:
    return harness.client


def kept(harness: Harness, artifact_id: UUID) -> KeptArtifact:
    """Return what the journal has of an artifact."""
    harness.drain()
    found = harness.services.store.read_artifact(artifact_id.bytes)
    assert found is not None
    return found


# --- each type ----------------------------------------------------------------------------------


def test_each_type_is_kept_with_its_data(client: SyncClient) -> None:
    made = [
        create_markdown_artifact("# Title", "text", "about"),
        create_link_artifact("https://example.org/x", "The report"),
        create_link_artifact("https://example.org/x"),
        create_table_artifact([{"a": 1}, {"a": None}]),
        create_progress_artifact(12.5),
        create_image_artifact("https://example.org/plot.png"),
    ]
    found = [client.read_artifact(each) for each in made]
    assert [(each.type, each.data) for each in found] == [
        ("markdown", "# Title"),
        ("markdown", "[The report](https://example.org/x)"),
        ("markdown", "[https://example.org/x](https://example.org/x)"),
        ("table", '[{"a":1},{"a":null}]'),
        ("progress", 12.5),
        ("image", "https://example.org/plot.png"),
    ]
    assert (found[0].key, found[0].description, found[0].flow_run_id) == ("text", "about", None)
    assert found[0].created == found[0].updated


def test_data_of_any_kind_is_kept_by_the_class(client: SyncClient) -> None:
    made = Artifact(key="k", type="own", data={"a": [1, 2]}, metadata_={"x": "y"}).create()
    assert client.read_artifact(made.id) == made
    assert (made.type, made.data, made.metadata_) == ("own", {"a": [1, 2]}, {"x": "y"})
    assert Artifact().create().data is None
    assert repr(Artifact(key="k")) == "Artifact(key='k', type=None)"


def test_each_class_says_how_its_data_is_kept() -> None:
    assert LinkArtifact(link="l").format() == "[l](l)"
    assert MarkdownArtifact(markdown="*m*").format() == "*m*"
    assert TableArtifact(table={"a": [1]}).format() == '{"a":[1]}'
    assert ProgressArtifact(progress=3).format() == 3.0
    assert ImageArtifact(image_url=DOT_URL).format() == DOT_URL
    assert Artifact(data=[1]).format() == [1]


@pytest.mark.parametrize("table", [[[1, 2], [3, 4]], {"a": [1], "b": [2]}, [], {}])
def test_tables_come_by_row_and_by_column(table: Any) -> None:
    assert json.loads(TableArtifact(table=table).format()) == table


@pytest.mark.parametrize("table", ["text", [1, 2], {"a": [1], "b": []}, {"a": 1}, [[1], {"a": 1}]])
def test_what_is_no_table_is_refused(table: Any) -> None:
    with pytest.raises(InvalidOptionError, match="A table"):
        create_table_artifact(table)


def test_values_in_tables_that_json_does_not_know_become_plain(tmp_path: Path) -> None:
    key = uuid4()
    row = [math.nan, math.inf, date(2026, 1, 2), Decimal("1.5"), key, tmp_path, {3, 1}, (1, math.nan)]
    plain = [None, None, "2026-01-02", "1.5", str(key), str(tmp_path), [1, 3], [1, None]]
    assert json.loads(TableArtifact(table=[row]).format()) == [plain]


def test_data_that_json_cannot_take_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match=r"it holds a object\. Turn it into text"):
        create_table_artifact([[object()]])
    circular: list[Any] = []
    circular.append(circular)
    with pytest.raises(InvalidOptionError, match="nested too deeply"):
        Artifact(data=circular).create()


def test_data_that_is_too_large_is_refused_with_the_remedy() -> None:
    with pytest.raises(InvalidOptionError, match=r"4,194,305 bytes.*may take 4,194,304\. Keep it in a file"):
        create_markdown_artifact("x" * (MAX_DATA - 1))
    create_markdown_artifact("x" * (MAX_DATA - 2))


def test_halves_of_characters_are_kept(client: SyncClient) -> None:
    assert client.read_artifact(create_markdown_artifact("a \udc80 b")).data == "a \udc80 b"


@pytest.mark.parametrize("key", ["Upper", "under_score", "with space", "", "ü", "x" * 256])
def test_a_bad_key_is_refused_with_the_rule(key: str) -> None:
    with pytest.raises(InvalidNameError, match=r"lower-case letters \(a to z\), digits and dashes, 255"):
        create_markdown_artifact("text", key)


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(TypeError, match="MarkdownArtifact takes no colour"):
        MarkdownArtifact(markdown="x", colour="red")  # type: ignore[call-arg]  # the very mistake


# --- images -------------------------------------------------------------------------------------


def test_the_image_of_a_file_is_kept_with_its_bytes(harness: Harness, tmp_path: Path) -> None:
    file = tmp_path / "dot.PNG"
    file.write_bytes(DOT)
    made = kept(harness, create_image_artifact(str(file)))
    assert image_of(made.data) == Image("image/png", DOT)


def test_an_image_in_a_url_is_kept_as_it_is(harness: Harness) -> None:
    assert image_of(kept(harness, create_image_artifact(DOT_URL)).data) == Image("image/png", DOT)
    assert image_of(kept(harness, create_image_artifact("https://example.org/a.png")).data) is None


def test_an_image_that_cannot_be_shown_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidOptionError, match=r"neither a URL nor a file of an image .*\.png"):
        create_image_artifact("javascript:alert(1)")
    with pytest.raises(InvalidOptionError, match=r"holds no image that is shown\. Write data:TYPE;base64,BYTES"):
        create_image_artifact("data:text/html;base64,PGI+")
    with pytest.raises(InvalidOptionError, match=r"cannot be read: No such file"):
        create_image_artifact(str(tmp_path / "missing.svg"))
    large = tmp_path / "large.gif"
    large.write_bytes(bytes(MAX_IMAGE + 1))
    with pytest.raises(InvalidOptionError, match=r"has more than .* bytes\. Make it smaller"):
        create_image_artifact(str(large))


def test_the_largest_image_fits(harness: Harness, tmp_path: Path) -> None:
    file = tmp_path / "large.gif"
    file.write_bytes(bytes(MAX_IMAGE))
    assert kept(harness, create_image_artifact(str(file))).size <= MAX_DATA


# --- progress -----------------------------------------------------------------------------------


def test_progress_is_updated_in_place(client: SyncClient) -> None:
    bar = create_progress_artifact(-5, "bar", "Reading")
    for percent in range(0, 100, 10):
        assert update_progress_artifact(bar, percent) == bar
    update_progress_artifact(bar, 250.0, "Read")
    (found,) = client.read_artifacts()
    assert (found.data, found.description) == (100.0, "Read")
    assert found.updated >= found.created


def test_progress_of_another_process_is_looked_up(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    bar, text = create_progress_artifact(0), create_markdown_artifact("x")
    monkeypatch.setattr("sluiceway.drivers.keepsakes._types", {})
    update_progress_artifact(bar, 50)
    assert harness.client.read_artifact(bar).data == 50.0
    with pytest.raises(InvalidOptionError, match="is of the type 'markdown', not 'progress'"):
        update_progress_artifact(text, 1)
    missing = uuid4()
    with pytest.raises(ObjectNotFound, match=f"no artifact with the identifier {missing}"):
        update_progress_artifact(missing, 1)


@pytest.mark.parametrize("progress", ["5", None, math.nan, True])
def test_progress_is_a_number(progress: Any) -> None:
    with pytest.raises(InvalidOptionError, match="is no number; it is a percentage, from 0 to 100"):
        create_progress_artifact(progress)


# --- in runs ------------------------------------------------------------------------------------


@task
def reported(number: int) -> UUID:
    return create_markdown_artifact(f"number {number}", "report")


def test_an_artifact_belongs_to_the_run_that_made_it(harness: Harness) -> None:
    @flow
    def reporting() -> tuple[UUID, UUID, UUID]:
        return create_markdown_artifact("of the flow"), reported(1), reported.submit(2).result()

    ids = reporting()
    (run,) = harness.client.read_flow_runs()
    steps = {step.id for step in harness.client.read_task_runs()}
    of_flow, *of_tasks = (harness.client.read_artifact(each) for each in ids)
    assert (of_flow.flow_run_id, of_flow.task_run_id) == (run.id, None)
    assert {(each.flow_run_id, each.task_run_id) for each in of_tasks} == {(run.id, step) for step in steps}
    lone = harness.client.read_artifact(reported(3))
    assert lone.flow_run_id is None
    assert lone.task_run_id not in {None, *steps}


def test_an_artifact_can_be_given_to_another_run(harness: Harness) -> None:
    @flow
    def nothing() -> None: ...

    nothing()
    (run,) = harness.client.read_flow_runs()
    made = MarkdownArtifact(markdown="x", flow_run_id=run.id).create()
    assert harness.client.read_artifact(made.id).flow_run_id == run.id


def test_a_flow_that_is_drawn_makes_none(harness: Harness) -> None:
    @flow
    def drawn() -> None:
        update_progress_artifact(create_progress_artifact(0), 1)

    drawn.generate_mermaid_graph()
    assert harness.client.read_artifacts() == []


@pytest.mark.slow
def test_tasks_in_other_processes_make_artifacts_of_their_runs(harness: Harness) -> None:
    @task
    def far(number: int) -> UUID:
        bar = create_progress_artifact(number)
        update_progress_artifact(bar, 50 + number)
        return bar

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def spread() -> list[UUID]:
        return far.map([1, 2]).result()

    found = [harness.client.read_artifact(each) for each in spread()]
    (run,) = harness.client.read_flow_runs()
    assert [each.data for each in found] == [51.0, 52.0]
    assert {each.flow_run_id for each in found} == {run.id}
    assert {each.task_run_id for each in found} == {step.id for step in harness.client.read_task_runs()}


def test_artifacts_go_with_their_run(harness: Harness, tmp_path: Path) -> None:
    @flow
    def reporting() -> None:
        reported(1)

    reporting()
    outside = create_markdown_artifact("stays")
    (run,) = harness.client.read_flow_runs()
    path = harness.client.export_flow_run(run.id, tmp_path / "run.zip")
    before = harness.client.read_artifacts()
    harness.client.delete_flow_run(run.id)
    assert [each.id for each in harness.client.read_artifacts()] == [outside]
    harness.client.import_flow_run(path)
    assert sorted(harness.client.read_artifacts(), key=str) == sorted(before, key=str)


# --- reading ------------------------------------------------------------------------------------


def test_the_latest_version_of_a_key_is_read() -> None:
    create_markdown_artifact("first", "report")
    create_markdown_artifact("second", "report")
    found = MarkdownArtifact.get("report")
    assert found is not None
    assert found.data == "second"
    assert Artifact.get("unknown") is None
    assert Artifact.get() is None


def test_an_artifact_is_made_unless_there_is_one() -> None:
    first, made = MarkdownArtifact.get_or_create("report", "about", markdown="x")
    assert made
    assert (first.data, first.description) == ("x", "about")
    again, made = MarkdownArtifact.get_or_create("report", markdown="y")
    assert not made
    assert again == first


def test_artifacts_are_read_by_filter_order_and_part(client: SyncClient) -> None:
    @flow
    def reporting() -> None:
        reported(1)

    reporting()
    table = create_table_artifact([], "table")
    newest = create_markdown_artifact("newest", "report")
    (run,) = client.read_flow_runs()
    (step,) = client.read_task_runs()
    (first,) = client.read_artifacts(flow_run_filter=FlowRunFilter(id={"any_": [run.id]}))
    assert client.read_artifacts(task_run_filter=TaskRunFilter(id={"any_": [step.id]})) == [first]
    assert [each.id for each in client.read_artifacts()] == [newest, table, first.id]
    assert [each.id for each in client.read_artifacts(sort=ArtifactSort.ID_ASC, offset=1, limit=1)] == [table]
    of_key = ArtifactFilter(key={"any_": ["report"]}, type={"any_": ["markdown"]})
    assert [each.id for each in client.read_artifacts(artifact_filter=of_key)] == [newest, first.id]
    assert [each.id for each in client.read_latest_artifacts()] == [newest, table]
    latest = ArtifactCollectionFilter(latest_id={"any_": [first.id, table]})
    assert [each.id for each in client.read_latest_artifacts(artifact_filter=latest)] == [table]
    with pytest.raises(ValueError, match="limit must be from 1"):
        client.read_latest_artifacts(limit=0)


def test_an_artifact_is_deleted(client: SyncClient) -> None:
    first = create_markdown_artifact("first", "report")
    second = create_markdown_artifact("second", "report")
    client.delete_artifact(second)
    assert [each.id for each in client.read_latest_artifacts()] == [first]
    with pytest.raises(ObjectNotFound, match=f"no artifact with the identifier {second}"):
        client.delete_artifact(second)
    with pytest.raises(ObjectNotFound, match=f"no artifact with the identifier {second}"):
        client.read_artifact(second)


# --- async code ---------------------------------------------------------------------------------


def test_async_code_makes_them_by_either_name(client: SyncClient, tmp_path: Path) -> None:
    file = tmp_path / "dot.png"
    file.write_bytes(DOT)

    @flow
    async def reporting() -> list[UUID]:
        reader = Client()
        bar = await acreate_progress_artifact(1)
        await aupdate_progress_artifact(bar, 2, client=reader)
        other_bar = await create_progress_artifact.aio(3)
        return [
            await acreate_markdown_artifact("a"),
            await create_markdown_artifact.aio("b", key="b"),
            await acreate_link_artifact("c", client=reader),
            await create_link_artifact.aio("d"),
            await acreate_table_artifact([]),
            await create_table_artifact.aio([]),
            await acreate_image_artifact(str(file)),
            await create_image_artifact.aio(DOT_URL),
            bar,
            await update_progress_artifact.aio(other_bar, 4),
            (await MarkdownArtifact(markdown="e").acreate()).id,
            (await MarkdownArtifact(markdown="f").create.aio()).id,
            create_markdown_artifact("g"),
        ]

    found = [client.read_artifact(each) for each in asyncio.run(reporting())]
    data = [each.data for each in found]
    assert data == ["a", "b", "[c](c)", "[d](d)", "[]", "[]", DOT_URL, DOT_URL, 2.0, 4.0, "e", "f", "g"]
    (run,) = client.read_flow_runs()
    assert {each.flow_run_id for each in found} == {run.id}


def test_async_code_reads_and_formats_them() -> None:
    async def ask() -> tuple[Any, ...]:
        first, made = await MarkdownArtifact.aget_or_create("k", markdown="x")
        formats = (
            await MarkdownArtifact(markdown="m").aformat(),
            await LinkArtifact(link="l").format.aio(),
            await TableArtifact(table=[]).aformat(),
            await ProgressArtifact(progress=1).format.aio(),
            await ImageArtifact(image_url=DOT_URL).aformat(),
            await Artifact(data=1).format.aio(),
        )
        return await Artifact.aget("k") == first, made, formats

    assert asyncio.run(ask()) == (True, True, ("m", "[l](l)", "[]", 1.0, DOT_URL, 1))
