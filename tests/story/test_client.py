"""Reading back in Python: what ran, in which states, with which results and lines."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from sluiceway import flow, get_client, get_run_logger, tags, task, wiring
from sluiceway.base.errors import StoreError
from sluiceway.client import Client, SyncClient
from sluiceway.client.schemas.filters import FlowFilter, FlowRunFilter, LogFilter, TaskRunFilter
from sluiceway.client.schemas.objects import Flow, FlowRun, Log, State, StateType, TaskRun
from sluiceway.client.schemas.sorting import FlowRunSort, LogSort, TaskRunSort
from sluiceway.exceptions import FailedRun, MissingResult, ObjectNotFound
from sluiceway.testing import Harness, test_harness


@pytest.fixture(autouse=True)
def harness() -> Iterator[Harness]:
    with test_harness() as place:
        yield place


@pytest.fixture
def client(harness: Harness) -> SyncClient:
    return harness.client


@task(persist_result=True, tags=["arithmetic"])
def double(number: int) -> int:
    get_run_logger().info("doubling %d", number)
    return 2 * number


@task
def refuse(number: int) -> int:
    raise ValueError(f"no {number}")


@flow(persist_result=True)
def doubled(number: int = 4) -> int:
    get_run_logger().warning("about to double")
    return double(number)


@flow
def broken(number: int = 1) -> int:
    return refuse(number)


@flow
def outer() -> int:
    return doubled(5)


def run_all() -> None:
    """Run two flows that complete, one of them with a child, and one that fails."""
    doubled()
    outer()
    broken(return_state=True)


# --- single objects -----------------------------------------------------------------------------------


def test_a_run_is_read_by_its_identifier(client: SyncClient) -> None:
    doubled(7)
    (listed,) = client.read_flow_runs()
    run = client.read_flow_run(listed.id)
    assert isinstance(run, FlowRun)
    assert (run.id, run.name, run.flow_name) == (listed.id, listed.name, "doubled")
    assert run.parameters == {"number": 7}
    assert run.state_type is StateType.COMPLETED
    assert run.start_time is not None
    assert run.end_time is not None
    assert run.start_time <= run.end_time


def test_what_this_process_has_just_recorded_is_read_at_once(client: SyncClient) -> None:
    for count in range(1, 6):
        doubled()
        assert client.count_flow_runs() == count


def test_a_stored_result_is_opened_by_the_state(client: SyncClient) -> None:
    doubled(21)
    (run,) = client.read_flow_runs()
    (task_run,) = client.read_task_runs()
    assert run.state is not None
    assert task_run.state is not None
    assert (run.state.result(), task_run.state.result()) == (42, 42)


def test_a_result_that_was_not_stored_is_missing_and_the_error_says_how_to_keep_it(client: SyncClient) -> None:
    @flow(persist_result=False)
    def forgetful() -> int:
        return 1

    forgetful()
    (run,) = client.read_flow_runs()
    assert run.state is not None
    with pytest.raises(MissingResult):
        run.state.result()


def test_the_result_of_a_failed_run_is_its_failure(client: SyncClient) -> None:
    broken(return_state=True)
    (run,) = client.read_flow_runs()
    assert run.state is not None
    with pytest.raises((FailedRun, ValueError), match="no 1"):
        run.state.result()
    assert "no 1" in str(run.state.result(raise_on_failure=False))


@pytest.mark.parametrize(
    ("verb", "what"),
    [
        ("read_flow_run", "flow run"),
        ("read_task_run", "task run"),
        ("read_flow", "flow"),
        ("read_flow_run_states", "flow run"),
        ("read_task_run_states", "task run"),
    ],
)
def test_an_unknown_identifier_is_named_in_the_error(client: SyncClient, verb: str, what: str) -> None:
    unknown = uuid4()
    with pytest.raises(ObjectNotFound, match=f"no {what} with the identifier {unknown}"):
        getattr(client, verb)(unknown)


def test_an_identifier_may_be_a_text_and_must_be_a_uuid(client: SyncClient) -> None:
    doubled()
    (run,) = client.read_flow_runs()
    assert client.read_flow_run(str(run.id)).id == run.id  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'nonsense' is not an identifier"):
        client.read_flow_run("nonsense")  # type: ignore[arg-type]


def test_a_flow_is_read_by_identifier_and_by_name(client: SyncClient) -> None:
    doubled()
    (run,) = client.read_flow_runs()
    by_name = client.read_flow_by_name("doubled")
    assert isinstance(by_name, Flow)
    assert by_name.id == run.flow_id
    assert client.read_flow(by_name.id).name == "doubled"
    with pytest.raises(ObjectNotFound, match="'tripled'"):
        client.read_flow_by_name("tripled")


def test_the_states_of_a_run_are_read_in_their_order(client: SyncClient) -> None:
    tries: list[int] = []

    @task(retries=1, persist_result=True)
    def flaky() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("not yet")
        return "done"

    flaky()
    (run,) = client.read_task_runs()
    states = client.read_task_run_states(run.id)
    assert all(isinstance(state, State) for state in states)
    assert [state.name for state in states][:2] == ["Pending", "Running"]
    assert [state.name for state in states][-2:] == ["Retrying", "Completed"]
    assert [state.timestamp for state in states] == sorted(state.timestamp for state in states)
    assert states[-1].result() == "done"


def test_the_states_of_a_flow_run_begin_with_pending_and_end_with_the_present_one(client: SyncClient) -> None:
    broken(return_state=True)
    (run,) = client.read_flow_runs()
    states = client.read_flow_run_states(run.id)
    assert [state.type for state in states] == [StateType.PENDING, StateType.RUNNING, StateType.FAILED]
    assert run.state is not None
    assert states[-1].message == run.state.message


# --- lists ----------------------------------------------------------------------------------------------


def names(runs: list[FlowRun]) -> list[str]:
    return [run.flow_name for run in runs]


def test_flow_runs_are_listed_newest_first(client: SyncClient) -> None:
    run_all()
    assert names(client.read_flow_runs()) == ["broken", "doubled", "outer", "doubled"]


def test_flow_runs_can_be_listed_oldest_first_or_by_name(client: SyncClient) -> None:
    run_all()
    oldest = client.read_flow_runs(sort=FlowRunSort.EXPECTED_START_TIME_ASC)
    assert names(oldest) == ["doubled", "outer", "doubled", "broken"]
    by_name = client.read_flow_runs(sort=FlowRunSort.NAME_ASC)
    assert [run.name for run in by_name] == sorted(run.name for run in by_name)


@pytest.mark.parametrize("sort", list(FlowRunSort))
def test_every_order_lists_every_flow_run(client: SyncClient, sort: FlowRunSort) -> None:
    run_all()
    assert len(client.read_flow_runs(sort=sort)) == 4


@pytest.mark.parametrize("sort", list(TaskRunSort))
def test_every_order_lists_every_task_run(client: SyncClient, sort: TaskRunSort) -> None:
    run_all()
    assert len(client.read_task_runs(sort=sort)) == client.count_task_runs()


def test_limit_and_offset_cut_a_part_out_of_the_list(client: SyncClient) -> None:
    run_all()
    every = [run.id for run in client.read_flow_runs()]
    assert [run.id for run in client.read_flow_runs(limit=2)] == every[:2]
    assert [run.id for run in client.read_flow_runs(limit=2, offset=1)] == every[1:3]
    assert [run.id for run in client.read_flow_runs(offset=4)] == []


@pytest.mark.parametrize("limit", [0, -1, 10_001])
@pytest.mark.parametrize("verb", ["read_flow_runs", "read_task_runs", "read_flows", "read_logs"])
def test_a_limit_out_of_bounds_is_refused(client: SyncClient, verb: str, limit: int) -> None:
    with pytest.raises(ValueError, match=f"limit must be from 1 to 10,000; it is {limit}"):
        getattr(client, verb)(limit=limit)


@pytest.mark.parametrize("verb", ["read_flow_runs", "read_task_runs", "read_flows", "read_logs"])
def test_a_negative_offset_is_refused(client: SyncClient, verb: str) -> None:
    with pytest.raises(ValueError, match="offset must not be negative; it is -1"):
        getattr(client, verb)(offset=-1)


def test_task_runs_of_a_flow_run_are_listed(client: SyncClient) -> None:
    run_all()
    (of_broken,) = client.read_flow_runs(flow_filter=FlowFilter(name={"any_": ["broken"]}))
    (run,) = client.read_task_runs(task_run_filter=TaskRunFilter(flow_run_id={"any_": [of_broken.id]}))
    assert isinstance(run, TaskRun)
    assert (run.task_name, run.state_name) == ("refuse", "Failed")


def test_flows_are_listed_by_name(client: SyncClient) -> None:
    run_all()
    assert [one.name for one in client.read_flows()] == ["broken", "doubled", "outer"]
    assert [one.name for one in client.read_flows(limit=1, offset=1)] == ["doubled"]


def test_log_lines_are_read_in_the_order_they_were_written(client: SyncClient) -> None:
    doubled(3)
    (run,) = client.read_flow_runs()
    lines = client.read_logs(LogFilter(flow_run_id={"any_": [run.id]}))
    texts = [line.message for line in lines]
    assert texts.index("about to double") < texts.index("doubling 3")
    newest = client.read_logs(LogFilter(flow_run_id={"any_": [run.id]}), sort=LogSort.TIMESTAMP_DESC)
    assert [line.message for line in newest] == texts[::-1]


def test_a_log_line_tells_its_level_time_logger_and_runs(client: SyncClient) -> None:
    doubled(3)
    (run,) = client.read_flow_runs()
    (task_run,) = client.read_task_runs()
    (line,) = client.read_logs(LogFilter(text={"query": "DOUBLING 3"}))
    assert isinstance(line, Log)
    assert (line.level, line.flow_run_id, line.task_run_id) == (20, run.id, task_run.id)
    assert line.name
    assert run.start_time is not None
    assert line.timestamp >= run.start_time


def test_log_lines_can_be_read_in_parts_and_counted(client: SyncClient) -> None:
    @flow
    def talkative() -> None:
        for number in range(25):
            get_run_logger().error("line %02d", number)

    talkative()
    chosen = LogFilter(level={"ge_": 40})
    assert client.count_logs(chosen) == 25
    part = client.read_logs(chosen, limit=3, offset=10)
    assert [line.message for line in part] == ["line 10", "line 11", "line 12"]
    assert len(client.read_logs(chosen, offset=24)) == 1


# --- two colours ------------------------------------------------------------------------------------------


def test_the_async_client_reads_the_same_with_await(client: SyncClient) -> None:
    run_all()

    async def read() -> tuple[list[UUID], int, str, list[str]]:
        async with get_client() as awaited:
            runs = await awaited.read_flow_runs()
            states = await awaited.read_flow_run_states(runs[0].id)
            flow_name = (await awaited.read_flow_by_name("outer")).name
            return (
                [run.id for run in runs],
                await awaited.count_task_runs(),
                flow_name,
                [state.name for state in states],
            )

    identifiers, count, flow_name, states = asyncio.run(read())
    assert identifiers == [run.id for run in client.read_flow_runs()]
    assert count == client.count_task_runs()
    assert flow_name == "outer"
    assert states == ["Pending", "Running", "Failed"]


def test_the_async_client_does_not_hold_up_the_event_loop(harness: Harness) -> None:
    doubled()
    harness.drain()
    turns: list[int] = []
    read = harness.services.store.count_flow_runs

    def slow_count(*arguments: object) -> int:
        loop_had_a_turn.wait(5)
        return read()

    async def turn() -> None:
        turns.append(1)
        loop_had_a_turn.set()

    async def both() -> int:
        count, _ = await asyncio.gather(Client(harness.services).count_flow_runs(), turn())
        return count

    import threading

    loop_had_a_turn = threading.Event()
    harness.services.store.count_flow_runs = slow_count  # type: ignore[method-assign]
    assert asyncio.run(both()) == 1
    assert turns == [1]


def test_both_clients_have_the_same_verbs_with_the_same_signatures() -> None:
    verbs = {name for name in dir(SyncClient) if not name.startswith("_")}
    assert verbs == {name for name in dir(Client) if not name.startswith("_")}
    assert {"read_flow_run", "count_logs", "create_artifact"} <= verbs
    for name in verbs:
        assert inspect.signature(getattr(SyncClient, name)) == inspect.signature(getattr(Client, name))
        assert getattr(Client, name).__doc__


def test_get_client_gives_the_colour_that_is_asked_for() -> None:
    assert isinstance(get_client(sync_client=True), SyncClient)
    assert isinstance(get_client(), Client)
    assert isinstance(get_client({"timeout": 5}, sync_client=True), SyncClient)


def test_a_client_also_works_without_a_with_block() -> None:
    doubled()
    assert get_client(sync_client=True).count_flow_runs() == 1


def test_reading_what_could_not_be_written_is_an_error(harness: Harness, capfd: pytest.CaptureFixture[str]) -> None:
    def refuse_to_write(*_: object, **__: object) -> None:
        raise StoreError("The journal is full.")

    harness.services.store.write = refuse_to_write  # type: ignore[method-assign]
    doubled()
    with pytest.raises(StoreError, match="sluiceway doctor"):
        harness.client.read_flow_runs()
    assert "The journal is full." in capfd.readouterr().err


def test_the_client_reads_the_database_that_the_settings_name() -> None:
    with tags("here"):
        doubled()
    assert wiring.services().settings.database_url == "memory:"
    (run,) = get_client(sync_client=True).read_flow_runs()
    assert run.tags == {"here"}


def test_filters_that_choose_nothing_special_choose_everything(client: SyncClient) -> None:
    run_all()
    assert client.count_flow_runs(flow_run_filter=FlowRunFilter()) == client.count_flow_runs() == 4
