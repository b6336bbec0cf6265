"""Machines in memory: they keep their power, and fail as they are told to."""

import asyncio
import contextlib
import itertools
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from oslo_context import context as oslo_context

from podium import errors, states
from podium.drivers import base
from podium.drivers.fake import FakeDriver, FakeHardware


def node(name: str = "n1", power_state: str | None = None, **driver_info: Any) -> base.Node:
    return base.Node(
        uuid=f"uuid of {name}", name=name, driver="fake", driver_info=driver_info, power_state=power_state
    )


class Manager:
    """A conductor that owns these nodes and remembers what is reported."""

    def __init__(self, *nodes: base.Node) -> None:
        self.owned = nodes
        self.healths: dict[str, base.Health] = {}
        self.clocks: dict[str, float] = {}

    def nodes(self, driver: base.Driver) -> Sequence[base.Node]:
        return self.owned

    def report_health(self, node: base.Node, health: base.Health) -> None:
        self.healths[node.name] = health

    def report_clock(self, node: base.Node, clock: datetime) -> None:
        self.clocks[node.name] = base.clock_offset(clock)


@pytest.fixture
def driver() -> FakeDriver:
    return FakeDriver("fake", None)


def check(driver: FakeDriver, manager: Manager) -> None:
    asyncio.run(driver.check_status(manager, oslo_context.RequestContext(overwrite=False)))


def test_a_new_machine_is_off(driver: FakeDriver) -> None:
    assert asyncio.run(driver.get_power_state(node())) == states.POWER_OFF


def test_a_machine_is_in_the_state_that_the_database_knew(driver: FakeDriver) -> None:
    assert asyncio.run(driver.get_power_state(node(power_state=states.POWER_ON))) == states.POWER_ON


@pytest.mark.parametrize("target", FakeDriver.supported_power_states)
@pytest.mark.parametrize("known", [states.POWER_ON, states.POWER_OFF])
def test_a_machine_reaches_every_target_from_every_state(driver: FakeDriver, target: str, known: str) -> None:
    async def switch() -> str:
        await driver.set_power_state(node(power_state=known), target)
        return await driver.get_power_state(node(power_state=known))

    assert asyncio.run(switch()) == states.REACHED[target]


def test_two_machines_have_power_of_their_own(driver: FakeDriver) -> None:
    asyncio.run(driver.set_power_state(node("n1"), states.POWER_ON))
    assert asyncio.run(driver.get_power_state(node("n2"))) == states.POWER_OFF


@pytest.mark.parametrize("state", sorted(states.READINGS))
def test_a_wrong_answer_is_given_whatever_the_state(driver: FakeDriver, state: str) -> None:
    asyncio.run(driver.set_power_state(node(), states.POWER_ON))
    assert asyncio.run(driver.get_power_state(node(fake_wrong_state=state))) == state


def test_every_call_fails_at_a_rate_of_one(driver: FakeDriver) -> None:
    with pytest.raises(errors.BMCUnreachable, match="fake_failure_rate"):
        asyncio.run(driver.get_power_state(node(fake_failure_rate=1)))
    with pytest.raises(errors.BMCUnreachable, match="fake_failure_rate"):
        asyncio.run(driver.set_power_state(node(fake_failure_rate=1), states.POWER_ON))


def test_a_change_that_is_refused_does_not_happen(driver: FakeDriver) -> None:
    with pytest.raises(errors.DriverError, match="fake_refuse"):
        asyncio.run(driver.set_power_state(node(fake_refuse=True), states.POWER_ON))
    assert asyncio.run(driver.get_power_state(node(fake_refuse=True))) == states.POWER_OFF


def test_sensors_show_whether_the_machine_is_on(driver: FakeDriver) -> None:
    def measured() -> dict[str, float | None]:
        return {one.name: one.value for one in asyncio.run(driver.get_sensors(node()))}

    off = measured()
    asyncio.run(driver.set_power_state(node(), states.POWER_ON))
    on = measured()
    assert (off["Fan 1"], on["Fan 1"], off["Inlet"]) == (None, 4200.0, on["Inlet"])
    with pytest.raises(errors.BMCUnreachable, match="fake_failure_rate"):
        asyncio.run(driver.get_sensors(node(fake_failure_rate=1)))


