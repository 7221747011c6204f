"""Secrets: encrypted at rest, and masked wherever people look."""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import pickle
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from sluiceway import flow, get_client, get_run_logger, task
from sluiceway.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from sluiceway.base import masking
from sluiceway.base.hashing import stable_hash
from sluiceway.base.masking import MASK, masked
from sluiceway.base.previews import preview
from sluiceway.blocks.system import Secret
from sluiceway.client import SyncClient
from sluiceway.exceptions import InvalidNameError, InvalidOptionError, ObjectAlreadyExists, ObjectNotFound, SecretError
from sluiceway.settings import get_current_settings
from sluiceway.states import Failed
from sluiceway.testing import Harness, test_harness

VALUE = "hunter2-and-more"


@pytest.fixture(autouse=True)
def _nothing_learned() -> Iterator[None]:
    masking.forget()
    yield
    masking.forget()


@pytest.fixture
def harness() -> Iterator[Harness]:
    with test_harness() as place:
        yield place


def key_file() -> Path:
    return Path(get_current_settings().home) / "secret.key"


# --- saved --------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [VALUE, "", 7, None, {"user": "ada", "password": VALUE}, [1, "ü"]])
def test_a_secret_is_loaded_as_it_was_saved(value: Any) -> None:
    Secret(value=value).save("token")
    assert Secret.load("token").get() == value


def test_a_secret_is_changed_only_if_that_is_asked_for_and_keeps_its_identifier() -> None:
    first = Secret(value="one-one").save("token")
    with pytest.raises(ObjectAlreadyExists, match=r"a secret 'token' already\. Pass overwrite=True"):
        Secret(value="two-two").save("token")
    assert Secret(value="two-two").save("token", overwrite=True) == first
    assert Secret.load("token").get() == "two-two"


def test_a_secret_is_deleted() -> None:
    Secret(value=VALUE).save("token")
    Secret.delete("token")
    with pytest.raises(ObjectNotFound, match="There is no secret 'token'"):
        Secret.delete("token")
    with pytest.raises(ObjectNotFound, match=r"no secret 'token'\. Save one with Secret\(value=…\)\.save\('token'\)"):
        Secret.load("token")


@pytest.mark.parametrize("name", ["", "Upper", "a_b", "x" * 256])
def test_a_bad_name_is_refused_with_the_rule(name: str) -> None:
    with pytest.raises(InvalidNameError, match="lower-case letters"):
        Secret(value=VALUE).save(name)


def test_async_code_awaits_the_same() -> None:
    async def ask() -> object:
        await Secret(value=VALUE).asave("token")
        loaded = await Secret.aload("token")
        await Secret.adelete("token")
        return loaded.get()

    assert asyncio.run(ask()) == VALUE


def test_secrets_of_pydantic_are_taken() -> None:
    assert Secret(value=SecretStr(VALUE)).get() == VALUE
    assert Secret(value=Secret(value=VALUE)).get() == VALUE


def test_what_json_does_not_know_is_refused_without_being_told() -> None:
    with pytest.raises(InvalidOptionError, match="it holds a object") as caught:
        Secret(value={VALUE: object()})
    assert VALUE not in str(caught.value)


# --- encrypted at rest --------------------------------------------------------------------------


def test_the_database_does_not_hold_the_value() -> None:
    @flow(persist_result=True)
    def keeping(secret: Secret[str]) -> Secret[str]:
        get_run_logger().info("have %s", secret.get())
        return secret

    secret = Secret(value=VALUE)
    secret.save("token")
    keeping(secret)
    with get_client(sync_client=True) as client:
        (run,) = client.read_flow_runs()
        assert run.state is not None
        assert run.state.result() == secret
        assert run.parameters == {"secret": f"Secret({MASK!r})"}
    path = get_current_settings().database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection:
        dump = "\n".join(connection.iterdump())
        blobs = [blob for (blob,) in connection.execute("SELECT result FROM flow_run WHERE result IS NOT NULL")]
    assert "have" in dump
    assert VALUE not in dump
    assert blobs
    assert not any(VALUE.encode() in blob for blob in blobs)


