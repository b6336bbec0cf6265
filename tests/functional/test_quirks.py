"""A rack in which each quirk of the simulator is on two BMCs, under the real daemon.

Every BMC is read and switched, or refused for the right reason; ipmitool is asked the same where it can be.
"""

import contextlib
import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from daemons import Daemon, Rack, eventually
from peers import PATIENCE, free_port
from podium.simulator import faults
from rounds import only_long

_PASSWORD: Final = "twenty bytes of it.."
_EACH: Final = 2  # BMCs with each quirk
_CONF: Final = """
[conductor]
sync_power_state_interval = 2
power_state_change_timeout = 60
[periodic_tasks]
spacing = redfish.follow_events:2
[ipmi]
command_retry_timeout = 15
[redfish]
command_timeout = 20
"""


@dataclass(frozen=True)
class Quirk:
    """One quirk and what Podium makes of it.

    :param unread: why the power cannot be read, as a pattern; empty where it can
    :param unswitched: why it cannot be switched, as a pattern; empty where it can
    :param fault: one, or several with a plus between them
    :param suite: the cipher suite with which ipmitool works all the same; None where it does not
    :param reset: the ResetType that switches it on
    """

    protocol: str
    fault: str
    unread: str = ""
    unswitched: str = ""
    suite: int | None = 17
    reset: str = "On"

    @property
    def faults(self) -> list[str]:
        return self.fault.split("+")