def logged(
    driver: FakeDriver,
    before: str | None = None,
    after: str | None = None,
    limit: int = 1000,
    **driver_info: Any,
) -> tuple[list[int], bool]:
    found = asyncio.run(driver.get_log(node(**driver_info), before, after, limit))
    return [int(one.id) for one in found.entries], found.more


def test_a_log_has_as_many_entries_as_driver_info_says_and_is_read_in_pages(driver: FakeDriver) -> None:
    assert logged(driver) == ([1, 2, 3, 4], False)
    assert logged(driver, limit=3, fake_log_entries=6) == ([4, 5, 6], True)
    assert logged(driver, before="4", limit=3, fake_log_entries=6) == ([1, 2, 3], False)
    assert logged(driver, after="4", fake_log_entries=6) == ([5, 6], False)
    assert logged(driver, before="99", after="elsewhere", fake_log_entries=2) == ([1, 2], False)
    assert logged(driver, fake_log_entries=0) == ([], False)
    with pytest.raises(errors.BMCUnreachable, match="fake_failure_rate"):
        logged(driver, fake_failure_rate=1)


def test_entries_stay_as_they_are_when_others_come(driver: FakeDriver) -> None:
    def read(entries: int) -> Sequence[base.LogEntry]:
        return asyncio.run(driver.get_log(node(fake_log_entries=entries), None, None, 1000)).entries

    first, later = read(5), read(9)
    assert later[:5] == first
    times = [one.at for one in later]
    assert all(one is not None for one in times)
    assert all(a <= b for a, b in itertools.pairwise(times))  # type: ignore[operator]
    assert {one.severity for one in first} == {"OK", "Warning", "Critical"}
    assert any(one.raw for one in first) and any(one.sensor for one in first)


def test_a_clock_is_ahead_as_driver_info_says_and_so_is_the_log(driver: FakeDriver) -> None:
    def offset(**driver_info: Any) -> float:
        return base.clock_offset(asyncio.run(driver.get_clock(node(**driver_info))))

    assert offset(fake_clock_offset=-7200) == pytest.approx(-7200, abs=60)
    assert offset() == pytest.approx(0, abs=60)
    for its in (0.0, 500.0):
        found = asyncio.run(driver.get_log(node(fake_clock_offset=its), None, None, 1))
        (entry,) = found.entries
        assert (found.clock_offset, entry.at is not None) == (its, True)
        assert base.clock_offset(entry.at) == pytest.approx(its, abs=60)  # type: ignore[arg-type]


def test_a_clock_that_is_off_is_reported(driver: FakeDriver) -> None:
    manager = Manager(node("n1"), node("n2", fake_clock_offset=90))
    check(driver, manager)
    assert manager.clocks == {"n2": pytest.approx(90, abs=60)}


def test_a_new_machine_boots_as_it_always_does(driver: FakeDriver) -> None:
    found = asyncio.run(driver.get_boot_device(node()))
    assert found == base.Boot(base.BootDevice("default"), base.BOOT_DEVICES)


def test_an_nmi_is_counted_and_refused_where_that_was_asked_for(driver: FakeDriver) -> None:
    asyncio.run(driver.inject_nmi(node()))
    with pytest.raises(errors.DriverError, match="fake_refuse"):
        asyncio.run(driver.inject_nmi(node(fake_refuse=True)))
    assert driver.statistics()["interrupts"] == 1


def test_an_answer_takes_the_latency_that_was_asked_for(driver: FakeDriver) -> None:
    async def ask_a_slow_machine() -> None:
        asking = asyncio.create_task(driver.get_power_state(node(fake_latency=3600)))
        done, _ = await asyncio.wait([asking], timeout=0.05)
        assert not done
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(ask_a_slow_machine())


