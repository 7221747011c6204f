"""Inputs that flow runs are sent while they are under way, in one process."""

from __future__ import annotations

import asyncio
import threading
from typing import Any
from uuid import UUID, uuid4

import pydantic
import pytest

from sluiceway import flow, pause_flow_run, resume_flow_run, runtime, suspend_flow_run, task, wiring
from sluiceway.exceptions import (
    FlowVisualizationError,
    InvalidOptionError,
    MissingContextError,
    NotPausedError,
    ObjectAlreadyExists,
    ObjectNotFound,
    SerializationError,
)
from sluiceway.input import (
    AutomaticRunInput,
    GetInputHandler,
    RunInput,
    acreate_flow_run_input,
    acreate_flow_run_input_from_model,
    adelete_flow_run_input,
    afilter_flow_run_input,
    aread_flow_run_input,
    asend_input,
    create_flow_run_input,
    create_flow_run_input_from_model,
    delete_flow_run_input,
    filter_flow_run_input,
    keyset_from_base_key,
    keyset_from_paused_state,
    read_flow_run_input,
    receive_input,
    send_input,
)
from sluiceway.states import Paused, Running
from sluiceway.testing import Harness


class Greeting(RunInput):
    name: str
    loud: bool = False


class Order(pydantic.BaseModel):
    size: int


def here() -> UUID:
    return UUID(runtime.flow_run.id)


@flow
def idle() -> None:
    pass


@pytest.fixture
def run_id(sluiceway_harness: Harness) -> UUID:
    """Return the identifier of a flow run."""
    idle()
    (run,) = sluiceway_harness.client.read_flow_runs()
    return run.id


# --- sending and receiving ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value"),
    [(str, "Ada"), (int, 7), (list[int], [1, 2]), (dict, {"a": None}), (bool, True), (type(None), None)],
)
def test_a_value_arrives_as_what_it_was(sluiceway_harness: Harness, kind: Any, value: Any) -> None:
    @flow
    def receives() -> Any:
        send_input(value, here())
        return receive_input(kind, timeout=1).next()

    assert receives() == value


def test_classes_of_input_and_models_arrive_as_instances(sluiceway_harness: Harness) -> None:
    @flow
    def receives() -> Any:
        Greeting(name="Ada").send_to(here())
        send_input(Order(size=3), here())
        return Greeting.receive(timeout=1).next(), receive_input(Order, timeout=1).next()

    greeting, order = receives()
    assert isinstance(greeting, Greeting)
    assert greeting.model_dump() == {"name": "Ada", "loud": False}
    assert isinstance(order, Order)
    assert order.size == 3


def test_inputs_are_received_in_the_order_in_which_they_were_sent_and_each_once(sluiceway_harness: Harness) -> None:
    @flow
    def receives() -> list[str]:
        for name in ("b", "a", "a", "c"):
            send_input(name, here())
        first = receive_input(str, timeout=0)
        return [first.next(), receive_input(str, timeout=0).next(), *first]

    assert receives() == ["b", "a", "a", "c"]


def test_types_are_told_apart_and_so_are_prefixes(sluiceway_harness: Harness) -> None:
    @flow
    def receives() -> Any:
        send_input(1, here())
        send_input("one", here())
        send_input("ten", here(), key_prefix="order-10")
        send_input("first", here(), key_prefix="order-1")
        mine = receive_input(str, timeout=0, key_prefix="order-1")
        return list(receive_input(str, timeout=0)), list(mine), list(receive_input(int, timeout=0))

    assert receives() == (["one"], ["first"], [1])


def test_who_has_sent_an_input_is_told_and_can_be_answered(sluiceway_harness: Harness) -> None:
    @flow
    def answers() -> None:
        for greeting in Greeting.receive(timeout=1):
            greeting.respond(Greeting(name=greeting.name.upper()))
            return

    @flow
    def asks() -> Any:
        running = threading.Thread(target=answers)
        running.start()
        others: list[UUID] = []
        while not others:
            others = [run.id for run in sluiceway_harness.client.read_flow_runs() if run.flow_name == "answers"]
        Greeting(name="ada").send_to(others[0])
        answer = Greeting.receive(timeout=5).next()
        running.join()
        return answer, others[0]

    answer, other = asks()
    assert answer.name == "ADA"
    assert answer.metadata.sender == f"sluiceway.flow-run.{other}"
    (asker,) = (run for run in sluiceway_harness.client.read_flow_runs() if run.flow_name == "asks")
    assert answer.metadata.receiver == asker.id


