"""Many Redfish BMCs behind one socket: the BMC that answers, faults of connections, and events."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import pytest

from peers import PATIENCE
from podium import errors
from podium.simulator import control
from podium.simulator.nodes import address_range
from podium.simulator.rack import Racks
from podium.simulator.redfish.bmc import Settings
from podium.simulator.redfish.server import RedfishSimulator
from podium.simulator.server import Simulator

#: Seconds after which something that should happen counts as missing.
FIRST, SECOND = "127.21.7.1", "127.21.7.2"
SYSTEM = "/redfish/v1/Systems/1"
SSE = "/redfish/v1/EventService/SSE"
CREDENTIALS = base64.b64encode(b"admin:podium-sim").decode()
T = TypeVar("T")


def soon(waited: Awaitable[T]) -> Awaitable[T]:
    return asyncio.wait_for(waited, PATIENCE)


class Peer:
    """A connection to a BMC."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, path: str, method: str = "GET", body: str = "") -> None:
        head = f"{method} {path} HTTP/1.1\r\nHost: bmc\r\nAuthorization: Basic {CREDENTIALS}\r\n"
        self.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    async def head(self) -> tuple[int, dict[str, str]]:
        lines = (await soon(self._reader.readuntil(b"\r\n\r\n"))).decode().split("\r\n")
        pairs = (line.split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split()[1]), {name.lower(): value for name, value in pairs}

    async def answer(self) -> tuple[int, Any]:
        status, headers = await self.head()
        body = await soon(self._reader.readexactly(int(headers.get("content-length", 0))))
        return status, json.loads(body) if body else None

    async def ask(self, path: str, method: str = "GET", body: str = "") -> tuple[int, Any]:
        self.send(path, method, body)
        return await self.answer()

    async def line(self) -> str:
        return (await soon(self._reader.readline())).decode()

    async def event(self) -> Any:
        """The next event of a stream, heartbeats left out."""
        while not (line := await self.line()).startswith("data: "):
            assert line, "the stream ended"
        return json.loads(line.removeprefix("data: "))["Events"][0]

    async def rest(self) -> bytes:
        """What comes until the end of the connection, be it by a reset."""
        try:
            return await soon(self._reader.read())
        except ConnectionError:
            return b""


@asynccontextmanager
async def connected(sim: RedfishSimulator, address: str = FIRST, *, tls: bool = True) -> AsyncIterator[Peer]:
    context = None
    if tls and sim.certificate is not None:
        context = ssl.create_default_context(cadata=sim.certificate)
    reader, writer = await soon(asyncio.open_connection(address, sim.port, ssl=context))
    try:
        yield Peer(reader, writer)
    finally:
        writer.transport.abort()


def with_peer(
    scene: Callable[[Peer, RedfishSimulator], Awaitable[T]],
    *placed: str,
    tls: bool = False,
    settings: Settings | None = None,
) -> T:
    """What the scene returns, with a connection to the first of three BMCs."""

    async def run() -> T:
        addresses = address_range(FIRST, 3)
        async with (
            RedfishSimulator(addresses, tls=tls, settings=settings, placed=placed) as sim,
            connected(sim) as peer,
        ):
            return await scene(peer, sim)

    return asyncio.run(run())


def test_a_connection_over_tls_is_verified_and_kept_for_many_requests() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> list[int]:
        reset = f"{SYSTEM}/Actions/ComputerSystem.Reset"
        done = await peer.ask(reset, "POST", '{"ResetType": "On"}')
        read = await peer.ask(SYSTEM)
        assert read[1]["PowerState"] == "On"
        return [done[0], read[0], sim.status()["connections_accepted"]]

    assert with_peer(scene, tls=True) == [204, 200, 1]


def test_the_address_that_is_connected_to_picks_the_bmc() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> list[Any]:
        sim.machine(SECOND).power_on = True
        async with connected(sim, SECOND) as other:
            return [(await each.ask(SYSTEM))[1]["PowerState"] for each in (peer, other)]

    assert with_peer(scene) == ["Off", "On"]


