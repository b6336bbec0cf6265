"""``podium driver try``, on drivers of Podium and on a plugin."""

import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from podium.cli.main import main

Run = Callable[..., "subprocess.CompletedProcess[str]"]

ACME = '''
import logging

from oslo_config import cfg

from podium import errors, states
from podium.drivers import base

LOG = logging.getLogger(__name__)


class Acme(base.Driver):
    """Acme racks."""

    properties = {
        "acme_address": base.Property("address", required=True),
        "acme_password": base.Property("password", required=True, secret=True),
    }
    options = (
        cfg.IntOpt("timeout", default=5, min=1, help="Seconds."),
        cfg.StrOpt("license", default="nobody", secret=True, help="A secret that is not named like one."),
    )
    power = states.POWER_OFF
    sent = 0

    def identity(self, node):
        return f"acme:{node.driver_info['acme_address']}"

    def endpoint(self, node):
        return node.driver_info["acme_address"]

    async def get_power_state(self, node):
        if node.driver_info["acme_address"] == "dead":
            raise errors.BMCUnreachable(f"no answer to {node.driver_info['acme_password']}")
        return self.power

    def set_power_state(self, node, target):
        self.sent += 1
        self.power = states.REACHED[target]

    @base.node_periodic_task(spacing=0.01)
    async def check_fans(self, node, manager, context):
        LOG.warning("it has %s", dict(node.driver_info))
        manager.report_power_state(node, states.POWER_ON)
        manager.report_health(node, base.Health("Warning", ("fan 3 is slow",)))
        inlet, fan = base.Sensor("Inlet", "temperature", 21.5), base.Sensor("F1", "fan", None)
        manager.report_sensors(node, [inlet, fan])
        manager.save_properties(node, {"model": "A-17", "note": node.driver_info["acme_password"]})
        manager.save_driver_internal_info(node, {"session_token": "t-17", "limit": self.options.timeout})
        manager.set_maintenance(node, "it burns")
        manager.clear_maintenance(node)

    @base.driver_periodic_task(spacing=3600)
    def save_settings(self, manager, context):
        (node,) = manager.nodes(self)
        with manager.reserve(node, "saves settings"):
            manager.run_command(["echo", self.options.license], timeout=30).result()

    @base.driver_periodic_task(spacing=3600, enabled=False)
    def fail(self, manager, context):
        raise ValueError("acme is closed")

    def statistics(self):
        return {"sent": self.sent, "bytes": 4194304.0}

    def close(self):
        LOG.info("it is closed")
'''
INFO = ("--driver-info", "acme_address=192.0.2.1", "--driver-info", "acme_password=@{}")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def acme(install: Callable[..., None], bare_podium: Run, tmp_path: Path) -> Run:
    """``acme("--read")`` tries the plugin, with a password from a file."""
    install(ACME)
    (tmp_path / "password").write_text("hunter2\n")
    info = [one.format(tmp_path / "password") for one in INFO]
    return lambda *arguments: bare_podium("driver", "try", "acme", *info, *arguments)


def untimed(text: str) -> list[str]:
    return re.sub(r"\d+\.\d+ s\b", "N s", text).splitlines()


def test_a_read_shows_what_is_known_of_the_machine_and_what_each_call_took(acme: Run) -> None:
    done = acme()
    assert (done.returncode, done.stderr) == (0, "")
    assert untimed(done.stdout) == [
        "driver acme (package acme-podium, entry point acme_podium:Acme)",
        'trial: driver_info {"acme_address": "192.0.2.1", "acme_password": "******"}',
        "trial: identity acme:192.0.2.1",
        "trial: endpoint 192.0.2.1",
        "acme.start: done, in N s",
        "acme.get_power_state: power off, in N s",
        "acme.statistics: sent=0 bytes=4194304",
        "acme: INFO acme_podium: it is closed",
        "acme.close: ended, in N s",
    ]


