"""The verbs that are carried over a network: all of the store, but those that are named."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from sluiceway.base.errors import ObjectAlreadyExists, StoreError
from sluiceway.base.ids import new_id
from sluiceway.model import wire
from sluiceway.model.facts import ResultCached
from sluiceway.model.results import CachedResult, StoredResult
from sluiceway.ports import carried
from sluiceway.ports.store import Store
from sluiceway.server.rules import JOURNAL_BYTES
from sluiceway.stores.http.connection import WIRE_HEADER
from sluiceway.stores.http.store import HttpStore
from sluiceway.stores.memory import MemoryStore
from tests.stores.conftest import JournalServer
from tests.stores.making import NOON, flow_facts, flow_run
from tests.stores.trees import everything, small_tree


def test_every_verb_of_a_store_is_carried_or_named_as_local() -> None:
    verbs = {name for name in dir(Store) if not name.startswith("_") and callable(getattr(Store, name))}
    assert carried.carried_verbs().keys() | carried.LOCAL.keys() == verbs
    assert not carried.carried_verbs().keys() & carried.LOCAL.keys()
    assert all(callable(getattr(HttpStore, name)) for name in verbs)


def test_what_may_be_asked_twice_are_verbs() -> None:
    assert carried.carried_verbs().keys() >= carried.REPEATABLE
    assert {name for name, verb in carried.carried_verbs().items() if verb.safe} > carried.REPEATABLE
    for changing in ("delete_limit", "claim_calls", "take_flow_run", "end_flow_run", "adopt", "create_limit"):
        assert not carried.carried_verbs()[changing].safe


def test_a_carried_verb_has_the_signature_and_the_text_of_its_protocol() -> None:
    for name, declared in carried.signed_verbs().items():
        assert getattr(HttpStore, name).__doc__ == declared.__doc__


def test_wrong_arguments_are_refused_before_anything_is_sent() -> None:
    with closing(HttpStore("http://127.0.0.1:9/api", patience=0)) as store:
        verbs: Any = store
        with pytest.raises(TypeError):
            verbs.read_flow_run()
        with pytest.raises(TypeError):
            verbs.read_flow_run(b"k" * 16, colour="red")


# --- a server that is asked by others -------------------------------------------------------------


@pytest.fixture
def client(http: HttpStore) -> Iterator[httpx.Client]:
    """Return what asks the server without the store in between."""
    headers = {WIRE_HEADER: str(wire.WIRE_VERSION), "content-type": "application/json"}
    with httpx.Client(base_url=f"{http.address}/journal/", headers=headers, trust_env=False) as client:
        yield client


@pytest.mark.parametrize(
    ("verb", "body", "status", "message"),
    [
        ("read_flow_run", b"{", 422, "this is no JSON"),
        ("read_flow_run", b"[]", 422, "an object is needed"),
        ("read_flow_run", b'{"key": 5}', 422, "key: bytes in base64 is needed"),
        ("read_flow_run", b'{"key": "AAAA"}', 422, "key: 16 bytes are needed"),
        ("read_flow_run", b'{"door": 5}', 422, "read_flow_run takes no 'door'"),
        ("read_flow_runs", b'{"query": {"tags": "x"}}', 422, "query.tags: a list is needed"),
        ("write", b'{"facts": []}', 422, "an object with head and facts is needed"),
        ("write", b'{"facts": [["Popen", {}]], "head": {}}', 422, "needs process"),
        ("close", b"{}", 404, "no verb 'close'"),
        ("_present", b"{}", 404, "no verb '_present'"),
        ("__class__", b"{}", 404, "no verb"),
    ],
)
def test_what_is_no_question_is_refused_with_the_place(
    client: httpx.Client, verb: str, body: bytes, status: int, message: str
) -> None:
    answer = client.post(verb, content=body)
    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]


def test_another_format_is_refused(client: httpx.Client) -> None:
    answer = client.post("read_pulse", content=b"{}", headers={WIRE_HEADER: "0"})
    assert answer.status_code == 426
    assert f"format {wire.WIRE_VERSION} of the journal" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"no gzip", "not compressed by gzip, though it says so"),
        (gzip.compress(b"{}", mtime=0)[:-4], "not compressed by gzip as a whole"),
        (gzip.compress(b"{}", mtime=0) + b"more", "not compressed by gzip as a whole"),
        (gzip.compress(bytes(JOURNAL_BYTES + 1), 1), "once it is inflated"),
    ],
)
def test_a_body_that_is_not_what_it_says_or_swells_is_refused(client: httpx.Client, body: bytes, message: str) -> None:
    answer = client.post("check", content=body, headers={"content-encoding": "gzip"})
    assert answer.status_code == 413
    assert message in answer.json()["error"]["message"]


def test_a_compressed_question_is_answered(client: httpx.Client) -> None:
    answer = client.post("count_logs", content=gzip.compress(b"{}", mtime=0), headers={"content-encoding": "gzip"})
    assert answer.json() == {"value": 0}


def test_a_body_of_another_kind_of_compression_is_refused(client: httpx.Client) -> None:
    answer = client.post("count_logs", content=b"{}", headers={"content-encoding": "br"})
    assert answer.status_code == 413


def test_an_error_comes_back_as_what_it_was(http: HttpStore) -> None:
    store: Any = http
    with pytest.raises(ValueError, match="cursor"):
        store.read_logs(after="no cursor")
    other = MemoryStore()
    other.write(small_tree()[1])
    tree = everything(other)
    store.adopt(tree, NOON)
    with pytest.raises(ObjectAlreadyExists):
        store.adopt(tree, NOON)


def test_an_error_does_not_tell_where_the_journal_is(
    http: HttpStore, journal_server: JournalServer, tmp_path: Path
) -> None:
    (tmp_path / "secret-place.db").write_text("no database at all, but long enough to be taken for one" * 100)
    journal_server.turn_to(tmp_path / "secret-place.db")
    with pytest.raises(StoreError) as caught:
        http.write(flow_facts(flow_run()))
    assert "not a database" in str(caught.value)
    assert http.address in str(caught.value)
    assert "secret-place" not in str(caught.value)


def test_results_are_bytes_that_nobody_opens(http: HttpStore) -> None:
    bomb = b"cos\n_exit\n(I1\ntR."  # a pickle that would end the server, were it opened there
    http.write([ResultCached(CachedResult("k", StoredResult("pickle", bomb, size=len(bomb)), NOON))])
    store: Any = http
    assert store.read_cached("k").result.blob == bomb


def test_the_key_is_sent_and_never_shown() -> None:
    store = HttpStore("http://127.0.0.1:9/api", key="s3cret-token", patience=0)
    verbs: Any = store
    with closing(store), pytest.raises(StoreError, match="cannot be reached") as caught:
        verbs.read_flow_run(new_id())
    assert "http://127.0.0.1:9/api" in str(caught.value)
    assert "s3cret" not in f"{caught.value!r} {store!r} {vars(store)}"