def test_an_address_outside_of_the_range_takes_no_connection() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> None:
        async with connected(sim, "127.21.7.4") as other:
            other.send(SYSTEM)
            assert await other.rest() == b""

    with_peer(scene)


def test_requests_sent_at_once_are_answered_in_their_order() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> list[Any]:
        for path in ("/redfish/v1", SYSTEM, "/redfish/v1/Chassis/1"):
            peer.send(path)
        return [(await peer.answer())[1]["@odata.id"] for _ in range(3)]

    expected = ["/redfish/v1", SYSTEM, "/redfish/v1/Chassis/1"]
    assert with_peer(scene) == expected
    assert with_peer(scene, "slow=0.01:1") == expected


def test_a_request_that_comes_in_pieces_is_one_request() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> int:
        for piece in (b"GET /redfi", b"sh/v1 HT", b"TP/1.1\r\nHo", b"st: bmc\r\n", b"\r\n"):
            peer.write(piece)
            await asyncio.sleep(0)
        return (await peer.answer())[0]

    assert with_peer(scene) == 200


def test_a_client_that_wants_the_connection_closed_is_told_so_and_gets_that() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> tuple[int, str, int]:
        peer.write(b"GET /redfish/v1 HTTP/1.1\r\nHost: bmc\r\nConnection: close\r\n\r\n")
        status, headers = await peer.head()
        rest = await peer.rest()
        return status, headers["connection"], len(rest) - int(headers["content-length"])

    assert with_peer(scene) == (200, "close", 0)


@pytest.mark.parametrize(
    "nonsense",
    [
        b"HELLO\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: bmc\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"GET /" + b"a" * 200_000,
        b"POST / HTTP/1.1\r\nHost: bmc\r\nContent-Length: 200000\r\n\r\n" + b"a" * 199_999,
    ],
)
def test_what_is_no_request_or_too_long_ends_the_connection_and_nothing_else(nonsense: bytes) -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> int:
        peer.write(nonsense)
        answer = await peer.rest()
        assert not answer or answer.startswith(b"HTTP/1.1 40")
        async with connected(sim) as other:
            return (await other.ask(SYSTEM))[0]

    assert with_peer(scene) == 200


def test_bytes_that_are_no_tls_end_the_connection_and_nothing_else() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> int:
        async with connected(sim, SECOND, tls=False) as plain:
            plain.write(b"GET /redfish/v1 HTTP/1.1\r\n\r\n" * 100)
            assert not (await plain.rest()).startswith(b"HTTP")
        return (await peer.ask(SYSTEM))[0]

    assert with_peer(scene, tls=True) == 200


def test_a_bmc_holds_so_many_connections_and_no_more() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> int:
        async with AsyncExitStack() as stack:
            for _ in range(80):
                await stack.enter_async_context(connected(sim))
            async with connected(sim, SECOND) as other:
                assert (await other.ask(SYSTEM))[0] == 200
            return sim.status()["connections"]

    assert with_peer(scene) == 65


def test_a_dead_bmc_says_nothing_until_it_is_back() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> int:
        before = await peer.ask(SYSTEM)
        sim.set_fault("dead", FIRST)
        peer.send(SYSTEM)
        async with connected(sim, SECOND) as other:  # earlier requests have arrived by now
            await other.ask(SYSTEM)
        assert sim.status()["requests"] == 2
        sim.clear_fault("dead", FIRST)
        peer.send(SYSTEM)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await peer.answer()  # it knows nothing of this connection
        async with connected(sim) as again:
            await again.ask(SYSTEM)
        return int(before[0])

    assert with_peer(scene) == 200


