"""Hardware that misbehaves for some nodes, as the test asked."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from podium import errors, states
from podium.drivers import base
from podium.drivers.fake import FakeDriver
from podium.testing import Faults, make_driver, make_node


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


def test_it_stands_for_the_driver_inside() -> None:
    inside = make_driver(FakeDriver, "fake")
    faults: base.Driver = Faults(inside)
    assert (faults.name, faults.properties) == ("fake", inside.properties)
    with pytest.raises(errors.InvalidDriverInfo, match="fake_latency"):
        faults.validate(make_node("acme", driver_info={"fake_latency": "long"}))
