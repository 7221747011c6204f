"""Placeholders: what stands for the results of tasks while their flow is drawn rather than run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from sluiceway.base.errors import FlowVisualizationError
from sluiceway.base.ids import RunId
from sluiceway.model.states import State, StateType
from sluiceway.model.upstream import Upstream


class _UnknownAttributeError(FlowVisualizationError, AttributeError):
    """The attribute of a result that is not known."""


class Placeholder(Upstream):
    """The result of a call that was not made. It can be passed on, and nothing else.

    Args:
        run_key: The call, as the drawing knows it.
        name: The name of the task or flow.
        label: The name, and which call of that name it is.
    """

    __slots__ = ("_key", "_label", "_name")

    def __init__(self, run_key: RunId, name: str, label: str) -> None:
        self._key = run_key
        self._name = name
        self._label = label

    @property
    def run_key(self) -> RunId:
        """The 16 bytes of the call's identifier."""
        return self._key

    @property
    def state(self) -> State[Any]:
        """A completed state, with the placeholder as its value."""
        return State(StateType.COMPLETED, data=self)

    def done(self) -> bool:
        """Return True: there is nothing to wait for."""
        return True

    def unknown(self, what: str) -> str:
        """Return a sentence about something that cannot be done with the result.

        Args:
            what: What was tried.
        """
        return (
            f"The flow uses the result of {self._name!r} ({what}), which is not known while the flow is drawn: its "
            "tasks are not run. Say what it is to be in a drawing, such as `@task(viz_return_value=[1, 2, 3])`."
        )

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)  # Python, or a library, looks for what values of some kinds have
        raise _UnknownAttributeError(self.unknown(f".{name}"))

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<result of {self._label}>"

    def __format__(self, spec: str) -> str:
        return repr(self)


def _refusing(operation: str) -> Callable[..., NoReturn]:
    def refuse(self: Placeholder, *_: Any) -> NoReturn:
        raise FlowVisualizationError(self.unknown(operation))

    return refuse


_REFUSED = """
    lt le gt ge eq ne add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod divmod rdivmod pow rpow
    matmul rmatmul and rand or ror xor rxor lshift rlshift rshift rrshift neg pos abs invert bool int float complex
    index round trunc floor ceil len iter reversed contains getitem setitem delitem call enter aenter aiter bytes
"""
"""The operations that need the value, by the names of their methods without the underscores."""

for _operation in _REFUSED.split():
    setattr(Placeholder, f"__{_operation}__", _refusing(f"__{_operation}__"))
