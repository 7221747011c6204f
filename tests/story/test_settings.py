"""Settings: where they come from, which one wins, and what is said about bad ones."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway import wiring
from sluiceway.exceptions import ConfigurationError
from sluiceway.settings import SETTINGS, Setting, Settings, get_current_settings, temporary_settings
from sluiceway.wiring.configuration import MASK, load_settings
from sluiceway.wiring.setting_kinds import Place, database_path
from sluiceway.wiring.setting_sources import from_environment

Load = Callable[..., Settings]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project's folder, far enough down that there are folders above it."""
    folder = tmp_path / "work" / "project"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def load(tmp_path: Path, project: Path) -> Load:
    """Loads the settings of an environment in the project's folder."""

    def load(**environ: str) -> Settings:
        return load_settings({"HOME": str(tmp_path / "user"), **environ}, str(project))

    return load


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    """The file of profiles in the default home folder, not written yet."""
    home = tmp_path / "user" / ".sluiceway"
    home.mkdir(parents=True)
    return home / "profiles.toml"


def complaint(load: Callable[[], object]) -> str:
    """Return what the one error that loading raises says."""
    with pytest.raises(ConfigurationError) as caught:
        load()
    return str(caught.value)


# --- defaults -----------------------------------------------------------------------------------


def test_nothing_needs_to_be_configured(load: Load, tmp_path: Path) -> None:
    settings = load()
    home = str(tmp_path / "user" / ".sluiceway")
    assert settings.home == home
    assert settings.database_url == f"sqlite:///{home}/sluiceway.db"
    assert settings.results_storage == f"{home}/results"
    assert settings.api_url is None
    assert all(settings.origin_of(setting.name) == "default" for setting in SETTINGS)


def test_the_database_and_the_results_move_with_the_home_folder(load: Load, tmp_path: Path) -> None:
    settings = load(SLUICEWAY_HOME=str(tmp_path / "elsewhere"))
    assert database_path(settings.database_url) == str(tmp_path / "elsewhere" / "sluiceway.db")
    assert settings.results_storage == str(tmp_path / "elsewhere" / "results")


def test_no_home_of_a_user_is_needed_where_the_home_folder_is_given(tmp_path: Path) -> None:
    assert load_settings({"SLUICEWAY_HOME": "/srv"}, str(tmp_path)).home == "/srv"