def test_everything_that_a_task_reports_and_logs_is_shown_without_secrets(acme: Run) -> None:
    done = acme("--task", "check_fans")
    assert done.returncode == 0
    assert "hunter2" not in done.stdout + done.stderr
    assert "t-17" not in done.stdout + done.stderr
    lines = [line for line in untimed(done.stdout) if line.startswith("acme.check_fans")]
    assert [line.removeprefix("acme.check_fans: ") for line in lines] == [
        "WARNING acme_podium: it has {'acme_address': '192.0.2.1', 'acme_password': '******'}",
        "reports power on",
        "health Warning: fan 3 is slow",
        "sensor Inlet: 21.5 celsius, OK",
        "sensor F1: no reading, OK",
        'saves properties {"model": "A-17", "note": "******"}',
        'saves driver_internal_info {"session_token": "******", "limit": 5}',
        "sets maintenance: it burns",
        "ends its own maintenance",
        "done, in N s",
    ]


def test_a_program_is_shown_with_its_status_and_a_secret_among_its_arguments_is_warned_of(
    acme: Run, tmp_path: Path
) -> None:
    (tmp_path / "license").write_text("X-1234\n")
    done = acme("--task", "acme.save_settings", "--option", f"license=@{tmp_path / 'license'}")
    assert done.returncode == 0
    assert "X-1234" not in done.stdout + done.stderr
    lines = [line for line in untimed(done.stdout) if line.startswith("acme.save_settings")]
    assert [line.removeprefix("acme.save_settings: ") for line in lines] == [
        "reserves the node: saves settings",
        "warning: a secret is in the arguments of the program, where every user sees it",
        "ran echo '******': status 0, in N s",
        "gives the node back",
        "done, in N s",
    ]


def test_an_option_goes_before_the_config_file(acme: Run) -> None:
    done = acme("--task", "check_fans", "--option", "timeout=17", "--option", "threads=2")
    assert done.returncode == 0
    assert '"limit": 17}' in done.stdout


def test_a_change_is_sent_once_and_read_until_it_shows(acme: Run) -> None:
    done = acme("--set", "power on", "--yes")
    assert done.returncode == 0
    assert untimed(done.stdout)[5:10] == [
        "acme.get_power_state: power off, in N s",
        "acme.set_power_state: power on accepted, in N s",
        "acme.get_power_state: power on, in N s",
        "acme.get_power_state: power on N s after the command",
        "acme.statistics: sent=1 bytes=4194304",
    ]


def test_a_state_that_is_there_already_is_not_sent(acme: Run) -> None:
    done = acme("--set", "power off", "--yes")
    assert done.returncode == 0
    assert "acme.set_power_state: it is power off already, and nothing is sent\n" in done.stdout
    assert "sent=0" in done.stdout


def test_without_a_terminal_a_change_needs_yes(acme: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    done = acme("--set", "power on")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "podium: changes of the machine need --yes where nobody can be asked; nothing was sent\n"
    )


@pytest.mark.parametrize(("answer", "status", "sent"), [("y\n", 0, 1), ("n\n", 1, 0)])
def test_at_a_terminal_a_person_is_asked_before_a_change(
    acme: Run, monkeypatch: pytest.MonkeyPatch, answer: str, status: int, sent: int
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    done = acme("--set", "power on")
    assert (done.returncode, done.stderr) == (status, "the machine is power off: send power on? [y/N] ")
    assert f"sent={sent} " in done.stdout
    assert ("nothing was sent" in done.stdout) == (sent == 0)


def test_a_machine_that_does_not_answer_fails_the_trial_without_its_secrets(acme: Run) -> None:
    done = acme("--driver-info", "acme_address=dead", "--set", "power on", "--yes")
    assert done.returncode == 1
    assert untimed(done.stdout)[5:7] == [
        "acme.get_power_state: failed after N s: no answer to ******",
        "acme.set_power_state: power on is not sent, because the power cannot be read",
    ]


def test_a_fault_of_the_driver_is_one_line_and_has_a_traceback_on_request(acme: Run) -> None:
    done = acme("--task", "fail")
    assert done.returncode == 1
    assert "acme.fail: failed after N s: fault of the driver: ValueError: acme is closed" in untimed(
        done.stdout
    )
    assert "Traceback" not in done.stdout + done.stderr
    done = acme("--task", "fail", "--debug")
    assert "acme.fail: Traceback (most recent call last):" in done.stdout
    assert 'raise ValueError("acme is closed")' in done.stdout


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--task", "check_fan"), "driver acme has no task check_fan; did you mean check_fans?"),
        (("--set", "off"), "driver acme cannot do off; there are: power off, power on, rebooting"),
        (
            ("--set", "power cycle"),
            "driver acme cannot do power cycle; there are: power off, power on, rebooting",
        ),
        (("--option", "timeouts=3"), "driver acme has no option timeouts; did you mean timeout?"),
        (
            ("--driver-info", "acme_port=1"),
            "driver_info has no property acme_port; did you mean acme_password?",
        ),
        (("--name", "a b"), "name 'a b' is not a host name: up to 255 letters, digits, _, - and dots"),
    ],
)
def test_what_cannot_be_tried_is_one_clear_line(acme: Run, arguments: tuple[str, ...], error: str) -> None:
    done = acme(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"podium: {error}\n")


