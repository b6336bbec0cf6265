"""``podium config``: the sample of everything there is to set, and a check for every fault."""

import asyncio
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes import Clock
from podium.cli.main import main
from podium.conductor.tasks.own import OWN_TASKS
from podium.conf import sample as made_sample
from podium.db import keyring
from stage import conducted

ROOT = Path(__file__).parents[3]

ACME = """
from oslo_config import cfg
from podium.drivers import base
from podium.drivers.fake import FakeDriver

class Acme(FakeDriver):
    options = [
        cfg.IntOpt("timeout", default=5, min=1),
        cfg.StrOpt("pin", secret=True),
        cfg.MultiStrOpt("rack", default=[]),
    ]

    def __init__(self, name, options):
        super().__init__(name, options)
        if options.pin == "0000-0000":
            raise ValueError(f"the pin {options.pin} is too simple")

    @base.driver_periodic_task(spacing=5)
    def poll_doors(self, manager, context): ...
"""

Check = Callable[..., list[str]]
Install = Callable[[str], None]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Check:
    """``check("[conductor]", "heartbeat_interval = 5")`` is what is wrong with podium.conf of these lines."""
    monkeypatch.chdir(tmp_path)

    def run(*lines: str | bytes) -> list[str]:
        content = b"\n".join(one if isinstance(one, bytes) else one.encode() for one in lines)
        Path("podium.conf").write_bytes(content)
        return told(capsys, "podium.conf")

    return run


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    status = main(["config", "check", *arguments])
    written = capsys.readouterr()
    lines = written.out.splitlines()
    assert written.err == ""
    assert status == (0 if lines[-1].endswith("no problems") else 1)
    return lines


def enable(*lines: str) -> tuple[str, ...]:
    return "[DEFAULT]", "enabled_drivers = fake, acme", *lines


def test_a_file_without_a_fault_is_told_in_one_line(check: Check) -> None:
    assert check("[conductor]", "heartbeat_interval = 5") == ["podium.conf: no problems"]


def test_several_files_without_a_fault_are_all_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(tmp_path / name) for name in ("one.conf", "two.conf")]
    for file in files:
        Path(file).touch()
    assert told(capsys, *files) == [f"{files[0]}, {files[1]}: no problems"]


