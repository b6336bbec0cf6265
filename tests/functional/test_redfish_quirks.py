"""A rack of simulated BMCs, each of which breaks a rule of Redfish, under the real daemon."""

from pathlib import Path
from typing import Final

from daemons import Daemon, Rack, eventually

CONF: Final = (
    "[conductor]\nsync_power_state_interval = 1\n[periodic_tasks]\nspacing = redfish.follow_events:1\n"
    "[redfish]\nread_timeout = 2\n"
)
#: Read and switched.
UNDERSTOOD: Final = (
    "no-sessions", "no-events", "no-etags", "no-queries", "false-etags", "odd-resets", "half-closes",
    "odd-texts", "odd-json", "redirects-posts=307", "redirects-posts=308", "absolute-links",
    "relative-links", "wrong-type", "tasks", "redirects", "cut-errors", "cut-actions", "wrong-lengths",
    "forgets-sessions=3", "starts=4", "no-systems-link", "renamed", "pages", "select-fails", "slow-queries",
    "expand-fails", "filter-fails", "odd-conditions", "unasked-304", "body-304", "demands-etags",
    "null-health", "lower-case", "lying-resets", "no-actions", "event-silence", "drops-events=2",
    "short-lists",
)  # fmt: skip
#: Refused, and for which reason.
REFUSED: Final = {
    "foreign-links": "no path on itself",
    "null-power": "PowerState is None",
    "error-200": "The host interface is not ready",
    "empty-bodies": "the body is empty",
    "cuts": "closed the connection",
    "wrong-password": "refuses the login",
}
RESETS: Final = {"lying-resets": "ForceOn"}


def test_bmcs_that_break_a_rule_are_read_and_switched_or_refused_for_the_right_reason(tmp_path: Path) -> None:
    quirks = (*UNDERSTOOD, *REFUSED)
    placed = [
        argument
        for place, quirk in enumerate(quirks)
        for argument in ("--fault", f"{quirk}:{2 * place + 1},{2 * place + 2}")
    ]
    with (
        Rack(tmp_path, 2 * len(quirks), *placed, protocol="redfish") as rack,
        Daemon(tmp_path, CONF, default="enabled_drivers = redfish") as daemon,
    ):
        daemon.podium("node", "import", str(rack.nodes))
        of = dict(zip(sorted(daemon.nodes()), [quirk for quirk in quirks for _ in range(2)], strict=True))
        good = {name for name, quirk in of.items() if quirk in UNDERSTOOD}

        def off() -> bool:
            return {name for name, row in daemon.nodes().items() if row["power_state"] == "power off"} == good

        eventually(off, "those that can be understood are read, and no others")
        for name in of.keys() - good:
            told = eventually(lambda name=name: daemon.nodes()[name]["last_error"], f"why {name} is not read")
            assert REFUSED[of[name]] in told or "is left alone" in told, (of[name], told)
        daemon.podium("node", "power", "on", *sorted(good), "--yes", "--wait")
        assert all(daemon.nodes()[name]["power_state"] == "power on" for name in good)
        done = [one["log"] for one in rack.log(f"1-{len(of)}").values()]
        sent = [[RESETS.get(quirk, "On")] if quirk in UNDERSTOOD else [] for quirk in of.values()]
        assert dict(zip(of.items(), done, strict=True)) == dict(zip(of.items(), sent, strict=True))
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.text()
        assert "podium-sim" not in daemon.text()