@pytest.mark.parametrize(
    "info",
    [
        {"fake_latency": -1},
        {"fake_latency": "soon"},
        {"fake_failure_rate": 1.5},
        {"fake_refuse": "perhaps"},
        {"fake_wrong_state": "rebooting"},
        {"fake_health": "fine"},
        {"fake_log_entries": -1},
        {"fake_clock_offset": "late"},
        {"fake_account_fault": "shy"},
        {"fake_reboot_logins": -1},
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(driver: FakeDriver, info: dict[str, Any]) -> None:
    (name,) = info
    with pytest.raises(errors.InvalidDriverInfo, match=name):
        driver.validate(node(**info))


def test_settings_may_be_text_as_from_a_command_line(driver: FakeDriver) -> None:
    given = node(fake_latency="0", fake_failure_rate="0.0", fake_refuse="no", fake_password="x")
    assert asyncio.run(driver.get_power_state(given)) == states.POWER_OFF


def test_each_machine_fares_as_its_driver_info_says(driver: FakeDriver) -> None:
    manager = Manager(node("n1"), node("n2", fake_health="Critical"))
    check(driver, manager)
    assert manager.healths == {
        "n1": base.Health("OK"),
        "n2": base.Health("Critical", ("fake_health says so",)),
    }


def test_a_change_of_settings_holds_from_the_next_call_and_leaves_the_power_alone(driver: FakeDriver) -> None:
    asyncio.run(driver.set_power_state(node(), states.POWER_ON))
    assert asyncio.run(driver.get_power_state(node(fake_wrong_state=states.ERROR))) == states.ERROR
    assert asyncio.run(driver.get_power_state(node())) == states.POWER_ON


def test_a_machine_that_is_gone_is_forgotten(driver: FakeDriver) -> None:
    for name in ("n1", "n2"):
        asyncio.run(driver.set_power_state(node(name), states.POWER_ON))
    check(driver, Manager(node("n2")))
    assert asyncio.run(driver.get_power_state(node("n1"))) == states.POWER_OFF
    assert asyncio.run(driver.get_power_state(node("n2"))) == states.POWER_ON


def logins(driver: FakeDriver) -> tuple[float, float]:
    """The right and the wrong ones."""
    return driver.statistics()["logins"], driver.statistics()["wrong_logins"]


def test_a_login_shows_who_it_was_and_what_the_machine_does(driver: FakeDriver) -> None:
    asyncio.run(driver.set_power_state(node(), states.POWER_ON))
    report = asyncio.run(driver.check_login(node(fake_username="admin", fake_password="x")))
    assert report == base.LoginReport("admin", "administrator", states.POWER_ON, protocol="memory")
    known = node("n2", states.POWER_ON)
    assert asyncio.run(driver.check_login(known)).power_state == states.POWER_ON
    wrong = node("n3", fake_wrong_state=states.ERROR)
    assert asyncio.run(driver.check_login(wrong)).power_state == states.ERROR


def test_the_password_that_a_machine_saw_first_is_the_right_one(driver: FakeDriver) -> None:
    asyncio.run(driver.get_power_state(node(fake_password="old")))
    with pytest.raises(errors.AuthenticationRefused):
        asyncio.run(driver.check_login(node(fake_password="new")))
    asyncio.run(driver.check_login(node(fake_password="old")))
    assert logins(driver) == (1, 1)
    asyncio.run(driver.get_power_state(node(fake_password="new")))  # as over a session that is open


def test_a_machine_may_have_another_password_than_podium_knows(driver: FakeDriver) -> None:
    info = {"fake_machine_password": "new"}
    asyncio.run(driver.get_power_state(node(**info, fake_password="old")))
    with pytest.raises(errors.AuthenticationRefused):
        asyncio.run(driver.check_login(node(**info, fake_password="old")))
    asyncio.run(driver.check_login(node(**info, fake_password="new")))


def test_a_new_password_is_the_right_one_for_all_machines_of_a_controller(driver: FakeDriver) -> None:
    shared = {"fake_address": "10.0.0.1"}
    asyncio.run(driver.set_password(node("n1", **shared, fake_password="old"), "new"))
    asyncio.run(driver.check_login(node("n2", **shared, fake_password="new")))
    with pytest.raises(errors.AuthenticationRefused):
        asyncio.run(driver.check_login(node("n2", **shared, fake_password="old")))
    with pytest.raises(errors.AuthenticationRefused):
        asyncio.run(driver.set_password(node("n1", **shared, fake_password="old"), "newer"))
    asyncio.run(driver.check_login(node("n1", **shared, fake_password="new")))


@pytest.mark.parametrize(
    ("fault", "error", "right"),
    [
        ("refuse", errors.PasswordRefused, "old"),
        ("lost", errors.BMCUnreachable, "old"),
        ("silent", errors.BMCUnreachable, "new"),
        ("lie", None, "old"),
        ("reboot", None, "new"),
    ],
)
def test_a_new_password_fares_as_was_asked_for(
    driver: FakeDriver, fault: str, error: type[Exception] | None, right: str
) -> None:
    faults = {"fake_account_fault": fault, "fake_reboot_logins": 2}
    setting = driver.set_password(node(**faults, fake_password="old"), "new")
    with pytest.raises(error) if error else contextlib.nullcontext():
        asyncio.run(setting)
    for _ in range(2 if fault == "reboot" else 0):
        with pytest.raises(errors.BMCUnreachable, match="reboots"):
            asyncio.run(driver.check_login(node(**faults, fake_password=right)))
    asyncio.run(driver.check_login(node(**faults, fake_password=right)))
    with pytest.raises(errors.AuthenticationRefused):
        asyncio.run(driver.check_login(node(**faults, fake_password="new" if right == "old" else "old")))


def test_a_password_of_more_than_20_bytes_is_refused(driver: FakeDriver) -> None:
    with pytest.raises(errors.PasswordRefused, match="20 bytes"):
        asyncio.run(driver.set_password(node(), "x" * 21))
    asyncio.run(driver.set_password(node(), "x" * 20))


def test_the_password_of_a_machine_that_is_gone_is_forgotten(driver: FakeDriver) -> None:
    for name in ("n1", "n2"):
        asyncio.run(driver.set_password(node(name, fake_password="old"), "new"))
    check(driver, Manager(node("n2")))
    asyncio.run(driver.check_login(node("n1", fake_password="any")))
    with pytest.raises(errors.AuthenticationRefused):
        asyncio.run(driver.check_login(node("n2", fake_password="any")))


def test_the_driver_of_ironics_name_is_the_same_and_says_what_ironics_is_made_of() -> None:
    driver = FakeHardware("fake-hardware", None)
    assert driver.properties == FakeDriver.properties
    assert driver.interfaces["network"] == "noop"
    assert {driver.interfaces[kind] for kind in ("boot", "deploy", "management", "power")} == {"fake"}
    assert asyncio.run(driver.get_power_state(node())) == states.POWER_OFF


@pytest.mark.parametrize(
    ("boot", "after"),
    [
        (base.BootDevice("pxe"), base.BootDevice("default")),
        (base.BootDevice("disk", persistent=True), base.BootDevice("disk", persistent=True)),
    ],
)
def test_what_a_machine_boots_from_once_is_over_with_the_next_boot(
    driver: FakeDriver, boot: base.BootDevice, after: base.BootDevice
) -> None:
    async def chosen() -> base.BootDevice:
        return (await driver.get_boot_device(node())).chosen

    async def main() -> None:
        await driver.set_power_state(node(), states.POWER_ON)
        await driver.set_boot_device(node(), boot)
        await driver.set_power_state(node(), states.POWER_ON)  # it is on, and boots nothing
        assert await chosen() == boot
        await driver.set_power_state(node(), states.REBOOTING)
        assert await chosen() == after

    asyncio.run(main())


def test_a_log_is_cleared_unless_it_has_entries_that_nobody_has_seen(driver: FakeDriver) -> None:
    async def main() -> None:
        log = await driver.get_log(node(), None, None, 10)
        with pytest.raises(errors.LogChanged, match="the log has entries after 3"):
            await driver.clear_log(node(), "3")
        await driver.clear_log(node(), log.entries[-1].id)
        assert (await driver.get_log(node(), None, None, 10)).entries == []

    asyncio.run(main())


def test_a_clock_that_is_set_is_right(driver: FakeDriver) -> None:
    async def offset() -> float:
        return base.clock_offset(await driver.get_clock(node(fake_clock_offset=3600)))

    async def main() -> None:
        assert await offset() == pytest.approx(3600, abs=60)
        await driver.set_clock(node(fake_clock_offset=3600))
        assert await offset() == pytest.approx(0, abs=60)

    asyncio.run(main())


def test_what_is_beside_the_power_is_refused_as_the_power_is(driver: FakeDriver) -> None:
    given = node(fake_refuse=True)
    for call in (
        driver.set_boot_device(given, base.BootDevice("pxe")),
        driver.identify(given, 60),
        driver.clear_log(given, "4"),
        driver.set_clock(given),
        driver.blink(given, "red"),
    ):
        with pytest.raises(errors.DriverError, match="fake_refuse"):
            asyncio.run(call)