def test_reading_settings_without_files_imports_no_parser(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tomllib", raising=False)
    load(SLUICEWAY_LOGGING_LEVEL="DEBUG")
    assert "tomllib" not in sys.modules


# --- which one wins -----------------------------------------------------------------------------


def test_the_environment_comes_first_then_the_project_then_the_profile_then_the_default(
    load: Load, project: Path, profiles: Path
) -> None:
    levels: list[tuple[str, str]] = []

    def note(settings: Settings) -> None:
        levels.append((settings.logging_level, settings.origin_of("logging_level")))

    note(load())
    profiles.write_text('active = "dev"\n[profiles.dev]\nlogging_level = "WARNING"\n')
    note(load())
    (project / "sluiceway.toml").write_text('logging_level = "ERROR"\n')
    note(load())
    note(load(SLUICEWAY_LOGGING_LEVEL="DEBUG"))
    assert levels == [
        ("INFO", "default"),
        ("WARNING", f"logging_level in profile 'dev' of {profiles}"),
        ("ERROR", f"logging_level in {project / 'sluiceway.toml'}"),
        ("DEBUG", "SLUICEWAY_LOGGING_LEVEL in the environment"),
    ]


def test_sources_are_joined_setting_by_setting(load: Load, project: Path) -> None:
    (project / "sluiceway.toml").write_text('logging_level = "ERROR"\nflush_interval = 1\n')
    settings = load(SLUICEWAY_LOGGING_LEVEL="DEBUG")
    assert (settings.logging_level, settings.flush_interval) == ("DEBUG", 1.0)


def test_the_nearest_project_file_wins_and_those_above_are_not_read(load: Load, project: Path) -> None:
    (project.parent / "sluiceway.toml").write_text('logging_format = "json"\nprogress = "auto"\n')
    assert load().logging_format == "json"
    (project / "pyproject.toml").write_text('[tool.sluiceway]\nprogress = "off"\n')
    settings = load()
    assert (settings.logging_format, settings.progress) == ("console", "off")


def test_in_one_folder_sluiceway_toml_wins_over_pyproject_toml(load: Load, project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.sluiceway]\ntasks_default_retries = 1\n")
    (project / "sluiceway.toml").write_text("tasks_default_retries = 2\n")
    assert load().tasks_default_retries == 2


@pytest.mark.parametrize(
    "content",
    [
        "[tool.sluiceway]\nprogress = 'auto'",
        "[tool.sluiceway.logging]\nlevel = 'INFO'\n[tool.sluiceway]\nprogress = 'auto'",
        "[ tool . 'sluiceway' ]\nprogress = 'auto'",
        "[tool]\nsluiceway.progress = 'auto'",
        "[tool]\n  sluiceway = { progress = 'auto' }",
        "[tool]\n'sluiceway'.progress = 'auto'",
        "tool.sluiceway.progress = 'auto'",
        "tool = { sluiceway = { progress = 'auto' } }",
    ],
)
def test_the_table_of_pyproject_toml_is_found_however_it_is_spelled(load: Load, project: Path, content: str) -> None:
    (project / "pyproject.toml").write_text(content)
    assert load().progress == "auto"


@pytest.mark.parametrize(
    "content",
    [
        "[project]\nname = 'report'\ndependencies = ['sluiceway>=0.1']\n",
        "[project]\ndependencies = [\n  'sluiceway>=0.1',\n]\n[tool.ruff]\nline-length = 100\n",
        "this is [not TOML, and none of our business",
    ],
)
def test_a_pyproject_toml_without_the_table_is_passed_over_unparsed(
    load: Load, project: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    (project.parent / "sluiceway.toml").write_text("progress = 'auto'\n")
    (project / "pyproject.toml").write_text(content)
    assert load().progress == "auto"
    (project.parent / "sluiceway.toml").unlink()
    monkeypatch.delitem(sys.modules, "tomllib", raising=False)
    assert load().progress == "off"
    assert "tomllib" not in sys.modules


def test_an_empty_variable_counts_as_unset(load: Load) -> None:
    settings = load(SLUICEWAY_API_URL="", SLUICEWAY_LOGGING_LEVEL=" ")
    assert (settings.api_url, settings.logging_level) == (None, "INFO")


# --- profiles -----------------------------------------------------------------------------------


def test_a_profile_is_chosen_by_variable_by_project_or_by_the_file_itself(
    load: Load, project: Path, profiles: Path
) -> None:
    profiles.write_text(
        "active = 'a'\n[profiles.a]\nflush_interval = 1\n"
        "[profiles.b]\nflush_interval = 2\n[profiles.c]\nflush_interval = 3\n"
    )
    assert load().flush_interval == 1
    (project / "sluiceway.toml").write_text("profile = 'b'\n")
    assert load().flush_interval == 2
    assert load(SLUICEWAY_PROFILE="c").flush_interval == 3


def test_a_file_of_profiles_without_an_active_one_changes_nothing(load: Load, profiles: Path) -> None:
    profiles.write_text("[profiles.a]\nflush_interval = 1\n")
    assert load() == load_settings({"HOME": str(profiles.parents[1])}, os.sep)


def test_an_unknown_profile_is_named_with_those_there_are(load: Load, profiles: Path) -> None:
    profiles.write_text("[profiles.production]\n[profiles.dev]\n")
    assert complaint(lambda: load(SLUICEWAY_PROFILE="prodution")) == (
        f"SLUICEWAY_PROFILE in the environment is 'prodution', but {profiles} has no such profile. "
        "It has: production, dev. Did you mean production?"
    )


def test_a_profile_without_any_file_of_profiles_says_where_it_was_looked_for(load: Load, profiles: Path) -> None:
    message = complaint(lambda: load(SLUICEWAY_PROFILE="dev"))
    assert "SLUICEWAY_PROFILE" in message
    assert str(profiles) in message


@pytest.mark.parametrize("name", ["home", "profile"])
def test_a_profile_cannot_set_what_leads_to_it(load: Load, profiles: Path, name: str) -> None:
    profiles.write_text(f"active = 'a'\n[profiles.a]\n{name} = 'x'\n")
    assert f"{name} in profile 'a'" in complaint(load)


@pytest.mark.parametrize("content", ["logging_level = 'DEBUG'", "profiles = 1", "active = 'x'\nother = 1"])
def test_a_file_of_profiles_with_anything_else_in_it_is_refused(load: Load, profiles: Path, content: str) -> None:
    profiles.write_text(content)
    assert f"{profiles} must have nothing but" in complaint(load)


# --- spelling in TOML ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "task_runner_thread_pool_max_workers = 3",
        "[task_runner]\nthread_pool_max_workers = 3",
        "[task_runner.thread_pool]\nmax_workers = 3",
        "task_runner.thread_pool_max_workers = '3'",
    ],
)
def test_toml_may_be_flat_or_nested(load: Load, project: Path, content: str) -> None:
    (project / "sluiceway.toml").write_text(content)
    assert load().task_runner_thread_pool_max_workers == 3


