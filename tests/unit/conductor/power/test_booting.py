"""Switching machines that are to boot from something else, and what then waits for their next start."""

import asyncio
from typing import Any, NamedTuple

import pytest

from podium import errors, states
from podium.conductor.power.booting import Booting
from podium.conductor.power.change import PowerChange, Request
from podium.conductor.power.sending import Sender
from podium.conductor.rooms.room import DriverRoom
from podium.drivers import base

ON, OFF = states.POWER_ON, states.POWER_OFF
NODE = base.Node("u1", "n1", "machine", driver_info={"password": "s3cret"})
SILENCE = errors.BMCUnreachable("BMC does not answer within 10 s")
BUSY = errors.DriverError("node busy")
DISK, PXE = base.BootDevice("disk", persistent=True), base.BootDevice("pxe")
WAITS = "it boots pxe, once, from its next start on"


class Machine(base.Driver):
    """One machine, what it boots from, and what is wrong with it."""

    needs_api = (2, 2)
    properties = {"password": base.Property("the password", secret=True)}
    supported_power_states = (ON, OFF, states.REBOOTING, states.SOFT_POWER_OFF)

    def __init__(self, state: str = ON, boot: Any = DISK) -> None:
        super().__init__("machine", None)
        self.now = 0.0
        self.state = state
        self.boot = boot
        self.booted: list[str] = []
        self.did: list[str] = []
        self.refusals: list[Exception] = []  # of power commands
        self.deaf = False  # whether power commands are forgotten, and not answered
        self.boot_errors: list[Exception] = []  # of commands that choose the boot device
        self.look_errors: list[Exception] = []  # of reads of the boot device
        self.keeps: Any = None  # what it takes each choice for
        self.power_errors: list[Exception] = []  # of reads of the power

    async def get_power_state(self, node: base.Node) -> str:
        if self.power_errors:
            raise self.power_errors.pop(0)
        return self.state

    async def set_power_state(self, node: base.Node, target: str) -> None:
        self.did.append(target)
        if self.refusals:
            raise self.refusals.pop(0)
        if self.deaf:
            raise SILENCE
        self.state = states.REACHED[target]
        if self.state == ON:
            self.booted.append(self.boot.device)
            self.boot = self.boot if self.boot.persistent else DISK

    async def get_boot_device(self, node: base.Node) -> base.Boot:
        if self.look_errors:
            raise self.look_errors.pop(0)
        return base.Boot(self.boot, base.BOOT_DEVICES)

    async def set_boot_device(self, node: base.Node, boot: base.BootDevice) -> None:
        self.did.append(str(boot))
        if self.boot_errors:
            raise self.boot_errors.pop(0)
        self.boot = self.keeps or boot


class Told(NamedTuple):
    """How a change ended."""

    state: str | None
    error: str | None
    result: str | None = None


def carry_out(machine: Machine, action: str, *, sent: bool = False) -> Told:
    async def confirm() -> None: ...

    async def pause(seconds: float) -> None:
        machine.now += seconds
        await asyncio.sleep(0)

    async def main() -> Told:
        room, clock = DriverRoom(machine), lambda: machine.now
        booting = Booting(Sender(room, NODE, confirm, clock=clock, pause=pause), PXE, 60.0)
        request = Request(action, 60.0, 600.0, sent=sent)
        change = PowerChange(
            room, NODE, request, confirm, lambda *_: None, booting=booting, clock=clock, pause=pause
        )
        ended = await asyncio.wait_for(change.carry_out(), 20)
        return Told(*ended, None if ended.error else change.result)

    return asyncio.run(main())


@pytest.mark.parametrize("action", [ON, states.REBOOTING, states.SOFT_REBOOTING, states.POWER_CYCLE])
def test_a_machine_that_was_off_boots_from_what_was_chosen(action: str) -> None:
    machine = Machine(OFF)
    assert carry_out(machine, action) == (ON, None, "boot device pxe, once (was disk, persistent)")
    assert machine.booted == ["pxe"]


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (DISK, "boot device pxe, once (was disk, persistent)"),
        (base.BootDevice("floppy"), "boot device pxe, once (was floppy, once)"),
        (base.BootDevice("pxe", persistent=True), "boot device pxe, once (was pxe, persistent)"),
        (base.BootDevice("\x1b[31m\ns3cret" * 20), f"boot device pxe, once (was {'[31m ****** ' * 6}"[:83]),
        # Nothing is lost of these.
        (base.BootDevice("default", mode="uefi"), "boot device pxe, once"),
        (base.BootDevice(None), "boot device pxe, once"),
        (PXE, "boot device pxe, once"),
    ],
)
def test_the_result_says_what_was_chosen_before(before: base.BootDevice, said: str) -> None:
    state, error, result = carry_out(Machine(ON, before), states.REBOOTING)
    assert (state, error, (result or "")[: len(said)]) == (ON, None, said)
    assert len(result or "") < 120 and (result or "").isprintable()


