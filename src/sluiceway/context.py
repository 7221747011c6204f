"""The context of the code that is executing: its run, and the tags around it."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from contextvars import Token, copy_context
from types import TracebackType
from typing import Any, Generic, NamedTuple, ParamSpec, Self, TypeVar

from sluiceway import wiring
from sluiceway.base.errors import MissingContextError
from sluiceway.base.signatures import colour_of
from sluiceway.drivers import scope
from sluiceway.drivers.scope import FlowRunContext, RunContext, TaskRunContext
from sluiceway.rules.options import plain_tags
from sluiceway.wiring.configuration import Settings

__all__ = [
    "EngineContext",
    "FlowRunContext",
    "RunContext",
    "SettingsContext",
    "TagsContext",
    "TaskRunContext",
    "get_run_context",
    "get_settings_context",
    "hydrated_context",
    "serialize_context",
    "tags",
    "use_profile",
    "with_context",
]

P = ParamSpec("P")
R = TypeVar("R")

EngineContext = FlowRunContext
"""The context of a flow run, under the name that Prefect has for it."""


class TagsContext:
    """The tags that runs get here; as a context manager, those that they get within.

    Args:
        current_tags: The tags.
    """

    __slots__ = ("_tokens", "current_tags")

    def __init__(self, current_tags: Iterable[str] = ()) -> None:
        self.current_tags: set[str] = set(current_tags)
        self._tokens: list[Token[frozenset[str]]] = []

    def __enter__(self) -> Self:
        """Give these tags, and no others, to the runs that are made within."""
        self._tokens.append(scope.enter_tags(frozenset(self.current_tags)))
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Have the tags from before hold again."""
        scope.leave_tags(self._tokens.pop())

    @classmethod
    def get(cls) -> TagsContext:
        """Return the tags that runs get here."""
        return cls(set(scope.current_tags()))


@contextmanager
def tags(*new_tags: str) -> Generator[set[str], None, None]:
    """Give tags to the runs that are made within.

    Args:
        new_tags: The tags; they join those that hold around them.

    Example:
        ```python
        with tags("nightly"):
            report()
        ```
    """
    if not all(isinstance(tag, str) for tag in new_tags):
        raise TypeError(f"tags are texts, but {new_tags!r} holds something else.")
    joined = scope.current_tags() | plain_tags(new_tags)
    token = scope.enter_tags(joined)
    try:
        yield set(joined)
    finally:
        scope.leave_tags(token)


def get_run_context() -> FlowRunContext | TaskRunContext:
    """Return the context of the flow run or task run that this code belongs to.

    Raises:
        MissingContextError: The code belongs to none.
    """
    context = scope.current()
    if context is None:
        raise MissingContextError("No run context available. You are not in a flow or task run context.")
    return context


# --- settings -------------------------------------------------------------------------------------


class SettingsContext(NamedTuple):
    """The settings that hold here.

    Args:
        profile: The profile that was chosen by name; None where the file of profiles decides, or there is none.
        settings: The settings.
    """

    profile: str | None
    settings: Settings

    @classmethod
    def get(cls) -> SettingsContext:
        """Return the settings that hold here."""
        return get_settings_context()


def get_settings_context() -> SettingsContext:
    """Return the settings that hold here.

    Raises:
        ConfigurationError: A setting is unknown or has a value that cannot be used.
    """
    settings = wiring.defaults()
    return SettingsContext(settings.profile, settings)


@contextmanager
def use_profile(
    profile: str, override_environment_variables: bool = False, include_current_context: bool = True
) -> Generator[SettingsContext, None, None]:
    """Have the whole process work with the settings of a profile within.

    Args:
        profile: The name of the profile.
        override_environment_variables: Whether the profile comes before the environment.
        include_current_context: Accepted for compatibility: settings are read anew from where they stand.

    Raises:
        MissingProfileError: There is no such profile.
        ConfigurationError: Something in it is no setting or no possible value.
    """
    from sluiceway.wiring.temporary import other_settings, settings_of_profile  # lazy: few programs change profiles

    with other_settings(settings_of_profile(profile, override_environment_variables)) as settings:
        yield SettingsContext(settings.profile, settings)


# --- taking the context elsewhere -----------------------------------------------------------------


def serialize_context(asset_ctx_kwargs: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the run and the tags that hold here, in a form that can be sent to another process.

    Args:
        asset_ctx_kwargs: Accepted for compatibility: there are no assets.

    Raises:
        SerializationError: Something that the run needs cannot be pickled.
    """
    context = scope.current()
    serialized: dict[str, Any] = {"tags_context": {"current_tags": sorted(scope.current_tags())}}
    if context is not None:
        from sluiceway.wiring.children import packed_context  # lazy: needed only where something leaves the process

        name = "task_run_context" if isinstance(context, TaskRunContext) else "flow_run_context"
        serialized[name] = packed_context(context)
    return serialized


@contextmanager
def hydrated_context(
    serialized_context: dict[str, Any] | None = None, client: Any = None
) -> Generator[None, None, None]:
    """Make the run and the tags of another process those that hold within.

    Tasks that are called within belong to that run, and are recorded by this process. Those that were submitted
    are waited for at the end.

    Args:
        serialized_context: What `serialize_context` returned there; None to change nothing.
        client: Accepted for compatibility: contexts have no clients.
    """
    told = serialized_context or {}
    packed = told.get("task_run_context") or told.get("flow_run_context")
    with TagsContext(told.get("tags_context", {}).get("current_tags", scope.current_tags())):
        if packed is None:
            yield
            return
        from sluiceway.wiring.children import opened_context  # lazy: needed only where something came from elsewhere

        context = opened_context(packed)
        token = scope.enter(context)
        try:
            yield
        finally:
            scope.leave(token)
            if context.flow_context is not None:
                context.flow_context.close()


def with_context(fn: Callable[P, R]) -> WithContext[P, R]:
    """Return a function that runs with the run and the tags that hold here, whichever thread or process calls it.

    Args:
        fn: The function, sync or async.

    Example:
        ```python
        with ThreadPoolExecutor() as pool:
            pages = list(pool.map(with_context(fetch), urls))
        ```
    """
    return WithContext(fn)


class WithContext(Generic[P, R]):
    """A function and the context to run it in. Made by `with_context`.

    Args:
        fn: The function, sync or async.
    """

    def __init__(self, fn: Callable[P, R]) -> None:
        self._fn = fn
        self._context = copy_context()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function in a copy of its context."""
        here = self._context.copy()
        if _is_async(self._fn):
            import asyncio  # lazy: only an async function needs it

            call: Any = self._fn(*args, **kwargs)
            task: Any = here.run(asyncio.ensure_future, call)
            return task  # type: ignore[no-any-return]  # awaiting the task is awaiting the call
        return here.run(self._fn, *args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        from sluiceway.wiring.children import dumps  # lazy: needed only where something leaves the process

        return _with_context_of, (dumps(self._fn), self._context.copy().run(serialize_context))


def _with_context_of(pickled: bytes, serialized_context: dict[str, Any]) -> Callable[..., Any]:
    """Return a function of another process, with the context that it had there."""
    fn: Callable[..., Any] = pickle.loads(pickled)

    def call(*args: Any, **kwargs: Any) -> Any:
        with hydrated_context(serialized_context):
            return fn(*args, **kwargs)

    async def acall(*args: Any, **kwargs: Any) -> Any:
        with hydrated_context(serialized_context):
            return await fn(*args, **kwargs)

    return acall if _is_async(fn) else call


def _is_async(fn: Any) -> bool:
    return bool(getattr(fn, "isasync", None)) or colour_of(fn) == "async"