def test_values_come_with_their_metadata_if_wanted(sluiceway_harness: Harness) -> None:
    @flow
    def receives() -> Any:
        send_input(5, here(), sender="somebody")
        return receive_input(int, timeout=0, with_metadata=True).next()

    made = receives()
    assert isinstance(made, AutomaticRunInput)
    assert (made.value, made.metadata.sender) == (5, "somebody")
    with pytest.raises(MissingContextError, match=r"somebody, no flow run"):
        made.respond(1)


def test_what_this_process_sends_wakes_whoever_waits_at_once(sluiceway_harness: Harness) -> None:
    """The receiver looks by itself after a time that no test has."""
    waits = threading.Event()

    @flow
    def receives() -> str:
        run_id = here()

        def send() -> None:
            waits.wait()
            send_input("now", run_id)

        sender = threading.Thread(target=send)
        sender.start()
        threading.Timer(0.15, waits.set).start()
        try:
            return receive_input(str, timeout=30, poll_interval=30).next()
        finally:
            sender.join()

    assert receives() == "now"


def test_async_code_sends_and_receives_while_its_loop_goes_on(sluiceway_harness: Harness) -> None:
    @flow
    async def receives() -> Any:
        run_id = here()

        async def send() -> None:
            for number in range(3):
                await asyncio.sleep(0)
                await send_input.aio(number, run_id)
            await Greeting(name="Ada").asend_to(run_id)

        sending = asyncio.create_task(send())
        handler = receive_input(int, timeout=5)
        numbers = [await anext(handler), await handler.anext(), await handler.next.aio(handler)]  # type: ignore[attr-defined]
        greeting = await Greeting.receive(timeout=5).anext()
        await sending
        late = receive_input(int, timeout=0)
        return numbers, greeting.name, [number async for number in late], await late.filter_for_inputs()

    assert asyncio.run(receives()) == ([0, 1, 2], "Ada", [], [])


def test_tasks_send_and_receive_for_their_flow_run(sluiceway_harness: Harness) -> None:
    @task
    def send(number: int) -> None:
        send_input(number, here())

    @task
    def receive() -> int:
        return receive_input(int, timeout=5).next()

    @flow
    def both() -> list[int]:
        received = [receive.submit() for _ in range(3)]
        send.map([1, 2, 3]).wait()
        return sorted(future.result() for future in received)

    assert both() == [1, 2, 3]


def test_another_run_and_code_outside_runs_receive_for_a_run_that_they_name(run_id: UUID) -> None:
    send_input("x", run_id)
    send_input("y", run_id)

    @flow
    def receives() -> str:
        return receive_input(str, timeout=0, flow_run_id=run_id).next()

    assert receives() == "x"
    assert receive_input(str, timeout=0, flow_run_id=run_id).next() == "y"
    assert list(receive_input(str, timeout=0, flow_run_id=run_id)) == []
    receptions = wiring.services().store.read_kept_inputs(run_id.bytes).receptions
    assert len([reception for reception in receptions if reception.input is not None]) == len(receptions) == 2


# --- none in time, and what does not fit ------------------------------------------------------------


def test_a_loop_ends_where_none_comes_in_time_unless_it_is_to_raise(sluiceway_harness: Harness) -> None:
    @flow
    def receives() -> Any:
        assert list(receive_input(str, timeout=0.01)) == []
        with pytest.raises(TimeoutError, match=r"No input of AutomaticStrRunInput came within 0.01 second"):
            receive_input(str, timeout=0.01).next()
        with pytest.raises(TimeoutError):
            list(receive_input(str, timeout=0.01, raise_timeout_error=True))

    receives()


def test_keys_are_left_alone_if_wanted(sluiceway_harness: Harness) -> None:
    @flow
    def receives() -> list[str]:
        create_flow_run_input("name-1", {"value": "a"})
        create_flow_run_input("name-2", {"value": "b"})
        return list(receive_input(str, timeout=0, key_prefix="name", exclude_keys={"name-1"}))

    assert receives() == ["b"]


