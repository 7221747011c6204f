"""The verbs of the client for inputs of flow runs, each written once for both colours."""

from __future__ import annotations

import json
from collections.abc import Collection
from uuid import UUID

from sluiceway.base.errors import InvalidOptionError, ObjectNotFound
from sluiceway.client.colours import verb
from sluiceway.client.reading import Reading, key_of
from sluiceway.client.schemas.objects import FlowRunInput
from sluiceway.drivers.pausing import told_by_key
from sluiceway.drivers.receiving import Letter, send_here


class Sending(Reading):
    """Sends inputs to flow runs, reads and deletes them."""

    @verb
    def create_flow_run_input(self, flow_run_id: UUID, key: str, value: str, sender: str | None = None) -> None:
        """Send an input to a flow run.

        Args:
            flow_run_id: The run.
            key: What tells it from others of the run.
            value: What is sent, as JSON.
            sender: Who sends it.

        Raises:
            InvalidOptionError: The key is empty, or the value is no JSON.
            ObjectAlreadyExists: The run has another input of that key.
            ObjectNotFound: There is no such flow run.
        """
        send_here(Letter(key_of(flow_run_id), checked_key(key), _checked(value), sender, True), self._services)

    @verb
    def filter_flow_run_input(
        self, flow_run_id: UUID, key_prefix: str, limit: int = 1, exclude_keys: Collection[str] = ()
    ) -> list[FlowRunInput]:
        """Return inputs of a flow run, received or not, in the order in which they came.

        Args:
            flow_run_id: The run.
            key_prefix: How their keys begin.
            limit: How many at most; 1 or more.
            exclude_keys: Keys of inputs to leave out.

        Raises:
            ValueError: The limit is below 1.
        """
        read = self._journal().read_inputs
        found = read(key_of(flow_run_id), key_prefix, exclude=frozenset(exclude_keys), limit=limit)
        return list(map(FlowRunInput.from_sent, found))

    @verb
    def read_flow_run_input(self, flow_run_id: UUID, key: str) -> str:
        """Return what was sent to a flow run, as JSON; by the keys of a pause, what it asks for and was answered.

        Args:
            flow_run_id: The run.
            key: The key of the input.

        Raises:
            ObjectNotFound: The run has no such input.
        """
        run_key = key_of(flow_run_id)
        found = self._journal().read_input(run_key, key)
        value = told_by_key(run_key, key, self._services) if found is None else found.value
        if value is None:
            raise _unknown(flow_run_id, key)
        return value

    @verb
    def delete_flow_run_input(self, flow_run_id: UUID, key: str) -> None:
        """Delete an input of a flow run, so that nobody reads or receives it any more.

        A run that received it, and goes on after a crash, gets it once more where it got it.

        Args:
            flow_run_id: The run.
            key: The key of the input.

        Raises:
            ObjectNotFound: The run has no such input.
        """
        if not self._journal().delete_input(key_of(flow_run_id), key):
            raise _unknown(flow_run_id, key)


def checked_key(key: str) -> str:
    """Return the key of an input, if it can be one.

    Args:
        key: The key.

    Raises:
        InvalidOptionError: It is empty, or no text.
    """
    if not isinstance(key, str) or not key:
        raise InvalidOptionError(f"The key of an input should be a text that is not empty, not {key!r}.")
    return key


def _checked(value: str) -> str:
    try:
        json.loads(value)
    except (TypeError, ValueError) as error:
        raise InvalidOptionError(f"The value of an input should be JSON, and this is not: {error}.") from None
    return value


def _unknown(flow_run_id: UUID, key: str) -> ObjectNotFound:
    return ObjectNotFound(f"Flow run {flow_run_id} has no input with the key {key!r}.")
