"""The daemon and BMCs that speak Redfish: what is switched behind its back, and a network that breaks."""

import re
from pathlib import Path

from daemons import Daemon, Rack, eventually
from podium.db import ledger
from podium.db.engine import Database

# While there are events, no change is found by asking.
CONF = (
    "[conductor]\nsync_power_state_interval = 1\n"
    "[periodic_tasks]\nspacing = redfish.follow_events:1, redfish.check_status:3600\n"
    "[redfish]\nevents_confirm_interval = 3600\n"
)


def redfish_daemon(folder: Path) -> Daemon:
    return Daemon(folder, CONF, default="enabled_drivers = redfish")


def states(daemon: Daemon) -> dict[str, str | None]:
    return {name: row["power_state"] for name, row in daemon.nodes().items()}


def count(rack: Rack, what: str) -> int:
    found = re.search(rf"^{what}: (\d+)$", rack.ctl("status"), re.MULTILINE)
    assert found is not None
    return int(found[1])


def why(daemon: Daemon, name: str) -> str:
    """Why a node's power is what it is."""
    database = Database(daemon.url)
    with database.read() as connection:
        chosen = ledger.Chosen(frozenset({daemon.nodes()[name]["uuid"]}))
        row = ledger.newest_events(connection, chosen, limit=1)[0]
    database.dispose()
    return str(row.cause)


def test_a_redfish_rack_is_enrolled_read_switched_and_heard(tmp_path: Path) -> None:
    trusted = ("--tls-ca-file", str(tmp_path / "ca.pem"))
    with Rack(tmp_path, 8, *trusted, protocol="redfish") as rack, redfish_daemon(tmp_path) as daemon:
        daemon.podium("node", "import", str(rack.nodes))
        eventually(lambda: set(states(daemon).values()) == {"power off"}, "all eight states appear")
        eventually(lambda: count(rack, "event_streams") == 8, "all eight are listened to")

        done = daemon.podium("node", "power", "on", "r1n[01-04]", "--wait")
        assert "r1n[01-04]: power on" in done.stdout
        assert [state for _, state in sorted(states(daemon).items())] == ["power on"] * 4 + ["power off"] * 4

        rack.ctl("power", "off", "2")
        rack.ctl("power", "on", "8")
        eventually(
            lambda: (states(daemon)["r1n02"], states(daemon)["r1n08"]) == ("power off", "power on"),
            "the changes behind its back are heard",
        )
        assert {why(daemon, name) for name in ("r1n02", "r1n08")} == {"out-of-band"}
        rack.ctl("fault", "cooling-fault", "3")
        eventually(
            lambda: (found := daemon.nodes()["r1n03"]["health"]) and found["status"] != "OK",
            "the broken fan is heard",
        )

        assert daemon.stop() == 0
        eventually(
            lambda: (count(rack, "sessions"), count(rack, "event_streams")) == (0, 0), "nothing is left open"
        )
        assert "Traceback" not in daemon.text()


def test_bmcs_that_die_and_come_back_are_read_and_heard_again(tmp_path: Path) -> None:
    rack = Rack(tmp_path, 4, protocol="redfish")
    with redfish_daemon(tmp_path) as daemon:
        with rack:
            daemon.podium("node", "import", str(rack.nodes))
            eventually(lambda: count(rack, "event_streams") == 4, "all four are listened to")
            eventually(lambda: set(states(daemon).values()) == {"power off"}, "all four were read")
            rack.kill()
            eventually(
                lambda: all(row["power_failures"] for row in daemon.nodes().values()),
                "the silence is noticed",
            )
            assert set(states(daemon).values()) == {"power off"}
        with rack:
            rack.ctl("power", "on", "1-4")
            eventually(lambda: set(states(daemon).values()) == {"power on"}, "they are polled again")
            eventually(lambda: count(rack, "event_streams") == 4, "they are listened to again")
            rack.ctl("power", "off", "1-4")
            eventually(lambda: set(states(daemon).values()) == {"power off"}, "they are heard again")
            assert daemon.stop() == 0
            eventually(lambda: count(rack, "sessions") == 0, "no session is left open")
    assert "Traceback" not in daemon.text()


def test_a_wrong_password_and_a_certificate_that_is_not_believed_are_told_with_the_remedy(
    tmp_path: Path,
) -> None:
    with (
        Rack(tmp_path, 2, "--fault", "wrong-password:1", protocol="redfish") as rack,
        redfish_daemon(tmp_path) as daemon,
    ):
        daemon.podium("node", "import", str(rack.nodes))
        daemon.podium("node", "set", "r1n02", "--driver-info", "redfish_verify_ca=true")

        def error(name: str) -> str:
            return daemon.nodes()[name]["last_error"] or ""

        eventually(
            lambda: "refuses the login" in error("r1n01") or "is left alone" in error("r1n01"),
            "the refusal is told",
        )
        remedy = "set redfish_verify_ca to the file of the authority"
        eventually(lambda: remedy in error("r1n02"), "the doubt is told")
        assert daemon.stop() == 0
        assert "podium-sim" not in daemon.text()
