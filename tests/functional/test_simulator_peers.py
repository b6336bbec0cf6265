"""podium-sim as a process of its own, read and switched by programs that nobody here wrote."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from peers import PATIENCE

PROGRAM = (sys.executable, "-P", "-c", "import sys; from podium.simulator.main import main; sys.exit(main())")
PASSWORD = "podium-sim"
KG = "4b" * 20


@dataclass
class Rack:
    """A running podium-sim with ten BMCs."""

    process: subprocess.Popen[str]
    folder: Path
    line: str
    port: int = field(init=False)

    def __post_init__(self) -> None:
        nodes = yaml.safe_load((self.folder / "nodes.yaml").read_text())["nodes"]
        self.port = nodes[0]["driver_info"]["ipmi_port"]

    def ctl(self, *words: str) -> str:
        control = ("ctl", "--control", str(self.folder / "control"))
        return run([*PROGRAM, *control, *words]).stdout


def run(command: list[str], *, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"IPMI_PASSWORD": password, "LC_ALL": "C"}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def start(folder: Path, *options: str) -> Rack:
    files = ("--nodes-file", str(folder / "nodes.yaml"), "--control", str(folder / "control"))
    process = subprocess.Popen(
        [*PROGRAM, "--ipmi", "10", "--address", "127.20.7.1", "--port", "0", *files, *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "podium-sim did not start"
    return Rack(process, folder, line)


def stop(rack: Rack, number: signal.Signals = signal.SIGTERM) -> int:
    with rack.process as process:
        process.send_signal(number)
        return process.wait(PATIENCE)


@pytest.fixture
def rack(tmp_path: Path) -> Iterator[Rack]:
    started = start(tmp_path)
    yield started
    stop(started)


@pytest.fixture
def ipmitool(
    rack: Rack, require_peer: Callable[[str], str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """ipmitool on the first BMC: ``ipmitool("power", "status", suite=3)``.

    With ``patience`` seconds for each answer: few where there will be none.
    """
    program = require_peer("ipmitool")

    def ask(
        *words: str, suite: int = 17, password: str = PASSWORD, user: str = "admin", patience: int = 30
    ) -> subprocess.CompletedProcess[str]:
        tries = ("-N", str(patience), "-R", "1")
        where = ("-H", "127.20.7.1", "-p", str(rack.port), "-U", user, "-E", *tries)
        return run([program, "-I", "lanplus", "-C", str(suite), *where, *words], password=password)

    return ask


Ask = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def freeipmi(rack: Rack, tmp_path: Path, require_peer: Callable[[str], str]) -> Callable[..., str]:
    """A program of FreeIPMI on the first BMCs: ``freeipmi("ipmi-sel", "--info")``, its output."""
    config = tmp_path / "freeipmi.conf"
    config.write_text(f"username admin\npassword {PASSWORD}\n")
    config.chmod(0o600)

    def ask(program: str, *words: str, suite: int = 17, hosts: str = "127.20.7.1") -> str:
        options = (f"--config-file={config}", "--driver-type=LAN_2_0", "-I", str(suite))
        return run([require_peer(program), *options, "-h", f"{hosts}:{rack.port}", *words]).stdout

    return ask


@pytest.fixture
def ipmipower(freeipmi: Callable[..., str]) -> Callable[..., list[str]]:
    """FreeIPMI's ipmipower on the first four BMCs: ``ipmipower("--stat", suite=3)``, its lines in order."""
    return lambda *words, suite: sorted(
        freeipmi("ipmipower", *words, suite=suite, hosts="127.20.7.[1-4]").splitlines()
    )


def test_it_says_in_one_line_when_it_is_ready(rack: Rack) -> None:
    expected = f"podium-sim: 10 BMCs at 127.20.7.1-127.20.7.10, port {rack.port}, user admin\n"
    assert rack.line == expected


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    started = start(tmp_path)
    assert (stop(started, number), (tmp_path / "control").exists()) == (0, False)


