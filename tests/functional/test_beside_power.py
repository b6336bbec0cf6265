"""What is beside the power, asked of a real conductor: on simulated machines, and by one that is killed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from daemons import Daemon, Rack, eventually
from podium import conf
from podium.client.calls.operations import BootChoice, Identification, OwnAction, Request, SeenLog
from podium.client.local.local import Local
from podium.client.podium import Podium
from podium.db.engine import Database
from podium.db.models import nodes, power_requests
from rounds import only_long


def asking(daemon: Daemon) -> Podium:
    return Local(conf.load(["--config-file", str(daemon.config)], prog="podium", delivers=False))


def ended(podium: Podium, operation: int | None) -> dict[str, Request]:
    """The requests of an operation, by the name of the node, once it has ended."""
    assert operation is not None
    assert podium.wait(operation).given_up is None
    return {one.node_name: one for one in podium.requests(operation)}


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with Daemon(tmp_path) as found:
        yield found


@only_long
@pytest.mark.parametrize("protocol", ["ipmi", "redfish"])
def test_machines_are_told_what_to_boot_found_and_set_right(
    daemon: Daemon, tmp_path: Path, protocol: str
) -> None:
    with Rack(tmp_path, 2, protocol=protocol) as rack, asking(daemon) as podium:
        daemon.podium("node", "import", str(rack.nodes))
        pxe = BootChoice(device="pxe")
        asked = podium.power("power on", "r1n[01-02]", boot=pxe, reason="new image")
        assert {name: one.outcome for name, one in ended(podium, asked.operation).items()} == dict.fromkeys(
            ("r1n01", "r1n02"), "power on, boot device pxe, once"
        )
        event = list(podium.history("r1n01"))[-1]
        assert (event.to_state, event.cause, event.reason) == (
            "power on",
            "request",
            "boot device pxe, once; new image",
        )

        disk = BootChoice(device="disk", persistent=True)
        asked = podium.power("set boot device", "r1n01", boot=disk)
        assert ended(podium, asked.operation)["r1n01"].result == "disk, persistent"
        found = podium.boot_device("r1n01")
        assert (found.device, found.persistent) == ("disk", True)

        asked = podium.power("identify", "r1n01", identification=Identification(seconds=60))
        assert ended(podium, asked.operation)["r1n01"].outcome == "on for 60 s"
        asked = podium.power("set clock", "r1n01")
        assert ended(podium, asked.operation)["r1n01"].state == "done"
        node = eventually(
            lambda: (one := podium.node("r1n01")).clock_offset is not None and one, "the clock is known"
        )
        assert abs(node.clock_offset) <= 6


@only_long
def test_what_a_killed_conductor_may_have_sent_is_not_sent_again(daemon: Daemon) -> None:
    # Nobody is that late with the kill.
    slow = json.dumps(
        [{"name": name, "driver": "fake", "driver_info": {"fake_latency": 10}} for name in "abc"]
    )
    (daemon.folder / "nodes.json").write_text(f'{{"nodes": {slow}}}')
    daemon.podium("node", "import", str(daemon.folder / "nodes.json"))
    with asking(daemon) as podium:
        database = Database(daemon.url)
        sent = sa.select(sa.func.count(power_requests.c.sent_at))

        def are_sent(count: int) -> bool:
            with database.read() as connection:
                return connection.scalar(sent) == count

        # What the machine boots from is read before it is sent, which takes the others no time.
        asked = [podium.power("set boot device", "c", boot=BootChoice(device="pxe"))]
        eventually(lambda: are_sent(1), "the boot device was sent")
        blink = OwnAction(name="fake.blink", arguments={"colour": "red"})
        asked += (
            podium.power("driver action", "a", own=blink),
            podium.power("clear log", "b", log=SeenLog(last="4")),
        )
        eventually(lambda: are_sent(3), "all were sent")
        daemon.kill()
        with database.write() as connection:
            connection.execute(sa.update(nodes).values(driver_info={}))
        daemon.start()
        found: dict[str, Request] = {}
        for one in asked:
            found |= ended(podium, one.operation)
        database.dispose()
    assert (
        found["a"].error == "fake.blink was sent when the conductor ended; whether it happened is not known"
    )
    # The machines of this driver are new with each conductor, and their logs are as they were.
    assert found["b"].error == "it was not cleared: clear log was sent when the conductor ended"
    assert (found["c"].state, found["c"].result) == ("done", "pxe, once")
    assert "Traceback" not in daemon.text()
