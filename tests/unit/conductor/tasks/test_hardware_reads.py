"""The daemon's side of reads of the hardware that people wait for."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes import HERE, Pieces, StillDriver, all_slots, happened, pieces
from peers import PATIENCE
from podium import errors
from podium.conductor.rooms import context as contexts
from podium.conductor.tasks.hardware_reads import HardwareReads
from podium.db import api, members
from podium.db import hardware_reads as statements
from podium.db.hardware_reads import HardwareRead
from podium.drivers import base

INLET = base.Sensor("Inlet", "temperature", 21.5)


class Measured(StillDriver):
    """Machines whose sensors say what a test wants."""

    properties = {"acme_password": base.Property("a secret", secret=True)}

    def __init__(self, found: Any = (INLET,)) -> None:
        super().__init__("acme")
        self.found = found
        self.began = threading.Event()
        self.hangs = 0
        self.ended = threading.Event()

    async def get_sensors(self, node: base.Node) -> Sequence[base.Sensor]:
        self.ran.append(node.name)
        self.began.set()
        if self.hangs:
            self.hangs -= 1
            try:
                await asyncio.Event().wait()
            finally:
                self.ended.set()
        if isinstance(self.found, BaseException):
            raise self.found
        return self.found  # type: ignore[no-any-return]


class Plain(Measured):
    """The same, with a blocking library."""

    def get_sensors(self, node: base.Node) -> Sequence[base.Sensor]:  # type: ignore[override]
        return [INLET]


class Desk:
    """What people ask a conductor to read, and what it answers."""

    def __init__(self, parts: Pieces, seconds: float) -> None:
        self.parts = parts
        self.reads = HardwareReads(parts.sql, parts.fleet, parts.rooms, seconds=seconds)

    async def begin(self, kind: str = "sensors") -> int:
        sql = self.parts.sql
        number = await sql.write(lambda connection: statements.ask(connection, "n1", kind, "somebody"))
        await self.parts.fleet.refresh(sql)
        await self.reads.poll()
        return number

    async def find(self, number: int) -> HardwareRead:
        found = await self.parts.sql.read(lambda connection: statements.find(connection, number))
        assert found is not None
        return found

    async def answer(self, number: int | None = None, kind: str = "sensors") -> HardwareRead:
        number = number or await self.begin(kind)
        async with asyncio.timeout(PATIENCE):
            while (read := await self.find(number)).finished_at is None:
                await asyncio.sleep(0.005)
        return read


@asynccontextmanager
async def desk(tmp_path: Path, driver: base.Driver, seconds: float = PATIENCE) -> AsyncIterator[Desk]:
    async with pieces(f"sqlite:///{tmp_path}/p.sqlite", driver) as parts:
        parts.enrol({"name": "n1", "driver": "acme", "driver_info": {"acme_password": "xyzzy"}})
        await parts.fleet.refresh(parts.sql)
        opened = Desk(parts, seconds)
        yield opened
        opened.reads.cancel()


def answered(tmp_path: Path, driver: base.Driver, seconds: float = PATIENCE, **how: Any) -> HardwareRead:
    async def main() -> HardwareRead:
        async with desk(tmp_path, driver, seconds) as opened:
            return await opened.answer(**how)

    return asyncio.run(main())


@pytest.mark.parametrize("driver", [Measured, Plain])
def test_what_the_sensors_say_is_written_down(tmp_path: Path, driver: type[Measured]) -> None:
    read = answered(tmp_path, driver())
    assert (read.error, read.error_kind) == (None, None)
    shown = {"name": "Inlet", "kind": "temperature", "value": 21.5, "unit": "celsius", "status": "OK"}
    assert read.answer == {"sensors": [shown]}


def test_what_json_or_a_database_cannot_hold_is_left_out(tmp_path: Path) -> None:
    odd = [base.Sensor(f"a\0b xyzzy {'x' * 200}", "fan", float("nan")), base.Sensor("no", "power", None)]
    found = answered(tmp_path, Measured(odd)).answer
    assert found is not None
    assert [one["value"] for one in found["sensors"]] == [None, None]
    assert found["sensors"][0]["name"] == f"a b ****** {'x' * 117}"


class Bare(StillDriver):
    """Has no sensors."""


class Unplugged(errors.BMCUnreachable):
    """One driver's own kind of silence."""