@pytest.mark.parametrize("suite", [3, 17])
def test_ipmitool_reads_and_switches_a_machine(suite: int, ipmitool: Ask) -> None:
    said = [ipmitool("power", word, suite=suite).stdout for word in ("status", "on", "cycle", "status")]
    assert [line.strip() for line in said] == [
        "Chassis Power is off",
        "Chassis Power Control: Up/On",
        "Chassis Power Control: Cycle",
        "Chassis Power is on",
    ]


def test_ipmitool_at_the_user_level_cannot_switch(ipmitool: Ask) -> None:
    assert "Insufficient privilege level" in ipmitool("-L", "USER", "power", "on").stderr


def test_ipmitool_with_a_wrong_password_is_refused(ipmitool: Ask) -> None:
    assert "Unable to establish" in ipmitool("power", "status", password="guess").stderr


def test_ipmitool_with_an_unknown_user_is_refused(ipmitool: Ask) -> None:
    assert "Unable to establish" in ipmitool("power", "status", user="root").stderr


def test_ipmitool_is_told_the_cipher_suites(ipmitool: Ask) -> None:
    suites = ipmitool("channel", "getciphers", "ipmi").stdout
    assert [line.split()[0] for line in suites.splitlines()[1:]] == ["3", "17"]


def test_ipmitool_tells_what_the_bmc_is(ipmitool: Ask) -> None:
    assert "IPMI Version              : 2.0" in ipmitool("mc", "info").stdout


def test_ipmitool_sees_the_self_test_pass(ipmitool: Ask) -> None:
    assert ipmitool("mc", "selftest").stdout == "Selftest: passed\n"


def test_ipmitool_sees_faults_that_were_put_on_meanwhile(rack: Rack, ipmitool: Ask) -> None:
    rack.ctl("fault", "cooling-fault", "1")
    assert "Cooling/Fan Fault    : true" in ipmitool("chassis", "status").stdout


def test_ipmitool_sees_a_machine_that_was_switched_behind_its_back(rack: Rack, ipmitool: Ask) -> None:
    rack.ctl("power", "on", "127.20.7.1")
    assert ipmitool("power", "status").stdout == "Chassis Power is on\n"


def test_ipmitool_gets_no_answer_from_a_dead_bmc(rack: Rack, ipmitool: Ask) -> None:
    rack.ctl("fault", "dead", "127.20.7.1")
    assert "Unable to establish" in ipmitool("power", "status", patience=1).stderr


def test_ipmitool_opens_a_session_with_the_bmc_key(
    tmp_path: Path, require_peer: Callable[[str], str]
) -> None:
    program = require_peer("ipmitool")
    (tmp_path / "kg").write_text(KG)
    started = start(tmp_path, "--kg-file", str(tmp_path / "kg"))
    try:
        where = ("-H", "127.20.7.1", "-p", str(started.port), "-U", "admin", "-E", "-y", KG)
        assert run([program, "-I", "lanplus", *where, "power", "status"]).stdout == "Chassis Power is off\n"
    finally:
        stop(started)


@pytest.mark.parametrize(
    ("device", "options", "words"),
    [
        ("pxe", "", ["Boot Flag Valid", "only next boot", "PC Compatible", "Force PXE"]),
        ("bios", "efiboot", ["BIOS EFI boot", "Force Boot into BIOS Setup"]),
        ("disk", "persistent", ["all future boots", "Force Boot from default Hard-Drive"]),
    ],
)
def test_ipmitool_chooses_what_a_machine_boots_from(
    device: str, options: str, words: list[str], ipmitool: Ask
) -> None:
    said = ipmitool("chassis", "bootdev", device, *([f"options={options}"] if options else []))
    assert said.stdout == f"Set Boot Device to {device}\n"
    found = ipmitool("chassis", "bootparam", "get", "5").stdout
    assert [word for word in words if word not in found] == []


def test_a_machine_boots_once_from_what_ipmitool_chose(rack: Rack, ipmitool: Ask) -> None:
    rack.ctl("power", "on", "1")
    ipmitool("chassis", "bootdev", "cdrom")
    booted = []
    for _ in range(2):
        ipmitool("power", "reset")
        booted.append(rack.ctl("machines", "1"))
    assert "booted cdrom, bios, boots 2" in booted[0]
    assert "boot default, booted default, boots 3" in booted[1]