def test_an_input_that_does_not_fit_is_refused_by_whoever_receives_it(sluiceway_harness: Harness) -> None:
    @flow
    def receives() -> Any:
        create_flow_run_input("greeting-auto-1", {"loud": "very"})
        return Greeting.receive(timeout=0).next()

    with pytest.raises(pydantic.ValidationError, match=r"(?s)name\n.*Field required.*loud\n"):
        receives()


def test_there_has_to_be_a_run(sluiceway_harness: Harness) -> None:
    with pytest.raises(ObjectNotFound, match="no flow run with the identifier"):
        send_input("x", uuid4())
    with pytest.raises(ObjectNotFound, match="no flow run with the identifier"):
        receive_input(str, flow_run_id=uuid4()).next()
    with pytest.raises(MissingContextError, match=r"receive_input\(\) is about inputs of the flow run that calls it"):
        receive_input(str).next()
    with pytest.raises(MissingContextError, match="made here, not received"):
        Greeting(name="Ada").respond(Greeting(name="Bob"))


def test_what_is_no_json_is_not_sent(run_id: UUID) -> None:
    with pytest.raises(SerializationError, match="this object cannot be written so"):
        create_flow_run_input("key", object(), run_id)
    with pytest.raises(InvalidOptionError, match="text that is not empty"):
        create_flow_run_input("", 1, run_id)
    with pytest.raises(InvalidOptionError, match="key_prefix is empty"):
        GetInputHandler(Greeting, "")


def test_a_drawing_neither_waits_nor_sends(run_id: UUID) -> None:
    @flow
    def sends() -> None:
        send_input("x", run_id)
        pause_flow_run()

    @flow
    def receives() -> None:
        receive_input(str).next()

    @flow
    def asks() -> None:
        pause_flow_run(wait_for_input=str)

    sends.generate_mermaid_graph()
    assert filter_flow_run_input("", flow_run_id=run_id) == []
    with pytest.raises(FlowVisualizationError, match="nothing is sent to a drawing"):
        receives.generate_mermaid_graph()
    with pytest.raises(FlowVisualizationError, match=r"what pause_flow_run\(\) returns, which is not known"):
        asks.generate_mermaid_graph()


# --- a flow that is retried -------------------------------------------------------------------------


def test_a_flow_that_is_retried_gets_the_same_inputs_and_sends_none_again(
    sluiceway_harness: Harness, run_id: UUID
) -> None:
    got: list[list[str]] = []

    @flow(retries=1)
    def receives() -> None:
        if not got:
            for name in ("a", "b", "c"):
                send_input(name, here())
        send_input("once", run_id)
        send_input("once", run_id)
        handler = receive_input(str, timeout=0)
        got.append([handler.next(), handler.next()])
        got[-1] += handler if len(got) > 1 else ()
        assert len(got) > 1

    receives()
    assert got == [["a", "b"], ["a", "b", "c"]]
    assert list(receive_input(str, timeout=0, flow_run_id=run_id)) == ["once", "once"]


def test_a_task_that_is_retried_gets_the_same_input(sluiceway_harness: Harness) -> None:
    got: list[str] = []

    @task(retries=1)
    def receive() -> str:
        got.append(receive_input(str, timeout=0).next())
        assert len(got) > 1
        return got[-1]

    @flow
    def receives() -> Any:
        send_input("a", here())
        send_input("b", here())
        return receive(), receive_input(str, timeout=0).next()

    assert receives() == ("a", "b")
    assert got == ["a", "a"]


# --- one by one -------------------------------------------------------------------------------------


def test_inputs_are_made_read_listed_and_deleted_by_key(run_id: UUID) -> None:
    create_flow_run_input("a", {"b": [1]}, run_id, sender="me")
    create_flow_run_input_from_model("ab", Order(size=1), run_id)
    assert read_flow_run_input("a", run_id) == {"b": [1]}
    assert read_flow_run_input("c", run_id) is None
    found = filter_flow_run_input("a", limit=9, flow_run_id=run_id)
    assert [(one.key, one.decoded_value, one.sender) for one in found] == [
        ("a", {"b": [1]}, "me"),
        ("ab", {"size": 1}, None),
    ]
    assert [one.key for one in filter_flow_run_input("a", exclude_keys={"a"}, flow_run_id=run_id)] == ["ab"]
    delete_flow_run_input("a", run_id)
    with pytest.raises(ObjectNotFound, match="has no input with the key 'a'"):
        delete_flow_run_input("a", run_id)