def test_the_same_setting_twice_in_one_file_is_refused(load: Load, project: Path) -> None:
    file = project / "sluiceway.toml"
    file.write_text("logging_level = 'DEBUG'\n[logging]\nlevel = 'INFO'\n")
    assert complaint(load) == f"{file} sets logging_level and logging.level, which are the same."


def test_relative_paths_start_at_the_file_that_names_them(load: Load, project: Path, tmp_path: Path) -> None:
    (project.parent / "sluiceway.toml").write_text(
        "home = 'runs'\nresults_storage = '~/kept'\ndatabase_url = 'sqlite:///../journal.db'\n"
    )
    settings = load()
    assert settings.home == str(project.parent / "runs")
    assert settings.results_storage == str(tmp_path / "user" / "kept")
    assert database_path(settings.database_url) == str(tmp_path / "journal.db")
    assert load(SLUICEWAY_HOME="runs").home == str(project / "runs")


# --- kinds of values ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("database_url", "memory:", "memory:"),
        ("database_url", "sqlite:////var/runs.db", "sqlite:////var/runs.db"),
        ("api_url", "https://example.com/api", "https://example.com/api"),
        ("results_storage", "s3://bucket/results", "s3://bucket/results"),
        ("results_serializer", "compressed/json", "compressed/json"),
        ("results_persist", "auto", None),
        ("results_persist", "yes", True),
        ("results_persist", "False", False),
        ("results_inline_limit", "0", 0),
        ("logging_level", "debug", "DEBUG"),
        ("logging_format", "JSON", "json"),
        ("logging_colors", "off", False),
        ("logging_colors", "AUTO", None),
        ("logging_log_prints", "1", True),
        ("logging_extra_loggers", "sqlalchemy, boto3", ("sqlalchemy", "boto3")),
        ("flush_interval", "0.5", 0.5),
        ("task_runner_thread_pool_max_workers", "8", 8),
        ("tasks_default_retry_delay_seconds", "1, 2.5,10", (1.0, 2.5, 10.0)),
        ("tasks_default_retry_delay_seconds", "3", (3.0,)),
        ("flows_default_retry_delay_seconds", "0", 0.0),
        ("progress", "Auto", "auto"),
        ("telemetry", "ON", "on"),
    ],
)
def test_a_variable_becomes_a_value_of_the_right_type(load: Load, name: str, text: str, value: object) -> None:
    assert getattr(load(**{f"SLUICEWAY_{name.upper()}": text}), name) == value


@pytest.mark.parametrize(
    ("name", "toml", "value"),
    [
        ("logging_log_prints", "true", True),
        ("results_persist", "false", False),
        ("logging_max_line", "100", 100),
        ("flush_interval", "1", 1.0),
        ("logging_extra_loggers", "['a', 'b']", ("a", "b")),
        ("tasks_default_retry_delay_seconds", "[1, 2.5]", (1.0, 2.5)),
    ],
)
def test_toml_has_types_of_its_own(load: Load, project: Path, name: str, toml: str, value: object) -> None:
    (project / "sluiceway.toml").write_text(f"{name} = {toml}\n")
    assert getattr(load(), name) == value


