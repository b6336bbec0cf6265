"""Other programs that read power states from the same BMCs: FreeIPMI's ipmipower, ipmitool, pyghmi, sushy."""

import json
import re
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from processes import Failed, run
from rack import PASSWORD, USER, Rack
from results import Row

_ROOT: Final = Path(__file__).parent.parent
PYGHMI: Final = _ROOT / ".venv-pyghmi" / "bin" / "python"
SUSHY: Final = _ROOT / ".venv-sushy" / "bin" / "python"
_FANOUT: Final = 1000
_TURN: Final = 5000
_AT_ONCE: Final = 8
SUSHY_LOGIN: Final = "sushy, 8 threads, login and first read"
SUSHY_CLOSED: Final = "sushy, 8 threads, as it comes"
SUSHY_KEPT: Final = "sushy, 8 threads, connections kept"


@dataclass
class _Meter:
    seconds: float = 0.0
    cpu: float = 0.0


@contextmanager
def _children() -> Iterator[_Meter]:
    """Measure the programs that run and are waited for within the ``with`` block."""
    meter = _Meter()
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    yield meter
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    meter.seconds = time.monotonic() - started
    meter.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ipmipower(rack: Rack, nodes: int) -> list[Row]:
    """Measure a process for every few thousand BMCs, one after another, each with a thousand concurrently.

    It logs in to each BMC, reads, and logs out.
    """
    _require("ipmipower", "freeipmi-tools")
    config = _secret(rack.folder / "freeipmi.conf", f"username {USER}\npassword {PASSWORD}\n")
    command = ["ipmipower", f"--config-file={config}", "--driver-type=LAN_2_0", "--cipher-suite-id=17"]
    command += ["--stat", f"--fanout={_FANOUT}"]
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    turn = min(_TURN, (files - 64) // 2)  # it opens two for each BMC
    read = 0
    with _children() as meter:
        for place in range(0, nodes, turn):
            hosts = rack.host_ranges(place, min(turn, nodes - place))
            answers = run([*command, f"--hostname={hosts}"], 60 + turn / 200).splitlines()
            read += sum(line.endswith((": on", ": off")) for line in answers)
    if read < nodes:
        raise Failed(f"ipmipower read {read:,} of {nodes:,} BMCs")
    return [Row("ipmipower", nodes, seconds=meter.seconds, cpu=meter.cpu)]


def ipmitool(rack: Rack, nodes: int) -> list[Row]:
    """Measure a process for each BMC, some concurrently. Each logs in, reads, and logs out."""
    _require("ipmitool", "ipmitool")
    secret = _secret(rack.folder / "ipmitool.password", PASSWORD)

    def read(node: dict[str, Any]) -> str:
        info = node["driver_info"]
        command: list[str | Path] = ["ipmitool", "-I", "lanplus", "-C", "17", "-U", USER, "-f", secret]
        command += ["-H", info["ipmi_address"], "-p", str(info["ipmi_port"]), "chassis", "power", "status"]
        return run(command, 60)

    with _children() as meter, ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(pool.map(read, rack.nodes(nodes)))
    if not all("Chassis Power is" in answer for answer in answers):
        raise Failed("ipmitool did not read every BMC")
    return [Row(f"ipmitool, {_AT_ONCE} processes", nodes, seconds=meter.seconds, cpu=meter.cpu)]


def pyghmi(rack: Rack, nodes: int, seconds: float) -> list[Row]:
    """Measure one process over held sessions, with one read after another and with many at once."""
    if not PYGHMI.exists():
        raise Failed("not installed: make bench-peers")
    script = Path(__file__).with_name("pyghmi_reads.py")
    figures = json.loads(run([PYGHMI, script, _driver_info(rack, nodes), str(seconds)], 120))
    return [
        Row(
            f"pyghmi, {nodes:,} held sessions, {what}",
            found["reads"],
            seconds=found["seconds"],
            cpu=found["cpu"],
        )
        for what, found in figures.items()
    ]


def sushy(rack: Rack, nodes: int, seconds: float) -> list[Row]:
    """Measure one process with threads: logins, default reads, and reads over kept connections."""
    if not SUSHY.exists():
        raise Failed("not installed: make bench-peers")
    script = Path(__file__).with_name("sushy_reads.py")
    figures = json.loads(
        run([SUSHY, script, _driver_info(rack, nodes), str(seconds), rack.control], 120 + nodes)
    )
    names = {"login": SUSHY_LOGIN, "closed": SUSHY_CLOSED, "kept": SUSHY_KEPT}
    return [
        Row(
            names[what],
            found["reads"],
            seconds=found["seconds"],
            cpu=found["cpu"],
            requests=found["requests"],
        )
        for what, found in figures.items()
    ]


def versions() -> dict[str, str]:
    """Return the versions of the installed programs."""
    commands: dict[str, list[str | Path]] = {
        "FreeIPMI": ["ipmipower", "--version"],
        "ipmitool": ["ipmitool", "-V"],
        "pyghmi": [PYGHMI.with_name("pip"), "show", "pyghmi"],
        "sushy": [SUSHY.with_name("pip"), "show", "sushy"],
    }
    return {name: version(command) for name, command in commands.items() if shutil.which(command[0])}


def version(command: Sequence[str | Path]) -> str:
    """Return the first word of a program's output that looks like a version."""
    said = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    found = re.search(r"\d+(\.\d+)+", said)
    return found[0] if found else "of unknown version"


def _require(program: str, package: str) -> None:
    if shutil.which(program) is None:
        raise Failed(f"not installed: apt install {package}")


def _driver_info(rack: Rack, nodes: int) -> Path:
    listed = [node["driver_info"] for node in rack.nodes(nodes)]
    return _secret(rack.folder / "driver_info.json", json.dumps(listed))


def _secret(file: Path, text: str) -> Path:
    file.touch(mode=0o600)
    file.write_text(text)
    return file
