"""Settings: the table of all there are, and the values that are in force.

The environment comes first, then the project's file, then the profile in the home folder, then the default.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Set
from typing import Any, Generic, NamedTuple, NoReturn, TypeVar, overload

from sluiceway.base.errors import ConfigurationError
from sluiceway.wiring import setting_kinds as kinds
from sluiceway.wiring.setting_kinds import Kind, Place
from sluiceway.wiring.setting_sources import (
    ENVIRONMENT,
    PREFIX,
    Given,
    did_you_mean,
    from_environment,
    from_profile,
    from_project,
    nearest,
)

T = TypeVar("T")

MASK = "********"
"""What is shown instead of a secret."""

TOLD = "the process that submitted the task"
"""The origin of a value that another process told this one."""

DEFAULT = "default"
"""The origin of a value that nobody gave."""


class Setting(Generic[T]):
    """A setting: on `Settings` itself its declaration, on an instance its value.

    Args:
        kind: What its value may be.
        default: Its value where none is given; `{home}` in a text stands for the home folder.
        description: What it is for, with its unit.
        secret: Whether its value is never shown.
    """

    __slots__ = ("default", "description", "kind", "name", "secret")

    def __init__(self, kind: Kind[T], default: T, description: str, *, secret: bool = False) -> None:
        self.kind: Kind[T] = kind
        self.default: T = default
        self.description: str = description
        self.secret: bool = secret
        self.name: str = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Setting[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Setting[T] | T:
        if instance is None:
            return self
        value: T = vars(instance)[self.name]
        return value

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.name.upper()

    def shown(self, value: object) -> str:
        """Return a value as a person may see it, without secrets.

        Args:
            value: A value of the setting, checked or not.
        """
        if value is None:
            return "None"
        return MASK if self.secret else repr(without_password(value, MASK))

    def told(self, value: object) -> str:
        """Return a value in words, as a person might have given it, without secrets.

        Args:
            value: A value of the setting, checked.
        """
        if self.secret and value is not None:
            return MASK
        missing = value is None and "auto" not in self.kind.choices
        return "none" if missing else self.kind.told(without_password(value, MASK))

    def __repr__(self) -> str:
        return f"Setting({self.variable}: {self.kind.allowed})"


def without_password(value: object, instead: str = "") -> object:
    """Return an address without the password in it; anything else as it is.

    Args:
        value: A value of any kind.
        instead: What to put in the place of the password.
    """
    if not isinstance(value, str) or "://" not in value:
        return value
    scheme, _, rest = value.partition("://")
    login, _, _ = rest.partition("/")[0].rpartition("@")
    user, colon, password = login.partition(":")
    return f"{scheme}://{user}{instead and ':' + instead}{rest[len(login) :]}" if colon and password else value


class TravellingSettings(NamedTuple):
    """Settings on their way to another process.

    Args:
        values: The values by setting name; those that are None are left out.
        withheld: The names of settings that are secrets or have a password in them, which stays where it is.
    """

    values: dict[str, Any]
    withheld: tuple[str, ...]


class Settings:
    """The settings in force. Immutable; `sluiceway.settings.get_current_settings()` returns them.

    Args:
        given: What was given, by setting name, `home` in any case; the rest has its default.

    Raises:
        ConfigurationError: Something is no setting or no possible value; the message lists all such.
    """

    home: Setting[str] = Setting(kinds.PATH, "~/.sluiceway", "The folder of the run database, results and profiles.")
    profile: Setting[str | None] = Setting(
        kinds.TEXT, None, "The profile to use; by default the one that profiles.toml calls active."
    )
    database_url: Setting[str] = Setting(kinds.DATABASE, "sqlite:///{home}/sluiceway.db", "Where runs are recorded.")
    api_url: Setting[str | None] = Setting(
        kinds.WEB_ADDRESS, None, "The server that records runs, instead of a database, and tells of them."
    )
    api_key: Setting[str | None] = Setting(kinds.TEXT, None, "The token that the server asks for.", secret=True)
    spool_limit: Setting[int] = Setting(
        kinds.SIZE_LIMIT,
        10**9,
        "How much is kept on this machine while the server cannot be reached, in bytes or such as 1GB.",
    )

    results_storage: Setting[str] = Setting(
        kinds.PATH_OR_URL, "{home}/results", "Where results go that are too large for the run database."
    )
    results_serializer: Setting[str] = Setting(
        kinds.choice("pickle", "json", "compressed/pickle", "compressed/json"),
        "pickle",
        "How results are stored.",
    )
    results_persist: Setting[bool | None] = Setting(
        kinds.SWITCH_OR_AUTO,
        None,
        "Whether results are stored; auto stores those that a cache, a retry or a resume may need.",
    )
    results_inline_limit: Setting[int] = Setting(
        kinds.whole(0), 65_536, "The size up to which a result is stored in the run database, in bytes."
    )

    logging_level: Setting[str] = Setting(
        kinds.choice("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
        "INFO",
        "The least level that is logged.",
    )
    logging_format: Setting[str] = Setting(
        kinds.choice("console", "json"), "console", "Lines for people, or JSON objects, one a line."
    )
    logging_colors: Setting[bool | None] = Setting(
        kinds.SWITCH_OR_AUTO,
        None,
        "Whether the console is coloured; auto colours terminals, unless NO_COLOR is set.",
    )
    logging_log_prints: Setting[bool] = Setting(kinds.SWITCH, False, "Whether `print` in flows and tasks logs.")
    logging_to_journal: Setting[bool] = Setting(
        kinds.SWITCH, True, "Whether log lines of runs are kept in the run database."
    )
    logging_max_line: Setting[int] = Setting(
        kinds.whole(1), 65_536, "The length from which a log line is cut in the run database, in characters."
    )
    logging_extra_loggers: Setting[tuple[str, ...]] = Setting[tuple[str, ...]](
        kinds.NAMES, (), "Loggers of other libraries whose lines are shown and kept like those of runs."
    )

    flush_interval: Setting[float] = Setting(
        kinds.INTERVAL, 0.05, "How long at most something recorded waits before it is written, in seconds."
    )
    liveness: Setting[str] = Setting(
        kinds.choice("lock", "lease"),
        "lock",
        "How processes show each other that they live: by a lock that the kernel keeps, or, over a network, a lease.",
    )
    lease_seconds: Setting[float] = Setting(
        kinds.INTERVAL, 30.0, "How long a lease lasts unless it is prolonged, in seconds; it is, every half second."
    )
    durability: Setting[str] = Setting(
        kinds.choice("batched", "strict"),
        "batched",
        "Whether runs wait until what happened to them is on disk: strict does, before each call returns.",
    )
    task_runner_thread_pool_max_workers: Setting[int | None] = Setting(
        kinds.whole(1), None, "How many submitted tasks of a flow run at once in threads."
    )
    tasks_default_retries: Setting[int] = Setting(kinds.whole(0), 0, "How often a failed task is retried.")
    tasks_default_retry_delay_seconds: Setting[tuple[float, ...]] = Setting[tuple[float, ...]](
        kinds.DELAYS, (), "How long to wait before each retry of a task, in seconds; the last one holds on."
    )
    flows_default_retries: Setting[int] = Setting(kinds.whole(0), 0, "How often a failed flow is retried.")
    flows_default_retry_delay_seconds: Setting[float] = Setting(
        kinds.SECONDS, 0.0, "How long to wait before each retry of a flow, in seconds."
    )
    deferred_poll_interval: Setting[float] = Setting(
        kinds.INTERVAL,
        0.1,
        "How often a worker looks for deferred runs, and who waits for one looks for its end, in seconds.",
    )
    progress: Setting[str] = Setting(
        kinds.choice("off", "auto"),
        "off",
        "Whether a flow shows progress bars of its tasks; auto does on terminals.",
    )
    telemetry: Setting[str] = Setting(
        kinds.choice("auto", "on", "off"),
        "auto",
        "Whether runs are spans of OpenTelemetry; auto does where the program has imported that before its first run.",
    )

    # Not `server_port`: container platforms set a variable of that name for a service called `sluiceway-server`.
    server_listen: Setting[str] = Setting(
        kinds.LISTEN, "127.0.0.1:4200", "Where the server listens: a name or an address, and a port, 0 for a free one."
    )
    server_token: Setting[str | None] = Setting(
        kinds.TEXT, None, "What the server asks of who comes; it needs one where others can reach it.", secret=True
    )
    server_allowed_hosts: Setting[tuple[str, ...]] = Setting[tuple[str, ...]](
        kinds.NAMES, (), "Further names that the server goes by, such as that of a proxy in front of it."
    )
    server_prefix: Setting[str | None] = Setting(
        kinds.URL_PREFIX, None, "The path below which the server is reached, such as /flows."
    )
    server_trusted_proxies: Setting[tuple[str, ...]] = Setting[tuple[str, ...]](
        kinds.NAMES, (), "Addresses of proxies that are believed when they say for whom they ask."
    )

    # Of these, 0 stands for no limit: it travels to other processes, where None would be the default.
    retention_automatic: Setting[bool] = Setting(
        kinds.SWITCH, True, "Whether processes that record runs remove old ones by themselves, now and then."
    )
    retention_interval: Setting[float] = Setting(
        kinds.INTERVAL, 3_600.0, "How often they do at most, all processes of a run database together, in seconds."
    )
    retention_max_age: Setting[float] = Setting(
        kinds.AGE_LIMIT, 90 * 86_400.0, "How long runs are kept after they have ended, in seconds or such as 90d."
    )
    retention_max_flow_runs: Setting[int] = Setting(
        kinds.LIMIT, 100_000, "How many flow runs are kept that no other called; the newest stay."
    )
    retention_max_task_runs: Setting[int] = Setting(
        kinds.LIMIT, 1_000_000, "How many task runs are kept; those of the newest flow runs stay."
    )
    retention_max_size: Setting[int] = Setting(
        kinds.SIZE_LIMIT,
        10 * 10**9,
        "How large the run database may be, cached results aside, in bytes or such as 10GB.",
    )

    def __init__(self, given: Mapping[str, Given]) -> None:
        problems: list[str] = []
        values: dict[str, Any] = {}
        for name, item in given.items():
            setting = _TABLE.get(name)
            if setting is None:
                problems.append(_unknown(item))
                continue
            try:
                values[name] = setting.kind.parse(item.raw, item.place)
            except (ValueError, TypeError):
                problems.append(_unfit(setting, item))
        if problems:
            heading = "" if len(problems) == 1 else f"{len(problems)} settings cannot be used:\n- "
            raise ConfigurationError(heading + "\n- ".join(problems))
        home = values["home"]
        derived = {name: text.format(home=home) for name, text in _IN_HOME.items() if name not in values}
        vars(self).update(_DEFAULTS, **derived, **values, _given=dict(given))

    def origin_of(self, name: str) -> str:
        """Return where the value of a setting stands: `SLUICEWAY_HOME in the environment`, say, or `default`.

        Args:
            name: The name of the setting, such as `home`.

        Raises:
            ConfigurationError: There is no such setting.
        """
        if name not in _TABLE:
            raise ConfigurationError(f"{name!r} is not a setting.{did_you_mean(nearest(name, _TABLE))}")
        item: Given | None = vars(self)["_given"].get(name)
        return DEFAULT if item is None or item.source == DEFAULT else item.origin

    def changed(self, values: Mapping[str, object], source: str) -> Settings:
        """Return settings in which some values are others; None brings back the default.

        Args:
            values: The values by setting name.
            source: Who changes them.

        Raises:
            ConfigurationError: Something is no setting or no possible value.
        """
        place: Place = vars(self)["_given"]["home"].place
        given = dict(vars(self)["_given"])
        for name, value in values.items():
            given[name] = Given(value, name, source, place)
            if value is None and name in _TABLE:
                del given[name]
        given.setdefault("home", _default_home(place))
        return Settings(given)

    def for_other_processes(self) -> TravellingSettings:
        """Return the values that other processes may see: no secrets, and addresses without their passwords."""
        values = {name: vars(self)[name] for name, setting in _TABLE.items() if not setting.secret}
        plain = {name: without_password(value) for name, value in values.items() if value is not None}
        kept = [name for name, value in plain.items() if value != values[name]]
        secrets = [name for name, setting in _TABLE.items() if setting.secret and vars(self)[name] is not None]
        return TravellingSettings(plain, (*kept, *secrets))

    @classmethod
    def from_another_process(cls, told: TravellingSettings, own: Callable[[], Settings]) -> Settings:
        """Return the settings of the process that a call comes from, as far as it told them.

        Args:
            told: What it told.
            own: Returns the settings of this process. Where they have the same address, they have the password that
                was not told; and a secret is this process's own.
        """
        values = dict(told.values)
        for name in told.withheld:
            value = vars(own())[name]
            if _TABLE[name].secret or without_password(value) == values[name]:
                values[name] = value
        place = Place(os.sep, os.sep)
        return cls({name: Given(value, name, TOLD, place) for name, value in values.items() if value is not None})

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"Settings are immutable; `temporary_settings({name}=…)` changes one for a while.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"Settings are immutable; {name} has a default that `temporary_settings` can set.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and _values_of(self) == _values_of(other)

    def __hash__(self) -> int:
        return hash(_values_of(self))

    def __repr__(self) -> str:
        shown = (f"{name}={setting.shown(vars(self)[name])}" for name, setting in _TABLE.items())
        return f"Settings({', '.join(shown)})"


_TABLE: dict[str, Setting[Any]] = {
    name: setting for name, setting in vars(Settings).items() if isinstance(setting, Setting)
}

SETTINGS: tuple[Setting[Any], ...] = tuple(_TABLE.values())
"""All settings there are."""

_DEFAULTS: dict[str, Any] = {setting.name: setting.default for setting in SETTINGS}
_IN_HOME = {name: text for name, text in _DEFAULTS.items() if isinstance(text, str) and "{home}" in text}


def load_settings(environ: Mapping[str, str], cwd: str, without: Set[str] = frozenset()) -> Settings:
    """Return the settings that an environment, the project around a folder and the home folder give.

    Args:
        environ: The environment.
        cwd: The folder that the search for a project's file begins in.
        without: The names of settings that are to have their defaults.

    Raises:
        ConfigurationError: A file cannot be read, or something in it or in the environment is no setting
            or no possible value.
    """
    user_home = environ.get("HOME") or os.path.expanduser("~")
    here = Place(cwd, user_home)
    given = from_project(cwd, user_home)
    given.update(from_environment(environ, here))
    for name in without:
        given.pop(name, None)
    given.setdefault("home", _default_home(here))
    home = Settings({"home": given["home"]}).home
    profile = from_profile(home, given.get("profile"), user_home)
    for name in ("home", "profile"):
        if name in profile:
            raise ConfigurationError(f"{profile[name].origin} has no effect: {name} decides which profile is used.")
    return Settings({**profile, **given})


def process_settings() -> Settings:
    """Return the settings of this process, read anew.

    Raises:
        ConfigurationError: As for `load_settings`.
    """
    try:
        cwd = os.getcwd()
    except FileNotFoundError:  # the working directory was removed: there is no project around it
        cwd = os.sep
    return load_settings(os.environ, cwd)


def _default_home(place: Place) -> Given:
    return Given(Settings.home.default, "home", DEFAULT, place)


def _values_of(settings: Settings) -> tuple[Any, ...]:
    return tuple(vars(settings)[name] for name in _TABLE)


def _unknown(item: Given) -> str:
    """Say that something is no setting, and which one was probably meant."""
    in_environment = item.source == ENVIRONMENT
    word = item.key.removeprefix(PREFIX) if in_environment else item.key.replace(".", "_")
    meant = nearest(word, _TABLE)
    if meant is None:
        return f"{item.origin} is not a setting. `sluiceway config` lists them all."
    return f"{item.origin} is not a setting.{did_you_mean(_TABLE[meant].variable if in_environment else meant)}"


def _unfit(setting: Setting[Any], item: Given) -> str:
    """Say that a value is none of a setting, which ones are, and which one was probably meant."""
    hint = did_you_mean(nearest(str(item.raw), setting.kind.choices))
    return f"{item.origin} is {setting.shown(item.raw)}, but must be {setting.kind.allowed}.{hint}"