def test_a_dead_bmc_does_not_even_shake_hands() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> None:
        sim.set_fault("dead", SECOND)
        context = ssl.create_default_context(cadata=sim.certificate)
        opening = asyncio.ensure_future(asyncio.open_connection(SECOND, sim.port, ssl=context))
        while sim.status()["connections_accepted"] < 2:
            await asyncio.sleep(0.01)
        await peer.ask(SYSTEM)
        assert not opening.done()
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)

    with_peer(scene, tls=True)


def test_a_slow_bmc_answers_after_the_others() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> list[str]:
        order: list[str] = []

        async def ask(each: Peer, name: str) -> None:
            await each.ask(SYSTEM)
            order.append(name)

        async with connected(sim, SECOND) as other:
            await asyncio.gather(ask(peer, "slow"), ask(other, "other"))
        return order

    assert with_peer(scene, "slow=0.2:1") == ["other", "slow"]


def test_a_bmc_that_half_closes_ends_the_connection_after_a_whole_answer() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> tuple[int, bytes]:
        return (await peer.ask(SYSTEM))[0], await peer.rest()

    assert with_peer(scene, "half-closes:1") == (200, b"")


def test_a_bmc_that_cuts_ends_the_connection_within_an_answer() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> bool:
        peer.send(SYSTEM)
        status, headers = await peer.head()
        return len(await peer.rest()) < int(headers["content-length"])

    assert with_peer(scene, "cuts:1")


# -- events -------------------------------------------------------------------------------------------------


def test_an_event_tells_what_happened_to_which_machine() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> list[tuple[str, str]]:
        peer.send(SSE)
        assert (await peer.head())[1]["content-type"] == "text/event-stream"
        sim.set_power(True, FIRST)
        sim.set_fault("power-fault", FIRST)
        events = [await peer.event() for _ in range(2)]
        return [(event["MessageId"], event["OriginOfCondition"]["@odata.id"]) for event in events]

    assert with_peer(scene) == [
        ("ResourceEvent.1.4.ResourcePoweredOn", SYSTEM),
        ("ResourceEvent.1.4.ResourceStatusChangedCritical", SYSTEM),
    ]


def test_a_change_that_comes_by_itself_is_told_though_nobody_reads() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> list[str]:
        peer.send(SSE)
        await peer.head()
        sim.machine(FIRST).reset("On")
        return [(await peer.event())["MessageId"].rpartition(".")[2] for _ in range(2)]

    told = with_peer(scene, settings=Settings(power_delay=0.05))
    assert told == ["ResourcePoweringOn", "ResourcePoweredOn"]


def test_an_event_comes_before_a_stale_state_shows_it() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> tuple[str, str]:
        peer.send(SSE)
        await peer.head()
        sim.set_power(True, FIRST)
        event = await peer.event()
        async with connected(sim) as other:
            return event["MessageId"], (await other.ask(SYSTEM))[1]["PowerState"]

    assert with_peer(scene, "stale=60:1") == ("ResourceEvent.1.4.ResourcePoweredOn", "Off")


def test_a_stream_has_heartbeats_when_nothing_happens() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> str:
        peer.send(SSE)
        await peer.head()
        return await peer.line()

    assert with_peer(scene, settings=Settings(heartbeat=0.02)) == ": heartbeat\n"


def test_a_silent_stream_stays_open_without_events_or_heartbeats() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> str:
        async with connected(sim, SECOND) as other:
            for each in (peer, other):
                each.send(SSE)
                await each.head()
            sim.set_power(True, "1-2")
            line = asyncio.ensure_future(peer.line())
            for _ in range(10):
                assert await other.line()
            assert not line.done()
        sim.clear_fault("event-silence", FIRST)
        return await line

    settings = Settings(heartbeat=0.02)
    assert with_peer(scene, "event-silence:1", settings=settings) == ": heartbeat\n"


def test_a_stream_that_drops_ends_after_its_seconds() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> tuple[bytes, int]:
        peer.send(SSE)
        await peer.head()
        return await peer.rest(), sim.status()["event_streams"]

    assert with_peer(scene, "drops-events=0.05:1") == (b"", 0)