BAD_VALUES = [
    ("DATABASE_URL", "postgres://x"),
    ("DATABASE_URL", "sqlite://"),
    ("DATABASE_URL", "sqlite:///"),
    ("API_URL", "ftp://example.com"),
    ("API_URL", "http://"),
    ("API_URL", "http://127.0.0.1 /api"),
    ("RESULTS_SERIALIZER", "yaml"),
    ("RESULTS_PERSIST", "maybe"),
    ("RESULTS_INLINE_LIMIT", "-1"),
    ("RESULTS_INLINE_LIMIT", "64 KiB"),
    ("LOGGING_LEVEL", "LOUD"),
    ("LOGGING_COLORS", "red"),
    ("LOGGING_LOG_PRINTS", "2"),
    ("LOGGING_MAX_LINE", "0"),
    ("FLUSH_INTERVAL", "0"),
    ("FLUSH_INTERVAL", "nan"),
    ("FLUSH_INTERVAL", "inf"),
    ("TASK_RUNNER_THREAD_POOL_MAX_WORKERS", "0"),
    ("TASK_RUNNER_THREAD_POOL_MAX_WORKERS", "1.5"),
    ("TASKS_DEFAULT_RETRIES", "-1"),
    ("TASKS_DEFAULT_RETRY_DELAY_SECONDS", "1,-2"),
    ("FLOWS_DEFAULT_RETRY_DELAY_SECONDS", "soon"),
    ("PROGRESS", "always"),
    ("TELEMETRY", "always"),
]


@pytest.mark.parametrize(("name", "text"), BAD_VALUES)
def test_a_bad_value_is_one_error_that_names_the_setting_its_place_and_what_is_allowed(
    load: Load, name: str, text: str
) -> None:
    message = complaint(lambda: load(**{f"SLUICEWAY_{name}": text}))
    setting = getattr(Settings, name.lower())
    assert message.startswith(f"SLUICEWAY_{name} in the environment is {text!r}, but must be {setting.kind.allowed}.")


@pytest.mark.parametrize(
    ("name", "toml"),
    [
        ("tasks_default_retries", "true"),
        ("tasks_default_retries", "1.0"),
        ("tasks_default_retries", "[1]"),
        ("flush_interval", "true"),
        ("logging_level", "10"),
        ("logging_level", "2020-01-01"),
        ("home", "''"),
        ("logging_extra_loggers", "[1]"),
        ("logging_log_prints", "['true']"),
    ],
)
def test_a_value_of_the_wrong_type_in_toml_is_named_with_its_file(
    load: Load, project: Path, name: str, toml: str
) -> None:
    file = project / "sluiceway.toml"
    file.write_text(f"{name} = {toml}\n")
    assert complaint(load).startswith(f"{name} in {file} is ")


def test_the_value_that_was_probably_meant_is_suggested(load: Load) -> None:
    assert complaint(lambda: load(SLUICEWAY_LOGGING_LEVEL="wraning")).endswith("Did you mean WARNING?")


# --- unknown settings ---------------------------------------------------------------------------


def test_an_unknown_variable_is_one_error_that_suggests_the_right_name(load: Load) -> None:
    assert complaint(lambda: load(SLUICEWAY_LOGING_LEVEL="DEBUG")) == (
        "SLUICEWAY_LOGING_LEVEL in the environment is not a setting. Did you mean SLUICEWAY_LOGGING_LEVEL?"
    )


def test_an_unknown_variable_that_resembles_none_points_to_the_list(load: Load) -> None:
    assert complaint(lambda: load(SLUICEWAY_XYZZY="1")) == (
        "SLUICEWAY_XYZZY in the environment is not a setting. `sluiceway config` lists them all."
    )


@pytest.mark.parametrize("file_name", ["sluiceway.toml", "pyproject.toml"])
def test_an_unknown_key_in_a_file_is_named_with_the_file(load: Load, project: Path, file_name: str) -> None:
    file = project / file_name
    header = "tool.sluiceway." if file_name == "pyproject.toml" else ""
    file.write_text(f"[{header}logging]\nlevl = 'DEBUG'\n")
    assert complaint(load) == f"logging.levl in {file} is not a setting. Did you mean logging_level?"


def test_all_that_is_wrong_is_said_at_once(load: Load, project: Path) -> None:
    (project / "sluiceway.toml").write_text("flush_intervall = 1\nprogress = 'on'\n")
    message = complaint(lambda: load(SLUICEWAY_API_URL="x"))
    assert message.startswith("3 settings cannot be used:\n- ")
    assert all(name in message for name in ("flush_intervall", "progress", "SLUICEWAY_API_URL"))


@pytest.mark.parametrize(
    "name",
    [
        "SLUICEWAY_SERVICE_HOST",
        "SLUICEWAY_SERVICE_PORT",
        "SLUICEWAY_SERVICE_PORT_HTTP",
        "SLUICEWAY_PORT",
        "SLUICEWAY_PORT_4200_TCP_ADDR",
        "SLUICEWAY_SERVER_SERVICE_HOST",
    ],
)
def test_variables_that_kubernetes_sets_for_a_service_of_that_name_are_no_settings(load: Load, name: str) -> None:
    assert load(**{name: "10.0.0.1"}) == load()


