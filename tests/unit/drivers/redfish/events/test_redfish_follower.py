"""Following events: what a stream, or the loss of one, means for what Podium knows; in time that costs none.

The power is read once before anything is followed, as the first sweep does.
"""

import asyncio
import contextlib
import dataclasses
import itertools
import json
import logging
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium import errors, states
from podium.drivers import base
from podium.drivers.bmc.connections import Connections
from podium.drivers.redfish.driver import RedfishDriver
from podium.drivers.redfish.events.follower import Follower
from podium.drivers.redfish.http.client import Refused, Response
from podium.drivers.redfish.system import System
from podium.testing import FakeManager
from rounds import ROUNDS
from virtual_time import run

ON, OFF = states.POWER_ON, states.POWER_OFF
SYSTEM = "/redfish/v1/Systems/1"
CONFIRM = 300.0


def event(name: str, origin: str | None = SYSTEM, **more: Any) -> bytes:
    link = {"OriginOfCondition": {"@odata.id": origin}} if origin else {}
    entry = {"MessageId": f"ResourceEvent.1.3.{name}", **link, **more}
    return b"data: " + json.dumps({"Events": [entry]}).encode() + b"\n\n"


class BMC:
    """A BMC in memory: ``send`` into its streams, of which ``None`` is the end."""

    target = "https://bmc:443"

    def __init__(self) -> None:
        self.power = {SYSTEM: "Off"}
        self.latency = 0.01
        self.reads: list[float] = []
        self.service: dict[str, Any] = {"ServiceEnabled": True, "ServerSentEventUri": "/redfish/v1/SSE"}
        self.failure: Exception | None = None  # of reads
        self.refusal: Exception | None = None  # of streams
        self.failures: dict[str, Exception] = {}  # by the path of a stream
        self.services = 0  # reads of the event service
        self.asked: list[str] = []
        self.asked_at: list[float] = []
        self.open: list[asyncio.Queue[bytes | None]] = []

    async def root(self, needed: str = "") -> dict[str, Any]:
        return {"EventService": {"@odata.id": "/redfish/v1/EventService"}}

    async def get(self, path: str, *, etag: str | None = None, links: bool = True) -> Response:
        await asyncio.sleep(self.latency)
        if path == "/redfish/v1/EventService":
            self.services += 1
            return Response(200, [], self.service)
        self.reads.append(asyncio.get_running_loop().time())
        if self.failure is not None:
            raise self.failure
        return Response(200, [], {"PowerState": self.power[path]})

    @contextlib.asynccontextmanager
    async def stream(self, path: str) -> AsyncIterator[AsyncIterator[bytes]]:
        self.asked.append(path)
        self.asked_at.append(asyncio.get_running_loop().time())
        if self.refusal is not None:
            raise self.refusal
        if path in self.failures:
            raise self.failures[path]
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.open.append(queue)

        async def chunks() -> AsyncIterator[bytes]:
            while (chunk := await queue.get()) is not None:
                yield chunk

        try:
            yield chunks()
        finally:
            self.open.remove(queue)

    def send(self, chunk: bytes | None) -> None:
        (stream,) = self.open
        stream.put_nowait(chunk)


class Driver(RedfishDriver):
    """Follows the events of BMCs in memory, and notes which nodes it checks."""

    def __init__(self, **bmcs: BMC) -> None:
        super().__init__("redfish", SimpleNamespace(events=True))
        self.bmcs = bmcs
        self.checks: list[tuple[str, float]] = []

    async def start(self) -> None:
        self._follower = Follower(self, self.check)
        self._connections = Connections(self._connect, self._follower.forget)

    async def close(self) -> None:
        self._connections.close()
        await self._follower.close()

    def _connect(self, node: base.Node) -> System:
        bmc, path = self.bmcs[node.driver_info["bmc"]], node.driver_info.get("path", SYSTEM)
        return System(bmc, path, CONFIRM, asyncio.get_running_loop().time)  # type: ignore[arg-type]

    async def check(self, node: base.Node, manager: base.Manager) -> None:
        self.checks.append((node.name, asyncio.get_running_loop().time()))

    def statistics(self) -> dict[str, float]:
        return self._follower.statistics()

    def is_alive(self, node: base.Node) -> bool:
        return self._connections.of(node).stream_alive


