"""Lists of resets that lie, resets in another spelling, refusals that mean something else."""

import asyncio
from typing import Any

import pytest

from podium import errors, states
from podium.drivers.redfish.http.answers import Refused, Response
from podium.drivers.redfish.resets import Kind, choices
from podium.drivers.redfish.system import System

PATH = "/redfish/v1/Systems/1"


class Machine:
    """A BMC whose machine obeys the resets that it is said to."""

    target = "https://bmc"

    def __init__(self, allowed: Any, word: str = "On") -> None:
        reset = {"ResetType@Redfish.AllowableValues": allowed}
        self.system = {"PowerState": word, "Actions": {"#ComputerSystem.Reset": reset}}
        self.refusals: dict[str, Refused] = {}
        self.sent: list[str] = []

    async def get(self, path: str, *, links: bool = True, **_: Any) -> Response:
        return Response(200, [], self.system)

    async def post(self, path: str, body: dict[str, Any], *, repeatable: bool, etag: Any) -> Response:
        self.sent.append(body["ResetType"])
        if body["ResetType"] in self.refusals:
            raise self.refusals[body["ResetType"]]
        return Response(204, [], {})

    def change(self, action: str) -> list[str]:
        asyncio.run(System(self, PATH, 300.0).change_power(action))  # type: ignore[arg-type]
        return self.sent


def bad(*messages: str) -> Refused:
    return Refused("a bad request", 400, messages)


@pytest.mark.parametrize("refusal", [bad(), bad("Acme.1.0.Whatever"), bad("Base.1.8.ActionNotSupported")])
def test_a_reset_that_is_listed_and_refused_as_wrong_is_followed_by_another_that_does_the_same(
    refusal: Refused,
) -> None:
    machine = Machine(["On", "ForceOn", "ForceOff"], "Off")
    machine.refusals["On"] = refusal
    assert machine.change(states.POWER_ON) == ["On", "ForceOn"]


def test_a_list_of_which_all_are_refused_is_a_lie() -> None:
    machine = Machine(["ForceRestart"])
    machine.refusals["ForceRestart"] = bad()
    assert machine.change(states.REBOOTING) == ["ForceRestart", "PowerCycle"]


def test_what_is_refused_in_all_its_forms_fails_for_now_and_not_for_good() -> None:
    machine = Machine(None)
    machine.refusals |= {"ForceOff": bad(), "GracefulShutdown": bad("Base.1.8.ActionNotSupported")}
    with pytest.raises(Refused):
        machine.change(states.POWER_OFF)
    machine.refusals["ForceOff"] = bad("Base.1.8.ActionNotSupported")
    with pytest.raises(errors.UnsupportedPowerState):
        machine.change(states.POWER_OFF)


@pytest.mark.parametrize(
    "refusal",
    [
        bad("Base.1.8.ResourceInUse"),
        bad("Base.1.8.InsufficientPrivilege"),
        Refused("no", 409),
        Refused("no", 500),
    ],
)
def test_what_is_refused_for_the_moment_is_not_tried_in_another_way(refusal: Refused) -> None:
    machine = Machine(["ForceOff", "GracefulShutdown"])
    machine.refusals["ForceOff"] = refusal
    with pytest.raises(Refused):
        machine.change(states.POWER_OFF)
    assert machine.sent == ["ForceOff"]


def test_a_button_is_not_pressed_after_a_refusal_that_may_mean_anything() -> None:
    machine = Machine(["GracefulShutdown", "PushPowerButton"])
    machine.refusals["GracefulShutdown"] = bad()
    with pytest.raises(Refused):
        machine.change(states.SOFT_POWER_OFF)
    assert machine.sent == ["GracefulShutdown"]
    machine.refusals["GracefulShutdown"] = bad("Base.1.8.ActionParameterNotSupported")
    assert machine.change(states.SOFT_POWER_OFF)[1:] == ["GracefulShutdown", "PushPowerButton"]


def test_a_reset_is_sent_as_the_bmc_spells_it() -> None:
    assert Machine(["forceOff", "ON", "on"]).change(states.POWER_OFF) == ["forceOff"]
    assert choices(("On", "ForceOn"), ("on", "ON")) == [Kind("On", "on"), Kind("ForceOn", "ForceOn")]


def test_nothing_is_sent_of_which_the_bmc_lists_nothing() -> None:
    assert choices(("On", "ForceOn"), ("ForceOff", "Nmi")) == []


def aimed(target: str, own: str = PATH) -> Machine:
    machine = Machine(["ForceOff"])
    machine.system |= {"@odata.id": own}
    machine.system["Actions"]["#ComputerSystem.Reset"]["target"] = target
    return machine


@pytest.mark.parametrize(
    "place",
    ["Systems/2", "Systems/1/../2", "Systems/%31%31", "SYSTEMS/2", "Systems/10"],
    ids=lambda place: place,
)
def test_a_reset_of_another_system_is_not_sent(place: str) -> None:
    machine = aimed(f"/redfish/v1/{place}/Actions/ComputerSystem.Reset")
    with pytest.raises(errors.DriverError, match="would reset another system; set redfish_system_id"):
        machine.change(states.POWER_OFF)
    assert not machine.sent


@pytest.mark.parametrize(
    ("target", "own"),
    [
        (f"{PATH}/Actions/ComputerSystem.Reset/", PATH),
        ("/redfish/v1/systems/%31/Actions/ComputerSystem.Reset", f"{PATH}/"),
        ("/redfish/v1/Systems/UUID/Actions/ComputerSystem.Reset", "/redfish/v1/Systems/UUID"),
        ("/redfish/v1/Managers/1/Actions/Oem/Acme.Reset", PATH),
    ],
)
def test_a_reset_may_be_elsewhere_or_name_its_system_otherwise(target: str, own: str) -> None:
    assert aimed(target, own).change(states.POWER_OFF) == ["ForceOff"]
