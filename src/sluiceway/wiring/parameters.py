"""Validation of parameters, by Pydantic, which is imported only when there is something to validate."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sluiceway.base.errors import ParameterTypeError, SignatureMismatchError
from sluiceway.base.signatures import Signature

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_ANYTHING = (Any, object)


class ParameterValidator:
    """Validates and coerces the parameters of a function by its annotations.

    Args:
        fn: The function, whose annotations are read when they are first needed.
        signature: Its signature. What is gathered by `*` and `**` is passed as it is.
        subject: What to call the function in messages, such as `flow 'report'`.
    """

    __slots__ = ("_adapters", "_fn", "_names", "_signature", "_subject")

    def __init__(self, fn: Callable[..., Any], signature: Signature, subject: str) -> None:
        self._fn = fn
        self._signature = signature
        self._subject = subject
        annotations = getattr(getattr(fn, "__func__", fn), "__annotations__", {})
        self._names = [
            name
            for name in (*signature.positional, *signature.keyword_only)
            if name in annotations and annotations[name] not in _ANYTHING and annotations[name] != "Any"
        ]
        self._adapters: dict[str, TypeAdapter[Any]] | None = None

    def __bool__(self) -> bool:
        """Whether there is anything to validate."""
        return bool(self._names)

    def __call__(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters, validated and coerced.

        Args:
            parameters: The arguments by name.

        Raises:
            ParameterTypeError: Some do not fit; the message has a line for each.
            SignatureMismatchError: A name is none of the function's parameters.
        """
        unknown = sorted(set(parameters).difference(self._signature.names))
        if unknown:
            raise SignatureMismatchError(
                f"Function expects parameters {list(self._signature.names)} but was provided with parameters "
                f"{list(parameters)}; unknown: {unknown}."
            )
        from pydantic import ValidationError  # lazy: 90 ms

        if self._adapters is None:
            self._adapters = self._make_adapters()
        complaints = [
            f" - {name}: Field required"
            for name in (*self._signature.positional, *self._signature.keyword_only)
            if name not in parameters and name not in self._signature.defaults
        ]
        validated = dict(parameters)
        for name, adapter in self._adapters.items():
            if name not in parameters:
                continue
            try:
                validated[name] = adapter.validate_python(parameters[name])
            except ValidationError as error:
                for detail in error.errors():
                    place = ".".join(str(part) for part in (name, *detail["loc"]))
                    complaints.append(f" - {place}: {detail['msg']}")
        if complaints:
            listed = "\n".join(complaints)
            raise ParameterTypeError(f"Run of {self._subject} received invalid parameters:\n{listed}")
        return validated

    def readable(self) -> dict[str, TypeAdapter[Any]]:
        """Return what validates each parameter, by name; nothing where there are no annotations that can be read."""
        if self._names and self._adapters is None:
            try:
                self._adapters = self._make_adapters()
            except ParameterTypeError:  # whoever calls the function is told
                return {}
        return self._adapters or {}

    def _make_adapters(self) -> dict[str, TypeAdapter[Any]]:
        from pydantic import ConfigDict, PydanticUserError, TypeAdapter  # lazy: 90 ms

        try:
            hints = typing.get_type_hints(self._fn, include_extras=True)
        except NameError as error:
            raise ParameterTypeError(
                f"The annotations of {self._subject} cannot be resolved: {error}. Import the name where the "
                "function is defined, or pass `validate_parameters=False`."
            ) from error
        adapters: dict[str, TypeAdapter[Any]] = {}
        for name in self._names:
            try:
                adapters[name] = TypeAdapter(hints[name], config=ConfigDict(arbitrary_types_allowed=True))
            except PydanticUserError:  # models and dataclasses bring a configuration of their own
                adapters[name] = TypeAdapter(hints[name])
        return adapters