def test_a_machine_that_is_on_already_is_left_alone() -> None:
    machine = Machine(ON)
    assert carry_out(machine, ON) == (ON, None, "was on already; its boot device was left alone")
    assert (machine.boot, machine.did) == (DISK, [])


def test_a_machine_that_is_on_already_may_wait_for_its_next_start_to_boot_so() -> None:
    machine = Machine(ON, PXE)  # as a conductor has left it that ended before it switched
    assert carry_out(machine, ON) == (ON, None, f"was on already; {WAITS}")
    assert machine.did == []


def test_a_machine_that_somebody_else_switches_on_meanwhile_may_boot_so_later() -> None:
    class Raced(Machine):
        async def set_boot_device(self, node: base.Node, boot: base.BootDevice) -> None:
            await super().set_boot_device(node, boot)
            self.state = ON

    machine = Raced(OFF)
    assert carry_out(machine, ON) == (ON, None, f"was on already; {WAITS}")
    assert machine.did == ["pxe, once"]


@pytest.mark.parametrize("action", [ON, states.REBOOTING])
def test_nothing_is_chosen_for_a_machine_whose_power_cannot_be_read(action: str) -> None:
    machine = Machine()
    machine.power_errors = [SILENCE] * 999
    assert carry_out(machine, action) == Told(None, str(SILENCE))
    assert machine.did == []


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (DISK, "its boot device is disk, persistent again"),
        (base.BootDevice("default"), "its boot device is default again"),
        # These cannot be set back.
        (base.BootDevice("floppy"), WAITS),
        (base.BootDevice(None), WAITS),
        (PXE, WAITS),
    ],
)
@pytest.mark.parametrize("refusal", [BUSY, errors.Unsupported("it cannot reboot now")])
def test_a_machine_that_refuses_to_restart_boots_from_what_it_did_before(
    before: base.BootDevice, words: str, refusal: Exception
) -> None:
    machine = Machine(ON, before)
    machine.refusals = [refusal] * 999
    assert carry_out(machine, states.REBOOTING) == Told(ON, f"{refusal}; {words}")
    assert machine.boot == (PXE if words == WAITS else before)


def test_a_machine_that_does_not_take_its_old_boot_device_back_boots_from_the_new_one() -> None:
    class Stuck(Machine):
        async def set_boot_device(self, node: base.Node, boot: base.BootDevice) -> None:
            self.boot = PXE

    machine = Stuck()
    machine.refusals = [BUSY] * 999
    assert carry_out(machine, states.REBOOTING) == Told(ON, f"node busy; {WAITS}")


def test_what_somebody_else_has_chosen_meanwhile_is_nothing_to_be_set_back() -> None:
    class Meanwhile(Machine):
        async def set_power_state(self, node: base.Node, target: str) -> None:
            self.boot = DISK
            raise BUSY

    machine = Meanwhile()
    assert carry_out(machine, states.REBOOTING) == Told(ON, "node busy")
    assert machine.did == ["pxe, once"]


@pytest.mark.parametrize("action", [states.REBOOTING, states.POWER_CYCLE, states.SOFT_REBOOTING])
def test_what_waits_is_said_where_it_is_unknown_whether_the_machine_restarts(action: str) -> None:
    machine = Machine()
    machine.deaf = True
    ended = carry_out(machine, action)
    assert str(SILENCE) in (ended.error or "") and (ended.error or "").endswith(f"; {WAITS}")
    assert (ended.result, machine.boot) == (None, PXE)


def test_what_waits_is_said_where_the_driver_broke_off_while_it_switched() -> None:
    machine = Machine()
    machine.refusals = [KeyError("chassis")]
    ended = carry_out(machine, states.REBOOTING)
    assert (ended.error or "").startswith("fault of the driver machine: ")
    assert (ended.error or "").endswith(f"; {WAITS}")


