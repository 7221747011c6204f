"""Dependencies: finding the futures and states among arguments, and putting results in their places."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import is_
from typing import Any

from sluiceway.base.errors import SluicewayError
from sluiceway.model.annotations import BaseAnnotation, allow_failure, opaque, quote
from sluiceway.model.states import State
from sluiceway.model.upstream import Upstream

PLAIN_TYPES = frozenset({int, str, float, bool, type(None), bytes, complex})
"""Types whose values hold nothing that could be resolved."""

_SEQUENCES = (list, tuple, set, frozenset)


class Reference:
    """A future or state found among the arguments.

    Args:
        source: The future or state.
        failure_allowed: Whether it may have failed.
    """

    __slots__ = ("failure_allowed", "source")

    def __init__(self, source: Upstream | State[Any], failure_allowed: bool) -> None:
        self.source: Upstream | State[Any] = source
        self.failure_allowed: bool = failure_allowed

    @property
    def state(self) -> State[Any]:
        """The present state of what was referred to."""
        return self.source if isinstance(self.source, State) else self.source.state

    @property
    def satisfied(self) -> bool:
        """Whether the run that refers to it may start."""
        state = self.state
        ended = state.is_final() or state.name == "NotReady"
        return state.is_completed() or (self.failure_allowed and ended)


def all_plain(values: Iterable[object]) -> bool:
    """Return whether no value can hold a future: the quick answer for most calls."""
    return PLAIN_TYPES.issuperset(map(type, values))


def without_marks(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return arguments among which there are no futures, with the marks in them taken off, at any depth.

    Args:
        parameters: The arguments by name.
    """
    unmarked: dict[str, Any] = resolve(parameters, resolved_result)
    return unmarked


def find_references(value: object) -> list[Reference]:
    """Return the futures and states in a value, at any depth of its containers.

    Args:
        value: Anything; looked into are lists, tuples, sets, dictionaries, dataclasses and Pydantic models.
    """
    found: list[Reference] = []
    _find(value, False, found, set())
    return found


def _find(value: Any, failure_allowed: bool, found: list[Reference], open_ids: set[int]) -> None:
    if isinstance(value, (Upstream, State)):
        found.append(Reference(value, failure_allowed))
        return
    if isinstance(value, BaseAnnotation):
        if not isinstance(value, (quote, opaque)):
            allowed = failure_allowed or isinstance(value, allow_failure)
            _find(value.value, allowed, found, open_ids)
        return
    parts = _parts(value)
    if parts is None or id(value) in open_ids:
        return
    # A container may hold itself; each is looked into once on the way down.
    open_ids.add(id(value))
    for part in parts:
        _find(part, failure_allowed, found, open_ids)
    open_ids.discard(id(value))


def _parts(value: Any) -> Iterable[Any] | None:
    """Return the members of a container that may hold futures, or None."""
    if isinstance(value, _SEQUENCES):
        # One pass in C over the types of a million numbers, and nothing more, where they are all plain.
        return None if PLAIN_TYPES.issuperset(map(type, value)) else value
    if isinstance(value, dict):
        return None if _is_plain_dict(value) else [*value.keys(), *value.values()]
    fields = _fields(value)
    if fields is None:
        return None
    members = [getattr(value, name, None) for name in fields]
    return None if PLAIN_TYPES.issuperset(map(type, members)) else members


def _is_plain_dict(value: dict[Any, Any]) -> bool:
    return PLAIN_TYPES.issuperset(map(type, value.values())) and PLAIN_TYPES.issuperset(map(type, value))


def _fields(value: Any) -> Iterable[str] | None:
    """Return the names of the fields of a dataclass or Pydantic model, or None for anything else."""
    kind = type(value)
    if kind in PLAIN_TYPES or isinstance(value, type):
        return None
    names = getattr(kind, "__dataclass_fields__", None)
    if names is None:
        names = getattr(kind, "__pydantic_fields__", None)
    return names if isinstance(names, dict) else None


