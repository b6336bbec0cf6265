"""The rooms of all drivers are opened together; one that takes long holds up nobody."""

import asyncio
import re
import threading
from collections.abc import Mapping

import pytest

from fakes import PATIENCE, StillDriver, happened, until
from podium import errors
from podium.conductor.rooms import watchdog
from podium.conductor.rooms.driver_rooms import DriverRooms
from podium.conductor.rooms.room import DriverRoom


class Late(StillDriver):
    """A plain start that returns when it is let go."""

    def __init__(self, name: str = "late") -> None:
        super().__init__(name)
        self.began = threading.Event()
        self.let_go = threading.Event()
        self.fails = False

    def start(self) -> None:
        self.began.set()
        assert self.let_go.wait(PATIENCE)
        if self.fails:
            raise OSError("no such device")


class Never(StillDriver):
    """An async start that never ends."""

    def __init__(self, name: str = "never") -> None:
        super().__init__(name)
        self.began = threading.Event()

    async def start(self) -> None:
        self.began.set()
        await asyncio.Event().wait()


class After(StillDriver):
    """A start that ends once another has begun."""

    def __init__(self, other: threading.Event) -> None:
        super().__init__()
        self.other = other

    def start(self) -> None:
        assert self.other.wait(PATIENCE)


class Broken(StillDriver):
    def start(self) -> None:
        raise OSError("no such device")


def test_a_driver_that_takes_long_to_start_joins_the_others_that_go_on_meanwhile(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "STALLED_AFTER", PATIENCE)  # which would be a third line
    joined: list[list[str]] = []
    is_away = True

    async def join(come: Mapping[str, DriverRoom]) -> None:
        nonlocal is_away
        joined.append([*come])
        if is_away:
            is_away = False
            raise errors.DatabaseUnavailable("away")

    async def main() -> None:
        late = Late()
        rooms = DriverRooms({"still": After(late.began), "late": late}, patience=0.0)
        before = iter(rooms)  # of somebody in another thread
        assert await rooms.open(skip_faulty=True)
        assert [*rooms] == ["still"]
        watching = asyncio.create_task(rooms.watch(join, interval=0.01))
        late.let_go.set()
        await until(lambda: len(joined) == 2)
        assert ([*rooms], [*before]) == (["still", "late"], ["still", "late"])
        watching.cancel()
        await rooms.close(PATIENCE)

    asyncio.run(main())
    assert joined == [["late"], ["late"]]
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith(
        "Started without it, until it is there: driver late: start() did not end within 0 s"
    )
    assert second == "Driver late has started at last, and joins the others"


def test_a_driver_whose_late_start_fails_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    async def join(come: Mapping[str, DriverRoom]) -> None:
        raise AssertionError

    async def main() -> None:
        late = Late()
        late.fails = True
        rooms = DriverRooms({"still": StillDriver(), "late": late}, patience=0.0)
        await rooms.open(skip_faulty=True)
        watching = asyncio.create_task(rooms.watch(join, interval=0.01))
        late.let_go.set()
        await until(
            lambda: "is left out: driver late: start() failed: OSError: no such device" in caplog.text
        )
        assert [*rooms] == ["still"]
        watching.cancel()
        await rooms.close(PATIENCE)

    asyncio.run(main())


def test_a_start_that_never_ends_does_not_hold_up_the_end(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        never = Never()
        rooms = DriverRooms({"still": After(never.began), "never": never}, patience=0.0)
        await rooms.open(skip_faulty=True)
        await rooms.close(PATIENCE)

    asyncio.run(main())
    (line,) = (record.getMessage() for record in caplog.records)
    assert re.search(
        r"never: start\(\) did not end within 0 s in Never\.start \(.*test_driver_rooms.py:\d+\)$", line
    )


def test_many_starts_that_hang_hold_up_nobody() -> None:
    hanging = {f"late{number}": Late(f"late{number}") for number in range(40)}

    async def main() -> None:
        rooms = DriverRooms({**hanging, "still": StillDriver()}, patience=0.0)
        assert await rooms.open(skip_faulty=True)
        assert [*rooms] == ["still"]
        for driver in hanging.values():
            await happened(driver.began)  # a room whose thread has not begun yet would not hear of its end
            driver.let_go.set()
        await rooms.close(PATIENCE)

    asyncio.run(main())


def test_where_no_driver_may_be_left_out_the_first_that_fails_is_the_reason() -> None:
    async def main() -> None:
        rooms = DriverRooms({"still": StillDriver(), "broken": Broken("broken")})
        with pytest.raises(errors.DriverLoadError, match="driver broken: start.. failed: OSError"):
            await rooms.open(skip_faulty=False)
        await rooms.close(PATIENCE)

    asyncio.run(main())


def test_where_no_driver_starts_at_all_nothing_does() -> None:
    async def main() -> None:
        rooms = DriverRooms({"one": Broken("one"), "two": Broken("two")})
        with pytest.raises(errors.DriverLoadError, match="driver one: start.. failed: OSError"):
            await rooms.open(skip_faulty=True)
        await rooms.close(PATIENCE)

    asyncio.run(main())


class Odd(StillDriver):
    """It cannot even be looked at."""

    def __init__(self) -> None:
        super().__init__("odd")
        self.properties = ["address"]  # type: ignore[assignment, misc]


def test_a_driver_that_no_room_can_be_made_for_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        rooms = DriverRooms({"odd": Odd(), "still": StillDriver()})
        assert await rooms.open(skip_faulty=True)
        assert [*rooms] == ["still"]
        await rooms.close(PATIENCE)

    asyncio.run(main())
    assert "Started without it: driver odd cannot have a room: AttributeError: " in caplog.text


@pytest.mark.parametrize("skip_faulty", [False, True])
def test_a_driver_that_no_room_can_be_made_for_is_an_error_that_names_it(skip_faulty: bool) -> None:
    drivers = {"odd": Odd()} if skip_faulty else {"odd": Odd(), "still": StillDriver()}
    with pytest.raises(errors.DriverLoadError, match="driver odd cannot have a room: AttributeError: "):
        asyncio.run(DriverRooms(drivers).open(skip_faulty=skip_faulty))
