"""What a program makes of its configuration when it starts, above all of a wrong one."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from oslo_config import cfg

from podium import __version__, conf, errors
from podium.conf import database
from podium.conf.conductor import heartbeat_interval, lease

Load = Callable[..., conf.Config]

WRONG = [
    pytest.param(
        "[conductor] heartbeat_interval", "abc", "expected: floating point value", id="not a number"
    ),
    pytest.param(
        "[conductor] heartbeat_interval", "0", "greater than or equal to 0.1", id="below the minimum"
    ),
    pytest.param("[conductor] heartbeat_timeout", "", "it is empty", id="an empty number"),
    pytest.param("[DEFAULT] host", "a b", "'a b' is not allowed; expected: name of", id="a space in a host"),
    pytest.param("[conductor] conductor_group", "a b", "letters, digits", id="a space in a name"),
    pytest.param("[conductor] conductor_group", "(none)", "leave it empty for the nodes", id="no group"),
    pytest.param("[conductor] additional_conductor_groups", "a, b c", "letters, digits", id="in a list"),
    pytest.param("[conductor] fallback_conductor_groups", "a/b", "letters, digits", id="a slash in a name"),
    pytest.param("[periodic_tasks] spacing", "a.b:0", "equal to 0.1", id="a spacing of no time"),
    pytest.param(
        "[periodic_tasks] spacing", "a.b:nan", "not a number of seconds", id="a spacing of no number"
    ),
    pytest.param("[periodic_tasks] deadline", "a.b:inf", "not a number of seconds", id="an endless deadline"),
    pytest.param(
        "[periodic_tasks] deadline", "a.b:", "not a number of seconds", id="a task without a deadline"
    ),
    pytest.param("[metrics] listen", "9109", "it has no port", id="a port without a host"),
    pytest.param("[metrics] listen", ":9109", "it has no host", id="no host"),
    pytest.param("[metrics] listen", "127.0.0.1:0", "be greater than or equal to 1", id="no port"),
    pytest.param("[metrics] listen", "127.0.0.1:http", "HOST:PORT", id="a port that is no number"),
    pytest.param("[metrics] listen", "::1:9109", "brackets", id="IPv6 without brackets"),
    pytest.param("[DEFAULT] debug", "maybe", "expected: boolean value", id="an option of the command line"),
    pytest.param("[DEFAULT] state_path", "var", "does not start with /", id="a relative path"),
    pytest.param("[DEFAULT] host", "a b", "without spaces", id="a space in the host name"),
    pytest.param("[DEFAULT] host", "$host", "its $ leads back to itself", id="a reference to itself"),
    pytest.param(
        "[notifications] min_severity",
        "warn",
        "it is none of info, warning, error; did you mean warning?",
        id="nearly a choice",
    ),
    pytest.param("[notifications] min_severity", "bad", "error; write one of them", id="none of the choices"),
    pytest.param("[database] max_retries", "many", "expected: integer value", id="an option of oslo.db"),
]


def refusal(load: Load, *lines: str) -> str:
    with pytest.raises(errors.ConfigError) as caught:
        load(*lines)
    return str(caught.value)


@pytest.mark.parametrize(("option", "value", "remedy"), WRONG)
def test_a_wrong_value_is_told_in_one_line_with_option_value_file_and_remedy(
    load: Load, config_file: Path, option: str, value: str, remedy: str
) -> None:
    section, name = option.split()
    text = refusal(load, section, f"{name} = {value}")
    assert text.startswith(f"{option} = {value} ({config_file}) cannot be used: ")
    assert remedy in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("[database] connection", "postgresql://podium:***@db/podium"),
        ("[database] connection", "postgresql://podium:******@db/podium"),
        ("[database] connection", "postgresql://db/podium?user=podium&password=******"),
        ("[notifications] webhook_token", "******"),
        ("[notifications] webhook_token", "****"),
        ("[notifications] webhook_urls", "https://one.example/,https://me:******@two.example/"),
    ],
)
def test_what_is_shown_instead_of_a_secret_is_no_secret(load: Load, option: str, value: str) -> None:
    section, name = option.split()
    assert refusal(load, section, f"{name} = {value}") == (
        f"the value of {option}, a secret, cannot be used: it has the stars that are shown instead of a"
        " secret; write the secret itself"
    )


@pytest.mark.parametrize("token", ["a*b", "**", "a***", "*****b"])
def test_a_secret_may_have_stars_of_its_own(load: Load, token: str) -> None:
    config = load("[notifications]", f"webhook_token = {token}")
    assert config.notifications.webhook_token == token


def test_the_mask_is_refused_in_the_environment_too(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_NOTIFICATIONS__WEBHOOK_TOKEN", "******")
    assert "[notifications] webhook_token, a secret, cannot be used" in refusal(load)


def test_a_wrong_secret_is_told_without_its_value(load: Load) -> None:
    text = refusal(load, "[database]", "connection = mysql+pymysql://podium:se$cret@db/podium")
    assert text.startswith("the value of [database] connection, a secret, cannot be used: ")
    assert "write $$" in text
    assert "cret" not in text.replace("a secret", "")


def test_a_line_that_is_no_assignment_is_told_by_its_number_and_not_by_its_text(
    load: Load, config_file: Path
) -> None:
    text = refusal(load, "[database]", "connection hunter2")
    assert text.startswith(f"config file {config_file} cannot be understood: line 2: ")
    assert "hunter2" not in text


def test_a_wrong_value_in_the_environment_is_told_by_the_variable(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_CONDUCTOR__HEARTBEAT_INTERVAL", "abc")
    text = refusal(load, "[conductor]", "heartbeat_interval = 5")
    assert "= abc (environment variable OS_CONDUCTOR__HEARTBEAT_INTERVAL) cannot" in text


def test_a_file_that_does_not_exist_is_named() -> None:
    with pytest.raises(errors.ConfigError, match="config file /no/such/file does not exist"):
        conf.load(["--config-file", "/no/such/file"], prog="podium")


def test_a_directory_that_does_not_exist_is_named() -> None:
    with pytest.raises(errors.ConfigError, match="config directory /no/such/folder does not exist"):
        conf.load(["--config-dir", "/no/such/folder"], prog="podium")


def test_a_folder_given_as_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigError, match=f"config file {tmp_path} cannot be read: Is a directory"):
        conf.load(["--config-file", str(tmp_path)], prog="podium")


def test_a_file_that_is_not_text_is_refused(load: Load, config_file: Path) -> None:
    config_file.write_bytes(b"[DEFAULT]\nhost = \xff\n")
    with pytest.raises(errors.ConfigError, match="a config file is not UTF-8 text"):
        conf.load(["--config-file", str(config_file)], prog="podium")


def test_a_conductor_that_would_count_as_gone_after_one_heartbeat_that_fails_is_refused(load: Load) -> None:
    text = refusal(load, "[conductor]", "heartbeat_interval = 90")
    assert text == (
        "[conductor] heartbeat_timeout = 30 must be at least three times as much as heartbeat_interval = 90"
    )


def test_heartbeats_come_six_times_in_a_lease_unless_they_are_told_otherwise(load: Load) -> None:
    assert heartbeat_interval(load("[conductor]", "heartbeat_timeout = 12")) == 2
    assert heartbeat_interval(load("[conductor]", "heartbeat_interval = 4")) == 4


def test_a_lease_is_so_long_that_its_end_is_seen_within_the_timeout(load: Load) -> None:
    assert lease(load("[conductor]", "heartbeat_timeout = 30")) == 25


def test_a_misspelt_option_is_told_with_the_name_that_was_meant(load: Load) -> None:
    loaded = load("[conductor]", "sync_powr_state_interval = 5")
    assert loaded.unknown_options() == [
        "[conductor] sync_powr_state_interval is not an option; did you mean sync_power_state_interval?"
    ]


def test_a_misspelt_section_is_told_with_the_name_that_was_meant(load: Load) -> None:
    loaded = load("[conducter]", "heartbeat_interval = 5")
    assert loaded.unknown_options() == [
        "[conducter] is not a section that is read; did you mean [conductor]?"
    ]


def test_a_section_that_a_driver_registers_later_is_known_then(load: Load) -> None:
    loaded = load("[acme]", "timeout = 5")
    loaded.register_opts([cfg.IntOpt("timeout")], group="acme")
    assert loaded.unknown_options() == []


def test_options_under_their_older_names_are_known(load: Load) -> None:
    assert load("[DEFAULT]", "logfile = /tmp/podium.log").unknown_options() == []


def test_a_driver_option_that_is_wrong_is_found_by_a_check_after_it_was_registered(load: Load) -> None:
    loaded = load("[acme]", "timeout = soon")
    loaded.register_opts([cfg.IntOpt("timeout")], group="acme")
    with pytest.raises(errors.ConfigError, match=r"\[acme\] timeout = soon"):
        loaded.check()


def test_the_database_is_by_default_a_file_below_state_path(load: Load) -> None:
    loaded = load("[DEFAULT]", "state_path = /srv/podium")
    assert database.database_url(loaded) == "sqlite:////srv/podium/podium.sqlite"


def test_spacing_and_deadline_are_seconds_by_task(load: Load) -> None:
    loaded = load("[periodic_tasks]", "spacing = ipmi.check_status:30, acme.check_status:0.5")
    assert loaded.periodic_tasks.spacing == {"ipmi.check_status": 30.0, "acme.check_status": 0.5}


def test_the_command_line_goes_before_the_file(load: Load) -> None:
    assert load("[DEFAULT]", "debug = false", argv=("--debug",)).debug is True


def test_logs_go_to_standard_error_unless_a_file_is_named(load: Load) -> None:
    assert load().use_stderr is True
    assert load("[DEFAULT]", "log_file = /tmp/podium.log").use_stderr is False


def test_an_environment_has_its_own_config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "etc/podium/podium.conf"
    own.parent.mkdir(parents=True)
    own.write_text("[conductor]\nheartbeat_interval = 7\n")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert conf.load([], prog="podium-conductor").conductor.heartbeat_interval == 7


def test_two_programs_in_one_process_do_not_share_values(load: Load) -> None:
    first = load("[conductor]", "heartbeat_interval = 7")
    load("[conductor]", "heartbeat_interval = 8")
    assert first.conductor.heartbeat_interval == 7


@pytest.mark.parametrize(
    ("option", "value"), [("sync_power_state_interval", "soon"), ("heartbeat_timeout", "1,5")]
)
def test_a_text_that_is_no_number_is_said_to_be_none_in_no_words_of_python(
    load: Load, option: str, value: str
) -> None:
    text = refusal(load, "[conductor]", f"{option} = {value}")
    assert f"cannot be used: '{value}' is not a number; expected: " in text


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ("[api]", "readers = rita, bob # the boss"),
        ("[api]", "port = 6385 # as Ironic's"),
        ("[conductor]", "additional_conductor_groups = a, b # both"),
    ],
)
def test_what_looks_like_a_comment_after_a_value_is_said_to_need_a_line(
    load: Load, section: str, line: str
) -> None:
    assert refusal(load, section, line).endswith("; a comment needs a line of its own")
    assert "a comment needs" not in refusal(load, section, line.replace(" #", "!"))


def test_names_that_nothing_reads_are_logged_but_not_those_of_others(
    load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = load("[api]", "raeders = rita", "[acme]", "timeout = 5", "[apj]", "port = 5")
    loaded.warn_of_unknown_options({"acme"})
    assert [record.getMessage() for record in caplog.records] == [
        "[api] raeders is not an option; did you mean readers?",
        "[apj] is not a section that is read; did you mean [api]?",
    ]


@pytest.mark.parametrize("prog", ["podium-conductor", "podium-api"])
def test_a_program_shows_its_version(prog: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        conf.load(["--version"], prog=prog)
    assert capsys.readouterr().out == f"{prog} {__version__}\n"


def test_an_argument_that_does_not_exist_does_not_bring_all_options(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        conf.load(["--bogus"], prog="podium-conductor")
    assert capsys.readouterr().err.count("\n") == 2