def node(name: str = "web1", **info: str) -> base.Node:
    return base.Node(uuid=name, name=name, driver="redfish", driver_info={"bmc": "bmc", **info})


@contextlib.asynccontextmanager
async def following(bmc: BMC, *nodes: base.Node) -> AsyncIterator[tuple[Driver, FakeManager]]:
    """A driver whose task ran once for each node, and what it led to happened."""
    driver, manager = Driver(bmc=bmc), FakeManager(nodes or [node()])
    await driver.start()
    try:
        for one in nodes or [node()]:
            await driver.get_power_state(one)
        bmc.reads.clear()
        await manager.run_task(driver, "follow_events")
        await asyncio.sleep(1)
        assert manager.failures == []
        yield driver, manager
    finally:
        await driver.close()
        assert bmc.open == []


def test_a_change_is_told_when_its_event_comes_and_nothing_is_asked_in_between() -> None:
    async def main() -> None:
        bmc, web = BMC(), node()
        async with following(bmc, web) as (driver, manager):
            assert (len(bmc.reads), driver.is_alive(web)) == (1, True)
            for _ in range(4):
                await asyncio.sleep(60)
                assert await driver.get_power_state(web) == OFF
            assert len(bmc.reads) == 1
            bmc.power[SYSTEM] = "On"
            bmc.send(event("ResourcePoweredOn"))
            await asyncio.sleep(0.1)
            assert manager.power_states["web1"] == [OFF, ON]
            assert [await driver.get_power_state(web) for _ in range(3)] == [ON] * 3
            assert len(bmc.reads) == 3  # what is new is read twice before it stands
            assert driver.statistics() == {"streams": 1, "events": 1, "hints": 1}

    run(main)


def test_a_change_without_an_event_is_found_by_the_read_that_confirms() -> None:
    async def main() -> None:
        bmc, web = BMC(), node()
        async with following(bmc, web) as (driver, _):
            bmc.power[SYSTEM] = "On"
            await asyncio.sleep(60)
            assert await driver.get_power_state(web) == OFF
            await asyncio.sleep(CONFIRM)
            assert await driver.get_power_state(web) == ON

    run(main)