def test_streams_are_limited() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> list[int]:
        peer.send(SSE)
        first, _ = await peer.head()
        async with connected(sim) as other:
            return [first, (await other.ask(SSE))[0], (await other.ask(SYSTEM))[0]]

    assert with_peer(scene, settings=Settings(stream_limit=1)) == [200, 503, 200]


def test_a_stream_that_is_left_makes_room() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> int:
        async with connected(sim) as other:
            other.send(SSE)
            await other.head()
        while sim.status()["event_streams"]:
            await asyncio.sleep(0.01)
        peer.send(SSE)
        return (await peer.head())[0]

    assert with_peer(scene, settings=Settings(stream_limit=1)) == 200


# -- the simulator as a whole ---------------------------------------------------------------------------


def test_a_port_that_is_in_use_is_refused_with_the_remedy() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> None:
        with pytest.raises(errors.ConfigError, match=f"TCP port {sim.port} is in use: give another"):
            async with RedfishSimulator(address_range("127.31.0.1", 1), sim.port, tls=False):
                pass

    with_peer(scene)


def test_the_status_counts_what_goes_on() -> None:
    async def scene(peer: Peer, sim: RedfishSimulator) -> dict[str, int]:
        await peer.ask("/redfish/v1/SessionService/Sessions", "POST", '{"UserName": "a", "Password": "b"}')
        sim.set_power(True, "1-2")
        return sim.status()

    assert with_peer(scene, "slow=0.01:1") == {
        "bmcs": 3,
        "powered_on": 2,
        "faulty": 1,
        "sessions": 0,
        "sessions_opened": 0,
        "logins_refused": 1,
        "requests": 1,
        "connections": 1,
        "connections_accepted": 1,
        "event_streams": 0,
    }


def test_the_log_tells_of_every_machine_where_there_are_more() -> None:
    sim = RedfishSimulator(address_range(FIRST, 2), settings=Settings(systems=2))
    sim.machine(FIRST, "2").reset("On")
    assert sim.log("1") == {
        FIRST: {
            "systems": {
                "1": {"power_on": False, "log": ()},
                "2": {"power_on": True, "log": ("On",)},
            },
        }
    }


@pytest.fixture
def both() -> Racks:
    return Racks([Simulator(address_range("127.20.7.1", 4)), RedfishSimulator(address_range(FIRST, 6))])


def test_one_request_reaches_bmcs_of_both_protocols(both: Racks) -> None:
    reply = control.answer(both, b'{"set": "power", "to": "on", "where": "4-5"}')
    assert (reply, both.status()["powered_on"]) == ({"ok": True, "changed": 2}, 2)
    assert list(both.log("4-5")) == ["127.20.7.4", FIRST]


def test_a_share_is_one_of_all_bmcs(both: Racks) -> None:
    assert (both.set_fault("dead", "20%"), both.status()["faulty"]) == (2, 2)


def test_a_fault_of_the_other_protocol_is_refused_and_changes_nothing(both: Racks) -> None:
    with pytest.raises(errors.ConfigError, match=rf"at {FIRST}-127\.21\.7\.6 speak Redfish, .* 'lossy'"):
        both.set_fault("lossy=0.1", "100%")
    with pytest.raises(errors.ConfigError, match="speak IPMI, which has no fault 'no-events'"):
        both.set_fault("no-events", "127.20.7.1")
    assert both.status()["faulty"] == 0


def test_everything_is_cleared_whatever_the_protocol(both: Racks) -> None:
    both.set_fault("slow=1", "100%")
    assert (both.clear_fault("all", "100%"), both.status()["faulty"]) == (10, 0)


def test_a_range_that_reaches_from_one_protocol_into_the_other_is_refused(both: Racks) -> None:
    with pytest.raises(errors.ConfigError, match=r"127\.20\.7\.1 to 127\.20\.7\.4 or 127\.21\.7\.1 to"):
        both.set_power(True, f"127.20.7.1-{FIRST}")
