"""Values that are read from where they are stored when somebody asks for them."""

from __future__ import annotations

from typing import Any

from sluiceway.base import ids
from sluiceway.base.errors import MissingResult
from sluiceway.model.states import DeferredResult
from sluiceway.ports.services import Services


class StoredValue(DeferredResult):
    """The value of a run that has ended, read from where it is stored when it is first asked for.

    Args:
        services: Where to read.
        run_key: The run.
        completed: Whether it ended well. What a run that did not complete has raised need not be stored:
            its state has a message.
    """

    __slots__ = ("_completed", "_run_key", "_services")

    def __init__(self, services: Services, run_key: ids.RunId, completed: bool) -> None:
        self._services = services
        self._run_key = run_key
        self._completed = completed

    def get(self) -> Any:
        """Return the value.

        Raises:
            MissingResult: The run completed, and its value was not stored, or has gone.
        """
        try:
            return self._services.results.open(self.stored())
        except MissingResult:
            if self._completed:
                raise
            return None

    def stored(self) -> Any:
        """Return what is known of the stored value: how and where it is.

        Raises:
            MissingResult: The value was not stored.
        """
        stored = self._services.store.read_result(self._run_key)
        if stored is None:
            raise MissingResult(
                f"The result of run {ids.to_uuid(self._run_key)} was not stored. "
                "Set persist_result=True on its flow or task to keep it."
            )
        return stored