def test_a_bmc_that_keeps_changes_to_itself_is_polled_as_well(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def main() -> None:
        bmc, web = BMC(), node()
        async with following(bmc, web) as (driver, manager):
            for power in ("On", "Off"):
                bmc.power[SYSTEM] = power
                await asyncio.sleep(CONFIRM)
                manager.report_power_state(web, await driver.get_power_state(web))  # as a sweep does
                await manager.run_task(driver, "follow_events")
                await asyncio.sleep(1)
            begin = len(bmc.reads)
            bmc.power[SYSTEM] = "On"
            assert await driver.get_power_state(web) == ON
            await manager.run_task(driver, "follow_events")
            await asyncio.sleep(1)
            assert len(bmc.reads) == begin + 1
            bmc.power[SYSTEM] = "Off"
            bmc.send(event("ResourcePoweredOff"))
            await asyncio.sleep(1)
            assert manager.power_states["web1"][-1] == OFF
            bmc.power[SYSTEM] = "On"
            assert await driver.get_power_state(web) == ON

    run(main)
    (told,) = [record.message for record in caplog.records]
    assert told == "BMC https://bmc:443 does not send an event for every power change: web1 is polled as well"


def test_a_bmc_that_tells_of_its_changes_is_believed_whoever_reads_them_first() -> None:
    async def main() -> None:
        bmc, web = BMC(), node()
        async with following(bmc, web) as (driver, manager):
            for power in ("On", "Off", "On", "Off"):
                bmc.power[SYSTEM] = power
                await asyncio.sleep(CONFIRM)
                manager.report_power_state(web, await driver.get_power_state(web))
                await manager.run_task(driver, "follow_events")
                bmc.send(event(f"ResourcePowered{power}"))
                await asyncio.sleep(1)
                assert driver.is_alive(web)

    run(main)


def test_a_conductor_that_is_behind_is_no_reason_to_doubt_a_bmc() -> None:
    async def main() -> None:
        bmc, web = BMC(), node()
        async with following(bmc, web) as (driver, manager):
            for power in ("On", "Off", "On", "Off"):
                bmc.power[SYSTEM] = power
                bmc.send(event(f"ResourcePowered{power}"))
                await asyncio.sleep(1)
                behind = OFF if power == "On" else ON
                await FakeManager([dataclasses.replace(web, power_state=behind)]).run_task(
                    driver, "follow_events"
                )
                await asyncio.sleep(1)
                assert driver.is_alive(web)

    run(main)


def test_an_event_that_comes_before_the_state_shows_is_read_again_until_it_does() -> None:
    async def main() -> None:
        bmc, web = BMC(), node()
        async with following(bmc, web) as (driver, manager):
            bmc.send(event("ResourcePoweredOn"))
            await asyncio.sleep(2)
            assert (manager.power_states["web1"][-1], driver.is_alive(web)) == (OFF, False)
            bmc.power[SYSTEM] = "On"
            await asyncio.sleep(3)
            assert (manager.power_states["web1"][-1], driver.is_alive(web)) == (ON, True)
            reads = len(bmc.reads)
            await asyncio.sleep(60)
            assert len(bmc.reads) == reads

    run(main)


def test_an_event_that_is_not_true_is_not_awaited_for_ever() -> None:
    async def main() -> None:
        bmc, web = BMC(), node()
        async with following(bmc, web) as (driver, manager):
            bmc.send(event("ResourcePoweredOn"))
            await asyncio.sleep(60)
            assert len(bmc.reads) == 7
            assert (set(manager.power_states["web1"]), driver.is_alive(web)) == ({OFF}, True)

    run(main)


def test_a_machine_on_its_way_is_read_by_the_sweep_until_it_is_there() -> None:
    async def main() -> None:
        bmc, web = BMC(), node()
        async with following(bmc, web) as (driver, _):
            bmc.power[SYSTEM] = "PoweringOn"
            bmc.send(event("ResourcePoweringOn"))
            await asyncio.sleep(60)
            assert await driver.get_power_state(web) == OFF
            bmc.power[SYSTEM] = "On"
            assert await driver.get_power_state(web) == ON

    run(main)


def test_many_events_lead_to_few_reads_of_which_the_last_is_behind_the_last_event() -> None:
    async def main() -> None:
        bmc, web = BMC(), node()
        async with following(bmc, web) as (driver, manager):
            begin = len(bmc.reads)
            for _ in range(100):
                bmc.send(10 * event("ResourceChanged"))
                await asyncio.sleep(0.02)
            bmc.power[SYSTEM] = "On"
            bmc.send(event("ResourceChanged"))
            await asyncio.sleep(2.5)
            assert 2 <= len(bmc.reads) - begin <= 7
            assert manager.power_states["web1"][-1] == ON
            assert driver.is_alive(web)
            assert driver.statistics()["hints"] == 1001

    run(main)


def test_a_change_that_a_noisy_bmc_hardly_announces_is_found_by_the_next_sweep() -> None:
    async def main() -> None:
        bmc, web = BMC(), node()
        async with following(bmc, web) as (driver, _):
            for _ in range(100):
                bmc.send(event("SessionCreated", origin=None))
                await asyncio.sleep(1)
            await asyncio.sleep(61)
            assert driver.is_alive(web)
            bmc.power[SYSTEM] = "On"
            bmc.send(event("ResourceChanged", origin=None))
            await asyncio.sleep(1)
            assert await driver.get_power_state(web) == ON

    run(main)


def test_a_bmc_in_a_fit_waits_for_the_others() -> None:
    async def main() -> None:
        bmc = BMC()
        async with following(bmc) as (driver, _):
            for _ in range(10_000):
                bmc.send(event("ResourceChanged"))
            await asyncio.sleep(1)
            assert driver.statistics()["events"] == 50

    run(main)


def test_a_bmc_that_takes_every_read_for_news_is_not_read_in_a_circle() -> None:
    async def main() -> None:
        bmc, web = BMC(), node()
        async with following(bmc, web) as (driver, _):
            seen = len(bmc.reads)
            begin = seen
            for second in range(3600):
                if second % 600 == 0:
                    await driver.get_power_state(web)
                if len(bmc.reads) > seen:
                    seen = len(bmc.reads)
                    bmc.send(event("SessionCreated", origin=None))
                await asyncio.sleep(1)
                bmc.send(event("SessionCreated", origin=None))
            assert len(bmc.reads) - begin < 90

    run(main)


@pytest.mark.parametrize(
    "end",
    [None, b"data: <html>\n\n", b"x" * (1 << 19)],
    ids=["ended", "nonsense", "endless"],
)
def test_a_stream_that_breaks_leaves_the_node_to_polling_at_once_and_is_opened_again(
    end: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def main() -> None:
        bmc, web = BMC(), node()
        async with following(bmc, web) as (driver, manager):
            bmc.refusal = errors.BMCUnreachable("no way to BMC https://bmc:443")
            bmc.send(end)
            await asyncio.sleep(0)
            await asyncio.sleep(0.1)
            assert not driver.is_alive(web)
            bmc.power[SYSTEM] = "On"
            assert await driver.get_power_state(web) == ON
            for _ in range(10):
                await asyncio.sleep(60)
                await manager.run_task(driver, "follow_events")
            bmc.refusal = None
            while not driver.is_alive(web):
                await asyncio.sleep(60)
                await manager.run_task(driver, "follow_events")
            assert driver.statistics()["streams"] == 1

    run(main)
    told = [record.message for record in caplog.records if "sends" in record.message]
    assert ["its nodes are polled" in told[0], "sends events again" in told[1], len(told)] == [True, True, 2]


def test_a_bmc_that_cannot_be_reached_is_tried_at_growing_gaps() -> None:
    async def main() -> None:
        bmc = BMC()
        bmc.refusal = errors.BMCUnreachable("no way")
        async with following(bmc) as (driver, manager):
            for _ in range(3600):
                await asyncio.sleep(1)
                await manager.run_task(driver, "follow_events")
        gaps = [
            round(later - earlier) for earlier, later in zip(bmc.asked_at, bmc.asked_at[1:], strict=False)
        ]
        assert gaps == sorted(gaps)
        assert (gaps[0], gaps[-1]) == (6, 601)

    run(main)


@pytest.mark.parametrize("status", [404, 405, 503])
def test_a_bmc_that_refuses_a_stream_is_asked_again_rarely(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def main() -> None:
        bmc = BMC()
        bmc.refusal = Refused("BMC https://bmc:443 has too many streams (HTTP 503)", status)
        async with following(bmc) as (driver, manager):
            for _ in range(60):
                await asyncio.sleep(60)
                await manager.run_task(driver, "follow_events")
        assert len(bmc.asked) <= 7

    run(main)
    assert len([record for record in caplog.records if "sends no events" in record.message]) == 1


@pytest.mark.parametrize(
    "service",
    [{}, {"ServiceEnabled": False, "ServerSentEventUri": "/redfish/v1/SSE"}, {"ServerSentEventUri": None}],
)
def test_a_bmc_without_events_is_asked_for_them_again_ever_more_rarely_and_no_line_is_logged(
    service: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def main() -> None:
        bmc, web = BMC(), node()
        bmc.service = service
        async with following(bmc, web) as (driver, manager):
            await manager.run_task(driver, "follow_events")
            assert (bmc.asked, driver.is_alive(web)) == ([], False)
            for _ in range(10 * 60):
                await asyncio.sleep(60)
                await manager.run_task(driver, "follow_events")
            assert 9 <= bmc.services <= 15
            bmc.service = BMC().service
            for _ in range(60):
                await asyncio.sleep(60)
                await manager.run_task(driver, "follow_events")
            assert driver.is_alive(web)

    run(main)
    assert caplog.records == []


def test_events_that_a_bmc_offers_only_once_it_has_started_are_followed_soon() -> None:
    async def main() -> None:
        bmc, web = BMC(), node()
        whole, bmc.service = bmc.service, {}
        async with following(bmc, web) as (driver, manager):
            bmc.service = whole
            await asyncio.sleep(60)
            await manager.run_task(driver, "follow_events")
            await asyncio.sleep(1)
            assert driver.is_alive(web)

    run(main)


@pytest.mark.parametrize("uri", ["https://elsewhere/sse", "//elsewhere/sse", 7, "/a b"])
def test_a_stream_that_is_not_on_the_bmc_itself_is_not_followed(uri: Any) -> None:
    async def main() -> None:
        bmc, web = BMC(), node()
        bmc.service["ServerSentEventUri"] = uri
        async with following(bmc, web) as (driver, _):
            assert (bmc.asked, driver.is_alive(web)) == ([], False)

    run(main)


def test_telemetry_is_left_out_where_the_bmc_can_and_asked_for_again_without_when_it_cannot() -> None:
    async def main() -> None:
        bmc, web = BMC(), node()
        bmc.service["SSEFilterPropertiesSupported"] = {"EventFormatType": True}
        async with following(bmc, web) as (driver, _):
            assert bmc.asked == ["/redfish/v1/SSE?$filter=EventFormatType%20eq%20Event"]

    run(main)


@pytest.mark.parametrize("failure", [Refused("no", 400), Refused("no", 500), errors.DriverError("JSON")])
def test_a_filter_that_fails_is_done_without_at_once_and_for_an_hour(failure: Exception) -> None:
    filtered = "/redfish/v1/SSE?$filter=EventFormatType%20eq%20Event"

    async def main() -> None:
        bmc, web = BMC(), node()
        bmc.service["SSEFilterPropertiesSupported"] = {"EventFormatType": True}
        bmc.failures = {filtered: failure}
        async with following(bmc, web) as (driver, manager):

            async def ended() -> list[str]:
                bmc.asked.clear()
                bmc.send(None)
                for _ in range(2):
                    await manager.run_task(driver, "follow_events")
                    await asyncio.sleep(600)
                return bmc.asked

            assert (bmc.asked, driver.is_alive(web)) == ([filtered, "/redfish/v1/SSE"], True)
            for _ in range(3):
                assert await ended() == ["/redfish/v1/SSE"]
            assert await ended() == [filtered, "/redfish/v1/SSE"]

    run(main)


def test_a_stream_that_falls_silent_against_its_habit_is_opened_again() -> None:
    async def main() -> None:
        bmc, web = BMC(), node()
        async with following(bmc, web) as (driver, manager):
            for _ in range(5):
                bmc.send(b": stream keep-alive\n\n")
                await asyncio.sleep(10)
            assert driver.is_alive(web)
            await asyncio.sleep(30)
            assert not driver.is_alive(web)
            await manager.run_task(driver, "follow_events")
            await asyncio.sleep(1)
            assert driver.is_alive(web)

    run(main)


def test_a_bmc_that_was_silent_and_no_worse_for_it_is_given_more_time() -> None:
    async def main() -> None:
        bmc, web = BMC(), node()
        async with following(bmc, web) as (driver, manager):
            for lost in (True, False):
                for _ in range(5):
                    bmc.send(b": stream keep-alive\n\n")
                    await asyncio.sleep(10)
                await asyncio.sleep(30)
                assert driver.is_alive(web) is not lost
                await asyncio.sleep(10)
                await manager.run_task(driver, "follow_events")
                await asyncio.sleep(1)
                assert driver.is_alive(web)

    run(main)


def test_a_stream_that_never_says_anything_stays_open() -> None:
    async def main() -> None:
        bmc, web = BMC(), node()
        async with following(bmc, web) as (driver, manager):
            for _ in range(100):
                await asyncio.sleep(60)
                await manager.run_task(driver, "follow_events")
            assert (len(bmc.asked), driver.is_alive(web)) == (1, True)

    run(main)


def test_a_stream_that_a_bmc_ends_every_hour_is_nothing_to_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def main() -> None:
        bmc, web = BMC(), node()
        async with following(bmc, web) as (driver, manager):
            for _ in range(8):
                for _ in range(6):
                    await asyncio.sleep(600)
                    assert driver.is_alive(web)
                bmc.send(None)
                await asyncio.sleep(60)
                assert not driver.is_alive(web)
                await manager.run_task(driver, "follow_events")
                await asyncio.sleep(1)
                assert driver.is_alive(web)

    run(main)
    assert caplog.records == []


def test_a_read_that_fails_after_an_event_leaves_the_node_to_polling_until_one_succeeds() -> None:
    async def main() -> None:
        bmc, web = BMC(), node()
        async with following(bmc, web) as (driver, manager):
            bmc.failure = errors.BMCUnreachable("no answer")
            bmc.send(event("ResourcePoweredOn"))
            await asyncio.sleep(5)
            assert not driver.is_alive(web)
            with pytest.raises(errors.BMCUnreachable):
                await driver.get_power_state(web)
            bmc.failure = None
            bmc.power[SYSTEM] = "On"
            assert await driver.get_power_state(web) == ON
            await manager.run_task(driver, "follow_events")
            await asyncio.sleep(5)
            assert (len(bmc.asked), driver.is_alive(web)) == (1, True)

    run(main)


def test_two_nodes_on_one_bmc_share_a_stream_and_each_hears_of_its_own() -> None:
    async def main() -> None:
        bmc, other = BMC(), "/redfish/v1/Systems/2"
        bmc.power[other] = "Off"
        one, two = node("one"), node("two", path=other)
        async with following(bmc, one, two) as (driver, manager):
            assert len(bmc.asked) == 1
            bmc.power[other] = "On"
            bmc.send(event("ResourcePoweredOn", other))
            await asyncio.sleep(1)
            assert manager.power_states == {"one": [OFF], "two": [OFF, ON]}
            assert (driver.is_alive(one), driver.is_alive(two)) == (True, True)

    run(main)


def test_a_node_that_joins_a_stream_is_read_before_its_silence_counts() -> None:
    async def main() -> None:
        bmc, other = BMC(), "/redfish/v1/Systems/2"
        bmc.power[other] = "On"
        async with following(bmc, node("one")) as (driver, _):
            two = node("two", path=other)
            await driver.get_power_state(two)
            manager = FakeManager([node("one"), two])
            await manager.run_task(driver, "follow_events")
            assert not driver.is_alive(two)
            await asyncio.sleep(1)
            assert (len(bmc.asked), driver.is_alive(two)) == (1, True)
            assert manager.power_states == {"two": [ON]}

    run(main)


def test_health_is_looked_at_when_an_event_speaks_of_it_but_not_without_a_pause() -> None:
    async def main() -> None:
        bmc = BMC()
        async with following(bmc) as (driver, _):
            fan = "/redfish/v1/Chassis/1/ThermalSubsystem/Fans/1"
            for _ in range(100):
                bmc.send(event("ResourceStatusChangedCritical", fan, Severity="Critical"))
                await asyncio.sleep(0.1)
            await asyncio.sleep(60)
            assert [(name, round(at)) for name, at in driver.checks] == [("web1", 1), ("web1", 31)]
            assert len(bmc.reads) == 1

    run(main)


@pytest.mark.parametrize(
    "left", [[], [base.Node(uuid="web1", name="web1", driver="redfish", maintenance=True)]]
)
def test_the_stream_of_a_node_that_is_gone_or_left_alone_is_closed(left: list[base.Node]) -> None:
    async def main() -> None:
        bmc, web = BMC(), node()
        async with following(bmc, web) as (driver, manager):
            system = driver._connections.of(web)
            manager._nodes = {found.uuid: found for found in left}
            await asyncio.sleep(90)
            assert (bmc.open, system.stream_alive, driver.statistics()["streams"]) == ([], False, 0)

    run(main)


def test_a_node_whose_driver_info_changes_leaves_its_stream() -> None:
    async def main() -> None:
        bmc, web = BMC(), node()
        async with following(bmc, web) as (driver, manager):
            driver.bmcs["new"] = new = BMC()
            moved = node(bmc="new")
            await driver.get_power_state(moved)
            await asyncio.sleep(0)
            assert (bmc.open, driver.is_alive(moved)) == ([], False)
            await FakeManager([moved]).run_task(driver, "follow_events")
            await asyncio.sleep(1)
            assert (len(new.open), driver.is_alive(moved)) == (1, True)
            assert driver.statistics()["streams"] == 1
            assert list(driver._follower._subscriptions) == [new]  # nothing is kept of the other

    run(main)


def test_nothing_is_followed_when_events_are_switched_off_or_before_the_bmc_answered() -> None:
    async def main() -> None:
        bmc, manager = BMC(), FakeManager([node()])
        driver = Driver(bmc=bmc)
        await driver.start()
        await manager.run_task(driver, "follow_events")
        await asyncio.sleep(1)
        assert bmc.asked == []
        driver.options.events = False
        await driver.get_power_state(node())
        await manager.run_task(driver, "follow_events")
        await asyncio.sleep(1)
        assert bmc.asked == []
        await driver.close()

    run(main)


def test_closing_ends_what_is_under_way() -> None:
    async def main() -> None:
        bmc = BMC()
        async with following(bmc):
            bmc.latency = 1000
            bmc.send(event("ResourcePoweredOn"))
            bmc.send(event("ResourceStatusChangedCritical"))
            await asyncio.sleep(1)
            closing = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - closing < 1

    run(main)


class World:
    """A machine that is switched by others, a BMC that fails, and what Podium answers of it."""

    def __init__(self) -> None:
        self.bmc = BMC()
        self.changed = self.happened = float("-inf")
        self.unheard = False  # whether the last change was kept from a stream that is open
        self.wrong: list[str] = []

    def do(self, what: str) -> None:
        bmc = self.bmc
        self.happened = asyncio.get_running_loop().time()
        if what.startswith("switched"):
            bmc.power[SYSTEM] = "Off" if bmc.power[SYSTEM] == "On" else "On"
            self.changed, self.unheard = self.happened, True
        chunks = {
            "switched": event(f"ResourcePowered{bmc.power[SYSTEM]}"),
            "switched, and little said": event("ResourceChanged", None),
            "chatter": event("SessionCreated", None),
            "lie": event("ResourcePoweringOff"),
            "nonsense": b"data: <html>\n\n",
            "end": None,
        }
        for stream in bmc.open if what in chunks else ():
            stream.put_nowait(chunks[what])
            self.unheard = False
        self.unheard = self.unheard and bool(bmc.open)
        if what in ("silent", "answers"):
            bmc.failure = errors.BMCUnreachable("no answer") if what == "silent" else None
        if what in ("full", "room"):
            bmc.refusal = Refused("no stream", 503) if what == "full" else None

    async def judge(self, driver: Driver, manager: FakeManager, web: base.Node) -> None:
        """A sweep: what is answered is what is, unless an open stream kept it to itself until now."""
        now = asyncio.get_running_loop().time()
        with contextlib.suppress(errors.BMCUnreachable):
            answer = await driver.get_power_state(web)
            manager.report_power_state(web, answer)
            excused = now - self.happened < 1 or (self.unheard and now - self.changed < CONFIRM + 1)
            if answer != f"power {self.bmc.power[SYSTEM].lower()}" and not excused:
                self.wrong.append(f"{answer} at {now:.0f} s, since {self.changed:.0f} s")


HAPPENINGS = [
    "switched",
    "switched, and little said",
    "switched in silence",
    "chatter",
    "lie",
    "nonsense",
    "end",
    "silent",
    "answers",
    "full",
    "room",
]


@settings(max_examples=150 * ROUNDS)
@given(
    st.lists(st.tuples(st.sampled_from(HAPPENINGS), st.sampled_from([0.001, 0.3, 5, 70, 400])), max_size=25)
)
def test_whatever_happens_a_state_is_wrong_only_where_a_stream_is_silent_and_not_for_long(
    happenings: list[tuple[str, float]],
) -> None:
    world = World()

    async def main() -> None:
        web = node()
        async with following(world.bmc, web) as (driver, manager):

            async def conductor() -> None:
                for tick in itertools.count(1):
                    await asyncio.sleep(30)
                    await world.judge(driver, manager, web)
                    if tick % 2:
                        await manager.run_task(driver, "follow_events")

            running = asyncio.create_task(conductor())
            for what, pause in happenings:
                world.do(what)
                await asyncio.sleep(pause)
            world.do("answers")
            await asyncio.sleep(CONFIRM + 60)
            running.cancel()
            await asyncio.wait({running})
            assert not manager.failures

    run(main)
    assert world.wrong == []