def test_where_no_file_is_read_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("podium.conf.files_read", lambda *_: [])
    assert told(capsys) == ["podium-conductor would read no config file: no problems"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(
            ["# why", "[conductor]", "heartbeat_intervall = 5"],
            "podium.conf:3: [conductor] heartbeat_intervall is not an option;"
            " did you mean heartbeat_interval?",
            id="a misspelt option",
        ),
        pytest.param(
            ["", "[conducter]", "heartbeat_interval = 5"],
            "podium.conf:2: [conducter] is not a section that is read; did you mean [conductor]?",
            id="a misspelt section",
        ),
        pytest.param(
            ["[default]", "debug = true"],
            "podium.conf:1: [default] is not a section that is read; did you mean [DEFAULT]?",
            id="a section in the wrong case",
        ),
        pytest.param(
            ["[conductor]", "heartbeat_interval = soon"],
            "podium.conf:2: [conductor] heartbeat_interval = soon:"
            " 'soon' is not a number; expected: floating point value",
            id="a value of the wrong type",
        ),
        pytest.param(
            ["[conductor]", "power_events_max_age = "],
            "podium.conf:2: [conductor] power_events_max_age = : it is empty; expected: integer value",
            id="an empty value",
        ),
        pytest.param(
            ["[DEFAULT]", "logfile = /tmp/log", "use_stderr = perhaps"],
            "podium.conf:3: [DEFAULT] use_stderr = perhaps:"
            " Unexpected boolean value 'perhaps'; expected: boolean value",
            id="an option of a library, after one under its older name",
        ),
        pytest.param(
            ["[conductor]", "heartbeat_interval = 6", "heartbeat_interval = 7"],
            "podium.conf:3: [conductor] heartbeat_interval = 7:"
            " line 2 has it too, and only the last counts; remove one of them",
            id="an option given twice",
        ),
        pytest.param(
            ["[notifications]", "sinks = pager", "exec = /bin/x", "[notifications_pagr]", "exec = /bin/x"]
            + ["[notifications_pager]", "exec = /bin/x"],
            "podium.conf:4: [notifications_pagr] is not read: [notifications] sinks lacks pagr;"
            " did you mean [notifications_pager]?",
            id="the section of a misspelt sink",
        ),
        pytest.param(
            ["[notifications_pager]", "exec = /bin/x"],
            "podium.conf:1: [notifications_pager] is not read: [notifications] sinks lacks pager;"
            " add it there, and restart the daemon",
            id="the section of a sink that is not named",
        ),
        pytest.param(
            ["[notifications]", "sinks = pager"],
            "podium.conf:2: [notifications_pager] has neither exec nor url;"
            " give it one of them, or take pager out of [notifications] sinks",
            id="a sink without a section",
        ),
        pytest.param(
            ["[notifications]", "sinks = pager", "", "[notifications_pager]", "causes = all"],
            "podium.conf:4: [notifications_pager] has neither exec nor url;"
            " give it one of them, or take pager out of [notifications] sinks",
            id="a sink to which nothing can be delivered",
        ),
        pytest.param(
            ["[notifications]", "sinks = pager", "[notifications_pager]", "url = ftp://eva:hunter2@host"],
            "podium.conf:4: [notifications_pager] url = ******:"
            " expected: URL that begins with http:// or https:// and names a host",
            id="a sink with a URL that cannot be used",
        ),
        pytest.param(
            ["[notifications]", "sinks = a", "[notifications_a]", "exec = /bin/x", "where = (name=n1"],
            "podium.conf:5: [notifications_a] where = (name=n1: a closing parenthesis was expected",
            id="a sink with a condition that cannot be understood",
        ),
        pytest.param(
            ["[conductor]", "heartbeat_interval = 90"],
            "podium.conf:2: [conductor] heartbeat_timeout = 30 must be at least three times as much as"
            " heartbeat_interval = 90",
            id="heartbeats too far apart",
        ),
        pytest.param(
            ["[DEFAULT]", "state_path = $root/podium"],
            "podium.conf:2: [DEFAULT] state_path = $root/podium:"
            " a $ begins the name of another option; write $$ for the sign itself",
            id="a reference to no option",
        ),
        pytest.param(
            ["[DEFAULT]", "host = $host"],
            "podium.conf:2: [DEFAULT] host = $host: its $ leads back to itself; write $$ for the sign itself",
            id="a reference to itself",
        ),
        pytest.param(
            ["[DEFAULT]", "enabled_drivers = impi"],
            "podium.conf:2: [DEFAULT] enabled_drivers = impi: there is no driver impi,"
            " only fake, fake-hardware, ipmi, redfish; did you mean ipmi?",
            id="an unknown driver",
        ),
        pytest.param(
            ["[DEFAULT]", "enabled_drivers = impi", "[ipmi]", "command_retry_timeout = 9", "[periodic_tasks]"]
            + ["disabled = ipmi.check_status"],
            "podium.conf:2: [DEFAULT] enabled_drivers = impi: there is no driver impi,"
            " only fake, fake-hardware, ipmi, redfish; did you mean ipmi?",
            id="a misspelt driver, whose section and tasks are there",
        ),
        pytest.param(
            ["[periodic_tasks]", "spacing = conductor.prune_power_events:abc,conductor.sync_power_status:9"],
            "podium.conf:2: [periodic_tasks] spacing ="
            " conductor.prune_power_events:abc,conductor.sync_power_status:9:"
            " conductor.prune_power_events: 'abc' is not a number; expected: TASK:SECONDS, ...",
            id="one wrong spacing of two",
        ),
        pytest.param(
            ["[periodic_tasks]", "spacing = 5"],
            "podium.conf:2: [periodic_tasks] spacing = 5: '5' has no colon; expected: TASK:SECONDS, ...",
            id="a spacing without a task",
        ),
        pytest.param(
            ["[DEFAULT]", "enabled_drivers ="],
            "podium.conf:2: [DEFAULT] enabled_drivers = : is empty; name at least one driver",
            id="no driver",
        ),
        pytest.param(
            ["[DEFAULT]", "enabled_drivers = ipmi", "[fake]", "x = 1"],
            "podium.conf:3: [fake] is not read: [DEFAULT] enabled_drivers lacks fake; add it there",
            id="the section of a driver that is not enabled",
        ),
        pytest.param(
            ["[database]", "connection = oracle://podium:hunter2@db/podium"],
            "podium.conf:2: [database] connection = oracle://podium:***@db/podium:"
            " Podium cannot use oracle; use sqlite, postgresql or mysql",
            id="a database that cannot be used",
        ),
        pytest.param(
            ["[DEFAULT]", "enabled_drivers = fake, ipmi", "[periodic_tasks]", "disabled = fake.chek_status"],
            "podium.conf:4: [periodic_tasks] disabled = fake.chek_status:"
            " there is no task fake.chek_status; did you mean fake.check_status or ipmi.check_status?",
            id="a misspelt task",
        ),
        pytest.param(
            ["[DEFAULT]", "enabled_drivers = ipmi", "[periodic_tasks]", "spacing = fake.check_status:5"],
            "podium.conf:4: [periodic_tasks] spacing = fake.check_status:5:"
            " no task fake.check_status runs: [DEFAULT] enabled_drivers lacks fake; add it there",
            id="a task of a driver that is not enabled",
        ),
    ],
)
def test_a_fault_is_told_with_file_line_option_and_remedy(check: Check, lines: list[str], said: str) -> None:
    assert check(*lines) == [said]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(
            b"[conductor]\nhost hunter2", "podium.conf:2: No ':' or '=' found in assignment", id="no value"
        ),
        pytest.param(b"\nhost = a", "podium.conf:2: No [section] before the first option", id="no section"),
        pytest.param(b"[DEFAULT", "podium.conf:1: Invalid section (must end with ])", id="half a section"),
        pytest.param(b"[DEFAULT]\nhost = \xff", "podium.conf:2: is not UTF-8 text", id="not UTF-8"),
        pytest.param(b"[DEFAULT]\n\x7fELF\0\1\2", "podium.conf:2: No ':' or '=' found in", id="a program"),
        pytest.param(b"#" * 2_000_000, "podium.conf: is larger than 1048576 bytes", id="too large"),
    ],
)
def test_a_file_that_cannot_be_understood_is_told_without_its_text(
    check: Check, content: bytes, said: str
) -> None:
    line, *_ = check(content)
    assert line.startswith(said)
    assert "hunter2" not in line


