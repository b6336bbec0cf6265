"""The daemon's side of reads of the hardware that people wait for."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
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
        self.reads = HardwareReads(parts.sql, parts.fleet, parts.rooms, parts.recorder, seconds=seconds)

    async def begin(self, kind: str = "sensors", node: str = "n1", **arguments: Any) -> int:
        sql = self.parts.sql
        number = await sql.write(
            lambda connection: statements.ask(connection, node, kind, "somebody", arguments)
        )
        await self.parts.fleet.refresh(sql)
        await self.reads.poll()
        return number

    async def find(self, number: int) -> HardwareRead:
        found = await self.parts.sql.read(lambda connection: statements.find(connection, number))
        assert found is not None
        return found

    async def answer(
        self, number: int | None = None, kind: str = "sensors", **arguments: Any
    ) -> HardwareRead:
        number = number or await self.begin(kind, **arguments)
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
    assert read.answer == {"sensors": [{**shown, "thresholds": None}]}


def test_thresholds_are_written_down_as_far_as_they_are_numbers(tmp_path: Path) -> None:
    limits = base.Thresholds(lower_fatal=-5, upper_caution=float("inf"), upper_critical=47.5)
    odd: Any = base.Thresholds(upper_fatal="hot")  # type: ignore[arg-type]
    sensors = [replace(INLET, thresholds=one) for one in (limits, odd, 7)]  # type: ignore[arg-type]
    found = answered(tmp_path, Measured(sensors)).answer
    assert found is not None
    first, *others = (one["thresholds"] for one in found["sensors"])
    assert {name: limit for name, limit in first.items() if limit is not None} == {
        "lower_fatal": -5.0,
        "upper_critical": 47.5,
    }
    assert others == [None, None]


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
        (Bare("acme"), "DriverError", "n1: the driver acme cannot read sensors"),
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
    text = "n1: the hardware does not answer within 0.05 s"
    assert (read.error_kind, read.error) == ("BMCUnreachable", text)
    assert driver.ended.is_set()


def test_hardware_that_hangs_is_named_without_secrets(tmp_path: Path) -> None:
    class Placed(Measured):
        def endpoint(self, node: base.Node) -> str:
            return "xyzzy@10.0.0.1:6230"

    driver = Placed()
    driver.hangs = 1
    read = answered(tmp_path, driver, 0.05)
    assert read.error == "n1: BMC ******@10.0.0.1:6230 does not answer within 0.05 s"


def test_a_kind_of_a_later_version_is_refused(tmp_path: Path) -> None:
    read = answered(tmp_path, Measured(), kind="weather")
    assert (read.error_kind, read.error) == ("NodeConflict", "the conductor of n1 cannot read weather yet")


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
            assert str(read.error).startswith("n1 is taken: a request for it is under way")
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


class Able(StillDriver):
    """Machines that boot from, have logged and show on their clock what a test wants."""

    properties = Measured.properties

    def __init__(self, found: Any) -> None:
        super().__init__("acme")
        self.found = found
        self.asked: list[tuple[Any, ...]] = []

    def _told(self) -> Any:
        if isinstance(self.found, BaseException):
            raise self.found
        return self.found

    async def get_boot_device(self, node: base.Node) -> base.Boot:
        return self._told()  # type: ignore[no-any-return]

    async def set_boot_device(self, node: base.Node, boot: base.BootDevice) -> None: ...

    async def get_log(self, node: base.Node, before: str | None, after: str | None, limit: int) -> base.Log:
        self.asked.append((before, after, limit))
        return self._told()  # type: ignore[no-any-return]

    async def get_clock(self, node: base.Node) -> datetime:
        found: datetime = self._told()
        return found


class Blocking(Able):
    """The same with a blocking library."""

    def get_clock(self, node: base.Node) -> datetime:  # type: ignore[override]
        return self._told()  # type: ignore[no-any-return]

    def get_boot_device(self, node: base.Node) -> base.Boot:  # type: ignore[override]
        return self._told()  # type: ignore[no-any-return]


BOOT = base.Boot(base.BootDevice("pxe", True, "uefi"), ["disk", "pxe", "tape"])


@pytest.mark.parametrize("driver", [Able, Blocking])
@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (BOOT, {"device": "pxe", "persistent": True, "mode": "uefi", "supported": ["pxe", "disk"]}),
        (
            base.Boot(base.BootDevice(None, mode="arc"), {"bios"}),  # type: ignore[arg-type]
            {"device": None, "persistent": False, "mode": None, "supported": ["bios"]},
        ),
        (
            base.Boot(base.BootDevice("my xyzzy\n" + "y" * 99), ()),
            {"device": f"my ****** {'y' * 22}", "persistent": False, "mode": None, "supported": []},
        ),
    ],
    ids=["pxe", "unknown", "odd"],
)
def test_what_a_machine_boots_from_is_written_down(
    tmp_path: Path, driver: type[Able], found: base.Boot, shown: Mapping[str, Any]
) -> None:
    read = answered(tmp_path, driver(found), kind="boot device")
    assert (read.error, read.answer) == (None, shown)


NOON = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=1)))


def entries(*numbers: int, **columns: Any) -> list[base.LogEntry]:
    return [
        base.LogEntry(str(one), **{"at": NOON, "severity": "OK", "message": "", **columns}) for one in numbers
    ]


def page(tmp_path: Path, found: Any, limit: int = 1000, **arguments: Any) -> Any:
    """What becomes of a page of a log."""
    read = answered(tmp_path, Able(found), kind="log", before=None, after=None, limit=limit)
    assert read.error is None
    return read.answer


def test_a_log_is_asked_for_as_the_caller_says(tmp_path: Path) -> None:
    (entry,) = entries(7, severity="Critical", message="lower critical", sensor="Fan 1", raw=b"\0\xff")
    driver = Able(base.Log([entry], True, 30.5))
    read = answered(tmp_path, driver, kind="log", before="8", after="3", limit=20)
    assert driver.asked == [("8", "3", 20)]
    line = {"id": "7", "severity": "Critical", "message": "lower critical", "sensor": "Fan 1", "raw": "00ff"}
    shown = {**line, "clock_at": "2026-03-01T11:00:00+00:00"}
    assert read.answer == {"entries": [shown], "more": True, "clock_offset": 30.5}


@pytest.mark.parametrize(("limit", "asked"), [(0, 1), (5000, 1000)])
def test_a_driver_is_never_asked_for_more_than_a_page(tmp_path: Path, limit: int, asked: int) -> None:
    driver = Able(base.Log([]))
    answered(tmp_path, driver, kind="log", before=None, after=None, limit=limit)
    assert driver.asked == [(None, None, asked)]


FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("offset", "shown"), [(None, None), (1.0, 1.0), (float("nan"), None), ("late", None)]
)
def test_times_are_those_of_the_hardwares_clock_and_there_may_be_none(
    tmp_path: Path, offset: Any, shown: float | None
) -> None:
    found = [*entries(1, at=None), *entries(2, at=FIRST), *entries(3, at=LAST)]
    answer = page(tmp_path, base.Log(found, clock_offset=offset))
    assert answer["clock_offset"] == shown
    assert [one["clock_at"] and one["clock_at"][:4] for one in answer["entries"]] == [None, "0001", "9999"]


def test_more_entries_than_were_asked_for_are_left_to_the_next_page(tmp_path: Path) -> None:
    found = page(tmp_path, base.Log(entries(*range(10_001))))
    assert (len(found["entries"]), found["entries"][0]["id"], found["more"]) == (1000, "9001", True)
    assert found["entries"][-1]["id"] == "10000"


def test_an_answer_has_as_many_of_the_newest_entries_as_fit(tmp_path: Path) -> None:
    found = page(tmp_path, base.Log(entries(*range(1000), message="ü" * 1000)))
    ids = [int(one["id"]) for one in found["entries"]]
    assert 20 < len(ids) < 1000 and found["more"]
    assert ids == [*range(1000 - len(ids), 1000)]


class Slow(Measured):
    """Machines whose logs nobody ever hears the end of."""

    def __init__(self) -> None:
        super().__init__()
        self.logs: list[str] = []

    async def get_log(self, node: base.Node, before: str | None, after: str | None, limit: int) -> base.Log:
        self.logs.append(node.name)
        self.began.set()
        await asyncio.Event().wait()
        raise AssertionError


def test_a_node_that_does_not_answer_takes_one_turn_of_all_and_logs_leave_some_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podium.conductor.tasks.hardware_reads._AT_ONCE", 3)
    monkeypatch.setattr("podium.conductor.tasks.hardware_reads._LOGS_AT_ONCE", 2)

    async def main() -> None:
        driver = Slow()
        async with desk(tmp_path, driver) as opened:
            for name in ("n2", "n3", "n4"):
                opened.parts.enrol({"name": name, "driver": "acme"})
            for node in ("n1", "n2", "n3"):
                for limit in (1, 2, 3, 4):
                    await opened.begin("log", node, before=None, after=None, limit=limit)
            await happened(driver.began)
            assert (await opened.answer(await opened.begin(node="n4"))).error is None
            assert sorted(driver.logs) == ["n1", "n2"]

    asyncio.run(main())


def test_an_entry_that_is_listed_twice_is_shown_once(tmp_path: Path) -> None:
    found = page(tmp_path, base.Log(entries(1, 2, 2, 3)))
    assert ([one["id"] for one in found["entries"]], found["more"]) == (["1", "2", "3"], False)


def test_what_a_log_says_is_shown_without_secrets_and_control_characters(tmp_path: Path) -> None:
    odd = base.LogEntry("a xyzzy", NOON, "OK", "login xyzzy\33[2J", "of\0xyzzy", b"is xyzzy")
    found = page(tmp_path, base.Log([odd, *entries(2, raw=b"else")]))["entries"]
    shown = {name: found[0][name] for name in ("id", "message", "sensor", "raw")}
    assert shown == {"id": "a ******", "message": "login ****** [2J", "sensor": "of ******", "raw": None}
    assert found[1]["raw"] == b"else".hex()


def test_what_hardware_sent_as_text_is_shown_as_text_without_secrets(tmp_path: Path) -> None:
    found = page(tmp_path, base.Log([*entries(1, raw='{"Oem":\n"xyzzy"}'), *entries(2, raw="r" * 2000)]))
    assert [one["raw"] for one in found["entries"]] == ['{"Oem": "******"}', "r" * 1000]


def test_what_is_too_long_is_cut_after_secrets_were_looked_for(tmp_path: Path) -> None:
    names, message = f"{'n' * 126}xyzzy", f"{'m' * 998}xyzzy"
    found = page(tmp_path, base.Log([base.LogEntry(names, NOON, "OK", message, names, bytes(300))]))[
        "entries"
    ]
    shown = {name: found[0][name] for name in ("id", "message", "sensor", "raw")}
    name = f"{'n' * 126}**"
    assert shown == {"id": name, "message": f"{'m' * 998}**", "sensor": name, "raw": "00" * 256}


def test_the_number_of_an_entry_is_no_secret(tmp_path: Path) -> None:
    async def main() -> None:
        async with desk(tmp_path, Able(base.Log(entries(1234, message="1234")))) as opened:
            number = opened.parts.fleet.named("n1").number  # type: ignore[union-attr]
            with opened.parts.database.write() as connection:
                api.update_node(connection, number, {"driver_info": {"acme_password": "1234"}})
            await opened.parts.fleet.refresh(opened.parts.sql)
            found = (await opened.answer(kind="log", before=None, after=None, limit=9)).answer
            assert found is not None
            assert [(one["id"], one["message"]) for one in found["entries"]] == [("1234", "******")]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("kind", "found", "text"),
    [
        ("boot device", "pxe", "get_boot_device returned 'pxe', which is no podium.drivers.base.Boot"),
        (
            "boot device",
            base.Boot("pxe xyzzy", ()),  # type: ignore[arg-type]
            "get_boot_device returned Boot(chosen='pxe ******', supported=()), which is no"
            " podium.drivers.base.Boot",
        ),
        (
            "boot device",
            base.Boot(base.BootDevice("pxe"), 7),  # type: ignore[arg-type]
            "get_boot_device supports 7, not a list",
        ),
        ("log", [], "get_log returned [], which is no podium.drivers.base.Log"),
        ("log", base.Log(7), "get_log returned Log(more=False, clock_offset=None)"),  # type: ignore[arg-type]
        ("log", base.Log(["xyzzy"]), "get_log returned an entry '******', which is none"),  # type: ignore[list-item]
        (
            "log",
            base.Log([*entries(1), *entries(1, message="other")]),
            "get_log returned two entries with the id 1",
        ),
        ("log", base.Log([], more=True), "get_log returned no entry, although there are more"),
        ("clock", 7, "get_clock returned no time: a clock shows a datetime, not 7"),
        (
            "clock",
            datetime(2026, 3, 1),
            "get_clock returned no time: a clock shows a time with an offset from UTC, other than 2026-03-01"
            " 00:00:00",
        ),
    ],
)
def test_what_is_none_of_what_was_asked_for_is_an_error(
    tmp_path: Path, kind: str, found: Any, text: str
) -> None:
    read = answered(tmp_path, Able(found), kind=kind, before=None, after=None, limit=1000)
    assert (read.answer, read.error_kind) == (None, "DriverError")
    assert str(read.error).startswith(f"n1: {text}")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("boot device", "the driver acme cannot read what a machine boots from"),
        ("log", "the driver acme cannot read a log"),
        ("clock", "the driver acme cannot read a clock"),
    ],
)
def test_a_driver_that_cannot_says_so(tmp_path: Path, kind: str, text: str) -> None:
    read = answered(tmp_path, Bare("acme"), kind=kind)
    assert (read.error_kind, read.error) == ("DriverError", f"n1: {text}")


@pytest.mark.parametrize("driver", [Able, Blocking])
def test_how_far_a_clock_is_off_is_answered_and_noted_with_the_node(
    tmp_path: Path, driver: type[Able]
) -> None:
    async def main() -> None:
        async with desk(tmp_path, driver(datetime(1970, 1, 2, tzinfo=UTC))) as opened:
            before = datetime.now(UTC)
            found = (await opened.answer(kind="clock")).answer
            after = datetime.now(UTC)
            assert found is not None
            ahead = timedelta(seconds=found["offset"])
            assert before <= datetime(1970, 1, 2, tzinfo=UTC) - ahead <= after
            await opened.parts.recorder.flush()
            node = opened.parts.node("n1")
            assert node.clock_offset == found["offset"]
            assert before <= node.clock_checked_at

    asyncio.run(main())


def test_what_a_log_says_of_the_clock_is_noted_with_the_node(tmp_path: Path) -> None:
    async def main() -> None:
        async with desk(tmp_path, Able(base.Log([], clock_offset=-120.0))) as opened:
            await opened.answer(kind="log", before=None, after=None, limit=1)
            await opened.parts.recorder.flush()
            assert opened.parts.node("n1").clock_offset == -120.0

    asyncio.run(main())


def test_reads_with_other_arguments_are_made_beside_one_another(tmp_path: Path) -> None:
    async def main() -> None:
        driver = Able(base.Log(entries(1)))
        async with desk(tmp_path, driver) as opened:
            numbers = [await opened.begin("log", before=before, after=None, limit=5) for before in ("7", "9")]
            for number in numbers:
                assert (await opened.answer(number)).error is None
            assert sorted(driver.asked) == [("7", None, 5), ("9", None, 5)]

    asyncio.run(main())