def test_a_key_stands_for_one_input_and_the_same_may_be_made_again(run_id: UUID) -> None:
    create_flow_run_input("a", 1, run_id)
    create_flow_run_input("a", 1, run_id)
    with pytest.raises(ObjectAlreadyExists, match="an input with the key 'a' already"):
        create_flow_run_input("a", 2, run_id)
    assert read_flow_run_input("a", run_id) == 1


def test_async_twins_do_the_same(sluiceway_harness: Harness) -> None:
    @flow
    async def does() -> Any:
        await acreate_flow_run_input("a", 1)
        await acreate_flow_run_input_from_model("b", Order(size=1))
        await asend_input("c", here(), key_prefix="c")
        assert await aread_flow_run_input("b") == {"size": 1}
        await adelete_flow_run_input("a")
        return [one.decoded_value for one in await afilter_flow_run_input("", limit=9)]

    assert asyncio.run(does()) == [{"size": 1}, {"value": "c"}]


def test_the_client_has_the_same_verbs(sluiceway_harness: Harness, run_id: UUID) -> None:
    client = sluiceway_harness.client
    client.create_flow_run_input(run_id, "a", "[1]", sender="me")
    assert client.read_flow_run_input(run_id, "a") == "[1]"
    (found,) = client.filter_flow_run_input(run_id, "a", limit=1, exclude_keys=set())
    assert (found.flow_run_id, found.sender, found.received) == (run_id, "me", None)
    client.delete_flow_run_input(run_id, "a")
    with pytest.raises(ObjectNotFound):
        client.read_flow_run_input(run_id, "a")
    with pytest.raises(InvalidOptionError, match="should be JSON"):
        client.create_flow_run_input(run_id, "a", "{")


# --- by keyset --------------------------------------------------------------------------------------


def test_what_a_run_asks_for_is_saved_and_answered_by_keyset(run_id: UUID) -> None:
    keyset = Greeting.keyset_from_type()
    assert keyset == keyset_from_base_key("greeting")
    Greeting.with_initial_data(description="Say hello", name="Ada").save(keyset, run_id)
    assert read_flow_run_input("greeting-description", run_id) == "Say hello"
    assert read_flow_run_input("greeting-schema", run_id)["properties"]["name"]["default"] == "Ada"
    create_flow_run_input(keyset["response"], {"name": "Bob"}, run_id)
    loaded = Greeting.load(keyset, run_id)
    assert (loaded.name, loaded.metadata.key, loaded.metadata.receiver) == ("Bob", "greeting-response", run_id)


def test_a_single_value_is_loaded_by_keyset_as_the_value(run_id: UUID) -> None:
    kind = AutomaticRunInput.subclass_from_type(int)
    keyset = kind.keyset_from_type()
    create_flow_run_input(keyset["response"], {"value": 3}, run_id)
    assert kind.load(keyset, run_id) == 3
    assert asyncio.run(kind.aload(keyset, run_id)) == 3


def test_what_a_pause_asks_for_and_was_answered_is_read_by_its_keyset(sluiceway_harness: Harness) -> None:
    @flow
    def asks() -> str:
        return suspend_flow_run(wait_for_input=Greeting.with_initial_data(description="Say hello")).name

    paused = asks(return_state=True)
    (run,) = sluiceway_harness.client.read_flow_runs()
    keyset = keyset_from_paused_state(paused)
    assert read_flow_run_input(keyset["description"], run.id) == "Say hello"
    assert read_flow_run_input(keyset["schema"], run.id)["required"] == ["name"]
    assert read_flow_run_input(keyset["response"], run.id) is None
    assert read_flow_run_input("suspended-9-schema", run.id) is None
    resume_flow_run(run.id, {"name": "Ada"}, flow=asks)
    assert Greeting.load(keyset, run.id).name == "Ada"


def test_the_keyset_of_a_pause_is_named_by_its_state() -> None:
    assert keyset_from_paused_state(Paused(pause_key="2"))["response"] == "paused-2-response"
    with pytest.raises(NotPausedError, match="is Running, not paused"):
        keyset_from_paused_state(Running())