@pytest.mark.parametrize(
    ("driver", "kind", "text"),
    [
        (Measured(errors.BMCUnreachable("silent")), "BMCUnreachable", "n1: silent"),
        (Measured(Unplugged("silent")), "BMCUnreachable", "n1: silent"),
        (Measured(errors.AuthenticationRefused("no xyzzy")), "AuthenticationRefused", "n1: no ******"),
        (Measured(ValueError("no xyzzy")), "DriverError", "n1: ValueError: no ******"),
        (Measured(SystemExit(3)), "DriverError", "n1: Measured.get_sensors raised SystemExit: 3"),
        (Bare("acme"), "DriverError", "the driver acme cannot read sensors"),
        (Measured(7), "DriverError", "n1: get_sensors returned a int, not a list of sensors"),
        (Measured([7]), "DriverError", "n1: get_sensors returned 7, which is no known sensor"),
    ],
    ids=["silent", "unplugged", "refused", "a fault", "an exit", "without sensors", "a number", "no sensor"],
)
def test_why_nothing_was_read_is_written_down_without_secrets(
    tmp_path: Path, driver: base.Driver, kind: str, text: str
) -> None:
    read = answered(tmp_path, driver)
    assert (read.answer, read.error_kind, read.error) == (None, kind, text)


def test_an_answer_that_is_too_large_is_refused(tmp_path: Path) -> None:
    read = answered(tmp_path, Measured([INLET] * 4000))
    assert (read.answer, read.error_kind) == (None, "DriverError")
    assert re.fullmatch(r"n1: the answer has \d{6} bytes, more than 262144", str(read.error))


class Guarded(Measured):
    """Machines whose login says what a test wants."""

    check_login = Measured.get_sensors  # type: ignore[assignment]


REPORT = base.LoginReport("ada", "OPERATOR", "power on", "IPMI 2.0", remarks=("the password expires",))


ODD = replace(REPORT, privilege=f"a\0b xyzzy {'x' * 400}", remarks=("no xyzzy", *("more",) * 20))


@pytest.mark.parametrize(
    ("found", "privilege", "remarks"),
    [
        (REPORT, "OPERATOR", ["the password expires"]),
        (ODD, f"a b ****** {'x' * 289}", ["no ******", *["more"] * 9]),
    ],
)
def test_what_a_login_says_is_written_down_without_secrets(
    tmp_path: Path, found: base.LoginReport, privilege: str, remarks: list[str]
) -> None:
    read = answered(tmp_path, Guarded(found), kind="login")
    assert (read.error, read.answer) == (
        None,
        {
            "username": "ada",
            "privilege": privilege,
            "protocol": "IPMI 2.0",
            "power_state": "power on",
            "remarks": remarks,
        },
    )


def test_a_driver_that_cannot_try_a_login_reads_and_says_so(tmp_path: Path) -> None:
    read = answered(tmp_path, Bare("acme"), kind="login")
    assert read.answer is not None
    assert read.answer["power_state"] == "power off"
    assert read.answer["remarks"] == ["the driver cannot try a login: this proves only that a read works"]


@pytest.mark.parametrize("found", [7, "xyzzy", base.LoginReport("ada", None, "rebooting")])
def test_what_is_no_answer_to_a_login_is_an_error(tmp_path: Path, found: Any) -> None:
    read = answered(tmp_path, Guarded(found), kind="login")
    assert read.error_kind == "DriverError" and "xyzzy" not in str(read.error)


def test_a_login_gives_way_to_people_who_switch_and_is_not_tried_again(tmp_path: Path) -> None:
    async def main() -> None:
        driver = Guarded()
        driver.hangs = 1
        async with desk(tmp_path, driver) as opened:
            number = await opened.begin("login")
            await happened(driver.began)
            room, node = opened.parts.rooms["acme"], opened.parts.fleet.nodes("acme")[0]
            run = room.start(
                lambda: room.command(PATIENCE, node, driver.set_power_state, "power on", urgent=True),
                contexts.new(),
            )
            await asyncio.wrap_future(run.future)
            read = await opened.answer(number)
            assert (read.error_kind, driver.ran) == ("NodeConflict", ["n1"])
            assert read.error == "n1: its conductor gave it up; ask again"

    asyncio.run(main())