def test_every_line_that_cannot_be_understood_is_told(check: Check) -> None:
    lines = check("[DEFAULT]", "host", "host = a", "[conductor", "nonsense")
    assert [line.split(":")[1] for line in lines] == ["2", "4", "5"]


def test_other_files_are_not_blamed_for_what_a_refused_one_may_say(
    check: Check, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check("[DEFAULT]", "enabled_drivers = fake, ipmi", "nonsense")
    (tmp_path / "more.conf").write_text("[ipmi]\ncommand_retry_timeout = 5\n")
    (line,) = told(capsys, "podium.conf", "more.conf")
    assert line.startswith("podium.conf:3: ")


def test_all_faults_are_told_in_the_order_of_their_lines(check: Check) -> None:
    lines = check(
        "[DEFAULT]",
        "enabled_drivers = fake, impi, snmp",
        "[conductor]",
        "heartbeat_interval = 90",
        "heartbeat_timout = 5",
        "[periodic_tasks]",
        "spacing = fake.check_status:0, fake.chek_status:5",
        "[database]",
        "connection = nonsense",
    )
    assert [int(line.split(":")[1]) for line in lines] == [2, 2, 4, 5, 7, 7, 9]


def test_the_line_of_a_value_of_several_lines_is_its_first(check: Check) -> None:
    line, *_ = check("[periodic_tasks]", "disabled = fake.check_status,", "    fake.none,", "    ", "[ipmi]")
    assert line.startswith("podium.conf:2: [periodic_tasks] disabled = fake.check_status, fake.none,: ")


def test_what_a_wrong_option_is_referred_to_by_is_not_told_as_wrong_too(check: Check) -> None:
    line, *_ = check("[DEFAULT]", "state_path = var", "log_dir = $state_path/log")
    assert line.startswith("podium.conf:2: ")


def test_a_long_value_is_cut(check: Check) -> None:
    line, *_ = check("[conductor]", f"heartbeat_interval = {'9' * 100_000}x")
    assert len(line) < 1000
    assert line.endswith("; expected: floating point value")


def test_a_file_cannot_write_to_the_terminal(check: Check) -> None:
    line, *_ = check("[conductor]", "heartbeat_interval = \x1b[2J")
    assert "\x1b" not in line


@pytest.mark.parametrize("name", ["missing.conf", "folder", "pipe"])
def test_a_file_that_cannot_be_read_is_named(
    check: Check, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    check("[conductor]", "heartbeat_interval = 5")
    (line,) = told(capsys, "podium.conf", str(tmp_path / name))
    assert line.startswith(f"{tmp_path / name}: ")


def test_a_later_file_may_change_what_an_earlier_one_says(
    check: Check, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check("[conductor]", "heartbeat_interval = 20")
    (tmp_path / "more.conf").write_text("[conductor]\nheartbeat_interval = 40\nheartbeat_timeout = 30\n")
    assert told(capsys, "podium.conf", "more.conf") == [
        "more.conf:3: [conductor] heartbeat_timeout = 30 must be at least three times as much as"
        " heartbeat_interval = 40"
    ]


def test_without_a_name_the_files_of_the_daemon_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "etc/podium/podium.conf.d").mkdir(parents=True)
    (tmp_path / "etc/podium/podium.conf").write_text("[conductor]\nheartbeat_interval = 5\n")
    (tmp_path / "etc/podium/podium.conf.d/site.conf").write_text("[conductor]\nheartbeat_interval = x\n")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    (line,) = told(capsys)
    assert line.startswith(f"{tmp_path}/etc/podium/podium.conf.d/site.conf:2: [conductor]")


def test_the_environment_has_no_say_in_what_is_wrong_with_a_file(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_CONDUCTOR__HEARTBEAT_INTERVAL", "5")
    line, *_ = check("[conductor]", "heartbeat_interval = soon")
    assert line.startswith("podium.conf:2: ")


def test_the_example_of_the_page_about_configuration_has_no_fault(check: Check) -> None:
    (example,) = re.findall(r"^```ini\n(.*?)^```$", (ROOT / "docs/configure.md").read_text(), re.M | re.S)
    assert check(example) == ["podium.conf: no problems"]


def test_the_sample_file_has_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    sample = ROOT / "etc/podium/podium.conf.sample"
    assert told(capsys, str(sample)) == [f"{sample}: no problems"]


def test_the_options_and_tasks_of_an_installed_driver_are_known(check: Check, install: Install) -> None:
    install(ACME)
    lines = enable("[acme]", "timeout = 9", "rack = a", "rack = b", "[periodic_tasks]")
    assert check(*lines, "disabled = acme.poll_doors") == ["podium.conf: no problems"]


def test_the_tasks_of_a_driver_are_known_though_one_of_its_options_is_wrong(
    check: Check, install: Install
) -> None:
    install(ACME)
    line, *_ = check(*enable("[acme]", "timeout = 0", "[periodic_tasks]", "disabled = acme.poll_doors"))
    assert line.startswith("podium.conf:4: [acme] timeout = 0: ")


def test_a_driver_that_cannot_be_imported_is_told_where_it_is_enabled(check: Check, install: Install) -> None:
    install("import acme_sdk")
    line, *_ = check(*enable("[acme]", "timeout = 9", "[periodic_tasks]", "disabled = acme.poll_doors"))
    assert line.startswith("podium.conf:2: [DEFAULT] enabled_drivers = fake, acme: driver acme (package ")
    assert "No module named 'acme_sdk'" in line


def test_a_driver_that_cannot_be_made_is_told_without_its_secrets(check: Check, install: Install) -> None:
    install(ACME)
    line, *_ = check(*enable("[acme]", "pin = 0000-0000"))
    assert "cannot be made: ValueError: the pin ****** is too simple" in line


def test_the_mask_is_no_secret(check: Check) -> None:
    assert check("[notifications]", "webhook_token = ******") == [
        "podium.conf:2: [notifications] webhook_token = ******: it has the stars that are shown instead of a"
        " secret; write the secret itself"
    ]


def test_a_secret_is_not_shown_where_another_option_refers_to_it(check: Check, install: Install) -> None:
    install(ACME)
    line, *_ = check("[DEFAULT]", "enabled_drivers = fake, $acme.pin", "[acme]", "pin = hunter22")[:1]
    assert "there is no driver ******" in line


def test_the_names_of_the_conductors_own_tasks_are_those_it_has(tmp_path: Path) -> None:
    async def main() -> list[str]:
        async with conducted(tmp_path, Clock()) as it:
            return it.manager.task_names

    assert asyncio.run(main()) == list(OWN_TASKS)


def sample(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    assert main(["config", "sample"]) == 0
    written = capsys.readouterr()
    return written.out, written.err


def test_the_sample_is_what_make_genconfig_writes(capsys: pytest.CaptureFixture[str]) -> None:
    assert sample(capsys) == (made_sample.text(), "")


def test_the_sample_has_the_options_of_an_installed_driver(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install(ACME)
    assert "\n[acme]\n" in sample(capsys)[0]


def test_the_sample_has_the_options_of_threads_that_a_plain_driver_does_not_declare(
    install: Install, check: Check, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = "\n    def set_power_state(self, node, target): pass\n    threads = 12\n"
    install("from podium.drivers.fake import FakeDriver\nclass Acme(FakeDriver):" + plain)
    assert "\n#threads = 12\n" in sample(capsys)[0].partition("\n[acme]\n")[2]
    line, *_ = check(*enable("[acme]", "threads = 0", "endpoint_calls = 3"))
    assert line.startswith("podium.conf:4: [acme] threads = 0: ")


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("import acme_sdk", id="it cannot be imported"),
        pytest.param(ACME.replace("cfg.IntOpt", "str"), id="its class cannot be made"),
        pytest.param(re.sub(r"options = \[.*?\n    \]", "options = [1]", ACME, flags=re.S), id="no options"),
    ],
)
def test_a_driver_that_cannot_be_used_is_named_and_left_out_of_the_sample(
    install: Install, capsys: pytest.CaptureFixture[str], source: str
) -> None:
    install(source)
    text, said = sample(capsys)
    assert "[ipmi]" in text
    assert "[acme]" not in text
    assert re.fullmatch(r"podium: left out: driver acme .*\n", said)


def test_the_sample_can_be_written_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "sample", "--output", str(tmp_path / "podium.conf")]) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "podium.conf").read_text().startswith("[conductor]\n")


def test_a_sample_that_cannot_be_written_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "sample", "--output", "/no/such/file"]) == 1
    assert capsys.readouterr().err.startswith("podium: /no/such/file cannot be written: No such file")


