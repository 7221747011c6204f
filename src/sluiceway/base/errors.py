"""The error tree: everything Sluiceway raises derives from `SluicewayError`.

The docstring of an error is what it says when it is raised without a message. Users import these from
`sluiceway.exceptions`, and that is the module the classes report, so that a pickled error outlives any
rearrangement of the rooms behind it.
"""

from __future__ import annotations

import traceback
from typing import Any

PUBLIC_MODULE = "sluiceway.exceptions"


def exception_traceback(exc: BaseException) -> str:
    """Return the traceback of an exception as text, as the interpreter would print it.

    Args:
        exc: The exception.
    """
    return "".join(traceback.format_exception(exc))


class _Published:
    """Gives every class of this file the module that users import it from."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__ == __name__:
            cls.__module__ = PUBLIC_MODULE

    def __str__(self) -> str:
        text = super().__str__()
        return text or (type(self).__doc__ or type(self).__name__).strip().splitlines()[0]


class SluicewayError(_Published, Exception):
    """Something went wrong in Sluiceway."""


# --- runs that did not complete -----------------------------------------------------------------


class CrashedRun(SluicewayError):
    """The run crashed: it ended for a reason outside the user's code."""


class FailedRun(SluicewayError):
    """The run failed."""


class CancelledRun(SluicewayError):
    """The run was cancelled."""


class PausedRun(SluicewayError):
    """The run is paused, so it has no result yet."""

    def __init__(self, *args: Any, state: Any = None) -> None:
        super().__init__(*args)
        self.state = state


class UnfinishedRun(SluicewayError):
    """The run has not finished, so it has no result yet."""


class RunTimeout(SluicewayError, TimeoutError):
    """The run took longer than its timeout."""


class TaskRunTimeoutError(RunTimeout):
    """The task run took longer than its timeout."""


class FlowRunTimeoutError(RunTimeout):
    """The flow run took longer than its timeout."""


class UpstreamTaskError(UnfinishedRun):
    """An upstream task did not complete, so this one was not run."""


class CyclicDependencyError(SluicewayError):
    """A task waits for itself, directly or through others."""


class FlowRunWaitTimeout(SluicewayError):
    """The flow run did not finish within the time that was allowed for waiting."""


class NotPausedError(SluicewayError):
    """The flow run is not paused."""


class FlowPauseTimeout(SluicewayError):
    """The flow run was paused for longer than allowed."""


class ConcurrencySlotAcquisitionError(SluicewayError):
    """The slots of a concurrency limit cannot be had."""


class AcquireConcurrencySlotTimeoutError(SluicewayError, TimeoutError):
    """The slots of a concurrency limit were not free in time."""


# --- what a caller got wrong --------------------------------------------------------------------


class ParameterTypeError(SluicewayError):
    """A parameter does not fit the annotation of the flow."""


class ParameterBindError(SluicewayError, TypeError):
    """The arguments do not fit the signature of the function."""


class SignatureMismatchError(SluicewayError, TypeError):
    """The parameters do not fit the signature of the flow."""


class ReservedArgumentError(SluicewayError, TypeError):
    """The function has a parameter whose name is reserved."""


class InvalidNameError(SluicewayError, ValueError):
    """The name contains characters that are not allowed."""


class InvalidOptionError(SluicewayError, ValueError):
    """An option of a flow or task has a value that cannot be used."""


class MappingLengthMismatch(SluicewayError):
    """The iterables that were mapped over have different lengths."""


class MappingMissingIterable(SluicewayError):
    """`map` was called without anything to iterate over."""


class MissingFlowError(SluicewayError):
    """There is no flow where one was looked for."""


class MissingTaskError(SluicewayError):
    """There is no task where one was looked for."""


class UnspecifiedFlowError(SluicewayError):
    """There are several flows and none was named."""


class ScriptError(SluicewayError):
    """The script that holds the flow could not be loaded.

    Args:
        user_exc: The exception that the script raised.
        path: The path of the script.
    """

    def __init__(self, user_exc: BaseException, path: str) -> None:
        super().__init__(f"Script at {path!r} raised {type(user_exc).__name__}: {user_exc}")
        self.user_exc = user_exc
        self.path = path


class FlowVisualizationError(SluicewayError):
    """The flow cannot be drawn."""


class NonDeterminismError(SluicewayError):
    """The flow made another call than the one that the journal has."""


class RunNotResumableError(NotPausedError):
    """The run cannot be taken in hand again."""


class RunNotStoppableError(SluicewayError):
    """The run cannot be cancelled or suspended: it has ended, or is part of another one."""


class MissingContextError(SluicewayError, RuntimeError):
    """There is no active run here; this works only inside a flow or task."""


# --- results, serialisation, hashing ------------------------------------------------------------


class MissingResult(SluicewayError):
    """The result of the run is not at hand: it was not stored."""


class UnreadableResult(MissingResult):
    """The result of the run is stored, but cannot be read any more: a class of it may have gone."""


class SerializationError(SluicewayError):
    """The value could not be serialised."""


class HashError(SluicewayError):
    """The value could not be hashed in a way that is stable over processes."""


# --- the store and settings ---------------------------------------------------------------------


class StoreError(SluicewayError):
    """The run database could not be used."""


class FencedError(StoreError):
    """The process was taken for dead, and may record no more of the runs that it had in hand."""


class StoreClosedError(StoreError):
    """The store was closed, and is not to be used any more: only another store of the same database can be."""


class NewerDatabaseError(StoreError):
    """The database was written by a newer version of Sluiceway."""


class ObjectNotFound(SluicewayError):
    """There is no such object in the run database."""


class ObjectAlreadyExists(SluicewayError):
    """There is such an object in the run database already."""


class SecretError(SluicewayError):
    """The secret cannot be sealed or opened."""


class ArchiveError(SluicewayError):
    """The file does not hold a run that was exported."""


class ConfigurationError(SluicewayError):
    """A setting is unknown or has a value that cannot be used."""


class MissingProfileError(ConfigurationError, ValueError):
    """There is no settings profile of that name."""


class ProfileSettingsValidationError(ConfigurationError):
    """A settings profile has values that cannot be used."""


class MissingExtraError(SluicewayError, ImportError):
    """An optional package that this feature needs is not installed."""


# --- signals: not `Exception`s, so that no handler of the user's swallows them ---------------------


class SluicewaySignal(_Published, BaseException):
    """Control flow of Sluiceway that passes through user code."""


class Abort(SluicewaySignal):
    """The run was told to stop."""


class Pause(SluicewaySignal):
    """The run was told to pause."""

    def __init__(self, *args: Any, state: Any = None) -> None:
        super().__init__(*args)
        self.state = state


class ExternalSignal(_Published, BaseException):
    """The operating system told the process something."""


class TerminationSignal(ExternalSignal):
    """The process was told to terminate.

    Args:
        signal: The number of the signal.
    """

    def __init__(self, signal: int) -> None:
        super().__init__(f"The process received signal {signal}")
        self.signal = signal