_SILENT: Final = "does not answer"
_REFUSED: Final = "ipmi_password|redfish_password|refused 2 logins"
_BOTH: Final = (faults.IPMI, faults.REDFISH)
#: What may be sent again: to a BMC that loses packets, or shows no effect.
_REPEATED: Final = ("lossy=0.2", "stale=3")
_QUIRKS: Final = (
    Quirk(faults.IPMI, "dead", unread=_SILENT, suite=None),
    Quirk(faults.IPMI, "slow=0.3", suite=None),
    Quirk(faults.IPMI, "lossy=0.2", suite=None),
    Quirk(faults.IPMI, "wrong-password", unread=_REFUSED, suite=None),
    Quirk(faults.IPMI, "session-table-full", unread="insufficient resources", suite=None),
    Quirk(faults.IPMI, "forgets-sessions=5", suite=None),
    Quirk(faults.IPMI, "stale=3", suite=None),
    Quirk(faults.IPMI, "refuses=3"),
    Quirk(faults.IPMI, "lies", unswitched="was accepted, but", suite=None),
    Quirk(faults.IPMI, "power-fault"),
    Quirk(faults.IPMI, "cooling-fault"),
    Quirk(faults.IPMI, "drive-fault"),
    Quirk(faults.IPMI, "intrusion"),
    Quirk(faults.IPMI, "self-test-failed"),
    Quirk(faults.IPMI, "no-suite-17=04", suite=3),
    Quirk(faults.IPMI, "no-suite-17=12+blank-refusals", suite=3),
    Quirk(faults.IPMI, "no-suite-17=02+blank-refusals", suite=3),
    Quirk(faults.IPMI, "blank-refusals"),
    Quirk(faults.IPMI, "blank-refusals+wrong-password", unread=_REFUSED, suite=None),
    Quirk(faults.IPMI, "short-refusals"),
    Quirk(faults.IPMI, "short-refusals+session-table-full", unread="insufficient resources", suite=None),
    Quirk(faults.IPMI, "echoed-ids+operator-only", suite=None),
    Quirk(faults.IPMI, "zero-codes", suite=3),
    Quirk(faults.IPMI, "zero-tags"),
    Quirk(faults.IPMI, "zero-tags+wrong-password", unread=_REFUSED, suite=None),
    Quirk(faults.IPMI, "zero-ids", suite=None),
    Quirk(faults.IPMI, "open-privilege", suite=None),
    Quirk(faults.IPMI, "short-passwords", suite=None),
    Quirk(faults.IPMI, "no-lookup-bit", suite=None),
    Quirk(faults.IPMI, "long-codes"),
    Quirk(faults.IPMI, "wrong-checksums"),
    Quirk(faults.IPMI, "trailing-bytes", suite=None),
    Quirk(faults.IPMI, "operator-only", suite=None),
    Quirk(faults.IPMI, "operator-session", suite=None),
    Quirk(faults.REDFISH, "dead", unread=_SILENT),
    Quirk(faults.REDFISH, "slow=1"),
    Quirk(faults.REDFISH, "wrong-password", unread=_REFUSED),
    Quirk(faults.REDFISH, "session-table-full"),
    Quirk(faults.REDFISH, "forgets-sessions=5"),
    Quirk(faults.REDFISH, "stale=3"),
    Quirk(faults.REDFISH, "refuses=3"),
    Quirk(faults.REDFISH, "lies", unswitched="was accepted, but"),
    Quirk(faults.REDFISH, "power-fault"),
    Quirk(faults.REDFISH, "cooling-fault"),
    Quirk(faults.REDFISH, "drive-fault"),
    Quirk(faults.REDFISH, "intrusion"),
    Quirk(faults.REDFISH, "no-sessions"),
    Quirk(faults.REDFISH, "no-events"),
    Quirk(faults.REDFISH, "no-etags"),
    Quirk(faults.REDFISH, "no-queries"),
    Quirk(faults.REDFISH, "old-sensors"),
    Quirk(faults.REDFISH, "false-etags"),
    Quirk(faults.REDFISH, "odd-resets"),
    Quirk(faults.REDFISH, "slow-reset=2"),
    Quirk(faults.REDFISH, "busy=2"),
    Quirk(faults.REDFISH, "half-closes"),
    Quirk(faults.REDFISH, "cuts", unread="closed the connection"),
    Quirk(faults.REDFISH, "wrong-type"),
    Quirk(faults.REDFISH, "tasks"),
    Quirk(faults.REDFISH, "redirects"),
    Quirk(faults.REDFISH, "foreign-links", unread="no path on itself"),
    Quirk(faults.REDFISH, "null-power", unread="PowerState is null"),
    Quirk(faults.REDFISH, "event-silence"),
    Quirk(faults.REDFISH, "drops-events=1"),
    Quirk(faults.REDFISH, "odd-texts"),
    Quirk(faults.REDFISH, "odd-json"),
    Quirk(faults.REDFISH, "cut-errors"),
    Quirk(faults.REDFISH, "cut-actions"),
    Quirk(faults.REDFISH, "wrong-lengths"),
    Quirk(faults.REDFISH, "redirects-posts=301"),
    Quirk(faults.REDFISH, "redirects-posts=302"),
    Quirk(faults.REDFISH, "redirects-posts=307"),
    Quirk(faults.REDFISH, "redirects-posts=308"),
    Quirk(faults.REDFISH, "absolute-links"),
    Quirk(faults.REDFISH, "relative-links"),
    Quirk(faults.REDFISH, "starts=5"),
    Quirk(faults.REDFISH, "no-systems-link"),
    Quirk(faults.REDFISH, "renamed"),
    Quirk(faults.REDFISH, "pages"),
    Quirk(faults.REDFISH, "short-lists"),
    Quirk(faults.REDFISH, "select-fails"),
    Quirk(faults.REDFISH, "slow-queries"),
    Quirk(faults.REDFISH, "expand-fails"),
    Quirk(faults.REDFISH, "filter-fails"),
    Quirk(faults.REDFISH, "odd-conditions"),
    Quirk(faults.REDFISH, "unasked-304"),
    Quirk(faults.REDFISH, "body-304"),
    Quirk(faults.REDFISH, "demands-etags"),
    Quirk(faults.REDFISH, "error-200", unread=r"HTTP 200\): .*\w"),
    Quirk(faults.REDFISH, "empty-bodies", unread="the body is empty"),
    Quirk(faults.REDFISH, "null-health"),
    Quirk(faults.REDFISH, "lower-case"),
    Quirk(faults.REDFISH, "lying-resets", reset="ForceOn"),
    Quirk(faults.REDFISH, "no-actions"),
    Quirk(faults.REDFISH, "odd-heads"),
    Quirk(faults.REDFISH, "old-tls"),
    Quirk(faults.REDFISH, "forgets-sessions=5+says-nobody=400"),
    Quirk(faults.REDFISH, "forgets-sessions=5+says-nobody=403"),
    Quirk(faults.REDFISH, "forgets-sessions=5+says-nobody=404"),
    Quirk(faults.REDFISH, "forgets-sessions=5+says-nobody=440"),
    Quirk(faults.REDFISH, "forgets-sessions=5+says-nobody=500"),
    Quirk(faults.REDFISH, "forgets-sessions=5+says-nobody=page"),
    Quirk(faults.REDFISH, "forgets-sessions=5+says-nobody=redirect"),
    Quirk(faults.REDFISH, "forgets-sessions=5+says-nobody=error"),
    Quirk(faults.REDFISH, "forgets-sessions=5+says-nobody=nothing"),
)


#: Faults that show only in what is asked beside the power, and are tried in tests of that.
_ELSEWHERE: Final = re.compile(
    "password-.*|lacks|lockout|no-accounts|.*boot-.*|.*-(indicator|identify)|local-times|clock-.*"
    "|(slow-|)log(-.*|)|.*-entry?(ies|)(-ids|)|no-reservations|slow-erase|clear-.*"
)


def test_every_quirk_is_in_the_rack() -> None:
    known = {
        (protocol, name)
        for name, kind in faults.KINDS.items()
        for protocol in kind.protocols
        if not _ELSEWHERE.fullmatch(name)
    }
    placed = {(quirk.protocol, fault.partition("=")[0]) for quirk in _QUIRKS for fault in quirk.faults}
    assert placed == known


