import asyncio
from pathlib import Path

from fakes import StillDriver, make_conf
from podium.clocks import boottime
from podium.conductor.fleet.lease import Lease
from podium.conductor.parts import Parts
from podium.conductor.rooms.driver_rooms import DriverRooms
from podium.conductor.rooms.sql import Sql
from podium.conductor.settings import Settings
from podium.db.worker import Worker
from templates import prepared


def test_one_driver_that_stalls_its_room_is_no_reason_to_leave_all_nodes_to_others(tmp_path: Path) -> None:
    sql = Sql(prepared(f"sqlite:///{tmp_path}/p.sqlite"))

    async def main() -> None:
        conf = make_conf(tmp_path)
        rooms = DriverRooms({name: StillDriver(name) for name in ("a", "b")})
        lease = Lease(Worker("here", 0, 1), 30, boottime())
        stalled, _ = Parts(conf, Settings.read(conf), sql, rooms, lease).signs()
        assert stalled.is_there()
        rooms["a"]._watchdog._stalled = True
        assert stalled.is_there()
        rooms["b"]._watchdog._stalled = True
        assert not stalled.is_there()
        sql.close()

    asyncio.run(main())


def test_news_wait_for_a_lease_in_which_nobody_else_can_have_the_nodes(tmp_path: Path) -> None:
    sql = Sql(prepared(f"sqlite:///{tmp_path}/p.sqlite"))

    async def main() -> None:
        conf = make_conf(tmp_path)
        lease = Lease(Worker("here", 0, 1), 30, boottime())
        parts = Parts(conf, Settings.read(conf), sql, DriverRooms({"a": StillDriver("a")}), lease)
        notices = parts.sync.sweepers["a"]._findings.notices
        notices.recovered("n1")
        lease.end()
        notices.log()
        assert notices
        sql.close()

    asyncio.run(main())


def test_the_interval_of_a_driver_is_that_of_its_sweeps(tmp_path: Path) -> None:
    class Rare(StillDriver):
        interval = 600.0

    sql = Sql(prepared(f"sqlite:///{tmp_path}/p.sqlite"))

    async def main() -> None:
        conf = make_conf(tmp_path)
        rooms = DriverRooms({"a": Rare("a"), "b": StillDriver("b")})
        lease = Lease(Worker("here", 0, 1), 30, boottime())
        assert Parts(conf, Settings.read(conf), sql, rooms, lease).sync.intervals == {"a": 600.0}
        sql.close()

    asyncio.run(main())
