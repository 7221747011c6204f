"""A run goes into a file and comes out of it in another journal as it was, or the journal is as it was."""

from __future__ import annotations

import json
import os
import pathlib
import pickle
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sluiceway import flow, task, wiring
from sluiceway.base import ids, times
from sluiceway.base.errors import ArchiveError, ObjectAlreadyExists, ObjectNotFound, UnfinishedRun
from sluiceway.base.ids import RunId
from sluiceway.model.facts import Fact, TaskRunMoved
from sluiceway.model.inputs import InputPlace, SentInput
from sluiceway.model.keeping import KeptTree
from sluiceway.model.results import NOTHING, StoredResult
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import StateType
from sluiceway.ports.services import Services
from sluiceway.storage.archives import MANIFEST, digest
from sluiceway.storage.results import ResultStorage
from sluiceway.stores.memory import MemoryStore
from sluiceway.stores.sqlite.store import SqliteStore
from sluiceway.testing.clock import VirtualClock
from sluiceway.testing.scripts import DirectRecorder
from sluiceway.wiring.archiving import export_run, import_run
from sluiceway.wiring.retention import make_pruner
from tests.stores.making import NOON, flow_facts, flow_run, key_at, state, task_facts, task_run
from tests.stores.test_keeping import shown
from tests.stores.test_random_walk import FLOWS, INPUTS, MOMENTS, NAMES, PARAMETERS, STATES, TAGS, TEXTS
from tests.stores.trees import COMPLETED, PENDING, RUNNING, everything, large_tree, small_tree

LARGE = StoredResult("pickle", None, None, 0, "…")


@contextmanager
def journal(folder: pathlib.Path, name: str, kind: str = "sqlite") -> Iterator[Services]:
    """Yield the services of a journal with result storage of its own."""
    store = MemoryStore() if kind == "memory" else SqliteStore(str(folder / f"{name}.db"))
    results = ResultStorage(store, str(folder / f"{name}-results"))
    services = Services(wiring.defaults(), store, DirectRecorder(store), results, VirtualClock())
    try:
        yield services
    finally:
        store.close()


@pytest.fixture
def source(tmp_path: pathlib.Path) -> Iterator[Services]:
    with journal(tmp_path, "source") as services:
        yield services


