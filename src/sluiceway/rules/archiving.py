"""Archiving: runs as plain records, as they stand in a file, and back.

What is kept of a run is listed in two tables, a line for each attribute, so that a further one is a further line.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sluiceway.base.ids import RunId, to_uuid
from sluiceway.model.inputs import KeptInputs, Reception, SentInput
from sluiceway.model.keeping import KeptRun, KeptTree
from sluiceway.model.keepsakes import Artifact
from sluiceway.model.queries import LogLine, StoredState
from sluiceway.model.results import NOTHING, StoredResult
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import StateType

R = TypeVar("R", FlowRun, TaskRun)

Plain = dict[str, Any]

LEFT_OUT = "The value was left out when the run was exported."
"""Why a result is not there that was not to be exported."""


class Kind(NamedTuple):
    """How a value stands in a record.

    Args:
        write: Turns a value of a run into plain data.
        read: Turns plain data into a value; raises ValueError or TypeError where it is none.
    """

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


def _checked(*types: type) -> Kind:
    """Return the kind of values that are plain data themselves, of one of some types."""

    def read(plain: Any) -> Any:
        if not isinstance(plain, types) or (isinstance(plain, bool) and bool not in types):
            raise TypeError(f"{plain!r} is none of {', '.join(kind.__name__ for kind in types)}")
        return plain

    return Kind(_same, read)


def _write_key(key: RunId | None) -> str | None:
    return None if key is None else str(to_uuid(key))


def _read_key(plain: Any) -> RunId:
    if not isinstance(plain, str):
        raise TypeError(f"{plain!r} is no identifier")
    return UUID(plain).bytes


def _read_tags(plain: Any) -> frozenset[str]:
    return frozenset(TEXT.read(tag) for tag in LIST.read(plain))


def _write_inputs(inputs: Mapping[str, tuple[RunId, ...]] | None) -> Plain | None:
    return None if inputs is None else {name: list(map(_write_key, keys)) for name, keys in inputs.items()}


def _read_inputs(plain: Any) -> dict[str, tuple[RunId, ...]] | None:
    if plain is None:
        return None
    return {name: tuple(map(_read_key, LIST.read(keys))) for name, keys in OBJECT.read(plain).items()}


def _read_metadata(plain: Any) -> dict[str, str] | None:
    return None if plain is None else {TEXT.read(name): TEXT.read(text) for name, text in OBJECT.read(plain).items()}


TEXT, OPTIONAL_TEXT = _checked(str), _checked(str, type(None))
NUMBER, OPTIONAL_NUMBER = _checked(int), _checked(int, type(None))
BOOLEAN = _checked(bool)
LIST, OBJECT = _checked(list), _checked(dict)
KEY = Kind(_write_key, _read_key)
OPTIONAL_KEY = Kind(_write_key, lambda plain: None if plain is None else _read_key(plain))
TAGS = Kind(sorted, _read_tags)
INPUTS = Kind(_write_inputs, _read_inputs)
PARAMETERS = Kind(dict, OBJECT.read)
METADATA = Kind(_same, lambda plain: _read_metadata(plain))
RESULT = Kind(lambda result: _result_record(result), lambda plain: _result(plain))

FLOW_RUN: tuple[tuple[str, str, Kind], ...] = (
    ("id", "key", KEY),
    ("flow", "flow_name", TEXT),
    ("version", "flow_version", OPTIONAL_TEXT),
    ("name", "given_name", OPTIONAL_TEXT),
    ("parameters", "parameters", PARAMETERS),
    ("tags", "tags", TAGS),
    ("parent", "parent_key", OPTIONAL_KEY),
    ("parent_task_run", "parent_task_run_key", OPTIONAL_KEY),
    ("root", "root_key", KEY),
    ("expected_start", "expected_start", OPTIONAL_NUMBER),
    ("run_count", "run_count", NUMBER),
    ("epoch", "epoch", NUMBER),
    ("entrypoint", "entrypoint", OPTIONAL_TEXT),
    ("auto_resume", "auto_resume", NUMBER),
    ("started_by", "started_by", OPTIONAL_TEXT),
    ("call", "call", RESULT),
)
"""Of a flow run: the word in the record, the attribute, and its kind."""

TASK_RUN: tuple[tuple[str, str, Kind], ...] = (
    ("id", "key", KEY),
    ("task", "task_name", TEXT),
    ("task_key", "task_key", TEXT),
    ("flow_run", "flow_run_key", KEY),
    ("name", "given_name", OPTIONAL_TEXT),
    ("tags", "tags", TAGS),
    ("parent", "parent_key", OPTIONAL_KEY),
    ("child_flow_run", "child_flow_run_key", OPTIONAL_KEY),
    ("call_hash", "call_hash", NUMBER),
    ("call", "call_preview", OPTIONAL_TEXT),
    ("ordinal", "ordinal", NUMBER),
    ("inputs", "inputs", INPUTS),
    ("cache_key", "cache_key", OPTIONAL_TEXT),
    ("run_count", "run_count", NUMBER),
)
"""Of a task run, likewise."""

LINE: tuple[tuple[str, str, Kind], ...] = (
    ("flow_run", "flow_run_key", OPTIONAL_KEY),
    ("task_run", "task_run_key", OPTIONAL_KEY),
    ("moment", "moment", NUMBER),
    ("level", "level", NUMBER),
    ("logger", "logger", TEXT),
    ("message", "message", TEXT),
)
"""Of a log line, likewise; its number is that of its journal."""

ARTIFACT: tuple[tuple[str, str, Kind], ...] = (
    ("id", "id", KEY),
    ("key", "key", OPTIONAL_TEXT),
    ("type", "type", OPTIONAL_TEXT),
    ("data", "data", OPTIONAL_TEXT),
    ("description", "description", OPTIONAL_TEXT),
    ("metadata", "metadata", METADATA),
    ("flow_run", "flow_run_key", OPTIONAL_KEY),
    ("task_run", "task_run_key", OPTIONAL_KEY),
    ("created", "created", NUMBER),
    ("updated", "updated", NUMBER),
    ("size", "size", NUMBER),
)
"""Of an artifact, likewise, in the order of its fields."""

SENT: tuple[tuple[str, str, Kind], ...] = (
    ("key", "key", TEXT),
    ("value", "value", TEXT),
    ("sender", "sender", OPTIONAL_TEXT),
    ("sent", "sent", NUMBER),
    ("received", "received", OPTIONAL_NUMBER),
    ("deleted", "deleted", BOOLEAN),
)
"""Of an input, likewise, in the order of its fields."""


# --- writing ----------------------------------------------------------------------------------------


def flow_run_record(kept: KeptRun[FlowRun]) -> Plain:
    """Return a flow run as a record.

    Args:
        kept: The run.
    """
    return _record(FLOW_RUN, kept)


def task_run_record(kept: KeptRun[TaskRun]) -> Plain:
    """Return a task run as a record.

    Args:
        kept: The run.
    """
    return _record(TASK_RUN, kept)


def line_record(line: LogLine) -> Plain:
    """Return a log line as a record.

    Args:
        line: The line.
    """
    return {word: kind.write(getattr(line, attribute)) for word, attribute, kind in LINE}


def artifact_record(artifact: Artifact) -> Plain:
    """Return an artifact as a record.

    Args:
        artifact: The artifact.
    """
    return {word: kind.write(getattr(artifact, attribute)) for word, attribute, kind in ARTIFACT}


def inputs_record(kept: KeptInputs) -> Plain:
    """Return what a flow run was sent as a record.

    Args:
        kept: The inputs.
    """
    places = {sent: index for index, sent in enumerate(kept.inputs)}
    return {
        "run": _write_key(kept.run_key),
        "inputs": [{word: kind.write(getattr(sent, name)) for word, name, kind in SENT} for sent in kept.inputs],
        "receptions": [
            [_write_key(receiver), place, None if sent is None else places[sent], moment]
            for receiver, place, sent, moment in kept.receptions
        ],
    }


def _record(table: Iterable[tuple[str, str, Kind]], kept: KeptRun[Any]) -> Plain:
    record = {word: kind.write(getattr(kept.run, attribute)) for word, attribute, kind in table}
    record["states"] = [
        [state.type.value, state.name, state.moment, state.message, state.details] for state in kept.history
    ]
    record["result"] = _result_record(kept.result)
    return record


def _result_record(result: StoredResult | None) -> Plain | None:
    if result is None:
        return None
    record: Plain = {"serializer": result.serializer, "size": result.size, "preview": result.preview}
    if result.blob is not None:
        record["bytes"] = b64encode(result.blob).decode()
    elif result.location is not None:
        record["file"] = result.location
    else:
        record["why_not"] = result.why_not
    return record


# --- reading ----------------------------------------------------------------------------------------


def read_flow_run(record: Plain) -> KeptRun[FlowRun]:
    """Return the flow run of a record.

    Args:
        record: The record.

    Raises:
        ValueError: It is none.
        TypeError: A value is of another type.
        KeyError: Something is missing.
    """
    return _filled(FlowRun(b"", ""), FLOW_RUN, record)


def read_task_run(record: Plain) -> KeptRun[TaskRun]:
    """Return the task run of a record.

    Args:
        record: The record.

    Raises:
        ValueError: It is none.
        TypeError: A value is of another type.
        KeyError: Something is missing.
    """
    return _filled(TaskRun(b"", "", ""), TASK_RUN, record)


def read_line(record: Plain) -> LogLine:
    """Return the log line of a record.

    Args:
        record: The record.

    Raises:
        ValueError: It is none.
        TypeError: A value is of another type.
        KeyError: Something is missing.
    """
    return LogLine(0, *(kind.read(record[word]) for word, _, kind in LINE))


def read_artifact(record: Plain) -> Artifact:
    """Return the artifact of a record.

    Args:
        record: The record.

    Raises:
        ValueError: It is none.
        TypeError: A value is of another type.
        KeyError: Something is missing.
    """
    return Artifact(*(kind.read(record[word]) for word, _, kind in ARTIFACT))


def read_inputs(record: Plain) -> KeptInputs:
    """Return what a flow run was sent.

    Args:
        record: The record.

    Raises:
        ValueError: It is none.
        TypeError: A value is of another type.
        KeyError: Something is missing.
    """
    run_key = _read_key(record["run"])
    inputs = tuple(
        SentInput(run_key, *(kind.read(sent[word]) for word, _, kind in SENT)) for sent in LIST.read(record["inputs"])
    )
    receptions = (_reception(inputs, *LIST.read(call)) for call in LIST.read(record["receptions"]))
    return KeptInputs(run_key, inputs, tuple(receptions))


def _reception(inputs: tuple[SentInput, ...], receiver: Any, place: Any, index: Any, moment: Any) -> Reception:
    number = OPTIONAL_NUMBER.read(index)
    if number is not None and not 0 <= number < len(inputs):
        raise ValueError(f"a call received input {number} of {len(inputs)}")
    sent = None if number is None else inputs[number]
    return Reception(_read_key(receiver), TEXT.read(place), sent, NUMBER.read(moment))


def _filled(run: R, table: Iterable[tuple[str, str, Kind]], record: Plain) -> KeptRun[R]:
    for word, attribute, kind in table:
        setattr(run, attribute, kind.read(record[word]))
    history = tuple(_state(*LIST.read(state)) for state in LIST.read(record["states"]))
    if not history:
        raise ValueError("it has been in no state")
    return KeptRun(run, history, _result(record["result"]))


def _state(kind: Any, name: Any, moment: Any, message: Any, details: Any) -> StoredState:
    return StoredState(
        StateType(kind),
        TEXT.read(name),
        NUMBER.read(moment),
        OPTIONAL_TEXT.read(message),
        None if details is None else OBJECT.read(details),
    )


def _result(record: Any) -> StoredResult | None:
    if record is None:
        return None
    serializer, preview = TEXT.read(record["serializer"]), OPTIONAL_TEXT.read(record["preview"])
    if serializer == NOTHING.serializer:
        return NOTHING
    size = NUMBER.read(record["size"])
    if "bytes" in record:
        return StoredResult(serializer, b64decode(record["bytes"], validate=True), None, size, preview)
    if "file" in record:
        return StoredResult(serializer, None, TEXT.read(record["file"]), size, preview)
    return StoredResult(serializer, None, None, size, preview, TEXT.read(record["why_not"]))


# --- what hangs together ----------------------------------------------------------------------------


def within(tree: KeptTree) -> KeptTree:
    """Return a tree whose runs refer to each other only: what a killed process never recorded is not referred to.

    Args:
        tree: The tree, whose runs are changed.
    """
    flow_runs, task_runs = _keys(tree.flow_runs), _keys(tree.task_runs)
    for flow in tree.flow_runs:
        flow.run.parent_task_run_key = _known(flow.run.parent_task_run_key, task_runs)
    for task in tree.task_runs:
        task.run.child_flow_run_key = _known(task.run.child_flow_run_key, flow_runs)
        task.run.parent_key = _known(task.run.parent_key, task_runs)
    lines = tuple(line._replace(task_run_key=_known(line.task_run_key, task_runs)) for line in tree.lines)
    artifacts = tuple(made._replace(task_run_key=_known(made.task_run_key, task_runs)) for made in tree.artifacts)
    return tree._replace(lines=lines, artifacts=artifacts)


def faults(tree: KeptTree) -> list[str]:
    """Return why runs do not make up a tree that a journal can take, a clause each.

    Args:
        tree: The runs.
    """
    keys = list(tree.run_keys())
    if not tree.flow_runs:
        return ["it holds no flow run"]
    root = tree.flow_runs[0].run
    found = []
    if root.parent_key is not None or root.root_key != root.key:
        found.append("its first flow run was called by another one")
    if len(set(keys)) != len(keys):
        found.append("it holds a run twice")
    flow_runs, task_runs = {*_keys(tree.flow_runs), None}, {*_keys(tree.task_runs), None}
    if any(kept.run.parent_key is None or kept.run.root_key != root.key for kept in tree.flow_runs[1:]):
        found.append("it holds several runs that do not belong together")
    strays = [kept.run.parent_key not in flow_runs for kept in tree.flow_runs]
    strays += [kept.run.parent_task_run_key not in task_runs for kept in tree.flow_runs]
    strays += [kept.run.flow_run_key not in flow_runs for kept in tree.task_runs]
    strays += [kept.run.parent_key not in task_runs for kept in tree.task_runs]
    strays += [kept.run.child_flow_run_key not in flow_runs for kept in tree.task_runs]
    strays += [line.flow_run_key not in flow_runs or line.task_run_key not in task_runs for line in tree.lines]
    strays += [made.flow_run_key not in flow_runs or made.task_run_key not in task_runs for made in tree.artifacts]
    strays += [kept.run_key not in flow_runs for kept in tree.inputs]
    if any(strays):
        found.append("something in it refers to a run that is not in it")
    return found


def _keys(runs: Iterable[KeptRun[FlowRun]] | Iterable[KeptRun[TaskRun]]) -> set[RunId]:
    return {kept.run.key for kept in runs}


def _known(key: RunId | None, keys: set[RunId]) -> RunId | None:
    return key if key in keys else None