def test_ipmitool_switches_the_light_for_identification(rack: Rack, ipmitool: Ask) -> None:
    assert "Chassis identify interval: 200 seconds" in ipmitool("chassis", "identify", "200").stdout
    assert "identify for a time" in rack.ctl("machines", "1")
    assert "indefinite" in ipmitool("chassis", "identify", "force").stdout
    assert "identify on" in rack.ctl("machines", "1")


def test_ipmitool_reads_and_clears_the_event_log(rack: Rack, ipmitool: Ask) -> None:
    rack.ctl("power", "on", "1")
    rack.ctl("fault", "cooling-fault", "1")
    said = ipmitool("sel", "elist").stdout
    assert "Temperature CPU1 Temp | Upper Critical going high | Asserted" in said
    assert "Reading 97 > Threshold 95 degrees C" in said
    assert "Entries          : 5\n" in ipmitool("sel", "info").stdout
    assert "Clearing SEL" in ipmitool("sel", "clear").stdout
    assert "Entries          : 0\n" in ipmitool("sel", "info").stdout


def test_ipmitool_deletes_an_entry_and_sets_the_time_of_the_log(rack: Rack, ipmitool: Ask) -> None:
    rack.ctl("fault", "intrusion", "1")
    assert "Deleted entry 1" in ipmitool("sel", "delete", "1").stdout
    ipmitool("sel", "time", "set", "01/02/20 03:04:05")
    assert ipmitool("sel", "time", "get").stdout.startswith("01/02/20 03:04:")


def test_a_log_that_is_slow_is_slow_alone(rack: Rack, ipmitool: Ask) -> None:
    rack.ctl("fault", "slow-log=3600", "1")
    assert ipmitool("power", "status").stdout == "Chassis Power is off\n"
    assert ipmitool("sel", "info", patience=1).returncode != 0


def test_freeipmi_reads_and_clears_the_event_log(
    rack: Rack, tmp_path: Path, freeipmi: Callable[..., str]
) -> None:
    rack.ctl("fault", "power-fault", "1")
    rack.ctl("event", "0100c10000005ea202000102030405ff", "1")
    rack.ctl("event", "0000e0a0a1a2a3a4a5a6a7a8a9aaabac", "1")
    cache = f"--sdr-cache-directory={tmp_path}"
    said = [line.split("|")[-1].strip() for line in freeipmi("ipmi-sel", cache).splitlines()[1:]]
    assert said == [
        "Fully Redundant",
        "Redundancy Lost",
        "Power Supply Failure detected",
        "OEM defined = 01h 02h 03h 04h 05h FFh",
        "OEM defined = A0h A1h A2h A3h A4h A5h A6h A7h A8h A9h AAh ABh ACh",
    ]
    freeipmi("ipmi-sel", cache, "--clear")
    assert "Number of log entries                  : 0\n" in freeipmi("ipmi-sel", cache, "--info")


def test_freeipmi_chooses_what_a_machine_boots_from(freeipmi: Callable[..., str]) -> None:
    choice = ("-e", "Chassis_Boot_Flags:Boot_Device=PXE")
    freeipmi("ipmi-config", "--category=chassis", "--commit", *choice)
    section = ("--category=chassis", "--checkout", "--section=Chassis_Boot_Flags")
    found = dict(
        line.split() for line in freeipmi("ipmi-config", *section).splitlines() if len(line.split()) == 2
    )
    assert (found["Boot_Device"], found["Boot_Flags_Persistent"]) == ("PXE", "No")


def test_freeipmi_switches_the_light_for_identification(rack: Rack, freeipmi: Callable[..., str]) -> None:
    lights = []
    for word in ("200", "FORCE", "TURN-OFF"):
        freeipmi("ipmi-chassis", f"--chassis-identify={word}")
        said = freeipmi("ipmi-chassis", "--get-chassis-status").splitlines()
        lights.append(next(line.split(": ")[1] for line in said if line.startswith("Chassis Identify")))
    assert lights == ["Timed on", "Indefinite on", "off"]