def test_a_wrong_option_is_refused_with_what_is_expected(acme: Run) -> None:
    done = acme("--option", "timeout=0")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("podium: --option: timeout cannot be used: ")


def test_a_secret_on_the_command_line_is_warned_of(acme: Run) -> None:
    done = acme("--driver-info", "acme_password=hunter3")
    assert done.returncode == 0
    assert "podium: warning: other users of this machine can see acme_password" in done.stderr
    assert "hunter3" not in done.stdout + done.stderr


def test_a_driver_that_does_not_start_fails_the_trial(install: Callable[..., None], bare_podium: Run) -> None:
    install(
        ACME.replace(
            "    def close(self):",
            "    def start(self):\n        raise OSError('no bus')\n\n    def close(self):",
        )
    )
    done = bare_podium(
        "driver", "try", "acme", "--driver-info", "acme_address=a", "--driver-info", "acme_password=hunter2"
    )
    assert done.returncode == 1
    assert untimed(done.stdout)[4].startswith(
        "acme.start: failed after N s: driver acme (package acme-podium,"
    )
    assert untimed(done.stdout)[4].endswith("start() failed: OSError: no bus")
    assert "get_power_state" not in done.stdout


def test_a_close_that_fails_fails_the_trial(install: Callable[..., None], bare_podium: Run) -> None:
    install(ACME.replace('LOG.info("it is closed")', 'raise OSError("it is stuck")'))
    done = bare_podium(
        "driver", "try", "acme", "--driver-info", "acme_address=a", "--driver-info", "acme_password=hunter2"
    )
    assert done.returncode == 1
    assert "close() failed: OSError: it is stuck" in done.stdout


class Watched(io.StringIO):
    """A standard output whose reader presses Ctrl-C once all tasks have run, one of them three times."""

    def write(self, text: str) -> int:
        written, shown = super().write(text), self.getvalue()
        has_run = "acme.save_settings: done" in shown and shown.count("acme.check_fans: done") >= 3
        if has_run and "acme.check_fans: done" in text:  # which the main thread writes
            raise KeyboardInterrupt
        return written