def test_the_key_is_made_for_this_user_alone() -> None:
    Secret(value=VALUE).save("token")
    assert stat.S_IMODE(os.stat(key_file()).st_mode) == 0o600
    assert [name for name in os.listdir(key_file().parent) if name.startswith("secret.key")] == ["secret.key"]


def test_a_key_that_others_may_read_is_refused_with_the_remedy(fresh_sealer: None) -> None:
    key_file().parent.mkdir(parents=True, exist_ok=True)
    key_file().write_bytes(b"x")
    key_file().chmod(0o640)
    with pytest.raises(SecretError, match=r"has the mode 640\. Run `chmod 600 .*secret\.key`"):
        Secret(value=VALUE).save("token")


def test_a_file_that_holds_no_key_is_refused(fresh_sealer: None) -> None:
    key_file().parent.mkdir(parents=True, exist_ok=True)
    key_file().write_bytes(b"no key")
    key_file().chmod(0o600)
    with pytest.raises(SecretError, match=r"holds no key\. Put back the one that secrets were sealed with"):
        Secret(value=VALUE).save("token")


@pytest.fixture
def fresh_sealer() -> Iterator[None]:
    """Have keys read from their files again, as in another process."""
    from sluiceway.wiring import sealing

    sealing._sealer.cache_clear()
    yield
    sealing._sealer.cache_clear()


def test_a_key_that_is_gone_is_told_with_the_remedy(fresh_sealer: None) -> None:
    from sluiceway.wiring import sealing

    Secret(value=VALUE).save("token")
    travelling = pickle.dumps(Secret(value=VALUE))
    key_file().unlink()
    sealing._sealer.cache_clear()
    with pytest.raises(SecretError, match=r"'token' cannot be opened: its key is missing\. .*copy it from where"):
        Secret.load("token")
    with pytest.raises(SecretError, match="its key is missing"):
        pickle.loads(travelling)


def test_another_key_is_told_with_the_remedy(fresh_sealer: None) -> None:
    from sluiceway.wiring import sealing

    Secret(value=VALUE).save("token")
    travelling = pickle.dumps(Secret(value=VALUE))
    key_file().unlink()
    sealing._sealer.cache_clear()
    Secret(value=VALUE).save("other")
    with pytest.raises(SecretError, match=r"'token' cannot be opened by the key in .* it was sealed by another one"):
        Secret.load("token")
    with pytest.raises(SecretError, match="was sealed by another one"):
        pickle.loads(travelling)
    assert Secret.load("other").get() == VALUE


# --- travels ------------------------------------------------------------------------------------


def test_a_secret_travels_encrypted_and_equal_ones_hash_alike() -> None:
    secret = Secret(value=VALUE)
    packed = pickle.dumps(secret)
    assert VALUE.encode() not in packed
    assert pickle.loads(packed) == secret
    assert stable_hash(secret) == stable_hash(Secret(value=VALUE))
    assert stable_hash(secret) != stable_hash(Secret(value="other"))
    assert copy.deepcopy(secret) is copy.copy(secret) is secret
    assert hash(secret) == hash(Secret(value=VALUE))
    assert secret != VALUE


# --- masked -------------------------------------------------------------------------------------


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret(value=VALUE)
    for text in (repr(secret), str(secret), f"{secret}", f"{[secret]}", preview(secret), preview({"a": secret})):
        assert VALUE not in text
    assert repr(secret) == f"Secret({MASK!r})"
    with pytest.raises(AttributeError, match="A secret cannot be changed"):
        secret._text = "x"


