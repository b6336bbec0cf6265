"""Many BMCs behind one socket: the BMC that answers, lost datagrams, and changes while it runs."""

import asyncio
import ipaddress
import json
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from peers import PATIENCE
from podium import errors
from podium.drivers.ipmi.lan import packet
from podium.simulator import bmc, control
from podium.simulator.nodes import address_range
from podium.simulator.server import Simulator

#: Seconds after which something that should happen counts as missing.
QUESTION = packet.wrap_sessionless(
    packet.encode_request(packet.GET_CHANNEL_AUTHENTICATION_CAPABILITIES, 1, b"\x8e\x04")
)


@asynccontextmanager
async def console() -> AsyncIterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.setblocking(False)
        opened.bind(("127.0.0.1", 0))
        yield opened


async def send(opened: socket.socket, address: str, port: int, datagram: bytes = QUESTION) -> None:
    await asyncio.get_running_loop().sock_sendto(opened, datagram, (address, port))


async def who_answers(opened: socket.socket) -> str:
    waiting = asyncio.get_running_loop().sock_recvfrom(opened, 1024)
    _, (address, _) = await asyncio.wait_for(waiting, PATIENCE)
    return str(address)


def who_answers_first(*asked: str, placed: tuple[str, ...] = (), count: int = 10) -> str:
    """Ask all these addresses in this order, and return the address of the first answer."""

    async def scene() -> str:
        async with Simulator(address_range("127.20.0.1", count), placed=placed) as sim, console() as opened:
            for address in asked:
                await send(opened, address, sim.port)
            return await who_answers(opened)

    return asyncio.run(scene())


def test_the_answer_comes_from_the_address_that_was_asked() -> None:
    assert who_answers_first("127.20.0.7") == "127.20.0.7"


def test_an_address_outside_of_the_range_does_not_answer() -> None:
    assert who_answers_first("127.20.0.11", "127.20.0.2") == "127.20.0.2"


def test_a_dead_bmc_does_not_answer() -> None:
    assert who_answers_first("127.20.0.1", "127.20.0.2", placed=("dead:1",)) == "127.20.0.2"


def test_a_slow_bmc_answers_after_the_others() -> None:
    assert who_answers_first("127.20.0.1", "127.20.0.2", placed=("slow=0.2:1",)) == "127.20.0.2"


def test_a_slow_bmc_does_answer() -> None:
    assert who_answers_first("127.20.0.1", placed=("slow=0.01:1",)) == "127.20.0.1"


def test_a_datagram_that_no_bmc_understands_does_no_harm() -> None:
    async def scene() -> tuple[str, int]:
        async with Simulator(address_range("127.20.0.1", 2)) as sim, console() as opened:
            for datagram in (b"", b"\x06\x00\xff\x07", bytes(2000)):
                await send(opened, "127.20.0.1", sim.port, datagram)
            await send(opened, "127.20.0.1", sim.port)
            return await who_answers(opened), sim.counters.malformed

    assert asyncio.run(scene()) == ("127.20.0.1", 3)


def lost_with(seed: int) -> int:
    """Return how many of 200 datagrams a lossy BMC loses; the answer to one more shows that they arrived."""

    async def scene() -> int:
        settings = bmc.Settings(seed=seed)
        addresses = address_range("127.20.0.1", 2)
        async with (
            Simulator(addresses, settings=settings, placed=["lossy=0.3:1"]) as sim,
            console() as opened,
        ):
            for _ in range(200):
                await send(opened, "127.20.0.1", sim.port)
            await send(opened, "127.20.0.2", sim.port)
            while await who_answers(opened) != "127.20.0.2":
                pass
            return sim.counters.dropped

    return asyncio.run(scene())


def test_a_lossy_bmc_loses_about_its_share_in_either_direction() -> None:
    assert 70 < lost_with(seed=1) < 130  # 51 % of 200


def test_the_same_seed_loses_the_same() -> None:
    assert lost_with(seed=5) == lost_with(seed=5)


def test_a_port_that_is_in_use_is_refused_with_the_remedy() -> None:
    async def scene() -> None:
        async with Simulator(address_range("127.20.0.1", 1)) as sim:
            with pytest.raises(errors.ConfigError, match=f"UDP port {sim.port} is in use: give another"):
                async with Simulator(address_range("127.30.0.1", 1), sim.port):
                    pass

    asyncio.run(scene())


