"""Inputs of flow runs in the store in memory."""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import Any

from sluiceway.base.errors import ObjectNotFound
from sluiceway.base.ids import RunId, to_uuid
from sluiceway.base.times import Moment
from sluiceway.model.inputs import InputPlace, KeptInputs, Reception, SentInput
from sluiceway.stores import cursors


class MemoryInputs:
    """What a store in memory knows of inputs, which are kept in the order in which they came."""

    _turn: threading.Lock
    _flow_runs: dict[RunId, Any]

    def __init__(self) -> None:
        self._inputs: dict[RunId, list[SentInput]] = {}
        self._receptions: dict[RunId, dict[tuple[RunId, str], tuple[int | None, Moment]]] = {}
        """By the run whose inputs they are about, then by receiver and place: which input they got, and when."""

    def send_input(self, sent: SentInput, *, once: bool = False) -> bool:
        """Keep an input for a flow run, and return whether there was none of its key."""
        with self._turn:
            if sent.run_key not in self._flow_runs:
                raise ObjectNotFound(f"There is no flow run with the identifier {to_uuid(sent.run_key)}.")
            there = self._inputs.setdefault(sent.run_key, [])
            if any(other.key == sent.key and (once or not other.deleted) for other in there):
                return False
            there.append(sent)
            return True

    def read_input(self, run_key: RunId, key: str) -> SentInput | None:
        """Return an input of a flow run, received or not."""
        with self._turn:
            return next((sent for sent in self._shown(run_key) if sent.key == key), None)

    def read_inputs(
        self, run_key: RunId, prefix: str = "", *, exclude: Collection[str] = (), limit: int = 200
    ) -> tuple[SentInput, ...]:
        """Return inputs of a flow run, received or not, in the order in which they came."""
        cursors.check_page(limit)
        with self._turn:
            shown = self._shown(run_key)
            chosen = [sent for sent in shown if sent.key.startswith(prefix) and sent.key not in exclude]
            return tuple(chosen[:limit])

    def _shown(self, run_key: RunId) -> list[SentInput]:
        return [sent for sent in self._inputs.get(run_key, ()) if not sent.deleted]

    def delete_input(self, run_key: RunId, key: str) -> bool:
        """Delete an input of a flow run, and return whether there was one."""
        with self._turn:
            there = self._inputs.get(run_key, [])
            for index, sent in enumerate(there):
                if sent.key == key and not sent.deleted:
                    value = "" if sent.received is None else sent.value
                    there[index] = sent._replace(deleted=True, value=value)
                    return True
            return False

    def receive_input(self, place: InputPlace, at: Moment, *, last: bool = False) -> Reception | None:
        """Return what a call gets: the same as before, or the first input that waits for it."""
        with self._turn:
            known = self._receptions.setdefault(place.run_key, {})
            if place.receiver is not None and (place.receiver, place.name) in known:
                return self._reception(place.run_key, place.receiver, place.name)
            index = self._take(place, at)
            if index is None and not last:
                return None
            if place.receiver is None:
                return Reception(None, place.name, None if index is None else self._inputs[place.run_key][index], at)
            known[place.receiver, place.name] = index, at
            return self._reception(place.run_key, place.receiver, place.name)

    def _take(self, place: InputPlace, at: Moment) -> int | None:
        there = self._inputs.get(place.run_key, [])
        for index, sent in enumerate(there):
            if sent.received is None and not sent.deleted and place.takes(sent.key):
                there[index] = sent._replace(received=at)
                return index
        return None

    def _reception(self, run_key: RunId, receiver: RunId, place: str) -> Reception:
        index, moment = self._receptions[run_key][receiver, place]
        return Reception(receiver, place, None if index is None else self._inputs[run_key][index], moment)

    def read_kept_inputs(self, run_key: RunId) -> KeptInputs:
        """Return all that is kept of the inputs of a flow run."""
        with self._turn:
            receptions = (self._reception(run_key, *which) for which in sorted(self._receptions.get(run_key, ())))
            return KeptInputs(run_key, tuple(self._inputs.get(run_key, ())), tuple(receptions))

    def _adopt_inputs(self, kept: KeptInputs) -> None:
        """Take over what another journal has of the inputs of a flow run."""
        self._inputs[kept.run_key] = list(kept.inputs)
        places = {sent: index for index, sent in enumerate(kept.inputs)}
        self._receptions[kept.run_key] = {
            (reception.receiver, reception.place): (
                None if reception.input is None else places[reception.input],
                reception.moment,
            )
            for reception in kept.receptions
            if reception.receiver is not None
        }

    def _forget_inputs(self, run_key: RunId) -> None:
        """Remove what is kept of the inputs of a flow run."""
        self._inputs.pop(run_key, None)
        self._receptions.pop(run_key, None)
