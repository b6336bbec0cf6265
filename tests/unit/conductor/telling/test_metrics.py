"""What Prometheus reads of a conductor, over HTTP as it reads it."""

import asyncio
import contextlib
import gzip
import socket
import threading
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import parser
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse

from fakes import HERE, PATIENCE, Clock, StillDriver, happened
from podium import errors, states
from podium.clocks import boottime
from podium.conductor.fleet.reads import Failing
from podium.conductor.rooms import context as contexts
from podium.conductor.telling import sensor_metrics
from podium.conductor.telling.collector import ConductorCollector
from podium.conductor.telling.fleet_watch import FleetWatch
from podium.conductor.telling.metrics_server import MetricsServer
from podium.conductor.telling.statistics import Statistics
from podium.drivers import base
from stage import Conducted, conducted


class Measured(StillDriver):
    """One task that succeeds and one that fails."""

    @base.driver_periodic_task(spacing=10)
    async def works(self, manager: base.Manager, context: Any) -> None: ...

    @base.driver_periodic_task(spacing=10)
    async def fails(self, manager: base.Manager, context: Any) -> None:
        raise errors.DriverError("no")


class Scraped:
    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in parser.text_string_to_metric_families(text)}

    def value(self, name: str, **labels: str) -> float:
        """The value of the only sample with this name that has these labels."""
        (found,) = [
            sample.value
            for family in self.families.values()
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return float(found)


class Served:
    """A conductor whose metrics are served."""

    def __init__(self, stage: Conducted, server: MetricsServer) -> None:
        self.stage = stage
        self.server = server

    async def scrape(self) -> Scraped:
        return Scraped((await self.get()).decode())

    async def get(self, **headers: str) -> bytes:
        host = f"[{self.server.host}]" if ":" in self.server.host else self.server.host
        request = urllib.request.Request(f"http://{host}:{self.server.port}/metrics", headers=headers)

        def get() -> bytes:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return bytes(answer.read())

        return await asyncio.to_thread(get)


def collector(stage: Conducted) -> ConductorCollector:
    parts = stage.parts
    return ConductorCollector(
        loop=asyncio.get_running_loop(),
        reports=stage.manager.reports,
        fleet=parts.fleet,
        rooms=parts.rooms,
        statistics=Statistics(parts.fleet, parts.rooms, parts.sync, parts.recorder, max_age=60),
        fleet_watch=FleetWatch(parts.sql, HERE, max_age=60),
        sql=parts.sql,
    )


@contextlib.asynccontextmanager
async def served(
    tmp_path: Path, clock: Clock, *drivers: base.Driver, host: str = "127.0.0.1"
) -> AsyncIterator[Served]:
    async with (
        conducted(tmp_path, clock, *drivers) as stage,
        MetricsServer(
            host, 0, collector(stage), lambda: sensor_metrics.text(stage.manager.sensors)
        ) as server,
    ):
        yield Served(stage, server)


def test_a_task_that_ran_is_counted_and_timed(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with served(tmp_path, clock, Measured("acme")) as conductor:
            conductor.stage.tick(11)
            await conductor.stage.ended("acme.works", 1)
            scraped = await conductor.scrape()
            report = conductor.stage.report("acme.works")
            task = {"task": "acme.works", "driver": "acme"}
            assert scraped.value("podium_task_runs_total", **task) == 1
            assert scraped.value("podium_task_failures_total", **task) == 0
            assert scraped.value("podium_task_spacing_seconds", **task) == 10
            assert scraped.value("podium_task_last_duration_seconds", **task) == report.duration
            last_run = scraped.value("podium_task_last_run_timestamp_seconds", **task)
            assert last_run == pytest.approx(report.last_run.timestamp())

    asyncio.run(main())


def test_a_task_that_failed_is_in_the_state_failing_and_in_no_other(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with served(tmp_path, clock, Measured("acme")) as conductor:
            conductor.stage.tick(11)
            await conductor.stage.ended("acme.fails", 1)
            scraped = await conductor.scrape()
            assert scraped.value("podium_task_failures_total", task="acme.fails") == 1
            found = {
                sample.labels["state"]
                for sample in scraped.families["podium_task_state"].samples
                if sample.labels["task"] == "acme.fails" and sample.value
            }
            assert found == {"failing"}

    asyncio.run(main())


def test_a_task_that_never_ran_has_no_time_of_a_last_run(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with served(tmp_path, clock, Measured("acme")) as conductor:
            scraped = await conductor.scrape()
            assert scraped.families["podium_task_last_run_timestamp_seconds"].samples == []
            assert scraped.value("podium_task_runs_total", task="acme.works") == 0

    asyncio.run(main())


def test_nodes_are_counted_by_the_power_state_read_last(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        driver = StillDriver("acme")
        async with served(tmp_path, clock, driver) as conductor:
            parts = conductor.stage.parts
            parts.enrol(*({"name": name, "driver": "acme"} for name in ("one", "two", "three")))
            await parts.fleet.refresh(parts.sql)
            one = parts.fleet.find(parts.node("one").uuid)
            assert one is not None
            parts.fleet.note_power([(one.number, one.version, states.POWER_ON)])
            one.reads.failing = Failing(2)
            scraped = await conductor.scrape()
            assert scraped.value("podium_nodes", driver="acme", power_state="power on") == 1
            assert scraped.value("podium_nodes", driver="acme", power_state="power off") == 0
            assert scraped.value("podium_nodes", driver="acme", power_state="unknown") == 2
            assert scraped.value("podium_nodes_failing", driver="acme") == 1

    asyncio.run(main())


def test_nodes_are_counted_by_the_health_reported_last(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with served(tmp_path, clock, StillDriver("acme")) as conductor:
            parts, manager = conductor.stage.parts, conductor.stage.manager
            parts.enrol(*({"name": name, "driver": "acme"} for name in ("one", "two", "three")))
            await parts.fleet.refresh(parts.sql)
            one, _, _ = manager.nodes(parts.rooms["acme"].driver)
            manager.report_health(one, base.Health("Critical", ("no fan turns",)))
            scraped = await conductor.scrape()
            counts = {
                status: scraped.value("podium_node_health", driver="acme", status=status)
                for status in ("OK", "Warning", "Critical", "unknown")
            }
            assert counts == {"OK": 0, "Warning": 0, "Critical": 1, "unknown": 2}
            entry = parts.fleet.find(one.uuid)
            assert entry is not None
            entry.fare.report({"status": "Critical", "reasons": []}, boottime() - 1)
            scraped = await conductor.scrape()
            assert scraped.value("podium_node_health", driver="acme", status="Critical") == 0
            assert scraped.value("podium_node_health", driver="acme", status="unknown") == 3

    asyncio.run(main())


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text;version=1.0.0"])
def test_sensors_are_told_in_every_format_and_compressed_for_who_can_read_that(
    tmp_path: Path, clock: Clock, accept: str
) -> None:
    async def main() -> None:
        async with served(tmp_path, clock, StillDriver("acme")) as conductor:
            parts, manager = conductor.stage.parts, conductor.stage.manager
            parts.enrol({"name": "one", "driver": "acme"})
            await parts.fleet.refresh(parts.sql)
            (node,) = manager.nodes(parts.rooms["acme"].driver)
            manager.report_sensors(node, [base.Sensor("Inlet \ud800", "temperature", 21.5)])
            text = gzip.decompress(await conductor.get(Accept=accept, **{"Accept-Encoding": "gzip"})).decode()
            read = parse if "openmetrics" in accept else parser.text_string_to_metric_families
            families = read(text)
            (found,) = [one for one in families if one.name == "podium_sensor_temperature_celsius"]
            labels = {"driver": "acme", "node": "one", "sensor": "Inlet ?"}
            assert [(one.labels, one.value) for one in found.samples] == [(labels, 21.5)]

    asyncio.run(main())


def test_what_waits_to_be_written_is_counted_by_kind(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with served(tmp_path, clock, Measured("acme")) as conductor:
            conductor.stage.manager.record_tasks()
            scraped = await conductor.scrape()
            assert scraped.value("podium_recorder_queue", kind="tasks") == 4
            assert scraped.value("podium_recorder_queue", kind="readings") == 0

    asyncio.run(main())


class Lost(StillDriver):
    """A plain task that does not come back until it is let go."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.began = threading.Event()
        self.let_go = threading.Event()

    @base.driver_periodic_task(spacing=10)
    def hangs(self, manager: base.Manager, context: Any) -> None:
        self.began.set()
        self.let_go.wait(PATIENCE)


def test_a_plain_call_that_was_given_up_is_a_lost_thread_of_its_driver(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        driver = Lost("acme")
        async with served(tmp_path, clock, driver, StillDriver("other")) as conductor:
            room = conductor.stage.parts.rooms["acme"]
            run = room.run(driver.hangs, None, None, request=contexts.new())
            try:
                await happened(driver.began)
                run.cancel()
                async with asyncio.timeout(PATIENCE):
                    while not room.lost:
                        await asyncio.sleep(0.001)
                scraped = await conductor.scrape()
            finally:
                driver.let_go.set()
            assert scraped.value("podium_driver_lost_threads", driver="acme") == 1
            assert scraped.value("podium_driver_lost_threads", driver="other") == 0

    asyncio.run(main())


def test_a_driver_whose_loop_does_not_turn_is_shown_as_stalled(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with served(tmp_path, clock, StillDriver("acme")) as conductor:
            blocked, go_on = threading.Event(), threading.Event()

            async def block() -> None:
                blocked.set()
                go_on.wait(PATIENCE)

            room = conductor.stage.parts.rooms["acme"]
            room.start(block, contexts.new())
            try:
                await happened(blocked)
                room.watch(0.0)
                room.watch(100.0)
                scraped = await conductor.scrape()
            finally:
                go_on.set()
            assert scraped.value("podium_driver_stalled", driver="acme") == 1

    asyncio.run(main())


def test_a_database_out_of_reach_shows(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with served(tmp_path, clock) as conductor:
            assert (await conductor.scrape()).value("podium_database_up") == 1

            def away(_connection: object) -> None:
                raise errors.DatabaseUnavailable("it is away")

            with pytest.raises(errors.DatabaseUnavailable):
                await conductor.stage.parts.sql.read(away)
            assert (await conductor.scrape()).value("podium_database_up") == 0

    asyncio.run(main())


def test_the_process_itself_is_measured(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with served(tmp_path, clock) as conductor:
            assert (await conductor.scrape()).value("process_open_fds") > 0

    asyncio.run(main())


def test_metrics_are_served_over_ipv6(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with served(tmp_path, clock, host="::1") as conductor:
            assert (await conductor.scrape()).value("podium_database_up") == 1

    asyncio.run(main())


def test_a_reader_that_went_away_does_not_keep_the_next_from_reading(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with served(tmp_path, clock) as conductor:
            with socket.create_connection((conductor.server.host, conductor.server.port)):
                pass
            assert (await conductor.scrape()).value("podium_database_up") == 1

    asyncio.run(main())


def test_an_address_in_use_is_told_with_the_option_and_the_remedy(tmp_path: Path, clock: Clock) -> None:
    async def main() -> None:
        async with served(tmp_path, clock) as conductor:
            second = MetricsServer("127.0.0.1", conductor.server.port, collector(conductor.stage))
            with pytest.raises(errors.ConfigError) as caught:
                await second.__aenter__()
            place = f"[metrics] listen = 127.0.0.1:{conductor.server.port}"
            assert str(caught.value) == (
                f"{place} cannot be used: Address already in use; name another address or port"
            )

    asyncio.run(main())
