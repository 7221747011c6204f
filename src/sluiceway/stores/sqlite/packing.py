"""Packed columns: the history of a run, and the inputs of a task run.

A state is a word of 64 bits (little-endian): the moment, shifted left by five bits, and below it the code of
the type and one bit that says whether texts follow: name, message and details (JSON), first their three
lengths in bytes plus one (zero for none), then they themselves. States that were written later are appended.

Inputs are, one after another: the length of the name in bytes, the number of identifiers, the name, and the
identifiers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from struct import Struct
from typing import TYPE_CHECKING, Any, TypeAlias

from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment
from sluiceway.stores.rows import (
    CODE_OF_TYPE,
    COMPLETED,
    FINAL_CODES,
    PENDING,
    RUNNING,
    from_json,
    plain_details,
    to_json,
)

if TYPE_CHECKING:
    from sluiceway.model.states import State

_BITS_BELOW_MOMENT = 5
_CODE = 0b01111
_TEXTS_FOLLOW = 0b10000

_WORD = Struct("<q")
_TEXT_LENGTHS = Struct("<III")
_INPUT = Struct("<II")
_KEY_BYTES = 16

_pack_word = _WORD.pack
_pack_three_words = Struct("<qqq").pack


Life: TypeAlias = "tuple[bytearray, int, str | None, Moment | None, Moment | None]"
"""What the states of a run come to: they themselves, packed; type and, where it is special, name of the last
one; when the run first started to run in them; when it ended, where the last one is final."""


def pack_completed(called: Moment, began: Moment, ended: Moment) -> bytearray:
    """Return the packed states of a run that was pending, running and completed, and nothing else.

    Args:
        called: Since when it was pending.
        began: Since when it was running.
        ended: When it completed.
    """
    return bytearray(
        _pack_three_words(
            called << _BITS_BELOW_MOMENT | PENDING,
            began << _BITS_BELOW_MOMENT | RUNNING,
            ended << _BITS_BELOW_MOMENT | COMPLETED,
        )
    )


def pack_states(states: Iterable[State[Any]]) -> Life:
    """Return what the states of a run come to.

    Args:
        states: The states in order.
    """
    history = bytearray()
    started: Moment | None = None
    code, name, moment = PENDING, None, 0
    for state in states:
        code, name, moment = CODE_OF_TYPE[state.type._value_], state.special_name, state.moment
        word = moment << _BITS_BELOW_MOMENT | code
        if name is None and state.message is None and not state.has_details:
            history += _pack_word(word)
        else:
            history += _pack_word(word | _TEXTS_FOLLOW)
            history += _pack_texts(name, state.message, plain_details(state))
        if code == RUNNING and started is None:
            started = moment
    return history, code, name, started, moment if code in FINAL_CODES else None


def _pack_texts(name: str | None, message: str | None, details: dict[str, Any] | None) -> bytes:
    texts = (name, message, None if details is None else to_json(details))
    raw = [None if text is None else text.encode("utf-8", "surrogatepass") for text in texts]
    lengths = _TEXT_LENGTHS.pack(*(0 if text is None else len(text) + 1 for text in raw))
    return lengths + b"".join(text for text in raw if text is not None)


PackedState: TypeAlias = "tuple[int, str | None, Moment, str | None, dict[str, Any] | None]"
"""A state as it comes out of a packed history: the code of its type; its name, where that is special; since when;
message; details."""


def unpack_states(history: bytes) -> Iterator[PackedState]:
    """Yield the states of a packed history in order.

    Args:
        history: The packed history.
    """
    at = 0
    while at < len(history):
        (word,) = _WORD.unpack_from(history, at)
        at += _WORD.size
        code, moment = word & _CODE, word >> _BITS_BELOW_MOMENT
        if not word & _TEXTS_FOLLOW:
            yield code, None, moment, None, None
            continue
        lengths = _TEXT_LENGTHS.unpack_from(history, at)
        at += _TEXT_LENGTHS.size
        texts: list[str | None] = []
        for length in lengths:
            end = at + max(0, length - 1)
            texts.append(history[at:end].decode("utf-8", "surrogatepass") if length else None)
            at = end
        name, message, details = texts
        yield code, name, moment, message, None if details is None else from_json(details)


def pack_inputs(inputs: Mapping[str, tuple[RunId, ...]]) -> bytearray:
    """Return the inputs of a task run, packed.

    Args:
        inputs: By argument, the task runs whose results went in.
    """
    packed = bytearray()
    for name, keys in inputs.items():
        raw = name.encode("utf-8", "surrogatepass")
        packed += _INPUT.pack(len(raw), len(keys)) + raw + b"".join(keys)
    return packed


def unpack_inputs(packed: bytes) -> dict[str, tuple[RunId, ...]]:
    """Return the inputs of a task run.

    Args:
        packed: The inputs as `pack_inputs` gave them.
    """
    inputs = {}
    at = 0
    while at < len(packed):
        length, count = _INPUT.unpack_from(packed, at)
        at += _INPUT.size
        name = packed[at : at + length].decode("utf-8", "surrogatepass")
        at += length
        end = at + count * _KEY_BYTES
        inputs[name] = tuple(packed[key : key + _KEY_BYTES] for key in range(at, end, _KEY_BYTES))
        at = end
    return inputs