def test_nothing_is_masked_before_there_is_a_secret() -> None:
    assert masked(VALUE) == VALUE
    assert masking.forms == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("pass word/ü", "https://ada:pass%20word%2F%C3%BC@host"),
        ("pass word/ü", "pass+word%2F%C3%BC"),
        ('quo"te\\n', repr('quo"te\\n')),
        ('quo"te\\n', '{"a": "quo\\"te\\\\n"}'),
        ("first line of it\nsecond line of it", "… second line of it …"),
        ("abcd-abcdefgh", "abcd-abcdefgh"),
    ],
)
def test_a_value_is_masked_however_it_is_written(value: str, text: str) -> None:
    Secret(value=value)
    assert MASK in masked(text)
    assert value not in masked(text)


def test_the_longest_value_is_masked_first() -> None:
    Secret(value="abcd")
    Secret(value="abcd-efgh")
    assert masked("abcd-efgh abcd") == f"{MASK} {MASK}"


def test_short_values_are_left_alone_since_they_are_in_any_text() -> None:
    Secret(value="abc")
    assert masked("abc") == "abc"


def test_all_texts_of_a_structured_secret_are_masked() -> None:
    Secret(value={"user": "ada-lovelace", "tokens": [VALUE, 1234567]})
    assert masked(f"ada-lovelace {VALUE} 1234567 user") == f"{MASK} {MASK} {MASK} user"


def test_what_a_run_leaves_behind_is_masked(harness: Harness, capsys: pytest.CaptureFixture[str]) -> None:
    Secret(value=VALUE).save("token")

    @task
    def telling(text: str) -> str:
        get_run_logger().warning("the token is %s", text)
        return f"result with {text}"

    @task
    def failing(text: str) -> None:
        create_markdown_artifact(f"token: {text}", description=text)
        update_progress_artifact(create_progress_artifact(1), 2, text)
        raise ValueError(f"no access with {text}")

    @flow(flow_run_name="with {word}")
    def leaking(word: str, nested: dict[str, Any]) -> Any:
        telling(word)
        failing(word, return_state=True)
        return Failed(message=f"it was {word}")

    token = Secret.load("token").get()
    leaking(token, {"deep": [token]}, return_state=True)
    assert_nothing_leaks(harness.client)
    captured = capsys.readouterr()
    assert "the token is ********" in captured.err
    assert VALUE not in captured.out + captured.err


def assert_nothing_leaks(client: SyncClient) -> None:
    """Look through all that the journal shows."""
    (run,) = client.read_flow_runs()
    assert run.name == f"with {MASK}"
    assert run.parameters == {"word": MASK, "nested": {"deep": [MASK]}}
    assert run.state is not None
    assert run.state.message == f"it was {MASK}"
    steps = client.read_task_runs()
    shown = [repr(step) + repr(step.call_preview) + repr(step.state) for step in steps]
    shown += [str(client.read_task_run_states(step.id)) for step in steps]
    shown += [line.message for line in client.read_logs()]
    artifacts = client.read_artifacts()
    shown += map(repr, artifacts)
    assert not [text for text in shown if VALUE in text]
    assert {artifact.data for artifact in artifacts} == {f"token: {MASK}", 2.0}
    assert any(f"no access with {MASK}" in text for text in shown)


def test_the_exception_itself_and_the_result_are_left_to_the_program(harness: Harness) -> None:
    @task(persist_result=True)
    def telling(text: str) -> str:
        return text

    @task
    def failing(text: str) -> None:
        raise ValueError(text)

    token = Secret(value=VALUE).get()
    assert telling(token) == VALUE
    with pytest.raises(ValueError, match=VALUE):
        failing(token)
    (state, *_) = (step.state for step in harness.client.read_task_runs())
    assert state is not None
    assert VALUE not in str(state.message)


def test_a_preview_that_is_cut_within_the_value_does_not_tell_its_beginning() -> None:
    Secret(value=VALUE)
    assert VALUE[:4] not in preview("x" * 190 + VALUE, 200)


def test_records_of_other_handlers_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    Secret(value=VALUE)
    with caplog.at_level(logging.INFO):
        logging.getLogger("own").info("%s", VALUE)
    assert caplog.messages == [VALUE]
