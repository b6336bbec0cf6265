"""What is asked of hardware beside its power, on the database and over HTTP."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from heads import Head
from podium import errors
from podium.client.calls.operations import BootChoice, Identification, OwnAction, Request, SeenLog
from podium.client.podium import Podium
from podium.client.remote.server import Server
from podium.db.api import NodeRecord
from podium.drivers import base
from podium.drivers.fake import FakeDriver
from podium.drivers.ipmi.driver import IPMIDriver

Enrol = Callable[..., list[NodeRecord]]
BLINK = OwnAction(name="fake.blink", arguments={"colour": "red", "times": "3"})


@pytest.mark.parametrize(
    ("action", "given", "what", "arguments"),
    [
        (
            "set boot device",
            {"boot": BootChoice(device="pxe", mode="uefi")},
            "pxe, once, uefi",
            {"boot": {"device": "pxe", "persistent": False, "mode": "uefi"}},
        ),
        (
            "power cycle",
            {"boot": BootChoice(device="disk", persistent=True)},
            "disk, persistent",
            {"boot": {"device": "disk", "persistent": True, "mode": None}},
        ),
        (
            "identify",
            {"identification": Identification(seconds=60)},
            "60 s",
            {"identification": {"seconds": 60.0}},
        ),
        (
            "identify",
            {"identification": Identification(seconds=None)},
            "until it is ended",
            {"identification": {"seconds": None}},
        ),
        (
            "identify",
            {"identification": Identification(seconds=0)},
            "end",
            {"identification": {"seconds": 0.0}},
        ),
        (
            "clear log",
            {"log": SeenLog(last="17", clock_at=datetime(2026, 3, 1, tzinfo=UTC), message="it rains")},
            "up to 17",
            {"log": {"last": "17", "clock_at": "2026-03-01T00:00:00Z", "message": "it rains"}},
        ),
        ("set clock", {}, None, None),
        (
            "driver action",
            {"own": BLINK},
            "fake.blink colour=red times=3",
            {"own": {"name": "fake.blink", "arguments": {"colour": "red", "times": "3"}}},
        ),
    ],
)
def test_what_was_given_is_part_of_the_operation(
    podium: Podium, enrol: Enrol, action: Any, given: Any, what: str | None, arguments: Any
) -> None:
    enrol("n1", "n2")
    assert podium.power(action, "n[1-2]", **given).requested == 2
    (found,) = podium.operations()
    assert (found.action, found.what, found.arguments) == (action, what, arguments)
    assert podium.operation(1) == found


@pytest.mark.parametrize(
    ("action", "given", "fault"),
    [
        (
            "power off",
            {"boot": BootChoice(device="pxe")},
            "boot goes with power on and rebooting and soft rebooting and power cycle and set boot device,"
            " not with power off",
        ),
        ("power on", {"own": BLINK}, "own goes with driver action, not with power on"),
        ("set boot device", {}, "set boot device needs boot"),
        ("identify", {}, "identify needs identification"),
        ("clear log", {}, "clear log needs log"),
        ("driver action", {}, "driver action needs own"),
        (
            "driver action",
            {"own": OwnAction(name="fake.blink")},
            "fake.blink needs colour; it takes colour=red|green [times=1]; nothing was requested",
        ),
        (
            "driver action",
            {"own": OwnAction(name="fake.blink", arguments={"color": "red"})},
            "fake.blink takes no 'color', did you mean colour?",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(
    podium: Podium, enrol: Enrol, action: Any, given: Any, fault: str
) -> None:
    enrol("n1")
    with pytest.raises(errors.BadRequest) as refused:
        podium.power(action, "n1", **given)
    assert fault in str(refused.value)
    assert [*podium.operations()] == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (
            {"action": "set boot device", "boot": {"device": "tape"}},
            "boot.device: 'tape' is none of bios, cdrom, default, disk, pxe",
        ),
        ({"action": "set boot device", "boot": {"device": "pxe", "persistant": True}}, "persistant"),
        ({"action": "identify", "identification": {"seconds": -1}}, "identification.seconds: "),
        ({"action": "identify", "identification": {}}, "seconds"),
        ({"action": "clear log", "log": {"last": ""}}, "log.last: "),
        ({"action": "driver action", "own": {"name": "blink"}}, "own.name: "),
        ({"action": "driver action", "own": {"name": "a.b", "arguments": {"x": [1]}}}, "own.arguments"),
    ],
)
def test_wrong_values_are_named(server: Server, enrol: Enrol, body: dict[str, Any], fault: str) -> None:
    enrol("n1")
    with httpx.Client(transport=server.transport(), **server.options()) as client:
        answer = client.post("/podium/v1/operations", json={**body, "nodes": "n1"})
    assert answer.status_code == 400
    assert fault in answer.text


@pytest.mark.parametrize("name", ["fake.melt", "ipmi.blink", "acme.blink"])
def test_an_action_that_the_nodes_drivers_do_not_have_is_refused_with_those_there_are(
    podium: Podium, enrol: Enrol, name: str
) -> None:
    enrol("n1", "n2")
    with pytest.raises(errors.UnsupportedPowerState) as refused:
        podium.power("driver action", "n[1-2]", own=OwnAction(name=name))
    assert str(refused.value) == (
        f"n[1-2]: the driver fake does not know the action {name}, only fake.blink; nothing was requested"
    )


def test_all_nodes_that_do_not_know_an_action_are_named(podium: Podium, enrol: Enrol) -> None:
    enrol("f1"), enrol("i1", "i2", driver="ipmi"), enrol("r1", driver="redfish")
    own = OwnAction(name="fake.blink", arguments={"colour": "red"})
    with pytest.raises(errors.UnsupportedPowerState) as refused:
        podium.power("driver action", "f1,i[1-2],r1", own=own)
    assert str(refused.value) == (
        "i[1-2]: the driver ipmi does not know the action fake.blink, and has none of its own; r1: the driver"
        " redfish does not know the action fake.blink, and has none of its own; nothing was requested"
    )


def test_all_nodes_that_do_not_know_a_power_action_are_named(
    podium: Podium, enrol: Enrol, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol("f1"), enrol("i1", driver="ipmi")
    for driver in (FakeDriver, IPMIDriver):
        monkeypatch.setattr(driver, "identify", base.Driver.identify)
    with pytest.raises(errors.UnsupportedPowerState) as refused:
        podium.power("identify", "f1,i1", identification=Identification(seconds=1))
    assert str(refused.value) == (
        "f1: the driver fake does not know identify; i1: the driver ipmi does not know identify; nothing was"
        " requested"
    )


@pytest.mark.parametrize("action", ["set boot device", "power on"])
def test_a_driver_that_cannot_set_what_is_booted_is_not_asked_to(
    podium: Podium, enrol: Enrol, monkeypatch: pytest.MonkeyPatch, action: Any
) -> None:
    enrol("n1")
    monkeypatch.setattr(FakeDriver, "set_boot_device", base.Driver.set_boot_device)
    with pytest.raises(errors.UnsupportedPowerState, match="the driver fake does not know set boot device"):
        podium.power(action, "n1", boot=BootChoice(device="pxe"))


def test_a_power_request_that_waits_is_not_replaced(podium: Podium, enrol: Enrol) -> None:
    enrol("n1")
    podium.power("power off", "n1")
    asked = podium.power("set clock", "n1")
    assert (asked.operation, asked.requested) == (None, 0)
    (line,) = asked.refused
    assert line.startswith("n1: power off waits (operation 1); ")


def test_what_waits_can_be_cancelled(podium: Podium, enrol: Enrol) -> None:
    enrol("n1")
    podium.power("set clock", "n1")
    assert podium.cancel(1).cancelled == 1
    assert podium.node("n1").target_power_state is None


def test_what_was_done_stands_in_the_history_of_the_node(podium: Podium, enrol: Enrol, head: Head) -> None:
    enrol("n1", power_state="power off")
    podium.power("identify", "n1", identification=Identification(seconds=60), reason="to swap a disk")
    head.carry_out({})
    (event,) = podium.history("n1")
    assert (event.cause, event.reason) == ("identify", "60 s; to swap a disk")
    assert (event.from_state, event.to_state) == ("power off", "power off")


@pytest.mark.parametrize(
    ("action", "power_state", "result", "outcome"),
    [
        ("set boot device", None, "pxe, once", "pxe, once"),
        ("driver action", None, "blinked 3 times", "blinked 3 times"),
        ("driver action", None, None, "driver action accepted"),
        ("rebooting", "power on", "boot device pxe, once", "power on, boot device pxe, once"),
        ("rebooting", "power on", None, "power on"),
    ],
)
def test_an_outcome_says_what_came_of_it(
    action: str, power_state: str | None, result: str | None, outcome: str
) -> None:
    when: dict[str, Any] = dict.fromkeys(("not_before", "holder", "begun_at", "sent_at", "finished_at"))
    request = Request(
        id=1,
        node_uuid="",
        node_name="n1",
        action=action,
        state="done",
        power_state=power_state,
        error=None,
        result=result,
        **when,
    )
    assert request.outcome == outcome


@pytest.mark.parametrize("podium", ["local"], indirect=True)
@pytest.mark.parametrize(
    ("action", "given", "text"),
    [
        ("identify", {"identification": Identification(seconds=float("nan"))}, "identification: nan is"),
        ("identify", {"identification": Identification(seconds=float("inf"))}, "identification: inf is"),
        ("identify", {"identification": Identification(seconds=-1)}, "identification: "),
        ("identify", {"identification": Identification(seconds=10**400)}, "identification: "),
        ("identify", {"identification": Identification(seconds="60")}, "identification: "),  # type: ignore[arg-type]
        ("set boot device", {"boot": BootChoice(device="tape")}, "boot: "),  # type: ignore[arg-type]
        ("set boot device", {"boot": BootChoice(device="pxe", mode="UEFI")}, "boot: "),  # type: ignore[arg-type]
        ("set boot device", {"boot": {"device": "pxe"}}, "boot is a BootChoice, not a dict"),
        ("clear log", {"log": SeenLog(last="x" * 5000)}, "log: "),
        ("clear log", {"log": SeenLog(last=17)}, "log: "),  # type: ignore[arg-type]
        ("clear log", {"log": SeenLog(last="\ud800")}, "a text is not in UTF-8"),
        ("driver action", {"own": OwnAction(name="acme.x", arguments={"x": float("nan")})}, "own: nan is"),
        ("driver action", {"own": OwnAction(name="acme.x", arguments={"x": [1]})}, "own: "),  # type: ignore[dict-item]
        (
            "driver action",
            {"own": OwnAction(name="acme.x", arguments={"x": 10**5000})},
            "a number has too many digits",
        ),
        (
            "driver action",
            {"own": OwnAction(name="acme.x", arguments=dict.fromkeys(map(str, range(65)), 1))},
            "own: ",
        ),
    ],
)
def test_values_that_make_no_sense_are_refused_by_who_writes_them_too(
    podium: Podium, enrol: Enrol, action: Any, given: Any, text: str
) -> None:
    enrol("n1", driver="acme")
    with pytest.raises(errors.BadRequest) as caught:
        podium.power(action, "n1", **given)
    assert text in str(caught.value) and str(caught.value).isprintable()
    assert list(podium.operations()) == []
