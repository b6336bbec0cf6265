"""Errors of podium-sim at its start."""

from pathlib import Path
from typing import Any

import pytest

from podium import __version__
from podium.simulator import faults, main


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--ipmi", "0"], "give 1 or more"),
        (["--ipmi", "1", "--address", "rack"], "'rack' is not an IPv4 address"),
        (["--ipmi", "20000000"], "room for 15466494"),
        (["--ipmi", "1", "--port", "65536"], "65536 is no UDP port"),
        (["--ipmi", "1", "--fault", "tired:1"], "there is no fault 'tired'"),
        (["--ipmi", "1", "--fault", "no-events:1"], "speak IPMI, which has no fault 'no-events'"),
        (["--redfish", "0"], "give 1 or more"),
        (["--redfish", "1", "--port", "65536"], "65536 is no TCP port"),
        (["--redfish", "1", "--user", "a:b"], "Redfish user names have no colon"),
        (["--redfish", "1", "--systems", "0"], "give 1 to 32"),
        (["--redfish", "1", "--http", "--tls-ca-file", "ca.pem"], "not with --http"),
        (["--redfish", "1", "--port", "0", "--tls-ca-file", "missing/ca"], "cannot write missing/ca"),
        (["--ipmi", "300", "--redfish", "1", "--redfish-address", "127.20.1.1"], "with --redfish-address"),
        (["--ipmi", "1", "--user", "a" * 17], "1 to 16 bytes"),
        (["--ipmi", "1", "--power-delay", "-1"], "give 0 to 3600 seconds"),
        (["--ipmi", "1", "--sessions", "0"], "a BMC holds 1 or more"),
        (["--ipmi", "1", "--password-file", "missing"], "cannot read missing"),
        (["--ipmi", "1", "--port", "0", "--nodes-file", "missing/nodes"], "cannot write missing/nodes"),
        (["--ipmi", "1", "--port", "0", "--control", "missing/control"], "cannot make the control socket"),
        (["--ipmi", "1", "--log-entries", "65535"], "give 1 to 65534"),
        (["--ipmi", "1", "--fault", "lacks=logs:1"], "lacks takes some of boot, identify, log"),
        (["--ipmi", "1", "--fault", "clock-off=0:1"], "clock-off takes seconds that it is ahead"),
        (["--ipmi", "1", "--fault", "clock-drifts=4000:1"], "clock-drifts takes seconds in an hour"),
        (["--ipmi", "1", "--fault", "no-boot-parameters=7:1"], "no-boot-parameters takes numbers"),
        (["ctl", "--control", "missing", "event", "FAN1", "two", "1"], "give event SENSOR OFFSET"),
        (["ctl", "--control", "missing", "event", "--ended", "00", "1"], "give event SENSOR OFFSET"),
        (["ctl", "--control", "missing", "status"], "no simulator answers at missing"),
        (["ctl", "--control", "missing", "fault", "dead"], "give fault KIND"),
        (["ctl", "--control", "missing", "password", "word", "1"], "cannot read word"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_1(
    arguments: list[str],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main.main(arguments) == 1
    output = capsys.readouterr()
    assert reason in output.err
    assert (output.err.count("\n"), output.out) == (1, "")


@pytest.mark.parametrize("key", ["31" * 19, "zz" * 20, ""])
def test_a_bmc_key_that_is_not_40_digits_is_refused_without_showing_it(
    key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "kg"
    path.write_text(key)
    assert main.main(["--ipmi", "1", "--kg-file", str(path)]) == 1
    assert capsys.readouterr().err == f"podium-sim: {path}: the BMC key is 40 hexadecimal digits\n"


def test_a_password_that_is_too_long_is_refused_without_showing_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "password"
    path.write_text("p" * 21)
    assert main.main(["--ipmi", "1", "--password-file", str(path)]) == 1
    assert capsys.readouterr().err == f"podium-sim: {path}: IPMI passwords have 1 to 20 bytes\n"


def test_the_help_names_every_kind_of_fault(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["--help"])
    text = capsys.readouterr().out
    assert all(kind in text for kind in faults.KINDS)


def test_a_password_is_read_from_a_file_and_set_at_some_bmcs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "word").write_text("another\n")
    asked: list[tuple[str, dict[str, Any]]] = []

    def ask(path: str, request: dict[str, Any]) -> dict[str, Any]:
        asked.append((path, request))
        return {"changed": 1}

    monkeypatch.setattr("podium.simulator.control.ask", ask)
    assert main.main(["ctl", "--control", "sock", "password", str(tmp_path / "word"), "127.20.0.5"]) == 0
    assert asked == [("sock", {"set": "password", "to": "another", "where": "127.20.0.5"})]
    assert capsys.readouterr().out == "changed: 1\n"


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["--version"])
    assert capsys.readouterr().out == f"podium-sim {__version__}\n"


def test_a_wrong_option_does_not_bring_all_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["--bogus"])
    assert capsys.readouterr().err.count("\n") == 2
