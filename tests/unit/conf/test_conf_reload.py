"""What a running program makes of changed config files: all of the change, or none of it."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podium import conf, errors

Load = Callable[..., conf.Config]

BEFORE = ("[DEFAULT]", "state_path = /srv/a", "[conductor]", "sync_power_state_interval = 45")

BROKEN = [
    pytest.param("[conductor]\nsync_power_state_interval = 0", "equal to 1", id="a value out of range"),
    pytest.param(
        "[conductor]\nsync_power_state_interval = 30\nheartbeat_interval = x", "= x", id="another value"
    ),
    pytest.param("[conductor]\nsync_power_state_interval", "line 2", id="a broken line"),
    pytest.param("[DEFAULT]\nlog_config_append = /no/such/file", "/no/such/file", id="a log configuration"),
    pytest.param(
        "[conductor]\nsync_power_state_interval = 30\nheartbeat_timeout = 10\nheartbeat_interval = 9",
        "at least three times",
        id="values that do not go together",
    ),
    pytest.param(
        "[conductor]\nsync_power_state_interval = 30\n[notifications]\nsinks = pager",
        "neither exec nor url",
        id="a new sink",
    ),
    pytest.param(None, "does not exist", id="no file"),
]


@pytest.fixture(autouse=True)
def at_every_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_a_mutable_option_follows_the_file(load: Load, config_file: Path) -> None:
    loaded = load(*BEFORE)
    config_file.write_text("[conductor]\nsync_power_state_interval = 30\n")
    changed = loaded.mutate_config_files()
    assert ("conductor", "sync_power_state_interval") in changed
    assert loaded.conductor.sync_power_state_interval == 30


@pytest.mark.parametrize(("text", "reason"), BROKEN)
def test_a_broken_reload_leaves_every_value_in_force(
    load: Load, config_file: Path, text: str | None, reason: str
) -> None:
    loaded = load(*BEFORE)
    config_file.unlink() if text is None else config_file.write_text(text)
    assert loaded.mutate_config_files() == {}
    assert loaded.conductor.sync_power_state_interval == 45


@pytest.mark.parametrize(("text", "reason"), BROKEN)
def test_a_broken_reload_logs_one_error_line_with_the_reason(
    load: Load, config_file: Path, caplog: pytest.LogCaptureFixture, text: str | None, reason: str
) -> None:
    loaded = load(*BEFORE)
    config_file.unlink() if text is None else config_file.write_text(text)
    loaded.mutate_config_files()
    [line] = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert reason in line
    assert "\n" not in line


def test_a_broken_reload_does_not_undo_the_good_one_before_it(load: Load, config_file: Path) -> None:
    loaded = load(*BEFORE)
    for interval in ("30", "none"):
        config_file.write_text(f"[conductor]\nsync_power_state_interval = {interval}\n")
        loaded.mutate_config_files()
    assert loaded.conductor.sync_power_state_interval == 30


def test_a_file_that_was_mended_is_taken_at_the_next_reload(load: Load, config_file: Path) -> None:
    loaded = load(*BEFORE)
    for interval in ("none", "30"):
        config_file.write_text(f"[conductor]\nsync_power_state_interval = {interval}\n")
        loaded.mutate_config_files()
    assert loaded.conductor.sync_power_state_interval == 30


def test_what_is_not_mutable_stays_though_other_values_are_made_of_it(load: Load, config_file: Path) -> None:
    loaded = load(*BEFORE)
    config_file.write_text("[DEFAULT]\nstate_path = /srv/b\n")
    loaded.mutate_config_files()
    assert (loaded.state_path, loaded.database.connection) == ("/srv/a", "sqlite:////srv/a/podium.sqlite")


def test_a_hook_sees_no_change_when_the_reload_is_broken(load: Load, config_file: Path) -> None:
    loaded, calls = load(*BEFORE), []
    loaded.register_mutate_hook(lambda _conf, fresh: calls.append(fresh))
    config_file.write_text("[conductor]\nsync_power_state_interval = none\n")
    loaded.mutate_config_files()
    assert calls == []


def test_a_misspelt_option_that_a_reload_brought_is_told(load: Load, config_file: Path) -> None:
    loaded = load(*BEFORE)
    config_file.write_text("[conductor]\nheartbeat_intervall = 5\n")
    loaded.mutate_config_files()
    assert loaded.unknown_options() == [
        "[conductor] heartbeat_intervall is not an option; did you mean heartbeat_interval?"
    ]


def test_misspelt_options_are_logged_when_a_reload_brings_them_and_once_only(
    load: Load, config_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = load(*BEFORE)
    loaded.warn_of_unknown_options({"acme"})
    config_file.write_text("[api]\nraeders = rita\n[acme]\ntimeout = 5\n")
    loaded.mutate_config_files()
    loaded.mutate_config_files()
    assert messages(caplog).count("[api] raeders is not an option; did you mean readers?") == 1


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_a_reload_says_what_it_did_even_when_that_is_nothing(
    load: Load, config_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = load(*BEFORE)
    loaded.mutate_config_files()
    config_file.write_text("[conductor]\nsync_power_state_interval = 30\n")
    loaded.mutate_config_files()
    said = [text for text in messages(caplog) if text.startswith("Reloaded")]
    assert said == [
        f"Reloaded {config_file}: no value changed",
        f"Reloaded {config_file}: values changed: 1",
    ]


def test_a_reload_without_a_config_file_says_that_there_is_none(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("podium.conf.loading.default_files", lambda prog: ([], []))
    conf.load([], prog="test").mutate_config_files()
    assert messages(caplog) == ["There is no config file to reload, so all values stay as they were"]


@pytest.mark.parametrize("text", ["[conductor]\nsync_power_state_interval = 30\n", "[conductor\n"])
def test_a_process_that_leaves_it_to_another_logs_nothing_of_a_reload(
    load: Load, config_file: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    loaded = load(*BEFORE)
    loaded.is_quiet = True
    config_file.write_text(text)
    loaded.mutate_config_files()
    assert messages(caplog) == []
    loaded.is_quiet = False
    loaded.mutate_config_files()
    assert messages(caplog)


def test_what_goes_beyond_single_values_is_checked_at_the_start_and_before_a_reload(
    load: Load, config_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def check(options: Any) -> None:
        if options.conductor.sync_power_state_interval < options.conductor["heartbeat_timeout"]:
            raise errors.ConfigError("sweeps are too frequent")

    lines = ["[conductor]", "heartbeat_timeout = 30", "sync_power_state_interval = {}"]
    with pytest.raises(errors.ConfigError, match="too frequent"):
        load("\n".join(lines).format(20)).require(check)
    loaded = load("\n".join(lines).format(40))
    loaded.require(check)
    config_file.write_text("\n".join(lines).format(20))
    assert loaded.mutate_config_files() == {}
    assert loaded.conductor.sync_power_state_interval == 40
    assert messages(caplog)[-1].endswith("all values stay as they were: sweeps are too frequent")
    for sweeps, timeout in (
        (35, 36),
        (25, 20),
    ):  # of the next start, and in force
        config_file.write_text("\n".join(lines).format(sweeps).replace("= 30", f"= {timeout}"))
        assert loaded.mutate_config_files() == {}
    config_file.write_text("\n".join(lines).format(50).replace("= 30", "= 45"))
    loaded.mutate_config_files()
    assert (loaded.conductor.sync_power_state_interval, loaded.conductor.heartbeat_timeout) == (50, 30)


@pytest.mark.parametrize(
    "text", ["sinks = pager", "sinks = pager\n[notifications_pager]\nexec = /bin/x\nmin_severity = warn"]
)
def test_what_is_wrong_with_sinks_keeps_no_other_program_from_its_work(config_file: Path, text: str) -> None:
    argv = ["--config-file", str(config_file)]
    config_file.write_text(f"[notifications]\n{text}\n")
    with pytest.raises(errors.ConfigError):
        conf.load(argv, prog="podium-conductor")
    loaded = conf.load(argv, prog="podium-api", delivers=False)
    config_file.write_text(f"[notifications]\n{text}\n[api]\nadmins = eva\n")
    loaded.mutate_config_files()
    assert loaded.api.admins == ["eva"]