def test_a_refusal_that_takes_two_seconds_at_the_end_of_the_time_is_still_one() -> None:
    """In real seconds, because so the room gives a call up."""

    class Slow(Machine):
        async def set_power_state(self, node: base.Node, target: str) -> None:
            if self.now >= 60:
                await asyncio.sleep(2.0)
            raise BUSY

    machine = Slow()
    assert carry_out(machine, states.REBOOTING) == Told(
        ON, "node busy; its boot device is disk, persistent again"
    )


def test_a_machine_that_may_have_restarted_and_has_used_its_choice_has_nothing_that_waits() -> None:
    class Unanswered(Machine):
        async def set_power_state(self, node: base.Node, target: str) -> None:
            await super().set_power_state(node, target)
            raise SILENCE

    machine = Unanswered()
    story = f"{SILENCE}; rebooting may have been carried out; it is power on; ask again if need be"
    assert carry_out(machine, states.REBOOTING) == Told(ON, story)
    assert machine.booted == ["pxe"]


def test_a_machine_of_which_that_cannot_be_read_either_may_boot_so() -> None:
    class Dying(Machine):
        async def set_power_state(self, node: base.Node, target: str) -> None:
            self.look_errors, self.power_errors = [SILENCE] * 999, [SILENCE] * 999
            raise SILENCE

    ended = carry_out(Dying(), states.REBOOTING)
    assert (ended.error or "").endswith("; it may boot pxe, once, from its next start on")


def test_who_goes_on_after_the_power_command_chooses_nothing_and_says_what_waits() -> None:
    machine = Machine(ON, PXE)
    ended = carry_out(machine, states.REBOOTING, sent=True)
    assert (ended.error or "").endswith(f"; it is power on; ask again if need be; {WAITS}")
    assert machine.did == []
    machine = Machine(OFF, PXE)
    assert carry_out(machine, ON, sent=True) == (ON, None, "boot device pxe, once")
    assert machine.booted == ["pxe"]


def test_a_choice_that_the_hardware_takes_for_another_is_undone_and_the_machine_not_restarted() -> None:
    class Lasting(Machine):
        async def set_boot_device(self, node: base.Node, boot: base.BootDevice) -> None:
            self.boot = base.BootDevice(boot.device, persistent=True)

    machine = Lasting()
    assert carry_out(machine, states.REBOOTING) == Told(
        ON,
        "set boot device was accepted, but 60 s later it is pxe, persistent; its boot device is disk,"
        " persistent again",
    )
    assert (machine.boot, machine.booted) == (DISK, [])


def test_a_choice_that_was_refused_leaves_nothing_to_be_set_back() -> None:
    machine = Machine()
    machine.boot_errors = [errors.Unsupported("it has no such device")]
    ended = carry_out(machine, states.REBOOTING)
    assert (ended.error or "").startswith("it has no such device") and "next start" not in (ended.error or "")
    assert (machine.did, machine.boot) == (["pxe, once"], DISK)


def test_a_choice_that_may_have_been_heard_may_come_true() -> None:
    class Lost(Machine):
        async def set_boot_device(self, node: base.Node, boot: base.BootDevice) -> None:
            self.look_errors = [SILENCE] * 999
            raise SILENCE

    machine = Lost()
    ended = carry_out(machine, states.REBOOTING)
    assert (ended.error or "").endswith("; it may boot pxe, once, from its next start on")
    assert machine.booted == []


@pytest.mark.parametrize("found", [base.BootDevice(5), base.BootDevice("pxe", mode=["uefi"]), None])  # type: ignore[arg-type]
def test_an_answer_that_is_no_boot_device_is_called_that(found: Any) -> None:
    machine = Machine(ON, found)
    machine.keeps = found or DISK
    error = carry_out(machine, states.REBOOTING).error or ""
    if found is None:
        assert error.startswith("set boot device was accepted, but 60 s later it is disk, persistent")
    else:
        assert "says of no boot device" in error and "TypeError" not in error


def test_a_word_of_the_hardwares_for_a_device_is_one_short_line_without_secrets() -> None:
    machine = Machine()
    machine.keeps = base.BootDevice("\x1b[31m\nred s3cret" + "x" * 1_000_000)
    error = carry_out(machine, states.REBOOTING).error or ""
    assert len(error) < 300 and error.isprintable() and "s3cret" not in error
    assert "[31m red ******" in error