def test_an_address_that_is_not_simulated_has_no_bmc() -> None:
    with pytest.raises(KeyError, match=r"127\.20\.0\.2"):
        Simulator(address_range("127.20.0.1", 1)).bmc("127.20.0.2")


@pytest.fixture
def sim() -> Simulator:
    return Simulator(address_range("127.20.0.1", 10))


def test_a_request_switches_machines_behind_everybodys_back(sim: Simulator) -> None:
    reply = control.answer(sim, b'{"set": "power", "to": "on", "where": "2-3"}')
    assert (reply, sim.bmc("127.20.0.3").power_on) == ({"ok": True, "changed": 2}, True)


def test_a_request_puts_a_fault_on_bmcs(sim: Simulator) -> None:
    control.answer(sim, b'{"set": "fault", "fault": "slow=2", "where": "127.20.0.4"}')
    assert sim.bmc("127.20.0.4").faults.slow == 2


def test_a_request_clears_faults(sim: Simulator) -> None:
    sim.set_fault("dead", "100%")
    control.answer(sim, b'{"clear": "fault", "kind": "all", "where": "1-9"}')
    assert sim.status()["faulty"] == 1


def test_the_status_counts(sim: Simulator) -> None:
    sim.set_power(True, "1-4")
    reply = control.answer(sim, b'{"get": "status"}')
    assert (reply["bmcs"], reply["powered_on"], reply["sessions"]) == (10, 4, 0)


def test_the_log_of_some_bmcs_tells_what_they_carried_out(sim: Simulator) -> None:
    first, second = (str(ipaddress.IPv4Address(address)) for address in sim.addresses[:2])
    sim.bmc(second).execute(*packet.CHASSIS_CONTROL, b"\x01", packet.PRIVILEGE_OPERATOR)
    reply = control.answer(sim, b'{"get": "log", "where": "1-2"}')
    assert [(where, one["power_on"], one["log"]) for where, one in reply["bmcs"].items()] == [
        (first, False, ()),
        (second, True, ("on",)),
    ]


def test_the_state_of_some_bmcs_says_what_their_machines_booted_from(sim: Simulator) -> None:
    first = sim.bmc("127.20.0.1")
    for command, data in (
        (packet.SET_SYSTEM_BOOT_OPTIONS, b"\x05\xa0\x04\0\0\0"),
        (packet.CHASSIS_CONTROL, b"\x01"),
        (packet.CHASSIS_IDENTIFY, b"\0\x01"),
    ):
        first.execute(*command, data, packet.PRIVILEGE_OPERATOR)
    sim.set_fault("clock-off=-90", "1")
    reply = control.answer(sim, b'{"get": "machines", "where": "1"}')
    assert reply["bmcs"] == {
        "127.20.0.1": {
            "power_on": True,
            "identify": "on",
            "boot": "default",
            "booted": "pxe, uefi",
            "boots": 1,
            "clock_ahead": -90.0,
            "log_entries": 0,
        }
    }


@pytest.mark.parametrize(
    ("event", "logged"),
    [
        ('{"sensor": "FAN1", "offset": 2}', "2000 04 04 04 01 52590a"),
        ('{"sensor": "FAN1", "offset": 2, "ended": true}', "2000 04 04 04 81 52590a"),
        ('{"sensor": "Drive 1", "offset": 5}', "2000 04 0d 12 6f 05ffff"),
        ('{"sensor": "Event Log", "offset": 4}', "2000 04 10 18 6f 04ffff"),
        ('{"record": "ffffe0 00000000 a1a2a3a4a5a6a7a8a9"}', "a1a2a3a4a5a6a7a8a9"),
    ],
)
def test_a_request_adds_an_event_to_logs(sim: Simulator, event: str, logged: str) -> None:
    sim.set_power(True, "1")
    line = f'{{"add": "event", "event": {event}, "count": 3, "where": "1-2"}}'
    assert control.answer(sim, line.encode()) == {"ok": True, "changed": 2}
    asked = b"\0\0\xff\xff\0\xff"
    _, data = sim.bmc("127.20.0.1").execute(*packet.GET_SEL_ENTRY, asked, packet.PRIVILEGE_USER)
    assert (data[2:4], data[9:]) == (b"\3\0", bytes.fromhex(logged))