def test_options_of_the_api_that_depend_on_each_other_are_judged_together(check: Check) -> None:
    line, *_ = check("[DEFAULT]", "auth_strategy = noauth", "[api]", "host_ip = 0.0.0.0")
    assert line.startswith("podium.conf:4: [DEFAULT] auth_strategy = noauth lets everybody who reaches")
    line, *_ = check("[api]", "enable_ssl_api = true")
    assert line == "podium.conf:2: [api] enable_ssl_api = true needs cert_file and key_file"
    line, *_ = check("[api]", "admins = root, two words", "trusted_proxies = 10.0.0.0/8")
    assert line.startswith("podium.conf:2: [api] admins = root, two words")


def test_a_key_file_that_cannot_be_used_is_told(check: Check, tmp_path: Path) -> None:
    keys = tmp_path / "podium.keys"
    fault = f"podium.conf:2: [secrets] key_file = {keys} cannot be used: "
    line, *_ = check("[secrets]", f"key_file = {keys}")
    assert line.startswith(f"{fault}it does not exist: put it back from its backup, or")
    keyring.write_new_file(keys)
    assert check("[secrets]", f"key_file = {keys}")[-1].endswith("no problems")
    keys.chmod(0o644)
    line, *_ = check("[secrets]", f"key_file = {keys}")
    assert line.startswith(f"{fault}its mode 0644 lets others read it")
