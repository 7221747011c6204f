"""Exceptions on their way from one process to another.

Pickling an exception calls its class with `args` when it arrives, which many classes do not bear: they take
other arguments than they hand to `Exception`, or make the message of them. So an exception is restored here
before it is sent, and travels in the first form in which it is still the same.
"""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Iterator
from typing import Any

from sluiceway.base.tracebacks import users_part
from sluiceway.runners.pickling import dumps


def pack_error(error: BaseException) -> bytes:
    """Return an exception pickled, such that it arrives with its type, text and attributes.

    Where its class cannot be pickled, a stand-in arrives: of a class with the same name, derived from the
    nearest built-in one, with the same text.

    Args:
        error: The exception.
    """
    sound = (packed for form in _forms(error) if (packed := _packed(form, error)) is not None)
    return next(sound, None) or dumps(_Restored(stand_in, _description_of(error)))


def _packed(form: Any, error: BaseException) -> bytes | None:
    """Return one form of an exception pickled, or None where it does not arrive as it was."""
    try:
        packed = dumps(form)
        arrived = pickle.loads(packed)
    except Exception:  # whatever its class does when it is pickled or restored
        return None
    return packed if type(arrived) is type(error) and str(arrived) == str(error) else None


def traceback_of(error: BaseException) -> str:
    """Return the traceback of an exception as text, from the first line of the user's code on.

    Args:
        error: The exception.
    """
    lines = traceback.format_exception(type(error), error, users_part(error.__traceback__))
    return "Traceback in the process that ran it:\n" + "".join(lines).rstrip()


def _forms(error: BaseException) -> Iterator[Any]:
    """Yield what may be pickled for an exception, the best first."""
    yield _ByItself(error)
    args, attributes = error.args, vars(error)
    if isinstance(error, BaseExceptionGroup):
        args = (error.message, [_Restored(pickle.loads, (pack_error(member),)) for member in error.exceptions])
    yield _Restored(remade, (type(error), args, attributes))
    yield _Restored(remade, (type(error), args, {k: v for k, v in attributes.items() if _survives(v)}))


def _survives(value: object) -> bool:
    try:
        pickle.loads(dumps(value))
    except Exception:  # whatever the value does when it is pickled
        return False
    return True


class _ByItself:
    """Is pickled as an exception itself says, whatever some library has told `copyreg` (as Dask's does).

    Args:
        error: The exception.
    """

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __reduce__(self) -> Any:
        return self.error.__reduce_ex__(pickle.HIGHEST_PROTOCOL)


class _Restored:
    """Is pickled as a call of a function, and so arrives as what that returns.

    Args:
        function: The function.
        arguments: Its arguments.
    """

    def __init__(self, function: Any, arguments: tuple[Any, ...]) -> None:
        self.function = function
        self.arguments = arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.function, self.arguments


def remade(kind: type[BaseException], args: tuple[Any, ...], attributes: dict[str, Any]) -> BaseException:
    """Return an exception as it was, without asking the constructor of its class.

    Args:
        kind: The class.
        args: What `args` was.
        attributes: What its attributes were.
    """
    error = kind.__new__(kind, *args)
    error.args = args
    vars(error).update(attributes)
    return error


Description = tuple[type[BaseException], str, str, str]
"""The nearest built-in class, then module, name and text of an exception."""


def _description_of(error: BaseException) -> Description:
    kind = type(error)
    base = next(
        ancestor
        for ancestor in kind.__mro__
        if ancestor.__module__ == "builtins"
        and issubclass(ancestor, BaseException)
        and not issubclass(ancestor, BaseExceptionGroup)
    )
    return base, kind.__module__, kind.__qualname__, str(error)


def stand_in(base: type[BaseException], module: str, name: str, text: str) -> BaseException:
    """Return an exception that looks like one whose class cannot be had here.

    Args:
        base: What the class is derived from.
        module: The module of the class.
        name: The name of the class.
        text: The text of the exception.
    """
    attributes = {
        "__module__": module,
        "__qualname__": name,
        "__doc__": f"Stands for an exception of class {module}.{name}, which could not be sent here.",
        "__str__": lambda _: text,
        "__reduce__": lambda _: (stand_in, (base, module, name, text)),
    }
    kind: type[BaseException] = type(name.rpartition(".")[2], (base,), attributes)
    error = kind.__new__(kind, text)
    error.args = (text,)
    return error
