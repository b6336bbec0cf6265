"""Measures a round of the power synchronisation of Ironic's conductor, with its default options.

Ironic runs in one process without a message bus, like the program ``ironic``, over SQLite. Only two options
are set: the hardware type, and a shorter interval, which affects when a round starts, not how fast it runs.
The conductor logs the duration of a round in a debug message.
"""

import json
import os
import re
import time
from collections import deque
from pathlib import Path
from typing import Any, Final

import tools
from extent import Extent
from processes import Failed, Program, run
from rack import SYSTEM, Rack
from results import Row

#: The folder of Ironic's programs.
BIN: Final = Path(__file__).parent.parent / ".venv-ironic" / "bin"
_PREPARE: Final = 120.0
_END: Final = re.compile(r"Completed power state sync operation.* in ([0-9.]+) seconds")
_SAMPLE: Final = 0.2
_STARTING: Final = 60.0
_SLOW: Final = 0.2  # nodes a second, for the timeout with Redfish
_INTERFACES: Final = "bios boot console deploy firmware inspect management power raid rescue storage vendor"


def versions() -> dict[str, str]:
    """Return the version of Ironic, if it is installed."""
    pip = BIN / "pip"
    return {"Ironic": tools.version([pip, "show", "ironic"])} if pip.exists() else {}


def ipmi(rack: Rack, nodes: int, extent: Extent) -> list[Row]:
    """Measure Ironic's hardware type ipmi, which runs ipmitool."""
    named = [_ipmi_info(node["driver_info"]) for node in rack.nodes(nodes)]
    listed = [{"driver": "ipmi", "driver_info": info} for info in named]
    return _measure("Ironic, ipmitool", rack.folder / "ironic-ipmi", listed, _options("ipmi"), extent)


def redfish(rack: Rack, nodes: int, extent: Extent) -> list[Row]:
    """Measure Ironic's hardware type redfish, which uses sushy."""
    if not list(BIN.parent.glob("lib/python*/site-packages/sushy")):
        raise Failed("sushy is not installed in .venv-ironic: rm -r .venv-ironic; make bench-peers")
    named = [node["driver_info"] | {"redfish_system_id": SYSTEM} for node in rack.nodes(nodes)]
    listed = [{"driver": "redfish", "driver_info": info} for info in named]
    folder = rack.folder / "ironic-redfish"
    return _measure("Ironic, redfish", folder, listed, _options("redfish"), extent, rack)


def fake(folder: Path, nodes: int, extent: Extent) -> list[Row]:
    """Measure Ironic's fake-hardware."""
    interfaces = "".join(
        f"enabled_{kind}_interfaces = {'fake,noop' if kind == 'storage' else 'fake'}\n"
        for kind in _INTERFACES.split()
    )
    listed = [{"driver": "fake-hardware", "driver_info": {}}] * nodes
    return _measure(
        "Ironic, fake-hardware",
        folder / "ironic-fake",
        listed,
        _options("fake-hardware") + interfaces,
        extent,
    )


def _ipmi_info(info: dict[str, Any]) -> dict[str, Any]:
    return info | {"ipmi_port": str(info["ipmi_port"]), "ipmi_cipher_suite": "17"}


def _options(hardware: str) -> str:
    return (
        f"enabled_hardware_types = {hardware}\n"
        "enabled_network_interfaces = noop\ndefault_network_interface = noop\n"
    )


def _measure(
    what: str,
    folder: Path,
    nodes: list[dict[str, Any]],
    options: str,
    extent: Extent,
    counting: Rack | None = None,
) -> list[Row]:
    if not (BIN / "ironic").exists():
        raise Failed("not installed: make bench-peers")
    folder.mkdir()
    config = folder / "ironic.conf"
    config.write_text(
        f"[DEFAULT]\nhost = benchmark\nstate_path = {folder}\nauth_strategy = noauth\nrpc_transport = none\n"
        f"use_stderr = true\ndefault_log_levels = ironic.conductor.manager=DEBUG\n{options}"
        f"[database]\nconnection = sqlite:///{folder}/ironic.sqlite\n"
        f"[api]\nunix_socket = {folder}/api\n"
        f"[deploy]\nhttp_root = {folder}\n"
        f"[conductor]\nsync_power_state_interval = {extent.round_interval}\n"
    )
    enrolled = folder / "nodes.json"
    enrolled.write_text(json.dumps(nodes))
    enrolled.chmod(0o600)
    # Ironic searches the path for ipmitool and for its own programs.
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    run([BIN / "ironic-dbsync", "--config-file", config, "create_schema"], _PREPARE, env=environment)
    enrol = [BIN / "python", Path(__file__).with_name("ironic_enrol.py"), config, enrolled]
    run(enrol, _PREPARE + len(nodes) / 20, env=environment)
    command: list[str | Path] = [BIN / "ironic", "--config-file", config]
    with Program(command, folder / "log", env=environment) as conductor:
        each = extent.round_interval + len(nodes) / (_SLOW if counting else 8)
        seconds, cpu, requests = _round(conductor, extent.rounds, _STARTING + extent.rounds * each, counting)
    return [Row(what, len(nodes), "sqlite", seconds, cpu, requests=requests)]


def _round(
    conductor: Program, count: int, patience: float, counting: Rack | None
) -> tuple[float, float, int | None]:
    """Return the last of some rounds: seconds, CPU seconds, and requests answered by BMCs."""
    samples: deque[tuple[float, float, int]] = deque(maxlen=int(patience / _SAMPLE) + 1)

    def ended() -> re.Match[str] | None:
        samples.append((time.monotonic(), conductor.cpu(), counting.count("requests") if counting else 0))
        rounds = list(_END.finditer(conductor.text()))
        return rounds[-1] if len(rounds) >= count else None

    seconds = float(conductor.until(ended, patience, f"done with {count} rounds", every=_SAMPLE)[1])
    end, after, answered = samples[-1]
    before = next(sample for sample in reversed(samples) if sample[0] <= end - seconds)
    return seconds, after - before[1], answered - before[2] if counting else None