def test_no_setting_is_taken_for_a_variable_of_kubernetes(project: Path) -> None:
    environ = {setting.variable: "x" for setting in SETTINGS}
    assert from_environment(environ, Place(str(project), "")).keys() == {setting.name for setting in SETTINGS}


# --- files that cannot be read ------------------------------------------------------------------


@pytest.mark.parametrize("file_name", ["sluiceway.toml", "pyproject.toml"])
def test_a_file_that_is_no_toml_is_named_with_the_place_of_the_fault(load: Load, project: Path, file_name: str) -> None:
    file = project / file_name
    file.write_text("[tool.sluiceway]\nlogging_level = \n")
    message = complaint(load)
    assert str(file) in message
    assert "line 2" in message


def test_a_file_that_is_no_text_is_named(load: Load, project: Path) -> None:
    (project / "sluiceway.toml").write_bytes(b"\xff\xfe")
    assert str(project / "sluiceway.toml") in complaint(load)


def test_a_working_directory_that_was_removed_has_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert get_current_settings().logging_level == "INFO"


# --- secrets ------------------------------------------------------------------------------------


def test_secrets_are_masked_wherever_settings_are_shown(load: Load) -> None:
    settings = load(SLUICEWAY_API_KEY="hunter2", SLUICEWAY_API_URL="https://me:hunter2@example.com/api")
    assert settings.api_key == "hunter2"
    assert "hunter2" not in repr(settings)
    assert Settings.api_key.shown("hunter2") == MASK
    assert Settings.api_url.shown(settings.api_url) == f"'https://me:{MASK}@example.com/api'"


@given(st.sampled_from(["http", "s3", "sqlite"]), st.text("ab@:/.-", max_size=12))
def test_masking_changes_nothing_where_there_is_no_password(scheme: str, rest: str) -> None:
    login = rest.partition("/")[0].rpartition("@")[0]
    shown = Settings.results_storage.shown(f"{scheme}://{rest}")
    assert (MASK in shown) == bool(login.partition(":")[2])


def test_a_bad_secret_is_not_shown_by_the_error(load: Load, project: Path) -> None:
    (project / "sluiceway.toml").write_text("api_key = 12345\n")
    message = complaint(load)
    assert "api_key" in message
    assert "12345" not in message


# --- settings as objects ------------------------------------------------------------------------


def test_settings_cannot_be_changed(load: Load) -> None:
    settings: Any = load()
    with pytest.raises(AttributeError, match="temporary_settings"):
        settings.logging_level = "DEBUG"
    with pytest.raises(AttributeError, match="temporary_settings"):
        del settings.logging_level
    assert settings.logging_level == "INFO"


def test_settings_reach_other_processes(load: Load) -> None:
    settings = load(SLUICEWAY_LOGGING_LEVEL="DEBUG", SLUICEWAY_API_KEY="k")
    copied = pickle.loads(pickle.dumps(settings))
    assert copied == settings
    assert hash(copied) == hash(settings)
    assert copied.origin_of("api_key") == "SLUICEWAY_API_KEY in the environment"


def test_the_origin_of_something_that_is_no_setting_is_refused(load: Load) -> None:
    with pytest.raises(ConfigurationError, match="'logging_leve' is not a setting"):
        load().origin_of("logging_leve")


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_described_and_has_a_default_that_it_would_accept(setting: Setting[Any], load: Load) -> None:
    assert setting.description.endswith(".")
    assert getattr(Settings, setting.name) is setting
    value = getattr(load(), setting.name)
    if value is not None and value != ():
        assert getattr(load().changed({setting.name: value}, "a test"), setting.name) == value


# --- the settings of the process ----------------------------------------------------------------