def test_a_check_changes_nothing_of_the_node(tmp_path: Path) -> None:
    async def main() -> None:
        async with desk(tmp_path, Guarded(errors.AuthenticationRefused("no"))) as opened:
            read = lambda connection: api.find_nodes(connection, ["n1"])  # noqa: E731
            before = await opened.parts.sql.read(read)
            assert (await opened.answer(kind="login")).error_kind == "AuthenticationRefused"
            assert await opened.parts.sql.read(read) == before

    asyncio.run(main())


def test_hardware_that_hangs_is_given_up(tmp_path: Path) -> None:
    driver = Measured()
    driver.hangs = 1
    read = answered(tmp_path, driver, 0.05)
    assert (read.error_kind, read.error) == ("BMCUnreachable", "n1: no answer within 0.05 s")
    assert driver.ended.is_set()


def test_a_kind_of_a_later_version_is_refused(tmp_path: Path) -> None:
    read = answered(tmp_path, Measured(), kind="log")
    assert (read.error_kind, read.error) == ("NodeConflict", "the conductor of n1 cannot read log yet")


def test_a_node_whose_password_is_unknown_is_not_asked(tmp_path: Path) -> None:
    async def main() -> None:
        async with desk(tmp_path, Measured()) as opened:
            number = opened.parts.fleet.named("n1").number  # type: ignore[union-attr]
            with opened.parts.database.write() as connection:
                api.update_node(connection, number, {"credentials_in_doubt": True})
            await opened.parts.fleet.refresh(opened.parts.sql)
            read = await opened.answer()
            assert read.error_kind == "NodeConflict"
            assert "password its BMC has is unknown" in str(read.error)

    asyncio.run(main())


def test_a_node_whose_power_is_being_changed_is_not_read(tmp_path: Path) -> None:
    async def main() -> None:
        driver = Measured()
        async with desk(tmp_path, driver) as opened:
            entry = opened.parts.fleet.named("n1")
            assert entry is not None
            opened.parts.fleet.taken.take(entry.number)
            read = await opened.answer()
            assert str(read.error).startswith("n1 is taken: its power or its credentials are being changed")
            assert (read.error_kind, driver.ran) == ("NodeConflict", [])

    asyncio.run(main())


def test_a_node_that_is_not_there_any_more_is_not_read(tmp_path: Path) -> None:
    async def main() -> None:
        async with desk(tmp_path, Measured()) as opened:
            opened.parts.fleet.lose(all_slots("acme"))
            read = await opened.answer()
            assert (read.error_kind, "ask again" in str(read.error)) == ("NodeConflict", True)

    asyncio.run(main())


def test_a_read_gives_way_to_people_who_switch_and_then_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        driver = Measured()
        driver.hangs = 1
        async with desk(tmp_path, driver) as opened:
            number = await opened.begin()
            await happened(driver.began)
            room, node = opened.parts.rooms["acme"], opened.parts.fleet.nodes("acme")[0]
            run = room.start(
                lambda: room.command(PATIENCE, node, driver.set_power_state, "power on", urgent=True),
                contexts.new(),
            )
            await asyncio.wrap_future(run.future)
            read = await opened.answer(number)
            assert (read.error, driver.ran) == (None, ["n1", "n1"])

    asyncio.run(main())


def test_one_that_is_under_way_is_not_begun_again(tmp_path: Path) -> None:
    async def main() -> None:
        driver = Measured()
        driver.hangs = 1
        async with desk(tmp_path, driver) as opened:
            number = await opened.begin()
            await happened(driver.began)
            assert await opened.begin() == number
            assert driver.ran == ["n1"]

    asyncio.run(main())


def test_a_member_that_ends_gives_up_its_reads_and_they_are_answered(tmp_path: Path) -> None:
    async def main() -> None:
        driver = Measured()
        driver.hangs = 1
        async with desk(tmp_path, driver) as opened:
            number = await opened.begin()
            await happened(driver.began)
            opened.reads.cancel()
            await happened(driver.ended)
            assert (await opened.find(number)).finished_at is None
            await opened.parts.sql.write(lambda connection: members.leave(connection, HERE))
            assert "ended before it answered" in str((await opened.find(number)).error)

    asyncio.run(main())