def test_an_event_may_have_a_time_of_its_own(sim: Simulator) -> None:
    sim.log_event(sim.addresses[0], {"record": "0000 02 05000000 2000 04 04 04 01 52590a"}, 1)
    _, data = sim.bmc("127.20.0.1").execute(*packet.GET_SEL_ENTRY, b"\0\0\0\0\0\xff", packet.PRIVILEGE_USER)
    assert data[5:9] == b"\5\0\0\0"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"set": "power", "to": "up", "where": "1"}',
        b'{"set": "power", "to": "on"}',
        b'{"set": "fault", "fault": ["dead"], "where": "1"}',
        b'{"set": "fault", "fault": "dead", "where": "99"}',
        b'{"clear": "fault", "kind": "sleepy", "where": "1"}',
        b'{"get": "machines"}',
        b'{"add": "event", "where": "1"}',
        b'{"add": "event", "event": {"sensor": "FAN1"}, "where": "1"}',
        b'{"add": "event", "event": {"sensor": "FAN9", "offset": 2}, "where": "1"}',
        b'{"add": "event", "event": {"sensor": "FAN1", "offset": 16}, "where": "1"}',
        b'{"add": "event", "event": {"sensor": "FAN1", "offset": 2, "ended": 1}, "where": "1"}',
        b'{"add": "event", "event": {"sensor": "FAN1", "offset": 2, "end": true}, "where": "1"}',
        b'{"add": "event", "event": {"record": "00"}, "where": "1"}',
        b'{"add": "event", "event": {"record": "zz"}, "where": "1"}',
        b'{"add": "event", "event": {"sensor": "FAN1", "offset": 2}, "count": "1", "where": "1"}',
        b'{"add": "event", "event": {"sensor": "FAN1", "offset": 2}, "count": 0, "where": "1"}',
    ],
)
def test_a_bad_request_is_refused_with_a_reason(sim: Simulator, line: bytes) -> None:
    reply = control.answer(sim, line)
    assert not reply["ok"]
    assert reply["error"]


def test_the_control_socket_is_the_owners_alone_and_goes_away(tmp_path: Path, sim: Simulator) -> None:
    path = tmp_path / "control"

    async def scene() -> int:
        async with control.ControlSocket(sim, str(path)):
            return stat.S_IMODE(path.stat().st_mode)

    assert (asyncio.run(scene()), path.exists()) == (0o600, False)


def test_a_socket_left_over_from_a_killed_simulator_is_replaced(tmp_path: Path, sim: Simulator) -> None:
    path = str(tmp_path / "control")
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(path)

    async def scene() -> dict[str, object]:
        async with control.ControlSocket(sim, path):
            return await asyncio.to_thread(control.ask, path, {"get": "status"})

    assert asyncio.run(scene())["bmcs"] == 10


def test_the_control_socket_of_a_running_simulator_is_not_taken_away(tmp_path: Path, sim: Simulator) -> None:
    path = str(tmp_path / "control")

    async def scene() -> None:
        async with control.ControlSocket(sim, path):
            with pytest.raises(errors.ConfigError, match="give another path"):
                async with control.ControlSocket(sim, path):
                    pass
            await asyncio.to_thread(control.ask, path, {"get": "status"})

    asyncio.run(scene())


def test_one_connection_serves_many_requests(tmp_path: Path, sim: Simulator) -> None:
    path = str(tmp_path / "control")

    async def scene() -> list[bool]:
        async with control.ControlSocket(sim, path):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b'{"get": "status"}\nnonsense\n{"get": "status"}\n')
            lines = [await asyncio.wait_for(reader.readline(), PATIENCE) for _ in range(3)]
            writer.close()
            await writer.wait_closed()
            return [json.loads(line)["ok"] for line in lines]

    assert asyncio.run(scene()) == [True, False, True]


def test_without_a_simulator_the_client_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigError, match="no simulator answers at .*: start one with --control"):
        control.ask(str(tmp_path / "control"), {"get": "status"})
