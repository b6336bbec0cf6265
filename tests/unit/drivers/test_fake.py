"""Machines in memory: they keep their power, and fail as they are told to."""

import asyncio
from collections.abc import Sequence
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

    def nodes(self, driver: base.Driver) -> Sequence[base.Node]:
        return self.owned

    def report_health(self, node: base.Node, health: base.Health) -> None:
        self.healths[node.name] = health


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


def test_an_nmi_is_counted_and_refused_where_that_was_asked_for(driver: FakeDriver) -> None:
    asyncio.run(driver.inject_nmi(node()))
    with pytest.raises(errors.DriverError, match="fake_refuse"):
        asyncio.run(driver.inject_nmi(node(fake_refuse=True)))
    assert driver.statistics() == {"interrupts": 1}


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


def test_the_driver_of_ironics_name_is_the_same_and_says_what_ironics_is_made_of() -> None:
    driver = FakeHardware("fake-hardware", None)
    assert driver.properties == FakeDriver.properties
    assert driver.interfaces["network"] == "noop"
    assert {driver.interfaces[kind] for kind in ("boot", "deploy", "management", "power")} == {"fake"}
    assert asyncio.run(driver.get_power_state(node())) == states.POWER_OFF