def test_a_watch_repeats_reads_and_tasks_until_ctrl_c(acme: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", watched := Watched())
    done = acme("--watch")
    assert done.returncode == 0
    lines = [re.sub(r"^\d\d:\d\d:\d\dZ ", "at ", line) for line in untimed(watched.getvalue())]
    assert "at acme.get_power_state: power off, in N s" in lines
    assert "at acme.save_settings: done, in N s" in lines
    assert "acme.fail" not in watched.getvalue()  # its author disabled it
    assert lines[-1] == "at acme.close: ended, in N s"


def test_the_driver_fake_is_tried_without_any_config_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["driver", "try", "fake", "--task", "check_status", "--set", "inject nmi", "--yes"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert untimed(shown.out)[1:] == [
        "trial: driver_info {}",
        "trial: identity not known",
        "trial: endpoint the node itself",
        "fake.start: done, in N s",
        "fake.get_power_state: power off, in N s",
        "fake.inject_nmi: inject nmi accepted, in N s",
        "fake.get_power_state: power off, in N s",
        "fake.check_status: health OK",
        "fake.check_status: done, in N s",
        "fake.statistics: interrupts=1 identifications=0 blinks=0 logins=0 wrong_logins=0",
        "fake.close: ended, in N s",
    ]


def test_a_login_is_tried_if_that_is_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    given = ["--driver-info", "fake_username=ada", "--driver-info", "fake_latency=0"]
    assert main(["driver", "try", "fake", "--check-login", *given]) == 0
    shown = untimed(capsys.readouterr().out)
    assert "fake.check_login: user 'ada' logged in, administrator, memory, power off, in N s" in shown


def test_a_driver_that_cannot_try_a_login_says_so(acme: Run) -> None:
    done = acme("--check-login")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the driver acme cannot try a login: it has no check_login" in done.stderr
    done = acme("--set-password", "@word", "--yes")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the driver acme cannot change a password: it has no login, or no set_password" in done.stderr


Change = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def change(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Change:
    """``change(*arguments)`` gives a machine of the fake driver another password and its own back."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("present", "another"):
        (tmp_path / name).write_text(f"{name}-password\n")
    info = {"fake_password": f"@{tmp_path}/present", "fake_machine_password": f"@{tmp_path}/present"}

    def run(*arguments: str, **more: str) -> tuple[int, list[str]]:
        given = [
            f"--driver-info={name}={value}" for name, value in {**info, "fake_latency": "0", **more}.items()
        ]
        word = f"--set-password=@{tmp_path}/another"
        status = main(["driver", "try", "fake", word, *given, *arguments])
        written = capsys.readouterr()
        assert "-password" not in written.out.replace("--set-password", "")
        lines = untimed(written.out)
        return status, [one for one in lines if one.startswith(("fake.check_login", "fake.set_password"))]

    return run


IN = "fake.check_login: logged in (no user name), administrator, memory, power off, in N s"


def test_a_password_is_changed_and_changed_back(change: Change) -> None:
    given = "fake.set_password: accepted, in N s"
    assert change("--yes") == (0, [IN, given, IN, given, IN])


def test_a_password_that_is_refused_leaves_the_present_one(change: Change) -> None:
    status, lines = change("--yes", fake_account_fault="refuse")
    assert status == 1
    assert lines[0] == lines[2] == IN
    assert lines[1].endswith("fake_account_fault is refuse: the machine takes no other password")
    assert len(lines) == 3


def test_after_a_lost_answer_it_is_looked_which_password_the_machine_has(change: Change) -> None:
    status, lines = change("--yes", fake_account_fault="lost")
    assert status == 1
    assert [line.partition(",")[0].partition(" after")[0] for line in lines] == [
        IN.partition(",")[0],
        "fake.set_password: failed",
        "fake.check_login: failed",
        IN.partition(",")[0],
        "fake.set_password: it has the password of before",
    ]


def test_nothing_is_sent_where_the_present_password_is_wrong(change: Change) -> None:
    status, lines = change("--yes", fake_machine_password="third")
    assert (status, len(lines)) == (1, 2)
    assert lines[1] == "fake.set_password: nothing was sent: the present password is not proved"


def test_nobody_gives_a_machine_another_password_unasked(change: Change) -> None:
    assert change() == (1, [])


def fake(run: Run, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return run("driver", "try", "fake", *arguments)


def lines_of(done: "subprocess.CompletedProcess[str]", *methods: str) -> list[str]:
    """The lines of some methods, with neither seconds nor times."""
    return [
        re.sub(r"\d+-\d+-\d+T[\d:+]+", "TIME", line)
        for line in untimed(done.stdout)
        if line.startswith(tuple(f"fake.{method}: " for method in methods))
    ]


def test_what_a_driver_reads_beside_the_power_is_printed(bare_podium: Run) -> None:
    done = fake(bare_podium, "--ask", "log", "--ask", "boot device", "--ask", "clock", "--ask", "sensors")
    assert (done.returncode, done.stderr) == (0, "")
    assert lines_of(done, "get_log", "get_boot_device", "get_clock", "get_sensors") == [
        "fake.get_log: 4 entries, in N s",
        "fake.get_log: 1: TIME, OK: System boot initiated",
        "fake.get_log: 2: TIME, Warning: Upper non-critical going high (Inlet)",
        "fake.get_log: 3: TIME, OK: Upper non-critical going high: no longer (Inlet)",
        "fake.get_log: 4: TIME, Critical: OEM record",
        "fake.get_boot_device: default; it takes pxe, disk, cdrom, bios, safe, default, in N s",
        "fake.get_clock: N s ahead, in N s",
        "fake.get_sensors: 3 sensors, in N s",
        "fake.get_sensors: sensor Inlet: 21 celsius, OK (upper_caution 42, upper_critical 47)",
        "fake.get_sensors: sensor Fan 1: no reading, OK (lower_critical 600)",
        "fake.get_sensors: sensor Input: 9 watts, OK",
    ]


def test_what_a_driver_changes_beside_the_power_is_proved_and_the_boot_device_undone(
    bare_podium: Run,
) -> None:
    action = ("--do", "blink", "--argument", "colour=red", "--argument", "times=2")
    change = ("--boot", "pxe", "--identify", "5", "--set-clock", *action, "--clear-log", "--yes")
    done = fake(bare_podium, "--driver-info", "fake_clock_offset=90", *change)
    assert (done.returncode, done.stderr) == (0, "")
    boots = "it takes pxe, disk, cdrom, bios, safe, default, in N s"
    assert lines_of(done, "get_boot_device", "set_boot_device", "identify", "get_clock", "set_clock") == [
        f"fake.get_boot_device: default; {boots}",
        "fake.set_boot_device: pxe, once accepted, in N s",
        f"fake.get_boot_device: pxe, once; {boots}",
        "fake.set_boot_device: default accepted, in N s",
        f"fake.get_boot_device: default; {boots}",
        "fake.identify: for 5 s, accepted, in N s",
        "fake.get_clock: N s ahead, in N s",
        "fake.set_clock: accepted, in N s",
        "fake.get_clock: N s ahead, in N s",
    ]
    assert "fake.get_clock: 90.0 s ahead" in done.stdout
    assert lines_of(done, "blink", "clear_log", "get_log")[0] == "fake.blink: blinked red 2 times, in N s"
    assert lines_of(done, "clear_log", "get_log")[-2:] == [
        "fake.clear_log: accepted, in N s",
        "fake.get_log: 0 entries, in N s",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("acme", "--ask", "log"), "the driver acme has not the ability: log; it needs get_log"),
        (("acme", "--boot", "pxe"), "the ability: boot device; it needs get_boot_device and set_boot_device"),
        (("acme", "--clear-log"), "the ability: clear log; it needs get_log and clear_log"),
        (("acme", "--do", "blink"), "driver acme has no action blink; there are: none"),
        (("fake", "--do", "blimk"), "driver fake has no action blimk; did you mean blink?"),
        (("fake", "--do", "fake.blink"), "blink needs colour; it takes colour=red|green [times=1]"),
        (("fake", "--do", "blink", "--argument", "colour=blue"), "blink: colour is red or green, not 'blue'"),
        (("fake", "--set-clock"), "changes of the machine need --yes where nobody can be asked"),
        (("fake", "--do", "blink", "--argument", "colour=red"), "changes of the machine need --yes"),
    ],
)
def test_what_a_driver_cannot_do_or_nobody_agrees_to_is_one_line_before_anything_is_sent(
    install: Callable[..., None], bare_podium: Run, arguments: tuple[str, ...], words: str
) -> None:
    install(ACME)
    done = bare_podium("driver", "try", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr and done.stderr.count("\n") == 1


def test_arguments_go_with_an_action(bare_podium: Run) -> None:
    done = bare_podium("driver", "try", "fake", "--argument", "colour=red")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("podium: argument --argument: goes with --do")


def test_a_person_who_says_no_changes_nothing(bare_podium: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("n\nn\n"))
    done = fake(bare_podium, "--boot", "pxe", "--clear-log")
    assert done.returncode == 1
    assert done.stderr == (
        "have the machine boot from pxe, and undo that? [y/N] "
        "clear the log, of which 4 entries are printed here? [y/N] "
    )
    assert done.stdout.count("fake: nothing was sent") == 2
    assert lines_of(done, "set_boot_device", "clear_log") == []
