"""The LED of a machine behind Redfish: where it is, how it is lit, and that it goes out again."""

import asyncio
from typing import Any

import pytest

from peers import PATIENCE
from podium import errors
from podium.drivers.redfish.abilities.indicator import Indicators
from podium.drivers.redfish.system import System
from podium.testing import make_node

SYSTEM, CHASSIS = "/redfish/v1/Systems/1", "/redfish/v1/Chassis/1"


async def goes_out(stage: Any) -> None:
    while stage.machine.lit:
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "faults",
    ["", "old-indicator", "chassis-indicator", "old-indicator chassis-indicator", "demands-etags", "renamed",
     "no-etags", "cut-actions", "forgets-sessions=2"],
)  # fmt: skip
def test_an_led_is_lit_until_it_is_put_out(simulated: Any, faults: str) -> None:
    async def use(stage: Any) -> None:
        await stage.driver.identify(stage.node, None)
        assert stage.machine.lit
        await stage.driver.identify(stage.node, 0)
        assert not stage.machine.lit

    simulated(faults, use)


def test_an_led_that_is_lit_for_a_time_goes_out_by_itself(simulated: Any) -> None:
    async def use(stage: Any) -> None:
        await stage.driver.identify(stage.node, 0.05)
        await goes_out(stage)

    simulated("", use)


def test_only_what_was_asked_last_counts(simulated: Any) -> None:
    async def use(stage: Any) -> None:
        await stage.driver.identify(stage.node, 3600)
        await stage.driver.identify(stage.node, 0.05)
        await goes_out(stage)
        await stage.driver.identify(stage.node, 3600)
        await stage.driver.identify(stage.node, None)
        while f"LED of {stage.node.name}" in {task.get_name() for task in asyncio.all_tasks()}:
            await asyncio.sleep(0)
        assert stage.machine.lit

    simulated("", use)


@pytest.mark.parametrize("pauses", [3, 1])
def test_it_is_tried_again_to_put_an_led_out_and_people_are_told_if_that_fails(
    http_bmc: Any, pauses: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        ended = asyncio.Event()
        async with http_bmc(None) as bmc, bmc.connected() as (_, connection):
            bmc.resources[SYSTEM]["LocationIndicatorActive"] = False

            def answer(request: Any) -> Any:
                if request.method != "PATCH":
                    return None
                refused = [
                    one for one in bmc.asked(SYSTEM, "PATCH") if not one.body["LocationIndicatorActive"]
                ]
                if len(refused) == pauses:
                    ended.set()
                return bmc.reply(500 if 0 < len(refused) < 3 else 204)

            bmc.answer = answer
            system, node = System(connection, SYSTEM, 300.0), make_node("redfish", {}, name="r1n01")
            indicators = Indicators(lambda _: system, [0.0] * pauses)
            await indicators.show(node, system, 0.01)
            (lit,) = (task for task in asyncio.all_tasks() if task.get_name() == "LED of r1n01")
            await lit
            assert ended.is_set()

    asyncio.run(asyncio.wait_for(main(), PATIENCE))
    assert ("the LED of node r1n01 stays lit" in caplog.text) == (pauses == 1)


@pytest.mark.parametrize("how", ["release", "close"])
def test_an_led_that_nobody_would_put_out_later_goes_out_now(simulated: Any, how: str) -> None:
    async def use(stage: Any) -> None:
        await stage.driver.identify(stage.node, 3600)
        await (stage.driver.release(stage.node) if how == "release" else stage.driver.close())
        assert not stage.machine.lit

    simulated("", use)


def test_an_led_that_was_lit_for_good_stays_lit_when_the_node_goes_elsewhere(simulated: Any) -> None:
    async def use(stage: Any) -> None:
        await stage.driver.identify(stage.node, None)
        await stage.driver.release(stage.node)
        assert stage.machine.lit

    simulated("", use)


def test_a_machine_without_an_led_is_said_to_have_none(simulated: Any) -> None:
    async def use(stage: Any) -> None:
        with pytest.raises(errors.Unsupported, match=f"no LED by which {SYSTEM} could be found"):
            await stage.driver.identify(stage.node, 60)

    simulated("lacks=identify", use)


def test_what_the_bmc_lists_is_asked_for_and_a_null_is_an_led_too(documented: Any) -> None:
    async def use(stage: Any) -> None:
        bmc = stage.bmc
        bmc.answer = lambda request: bmc.reply(204) if request.method == "PATCH" else None
        await stage.driver.identify(stage.node, None)
        del bmc.resources[SYSTEM]["LocationIndicatorActive"]
        await stage.driver.identify(stage.node, None)
        await stage.driver.identify(stage.node, 0)
        sent = [request.body for request in bmc.asked(SYSTEM, "PATCH")]
        assert sent == [{"LocationIndicatorActive": True}, {"IndicatorLED": "Lit"}, {"IndicatorLED": "Off"}]

    listed = {"IndicatorLED": None, "IndicatorLED@Redfish.AllowableValues": ["Lit", "Off"]}
    documented(use, {SYSTEM: {"LocationIndicatorActive": None, **listed}})


def test_the_first_refusal_is_shown_when_the_chassis_refuses_too(documented: Any) -> None:
    async def use(stage: Any) -> None:
        bmc = stage.bmc

        def refuse(request: Any) -> Any:
            where = "of the system" if request.path == SYSTEM else "of the chassis"
            refusal = bmc.error(("Base.1.8.PropertyNotWritable", f"The LED {where} is broken"))
            return bmc.reply(400, refusal) if request.method == "PATCH" else None

        bmc.answer = refuse
        with pytest.raises(errors.DriverError, match="The LED of the system is broken"):
            await stage.driver.identify(stage.node, None)
        assert [request.body for request in bmc.asked(CHASSIS, "PATCH")] == [
            {"LocationIndicatorActive": True}
        ]

    links = {"Links": {"Chassis": [{"@odata.id": "/redfish/v1/Chassis/gone"}, {"@odata.id": CHASSIS}]}}
    chassis = {"LocationIndicatorActive": False}
    documented(use, {SYSTEM: {"IndicatorLED": "Off", **links}, CHASSIS: chassis})