def resolve(value: Any, result_of: Callable[[Reference], Any]) -> Any:
    """Return the value with every future and state in it replaced, and marks taken off.

    Containers without any are returned as they are, not copied.

    Args:
        value: What may hold futures and states.
        result_of: What to put in the place of each.
    """
    return _resolve(value, False, result_of, set())


def _resolve(value: Any, allowed: bool, result_of: Callable[[Reference], Any], open_ids: set[int]) -> Any:
    if isinstance(value, (Upstream, State)):
        return result_of(Reference(value, allowed))
    if isinstance(value, BaseAnnotation):
        return _resolve_marked(value, allowed, result_of, open_ids)
    parts = _parts(value)
    if parts is None or id(value) in open_ids:
        return value
    open_ids.add(id(value))

    def inner(part: Any) -> Any:
        return _resolve(part, allowed, result_of, open_ids)

    resolved = _rebuild(value, inner)
    open_ids.discard(id(value))
    return resolved


def _resolve_marked(
    value: BaseAnnotation[Any], allowed: bool, result_of: Callable[[Reference], Any], open_ids: set[int]
) -> Any:
    if isinstance(value, (quote, opaque)):
        return value.value
    return _resolve(value.value, allowed or isinstance(value, allow_failure), result_of, open_ids)


def _rebuild(value: Any, inner: Callable[[Any], Any]) -> Any:
    """Return a container of the same kind with each member passed through `inner`; itself, where none changes."""
    if isinstance(value, dict):
        members = [*value.keys(), *value.values()]
    elif isinstance(value, _SEQUENCES):
        members = list(value)
    else:
        members = list(_members(value).values())
    resolved = list(map(inner, members))
    if all(map(is_, resolved, members)):
        return value
    if isinstance(value, dict):
        pairs = dict(zip(resolved[: len(value)], resolved[len(value) :], strict=True))
        return pairs if type(value) is dict else _like(value, pairs)
    if isinstance(value, _SEQUENCES):
        return type(value)(*resolved) if hasattr(value, "_fields") else type(value)(resolved)
    return _with_fields(value, dict(zip(_members(value), resolved, strict=True)))


def _members(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass or Pydantic model by name, those that are set."""
    return {name: getattr(value, name) for name in _fields(value) or () if hasattr(value, name)}


def _like(value: dict[Any, Any], pairs: dict[Any, Any]) -> dict[Any, Any]:
    """Return a mapping of the type of `value`, such as a `defaultdict` with its factory, with other pairs."""
    copied = value.copy()
    copied.clear()
    copied.update(pairs)
    return copied


def _with_fields(value: Any, changed: Mapping[str, Any]) -> Any:
    """Return a copy of a dataclass or Pydantic model with other field values, without its validation."""
    copied = object.__new__(type(value))
    for name in getattr(value, "__dict__", {}):
        object.__setattr__(copied, name, getattr(value, name))
    for name in ("__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"):
        if hasattr(value, name):
            object.__setattr__(copied, name, getattr(value, name))
    for name, item in changed.items():
        object.__setattr__(copied, name, item)
    return copied


def resolved_result(reference: Reference) -> Any:
    """Return what to pass in the place of a future or state that has ended.

    That is None for a run that was not ready to start, where it may have failed.

    Raises:
        SluicewayError: The result was not stored and is not at hand any more.
    """
    state = reference.state
    if reference.failure_allowed and not state.is_final():
        return None
    return state.result(raise_on_failure=not reference.failure_allowed)


def as_list(wait_for: Any) -> list[Any]:
    """Return what a caller gave as `wait_for` as a list.

    Raises:
        SluicewayError: It is neither a future or state nor a collection of them.
    """
    if wait_for is None:
        return []
    if isinstance(wait_for, (Upstream, State, BaseAnnotation)):
        return [wait_for]
    if isinstance(wait_for, Iterable) and not isinstance(wait_for, (str, bytes)):
        return list(wait_for)
    raise SluicewayError(f"wait_for takes a future or a collection of futures, not {wait_for!r}.")