def test_freeipmi_reads_sensors_with_their_thresholds(
    rack: Rack, tmp_path: Path, freeipmi: Callable[..., str]
) -> None:
    rack.ctl("power", "on", "1")
    rack.ctl("fault", "cooling-fault", "1")
    options = ("--quiet-cache", f"--sdr-cache-directory={tmp_path}", "--output-sensor-thresholds")
    said = freeipmi("ipmi-sensors", *options, "--comma-separated-output", "--no-header-output", "-r", "1,3,4")
    assert said.splitlines() == [
        "1,CPU1 Temp,Temperature,97.00,C,N/A,N/A,N/A,85.00,95.00,100.00,"
        "'At or Above (>=) Upper Critical Threshold'",
        "3,Inlet Temp,Temperature,23.00,C,-5.00,-2.00,5.00,38.00,42.00,45.00,'OK'",
        "4,FAN1,Fan,0.00,RPM,N/A,600.00,900.00,N/A,N/A,N/A,'At or Below (<=) Lower Critical Threshold'",
    ]


def test_ipmitool_reads_sensors_in_words(rack: Rack, ipmitool: Ask) -> None:
    rack.ctl("power", "on", "1")
    rack.ctl("fault", "cooling-fault", "1")
    rows = [[cell.strip() for cell in line.split("|")] for line in ipmitool("sdr").stdout.splitlines()]
    assert [row for row in rows if row[2] not in ("ok", "ns")] == [
        ["CPU1 Temp", "97 degrees C", "cr"],
        ["CPU2 Temp", "88 degrees C", "nc"],
        ["FAN1", "0 RPM", "cr"],
    ]


@pytest.mark.parametrize("suite", [3, 17])
def test_ipmipower_reads_and_switches_several_machines(
    suite: int, ipmipower: Callable[..., list[str]]
) -> None:
    answers = [ipmipower(word, suite=suite) for word in ("--stat", "--on", "--stat")]
    assert answers == [[f"127.20.7.{host}: {word}" for host in range(1, 5)] for word in ("off", "ok", "on")]


def test_ipmipower_power_cycles_only_what_is_on(rack: Rack, ipmipower: Callable[..., list[str]]) -> None:
    rack.ctl("power", "on", "1-2")
    ipmipower("--cycle", suite=17)
    assert ipmipower("--stat", suite=17) == [
        "127.20.7.1: on",
        "127.20.7.2: on",
        "127.20.7.3: off",
        "127.20.7.4: off",
    ]


def test_ipmitool_changes_and_tests_a_password(rack: Rack, require_peer: Callable[[str], str]) -> None:
    new, long = "another one", "twenty bytes of it.."
    session = ("-I", "lanplus", "-C", "17", "-H", "127.20.7.1", "-p", str(rack.port), "-U", "admin", "-E")

    def user(*words: str, password: str) -> str:
        said = run([require_peer("ipmitool"), *session, "user", *words], password=password)
        return said.stdout + said.stderr

    assert "2   admin            true    true       true       ADMINISTRATOR" in user(
        "list", "1", password=PASSWORD
    )
    assert "successful (user 2)" in user("set", "password", "2", new, password=PASSWORD)
    assert user("test", "2", "16", new, password=new).strip() == "Success"
    assert "wrong password size" in user("test", "2", "20", new, password=new)
    assert "successful (user 2)" in user("set", "password", "2", long, "20", password=new)
    assert user("test", "2", "20", long, password=long).strip() == "Success"
    assert "password incorrect" in user("test", "2", "20", "guess", password=long)
    assert "password_changes 2, locked False" in rack.ctl("accounts", "1")


def test_the_status_counts_what_was_done(rack: Rack, ipmitool: Ask) -> None:
    ipmitool("power", "on")
    status = yaml.safe_load(rack.ctl("status"))
    assert (status["bmcs"], status["powered_on"], status["sessions"]) == (10, 1, 0)
