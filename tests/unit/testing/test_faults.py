"""Hardware that misbehaves for some nodes, as the test asked."""

import asyncio
import datetime
from collections.abc import Iterable
from typing import Any

import pytest

from podium import errors, states
from podium.drivers import base
from podium.drivers.fake import FakeDriver
from podium.testing import Faults, make_driver, make_node
from promises import Able, Good


def read(name: str, **faults: Any) -> str:
    driver = Faults(make_driver(FakeDriver), **faults)
    return asyncio.run(driver.get_power_state(make_node("acme", name=name)))


@pytest.mark.parametrize(
    ("faults", "state"),
    [({"wrong_state": {"n1"}}, states.POWER_ON), ({"slow": {"n1": 0.001}}, states.POWER_OFF)],
)
def test_a_fault_befalls_a_node(faults: dict[str, Iterable[str]], state: str) -> None:
    assert read("n1", **faults) == state


def test_garbage_is_no_power_state() -> None:
    assert read("n1", garbage={"n1"}) not in states.READINGS


def test_a_refused_node_is_neither_read_nor_changed() -> None:
    faults = Faults(make_driver(FakeDriver), refused={"n1"})
    with pytest.raises(errors.AuthenticationRefused):
        asyncio.run(faults.get_power_state(make_node("acme", name="n1")))
    with pytest.raises(errors.AuthenticationRefused):
        asyncio.run(faults.set_power_state(make_node("acme", name="n1"), states.POWER_ON))


def test_a_read_hangs_until_it_is_cancelled() -> None:
    async def scenario() -> None:
        faults = Faults(make_driver(FakeDriver), hang={"n1"})
        running = asyncio.ensure_future(faults.get_power_state(make_node("acme", name="n1")))
        await faults.get_power_state(make_node("acme", name="n2"))
        assert not running.done()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(scenario())


def test_a_fault_can_go_away() -> None:
    async def scenario() -> str:
        faults = Faults(make_driver(FakeDriver), refused={"n1"})
        faults.refused.clear()
        await faults.set_power_state(make_node("acme", name="n1"), states.POWER_ON)
        return await faults.get_power_state(make_node("acme", name="n1"))

    assert asyncio.run(scenario()) == states.POWER_ON


def test_what_is_changed_beside_the_power_can_hang_be_refused_and_be_a_lie() -> None:
    async def scenario() -> None:
        driver = Able("acme", None)
        faults: Any = Faults(driver, refused={"n1"}, garbage={"n2"}, lie={"n3"})
        n1, n2, n3, n4 = (
            make_node("acme", {"acme_address": name}, name=name) for name in ("n1", "n2", "n3", "n4")
        )
        with pytest.raises(errors.AuthenticationRefused):
            await faults.get_log(n1, None, None, 10)
        assert not isinstance(await faults.get_clock(n2), datetime.datetime)
        pxe = base.BootDevice("pxe")
        await faults.set_boot_device(n3, pxe)
        assert driver.boot == base.BootDevice("default")
        await faults.set_boot_device(n4, pxe)
        assert driver.boot == pxe
        assert await faults.blink(n4, label="r1", colour="red") == "r1 blinks red"
        assert await faults.blink(n3, label="r1", colour="red") is None

    asyncio.run(scenario())


def test_it_can_do_what_the_driver_inside_can_and_no_more() -> None:
    able, less = Faults(Able("acme", None)), Faults(Good("acme", None))
    beside = {"boot device", "identify", "log", "clear log", "clock", "set clock"}
    assert {word for word in base.ABILITIES if base.can(able, word)} == beside
    assert base.driver_actions(able) == base.driver_actions(Able)
    assert {word for word in base.ABILITIES if base.can(less, word)} == set()
    assert states.INJECT_NMI not in base.actions(less)


def test_it_stands_for_the_driver_inside() -> None:
    inside = make_driver(FakeDriver, "fake")
    faults: base.Driver = Faults(inside)
    assert (faults.name, faults.properties) == ("fake", inside.properties)
    with pytest.raises(errors.InvalidDriverInfo, match="fake_latency"):
        faults.validate(make_node("acme", driver_info={"fake_latency": "long"}))