def test_the_current_settings_are_those_of_the_environment(
    sluiceway_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICEWAY_LOGGING_MAX_LINE", "99")
    settings = get_current_settings()
    assert (settings.home, settings.logging_max_line) == (str(sluiceway_home), 99)
    assert get_current_settings() is settings


def test_settings_can_be_changed_for_a_while() -> None:
    before = get_current_settings()
    with temporary_settings(logging_level="debug", tasks_default_retries=2) as settings:
        assert get_current_settings() is settings
        assert (settings.logging_level, settings.tasks_default_retries) == ("DEBUG", 2)
        assert settings.origin_of("logging_level") == "logging_level in temporary_settings"
        with temporary_settings(logging_level=None):
            assert get_current_settings().logging_level == "INFO"
            assert get_current_settings().tasks_default_retries == 2
        assert get_current_settings() is settings
    assert get_current_settings() == before


def test_services_that_cannot_be_closed_are_not_used_any_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise OSError("the disk is gone")

    before = wiring.services()
    with monkeypatch.context() as patch:
        patch.setattr(type(before), "close", broken)
        with pytest.raises(OSError, match="the disk is gone"), wiring.use(wiring.build(before.settings)):
            pass
    assert wiring.services() is before


def test_settings_come_back_after_an_error() -> None:
    before = get_current_settings()
    with pytest.raises(ZeroDivisionError), temporary_settings(logging_level="DEBUG"):
        raise ZeroDivisionError
    assert get_current_settings() == before


def test_another_home_for_a_while_takes_the_database_along(tmp_path: Path) -> None:
    with temporary_settings(home=tmp_path / "other") as settings:
        assert database_path(settings.database_url) == str(tmp_path / "other" / "sluiceway.db")
        assert settings.results_storage == str(tmp_path / "other" / "results")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"logging_level": "LOUD"}, "logging_level in temporary_settings is 'LOUD', but must be one of"),
        (
            {"loging_level": "INFO"},
            "loging_level in temporary_settings is not a setting. Did you mean logging",
        ),
        ({"loging_level": None}, "loging_level in temporary_settings is not a setting"),
        ({"tasks_default_retries": 1.5}, "tasks_default_retries in temporary_settings is 1.5"),
    ],
)
def test_temporary_settings_are_checked_like_all_others(values: dict[str, object], message: str) -> None:
    before = get_current_settings()
    with pytest.raises(ConfigurationError) as caught, temporary_settings(**values):
        pytest.fail("the body must not run")
    assert str(caught.value).startswith(message)
    assert get_current_settings() == before


# --- a server -----------------------------------------------------------------------------------


def test_an_address_of_a_server_is_shown_and_one_where_none_is_named(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}/api"
        environment = {**os.environ, "SLUICEWAY_HOME": str(tmp_path), "SLUICEWAY_API_URL": address}

        def sluiceway(*arguments: str) -> str:
            command = [sys.executable, "-m", "sluiceway.cli", *arguments]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
            return done.stdout + done.stderr

        assert address in sluiceway("config", "api_url")
        assert sluiceway("db", "path") == f"{address}\n"
        assert f"The server at {address} cannot be reached" in sluiceway("ls")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("retention_max_age", 7_776_000.0, "90d"),
        ("retention_max_age", 5_400.0, "90m"),
        ("retention_max_age", 0.0, "off"),
        ("retention_max_size", 10_000_000_000, "10GB"),
        ("retention_max_size", 3 * 2**30, "3GiB"),
        ("retention_max_size", 0, "off"),
        ("retention_max_flow_runs", 100_000, "100000"),
        ("retention_max_flow_runs", 0, "off"),
        ("retention_interval", 3_600.0, "3600 s (1h)"),
        ("lease_seconds", 30.0, "30 s"),
        ("retention_automatic", True, "true"),
        ("logging_colors", None, "auto"),
        ("api_url", None, "none"),
        ("api_key", "hush", "********"),
        ("api_url", "http://ada:hush@example.org/api", "http://ada:********@example.org/api"),
        ("server_allowed_hosts", ("a", "b"), "a, b"),
        ("server_allowed_hosts", (), "none"),
        ("logging_level", "INFO", "INFO"),
    ],
)
def test_a_value_is_told_as_somebody_might_have_given_it(name: str, value: object, told: str) -> None:
    setting = next(setting for setting in SETTINGS if setting.name == name)
    assert setting.told(value) == told


@pytest.mark.parametrize("name", ["retention_max_age", "retention_max_size", "retention_max_flow_runs"])
@given(number=st.integers(0, 10**12))
def test_what_is_told_of_a_limit_is_understood_again(name: str, number: int) -> None:
    setting = next(setting for setting in SETTINGS if setting.name == name)
    assert setting.kind.parse(setting.told(number), Place("folder", "home")) == number