@pytest.fixture(params=["memory", "sqlite"])
def target(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[Services]:
    with journal(tmp_path, "target", request.param) as services:
        yield services


def with_stored(services: Services, facts: list[Fact]) -> list[Fact]:
    """Return facts whose stored results are really in result storage, the same ones in the same place."""
    for fact in facts:
        result = getattr(fact, "result", None)
        if result is not None and result.location is not None:
            written = services.results.write_payload(result.location.encode() * 9, "pickle", result.preview)
            fact.result = written  # type: ignore[union-attr]  # those that have one
    return facts


def without_places(tree: KeptTree) -> Any:
    """Return all that is the same in every journal."""
    runs, lines = shown(tree)
    return [[run, history, result and result._replace(location=None)] for run, history, result in runs], lines


def payloads(services: Services) -> list[bytes | None]:
    tree = everything(services.store)
    found = [kept.result for kept in (*tree.flow_runs, *tree.task_runs) if kept.result is not None]  # type: ignore[attr-defined]
    return [services.results.read_payload(result) for result in found]


def test_a_run_is_imported_as_it_was_exported_with_everything(
    source: Services, target: Services, tmp_path: pathlib.Path
) -> None:
    root, facts = large_tree()
    source.store.write(with_stored(source, facts))
    source.store.write(small_tree(NOON, 60)[1])
    exported = export_run(source, root.key, str(tmp_path / "run.zip"))
    imported = import_run(target, str(tmp_path / "run.zip"))
    assert exported.id == imported.id == root.id
    of_root = everything(source.store)
    of_root = KeptTree(of_root.flow_runs[:3], of_root.task_runs[:5], of_root.lines[:4])
    assert without_places(everything(target.store)) == without_places(of_root)
    assert target.store.check() == []
    assert payloads(target) == payloads(source)[:-1]


def test_results_land_where_the_importing_journal_keeps_its_own(
    source: Services, target: Services, tmp_path: pathlib.Path
) -> None:
    root, facts = large_tree()
    source.store.write(with_stored(source, facts))
    export_run(source, root.key, str(tmp_path / "run.zip"))
    import_run(target, str(tmp_path / "run.zip"))
    result = target.store.read_result(root.key)
    assert result is not None
    folder = (tmp_path / "target-results" / target.store.read_identity()).as_uri()
    assert (result.location or "").startswith(folder)
    make_pruner(source).remove([root.key])
    assert target.results.read_payload(result)


def test_what_a_run_was_sent_goes_along_with_who_received_it(
    source: Services, target: Services, tmp_path: pathlib.Path
) -> None:
    root, facts = large_tree()
    source.store.write(with_stored(source, facts))
    for key, value in (("a-1", "1"), ("a-2", "2"), ("b-1", '"ö"')):
        source.store.send_input(SentInput(root.key, key, value, "somebody", NOON))
    first = InputPlace(root.key, "a", root.key, 0)
    source.store.receive_input(first, NOON + 1)
    source.store.delete_input(root.key, "a-1")
    none = InputPlace(root.key, "c", ids.new_id(), 0)
    source.store.receive_input(none, NOON + 2, last=True)
    export_run(source, root.key, str(tmp_path / "run.zip"))
    import_run(target, str(tmp_path / "run.zip"))
    assert target.store.read_kept_inputs(root.key) == source.store.read_kept_inputs(root.key)
    for place in (first, none):
        assert target.store.receive_input(place, NOON + 9) == source.store.receive_input(place, NOON + 9)
    assert [sent.key for sent in target.store.read_inputs(root.key)] == ["a-2", "b-1"]


@st.composite
def histories(draw: st.DrawFn) -> tuple[RunId, list[Fact]]:
    """Return a tree of runs with histories that somebody made up."""
    numbers = iter(range(1, 1_000))
    flows: list[FlowRun] = []
    facts: list[Fact] = []
    results = st.sampled_from([None, NOTHING, StoredResult("json", b"5", None, 1, "5"), LARGE])
    for _ in range(draw(st.integers(1, 3))):
        run = flow_run(draw(FLOWS), key=key_at(draw(MOMENTS), next(numbers)), tags=draw(TAGS))
        run.parameters, run.flow_version = draw(PARAMETERS), draw(TEXTS)
        run.given_name, run.expected_start = draw(st.none() | NAMES), draw(st.none() | MOMENTS)
        if flows:
            run.parent_key, run.root_key = draw(st.sampled_from(flows)).key, flows[0].key
        made = flow_facts(run, PENDING, RUNNING, draw(st.sampled_from([COMPLETED, StateType.FAILED])))
        made[-1].result = draw(results)  # type: ignore[union-attr]  # the last fact is a move
        flows.append(run)
        facts += made
    for _ in range(draw(st.integers(0, 4))):
        made_by = draw(st.sampled_from(flows))
        one = task_run(made_by, draw(FLOWS), key=key_at(draw(MOMENTS), next(numbers)), tags=draw(TAGS))
        one.given_name, one.call_preview, one.cache_key = draw(st.none() | NAMES), draw(TEXTS), draw(TEXTS)
        one.inputs = draw(INPUTS)
        facts += task_facts(one, PENDING)
        passing = draw(st.lists(STATES.filter(lambda state: not state.is_final()), max_size=2))
        facts += [TaskRunMoved(one.key, step, 1) for step in passing]
        facts.append(TaskRunMoved(one.key, state(COMPLETED), draw(st.integers(0, 3)), draw(results)))
    return flows[0].key, facts


@pytest.mark.slow
@settings(max_examples=40, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(histories(), st.sampled_from(["memory", "sqlite"]))
def test_what_is_exported_and_imported_and_exported_again_is_an_equal_file(
    tmp_path_factory: pytest.TempPathFactory, made: tuple[RunId, list[Fact]], kind: str
) -> None:
    key, facts = made
    folder = tmp_path_factory.mktemp("journals")
    with journal(folder, "one", "memory") as one, journal(folder, "other", kind) as other:
        for fact in facts:
            if getattr(fact, "result", None) is LARGE:
                fact.result = one.results.write_payload(b"large", "pickle", "…")  # type: ignore[union-attr]
        one.store.write(facts)
        export_run(one, key, str(folder / "first.zip"))
        import_run(other, str(folder / "first.zip"))
        export_run(other, key, str(folder / "second.zip"))
    assert (folder / "first.zip").read_bytes() == (folder / "second.zip").read_bytes()


def test_without_results_no_value_is_in_the_file(source: Services, target: Services, tmp_path: pathlib.Path) -> None:
    root = flow_run(key=key_at(NOON, 1))
    inline, stored, nothing = (task_run(root, key=key_at(NOON, number)) for number in (2, 3, 4))
    secret = StoredResult("json", b'"secret"', None, 8, "secret")
    facts = flow_facts(root, RUNNING, COMPLETED, result=secret)
    facts += task_facts(inline, RUNNING, COMPLETED, result=secret)
    facts += task_facts(stored, RUNNING, COMPLETED, result=source.results.write_payload(b"secret", "json", "secret"))
    source.store.write([*facts, *task_facts(nothing, RUNNING, COMPLETED, result=NOTHING)])
    path = tmp_path / "run.zip"
    export_run(source, root.key, str(path), results=False)
    with zipfile.ZipFile(path) as archive:
        assert not any(b"secret" in archive.read(name) for name in archive.namelist())
        assert not any(name.startswith("results/") for name in archive.namelist())
    import_run(target, str(path))
    left = target.store.read_result(inline.key)
    assert left is not None
    assert (left.why_not, left.size) == ("The value was left out when the run was exported.", 8)
    assert target.store.read_result(nothing.key) == NOTHING


def test_a_result_that_has_gone_is_exported_as_gone(source: Services, target: Services, tmp_path: pathlib.Path) -> None:
    root, facts = large_tree()
    source.store.write(facts)
    export_run(source, root.key, str(tmp_path / "run.zip"))
    import_run(target, str(tmp_path / "run.zip"))
    result = target.store.read_result(root.key)
    assert result is not None
    assert (result.why_not or "").startswith("The stored result file:///results/root has gone")


def test_nothing_is_unpickled_on_the_way(source: Services, target: Services, tmp_path: pathlib.Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "sprung"),)

    bait = pickle.dumps(Trap())
    root = flow_run(key=key_at(NOON, 1))
    task = task_run(root, key=key_at(NOON, 2))
    source.store.write(flow_facts(root, RUNNING, COMPLETED, result=StoredResult("pickle", bait, None, len(bait))))
    filed = source.results.write_payload(bait, "pickle", "bait")
    source.store.write(task_facts(task, RUNNING, COMPLETED, result=filed))
    export_run(source, root.key, str(tmp_path / "run.zip"))
    import_run(target, str(tmp_path / "run.zip"))
    assert payloads(target) == [bait, bait]
    assert not (tmp_path / "sprung").exists()


# --- what is refused ----------------------------------------------------------------------------


def test_an_export_of_what_cannot_be_exported_is_refused_and_leaves_no_file(
    source: Services, tmp_path: pathlib.Path
) -> None:
    root, facts = large_tree()
    running = flow_run(key=key_at(NOON, 40))
    source.store.write([*facts, *flow_facts(running, RUNNING)])
    path = str(tmp_path / "run.zip")
    with pytest.raises(ObjectNotFound, match="no flow run with the identifier"):
        export_run(source, ids.new_id(), path)
    with pytest.raises(UnfinishedRun, match=f"was called by another run. Export {root.id} instead"):
        export_run(source, key_at(NOON, 2), path)
    with pytest.raises(UnfinishedRun, match="It has not ended; export the run once it has"):
        export_run(source, running.key, path)
    assert not list(tmp_path.glob("run.zip*"))


def test_a_file_that_is_there_is_not_written_over(source: Services, tmp_path: pathlib.Path) -> None:
    root, facts = large_tree()
    source.store.write(facts)
    path = tmp_path / "run.zip"
    path.write_text("mine")
    with pytest.raises(ArchiveError, match=r"run.zip is there already"):
        export_run(source, root.key, str(path))
    with pytest.raises(ArchiveError, match=r"cannot be written: No such file or directory"):
        export_run(source, root.key, str(tmp_path / "none" / "run.zip"))
    assert path.read_text() == "mine"
    assert [entry.name for entry in tmp_path.glob("*.part")] == []


@pytest.fixture
def exported(source: Services, tmp_path: pathlib.Path) -> pathlib.Path:
    """Return the file of a run."""
    root, facts = large_tree()
    source.store.write(with_stored(source, facts))
    path = tmp_path / "run.zip"
    export_run(source, root.key, str(path))
    return path


def members(path: pathlib.Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path: pathlib.Path, files: dict[str, bytes], sealed: bool = False) -> None:
    """Write an archive anew; if it is to be sealed, with the digests of what is in it now."""
    if sealed:
        manifest = json.loads(files[MANIFEST])
        others = {name: content for name, content in files.items() if name != MANIFEST}
        manifest["files"] = {
            name: {"bytes": len(content), "sha256": digest(content)} for name, content in others.items()
        }
        manifest.pop("sha256", None)
        manifest["sha256"] = digest(json.dumps(manifest, separators=(",", ":")).encode() + b"\n")
        files = {**others, MANIFEST: json.dumps(manifest).encode()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def untouched(target: Services, tmp_path: pathlib.Path, act: Callable[[], object]) -> str:
    """Return what an import is refused with, having seen that it changed nothing."""
    before = shown(everything(target.store))
    files = sorted((tmp_path / "target-results").rglob("*"))
    with pytest.raises(ArchiveError) as refused:
        act()
    assert shown(everything(target.store)) == before
    assert target.store.describe()["rows"]["flows"] == 0
    assert sorted((tmp_path / "target-results").rglob("*")) == files
    return str(refused.value)


def test_a_file_that_is_cut_short_anywhere_is_refused(
    exported: pathlib.Path, target: Services, tmp_path: pathlib.Path
) -> None:
    whole = exported.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        exported.write_bytes(whole[:length])
        told = untouched(target, tmp_path, lambda: import_run(target, str(exported)))
        assert str(exported) in told
        assert "it is no archive, or was cut short" in told


@pytest.mark.parametrize("name", ["flow_runs.jsonl", "task_runs.jsonl", "logs.jsonl", "results/", MANIFEST])
def test_a_file_that_was_changed_anywhere_is_refused_by_name(
    exported: pathlib.Path, target: Services, tmp_path: pathlib.Path, name: str
) -> None:
    files = members(exported)
    (chosen, *_) = [known for known in files if known.startswith(name)]
    files[chosen] = files[chosen].replace(b"0", b"1", 1) if b"0" in files[chosen] else b"1" + files[chosen][1:]
    rewrite(exported, files)
    told = untouched(target, tmp_path, lambda: import_run(target, str(exported)))
    assert str(exported) in told
    assert f"{chosen} in it cannot be read: its bytes were changed" in told


def test_every_flipped_byte_is_found_out_or_does_not_matter(
    exported: pathlib.Path, target: Services, tmp_path: pathlib.Path
) -> None:
    whole = exported.read_bytes()
    for place in range(0, len(whole), 97):
        exported.write_bytes(whole[:place] + bytes([whole[place] ^ 0x5A]) + whole[place + 1 :])
        try:
            import_run(target, str(exported))
        except ArchiveError as refused:
            assert str(exported) in str(refused)  # noqa: PT017 - some bytes do not matter
            assert not any(everything(target.store))
        else:
            make_pruner(target).remove([key_at(NOON, 1)])


@pytest.mark.parametrize("missing", ["flow_runs.jsonl", "results/"])
def test_a_file_that_lacks_something_is_refused(
    exported: pathlib.Path, target: Services, tmp_path: pathlib.Path, missing: str
) -> None:
    files = {name: content for name, content in members(exported).items() if not name.startswith(missing)}
    rewrite(exported, files)
    assert "lists other files" in untouched(target, tmp_path, lambda: import_run(target, str(exported)))
    rewrite(exported, files, sealed=True)
    assert "is missing" in untouched(target, tmp_path, lambda: import_run(target, str(exported)))


def test_a_file_of_a_newer_version_is_refused_with_both_versions_and_the_remedy(
    exported: pathlib.Path, target: Services, tmp_path: pathlib.Path
) -> None:
    files = members(exported)
    files[MANIFEST] = files[MANIFEST].replace(b'"format": 1', b'"format": 2')
    rewrite(exported, files)
    told = untouched(target, tmp_path, lambda: import_run(target, str(exported)))
    assert told == (
        f"The file {exported} was written by a newer version of Sluiceway (format 2, the newest known here is 1). "
        "Upgrade Sluiceway to import it."
    )


def test_a_file_of_another_kind_is_refused(target: Services, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")
    assert "holds no exported run" in untouched(target, tmp_path, lambda: import_run(target, str(path)))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MANIFEST, json.dumps({"kind": "something", "format": 1, "files": {}}))
    assert "holds something else" in untouched(target, tmp_path, lambda: import_run(target, str(path)))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MANIFEST, "[]")
    assert "manifest.json in it" in untouched(target, tmp_path, lambda: import_run(target, str(path)))
    none = tmp_path / "none.zip"
    told = untouched(target, tmp_path, lambda: import_run(target, str(none)))
    assert told == f"The file {none} cannot be read: No such file or directory."


def edited(content: bytes, line: int, **changes: Any) -> bytes:
    """Return lines of JSON objects, one of which has other values."""
    records = [json.loads(text) for text in content.splitlines()]
    records[line].update(changes)
    return b"\n".join(json.dumps(record).encode() for record in records)


@pytest.mark.parametrize(
    ("name", "changes", "why"),
    [
        ("flow_runs.jsonl", {"id": "no identifier"}, "flow_runs.jsonl in it cannot be read: badly formed"),
        ("flow_runs.jsonl", {"flow": 5}, "5 is none of str"),
        ("flow_runs.jsonl", {"tags": "x"}, "'x' is none of list"),
        ("flow_runs.jsonl", {"states": []}, "it has been in no state"),
        ("flow_runs.jsonl", {"states": [["ODD", "Odd", 0, None, None]]}, "'ODD' is not a valid StateType"),
        ("flow_runs.jsonl", {"run_count": True}, "True is none of int"),
        ("flow_runs.jsonl", {"parent": str(UUID(int=5))}, "its first flow run was called by another one"),
        ("task_runs.jsonl", {"flow_run": str(UUID(int=5))}, "refers to a run that is not in it"),
        ("task_runs.jsonl", {"parent": str(UUID(int=5))}, "refers to a run that is not in it"),
        ("task_runs.jsonl", {"result": {"serializer": "pickle", "size": 1, "preview": None}}, "'why_not'"),
        ("task_runs.jsonl", {"id": str(UUID(bytes=key_at(NOON, 1)))}, "it holds a run twice"),
        ("logs.jsonl", {"task_run": str(UUID(int=5))}, "refers to a run that is not in it"),
        ("logs.jsonl", {"level": "INFO"}, "'INFO' is none of int"),
    ],
)
def test_a_file_that_is_sealed_but_makes_no_sense_is_refused(
    exported: pathlib.Path, target: Services, tmp_path: pathlib.Path, name: str, changes: dict[str, Any], why: str
) -> None:
    files = members(exported)
    files[name] = edited(files[name], 0, **changes)
    rewrite(exported, files, sealed=True)
    assert why in untouched(target, tmp_path, lambda: import_run(target, str(exported)))


def test_an_empty_tree_is_refused(exported: pathlib.Path, target: Services, tmp_path: pathlib.Path) -> None:
    files = members(exported)
    files["flow_runs.jsonl"] = b""
    rewrite(exported, files, sealed=True)
    assert "holds no flow run" in untouched(target, tmp_path, lambda: import_run(target, str(exported)))


def test_what_is_there_already_is_refused_and_nothing_changes(exported: pathlib.Path, target: Services) -> None:
    import_run(target, str(exported))
    before = shown(everything(target.store))
    with pytest.raises(ObjectAlreadyExists, match=r"of .*run\.zip is in this run database already; nothing was"):
        import_run(target, str(exported))
    assert shown(everything(target.store)) == before


def test_results_of_an_import_that_fails_at_last_are_swept_away(
    exported: pathlib.Path, target: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ObjectAlreadyExists("another process was first")

    monkeypatch.setattr(type(target.store), "adopt", refuse)
    with pytest.raises(ObjectAlreadyExists, match="another process"):
        import_run(target, str(exported))
    noted = target.store.read_let_go(times.now() * 2)
    assert len(noted) == 2
    assert not any(place.needed for place in noted)


def test_a_real_run_with_a_large_result_travels(tmp_path: pathlib.Path) -> None:
    @task
    def large() -> str:
        return "x" * 100_000

    @flow
    def make() -> str:
        return large()

    assert make() == "x" * 100_000
    here = wiring.services()
    here.recorder.drain()
    (run,) = here.store.read_flow_runs().items
    path = str(tmp_path / "run.zip")
    export_run(here, run.key, path)
    assert os.path.getsize(path) < 10_000
    with journal(tmp_path, "there") as there:
        import_run(there, path)
        (task_run,) = there.store.read_task_runs().items
        result = there.store.read_result(task_run.key)
        assert result is not None
        assert there.results.open(result) == "x" * 100_000