class QuirkyRack(Rack):
    """BMCs of both protocols, those of IPMI first, the same number with each quirk."""

    def __init__(self, folder: Path) -> None:
        placed = [quirk for protocol in _BOTH for quirk in _QUIRKS if quirk.protocol == protocol]
        counts = [_EACH * sum(quirk.protocol == protocol for quirk in _QUIRKS) for protocol in _BOTH]
        where = [f"{_EACH * at + 1}-{_EACH * at + _EACH}" for at in range(len(placed))]
        options = ("--redfish", str(counts[1]), "--redfish-port", str(free_port(socket.SOCK_STREAM)))
        texts = [
            f"--fault={fault}:{places}"
            for quirk, places in zip(placed, where, strict=True)
            for fault in quirk.faults
        ]
        password = folder / "password"
        password.write_text(_PASSWORD)
        super().__init__(folder, counts[0], "--password-file", str(password), *options, *texts)
        self._placed = placed

    def quirks(self) -> dict[str, tuple[Quirk, str]]:
        """Each node's quirk and address, by the node's name."""
        listed = yaml.safe_load(self.nodes.read_text())["nodes"]
        found = {}
        for place, node in enumerate(listed):
            info = node["driver_info"]
            address = info.get("ipmi_address") or re.findall(r"//([\d.]+)", info["redfish_address"])[0]
            found[node["name"]] = self._placed[place // _EACH], address
        return found


@pytest.fixture
def rack(tmp_path: Path) -> Iterator[QuirkyRack]:
    with QuirkyRack(tmp_path) as started:
        yield started


@only_long
def test_odd_bmcs_are_read_and_switched_or_refused_for_the_right_reason(
    rack: QuirkyRack, tmp_path: Path, require_peer: Callable[[str], str]
) -> None:
    ipmitool, quirks = require_peer("ipmitool"), rack.quirks()
    readable = {name for name, (quirk, _) in quirks.items() if not quirk.unread}
    with Daemon(tmp_path, _CONF, default="enabled_drivers = ipmi, redfish") as daemon:
        daemon.podium("node", "import", str(rack.nodes))
        settle(lambda: wrong(daemon, quirks, lambda quirk: quirk.unread, is_read))

        asked = daemon.podium("node", "power", "on", *sorted(readable), "--yes", "--wait", expect=1)
        settle(lambda: wrong(daemon, quirks, lambda quirk: quirk.unread or quirk.unswitched, is_on))
        really = rack.log("100%")
        willing = [
            (quirk, address) for quirk, address in quirks.values() if not quirk.unread + quirk.unswitched
        ]
        assert {quirk.fault for quirk, address in willing if not really[address]["power_on"]} == set(), asked
        once = {
            quirk.fault: really[address]["log"]
            for quirk, address in willing
            if quirk.fault not in _REPEATED and really[address]["log"] not in (["on"], [quirk.reset])
        }
        assert once == {}
        kept = [name for name in readable if daemon.nodes()[name]["maintenance"]]
        assert {quirks[name][0].fault for name in kept} == set()

        seen = [(quirk, address) for quirk, address in quirks.values() if quirk.protocol == faults.IPMI]
        assert beside(ipmitool, rack.port, seen) == {}
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.text()
        assert _PASSWORD not in daemon.text()


def is_read(row: dict[str, Any]) -> bool:
    return row["power_state"] is not None


def is_on(row: dict[str, Any]) -> bool:
    return bool(row["power_state"] == "power on" and row["last_error"] is None)


def wrong(
    daemon: Daemon,
    quirks: dict[str, tuple[Quirk, str]],
    refusal: Callable[[Quirk], str],
    is_well: Callable[[dict[str, Any]], bool],
) -> dict[str, Any]:
    """The quirks whose nodes are neither well nor refused for the right reason, with what is known."""
    found = {}
    for name, row in daemon.nodes().items():
        quirk, error = quirks[name][0], row["last_error"] or ""
        pattern = refusal(quirk)
        if not (re.search(pattern, error) if pattern else is_well(row)):
            found[f"{quirk.protocol} {quirk.fault}"] = row["power_state"], error
    return found


def settle(look: Callable[[], dict[str, Any]]) -> None:
    """Wait until nothing is wrong any longer; an error names what is."""
    with contextlib.suppress(AssertionError):
        eventually(lambda: not look(), "nothing is wrong")
    assert look() == {}


def beside(ipmitool: str, port: int, bmcs: list[tuple[Quirk, str]]) -> dict[str, Any]:
    """What ipmitool says of the machines that are on by now, where it says something else."""

    def ask(bmc: tuple[Quirk, str]) -> str:
        quirk, address = bmc
        where = ("-H", address, "-p", str(port), "-U", "admin", "-E", "-C", str(quirk.suite))
        done = subprocess.run(
            [ipmitool, "-I", "lanplus", *where, "power", "status"],
            env=os.environ | {"IPMI_PASSWORD": _PASSWORD, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return (done.stdout + done.stderr).strip()

    able = [bmc for bmc in bmcs if bmc[0].suite is not None]
    with ThreadPoolExecutor(8) as pool:
        answers = zip(able, pool.map(ask, able), strict=True)
        return {quirk.fault: said for (quirk, _), said in answers if said != "Chassis Power is on"}
