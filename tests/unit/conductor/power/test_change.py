"""Hardware that lies, refuses, is silent or slow, and what a power change makes of it. Time is simulated."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from podium import errors, states
from podium.conductor.fleet.lease import Lease
from podium.conductor.power.change import Ended, PowerChange, Request
from podium.conductor.rooms.room import DriverRoom
from podium.db.worker import Worker
from podium.drivers import base
from rude import Rude

ON, OFF = states.POWER_ON, states.POWER_OFF
NODE = base.Node("u1", "n1", "machine", driver_info={"password": "s3cret"})


class Machine(base.Driver):
    """One machine, whose time is its own, and what is wrong with it."""

    properties = {"password": base.Property("the password", secret=True)}
    supported_power_states = (ON, OFF, states.REBOOTING, states.SOFT_POWER_OFF)

    def __init__(self, state: str = OFF) -> None:
        super().__init__("machine", None)
        self.now = 0.0
        self.state = state
        self.sent: list[str] = []
        self.confirmed_before: list[int] = []
        self.takes = 0.0  # seconds until a switch shows
        self.answers: list[Exception] = []  # instead of what a command does
        self.ignores = 0  # commands that are acknowledged and forgotten
        self.deaf = 0  # commands that are carried out, and not answered
        self.read_errors: list[Exception] = []
        self.hears_soft = True
        self._shown = state, state, 0.0
        self.noted: list[Any] = []
        self.late: str | None = None

    def note(self, answer: Any, error: Exception | None) -> None:
        self.noted.append(error or answer)

    async def get_power_state(self, node: base.Node) -> str:
        if self.read_errors:
            raise self.read_errors.pop(0)
        before, after, at = self._shown
        return after if self.now >= at else before

    async def set_power_state(self, node: base.Node, target: str) -> None:
        self.sent.append(target)
        if self.answers:
            raise self.answers.pop(0)
        if self.ignores:
            self.ignores -= 1
            return
        if target != states.SOFT_POWER_OFF or self.hears_soft:
            after = states.REACHED[target]
            self._shown, self.state = (self.state, after, self.now + self.takes), after
        if self.deaf:
            self.deaf -= 1
            raise errors.BMCUnreachable("BMC does not answer within 10 s")

    async def inject_nmi(self, node: base.Node) -> None:
        self.sent.append("nmi")
        if self.answers:
            raise self.answers.pop(0)


class Plain(Machine):
    """Without soft power off and NMI."""

    supported_power_states = (ON, OFF)
    inject_nmi = base.Driver.inject_nmi  # type: ignore[assignment]


def carry_out(
    machine: Machine,
    action: str,
    *,
    then_off: bool = False,
    sent: bool = False,
    stays_on: bool = False,
    confirm: Callable[[], None] | None = None,
    lease: Lease | None = None,
    room: DriverRoom | None = None,
) -> Ended:
    async def confirm_all() -> None:
        if confirm is not None:
            confirm()
        machine.confirmed_before.append(len(machine.sent))

    async def pause(seconds: float) -> None:
        machine.now += seconds
        await asyncio.sleep(0)

    async def main() -> Ended:
        request = Request(action, 60.0, 600.0, then_off, sent, stays_on)
        change = PowerChange(
            room or DriverRoom(machine),
            NODE,
            request,
            confirm_all,
            machine.note,
            lease=lease,
            clock=lambda: machine.now,
            pause=pause,
        )
        try:
            return await asyncio.wait_for(change.carry_out(), 20)
        finally:
            machine.late = change.late

    return asyncio.run(main())


@pytest.mark.parametrize("state", [ON, OFF])
def test_a_machine_that_is_as_asked_is_read_and_not_switched(state: str) -> None:
    machine = Machine(state)
    assert (carry_out(machine, state), machine.sent) == ((state, None), [])


@pytest.mark.parametrize(
    ("before", "action", "sent", "after"),
    [
        (OFF, ON, [ON], ON),
        (ON, OFF, [OFF], OFF),
        (ON, states.REBOOTING, [states.REBOOTING], ON),
        (ON, states.SOFT_POWER_OFF, [states.SOFT_POWER_OFF], OFF),
        (OFF, states.SOFT_POWER_OFF, [], OFF),
        (ON, states.SOFT_REBOOTING, [states.SOFT_POWER_OFF, ON], ON),
        (ON, states.POWER_CYCLE, [OFF, ON], ON),
        (OFF, states.POWER_CYCLE, [ON], ON),
        (ON, states.INJECT_NMI, ["nmi"], ON),
    ],
)
def test_each_action_ends_in_the_state_it_is_asked_for(
    before: str, action: str, sent: list[str], after: str
) -> None:
    machine = Machine(before)
    assert (carry_out(machine, action), machine.sent) == ((after, None), sent)


def test_every_read_of_a_change_is_noted_at_once_with_its_answer_or_its_error() -> None:
    machine = Machine(OFF)
    silence = errors.BMCUnreachable("no answer")
    machine.read_errors = [silence, silence]
    assert carry_out(machine, ON) == (ON, None)
    assert machine.noted == [silence, silence, OFF, ON]


@pytest.mark.parametrize("takes", [5.0, 45.0])
def test_hardware_that_shows_a_switch_late_is_waited_for(takes: float) -> None:
    machine = Machine(OFF)
    machine.takes = takes
    assert carry_out(machine, ON) == (ON, None)


def test_a_switch_that_was_acknowledged_and_forgotten_is_sent_once_more() -> None:
    machine = Machine(OFF)
    machine.ignores = 1
    assert (carry_out(machine, ON), machine.sent) == ((ON, None), [ON, ON])
    assert 20 <= machine.now < 30


@pytest.mark.parametrize(
    ("action", "how", "late"),
    [
        (OFF, {"ignores": 9}, OFF),
        (OFF, {"answers": [errors.AuthenticationRefused("refused")]}, None),
        (OFF, {"answers": [errors.BMCUnreachable("silent")] * 60}, OFF),
        (states.SOFT_POWER_OFF, {"hears_soft": False}, OFF),
        (states.POWER_CYCLE, {"ignores": 9}, OFF),
        (states.INJECT_NMI, {"answers": [errors.BMCUnreachable("silent")]}, None),
    ],
)
def test_what_the_hardware_may_have_heard_may_come_true_after_the_change_failed(
    action: str, how: dict[str, Any], late: str | None
) -> None:
    machine = Machine(ON)
    for name, value in how.items():
        setattr(machine, name, value)
    assert (carry_out(machine, action).error is not None, machine.late) == (True, late)


@pytest.mark.parametrize(
    ("action", "late"), [(states.SOFT_POWER_OFF, OFF), (states.SOFT_REBOOTING, OFF), (states.REBOOTING, ON)]
)
def test_what_was_sent_by_an_earlier_run_may_come_true_after_the_change_failed(
    action: str, late: str
) -> None:
    machine = Machine(ON)
    assert (carry_out(machine, action, sent=True).error is not None, machine.late) == (True, late)


def test_a_liar_is_found_out() -> None:
    machine = Machine(OFF)
    machine.ignores = 100
    assert carry_out(machine, ON) == (OFF, "power on was accepted, but 60 s later it is power off")
    assert machine.sent == [ON, ON]


@pytest.mark.parametrize("action", [ON, states.REBOOTING, states.INJECT_NMI])
def test_hardware_that_refuses_for_a_while_is_asked_again(action: str) -> None:
    machine = Machine(OFF if action == ON else ON)
    machine.answers = [errors.DriverError("node busy")] * 3
    assert (carry_out(machine, action), len(machine.sent)) == ((ON, None), 4)
    assert 7 <= machine.now < 10


def test_hardware_that_goes_on_refusing_is_quoted() -> None:
    machine = Machine(ON)
    machine.answers = [errors.DriverError("node busy")] * 100
    assert carry_out(machine, states.REBOOTING) == (ON, "node busy")
    assert 60 <= machine.now < 62


@pytest.mark.parametrize(
    "error",
    [
        errors.UnsupportedPowerState("not in this state"),
        errors.AuthenticationRefused("refused"),
        errors.InvalidDriverInfo("no slot"),
        KeyError("chassis"),
    ],
)
def test_what_will_not_change_is_not_asked_again(error: Exception) -> None:
    machine = Machine(OFF)
    machine.answers = [error]
    ended = carry_out(machine, ON)
    assert ended.error is not None
    assert (str(error) in ended.error, machine.sent, machine.now) == (True, [ON], 0.0)


def test_a_switch_that_met_silence_is_read_before_it_is_repeated() -> None:
    heard, unheard = Machine(OFF), Machine(OFF)
    heard.deaf = 1
    unheard.answers = [TimeoutError("no answer within 60 s")]
    assert (carry_out(heard, ON), heard.sent) == ((ON, None), [ON])
    assert (carry_out(unheard, ON), unheard.sent) == ((ON, None), [ON, ON])


@pytest.mark.parametrize("action", [states.REBOOTING, states.INJECT_NMI])
def test_what_met_silence_and_must_not_be_done_twice_is_told_and_not_repeated(action: str) -> None:
    machine = Machine(ON)
    machine.answers = [errors.BMCUnreachable("BMC does not answer within 10 s")]
    ended = carry_out(machine, action)
    words = f"BMC does not answer within 10 s; {action} may have been carried out; it is power on"
    assert ended == (ON, f"{words}; ask again if need be")
    assert len(machine.sent) == 1


def test_a_reboot_that_met_silence_and_left_the_machine_off_is_finished() -> None:
    class Half(Machine):
        async def set_power_state(self, node: base.Node, target: str) -> None:
            if target == states.REBOOTING:
                self._shown = self.state, OFF, self.now
                raise errors.BMCUnreachable("gone")
            await super().set_power_state(node, target)

    machine = Half(ON)
    assert (carry_out(machine, states.REBOOTING), machine.sent) == ((ON, None), [ON])


@pytest.mark.parametrize("action", [ON, states.REBOOTING, states.SOFT_POWER_OFF, states.INJECT_NMI])
def test_nothing_is_sent_to_hardware_that_does_not_answer_a_read(action: str) -> None:
    machine = Machine(ON)
    machine.read_errors = [errors.BMCUnreachable("BMC does not answer within 10 s")] * 1000
    assert (carry_out(machine, action), machine.sent) == ((None, "BMC does not answer within 10 s"), [])


def test_reads_that_fail_after_a_switch_do_not_end_it() -> None:
    class Blinded(Machine):
        async def set_power_state(self, node: base.Node, target: str) -> None:
            await super().set_power_state(node, target)
            self.read_errors = [errors.BMCUnreachable("gone"), errors.AuthenticationRefused("resetting")]

    assert carry_out(Blinded(OFF), ON) == (ON, None)


def test_a_machine_that_does_not_shut_down_is_left_on_unless_asked() -> None:
    left, switched = Machine(ON), Machine(ON)
    left.hears_soft = switched.hears_soft = False
    words = "soft power off was accepted, but 600 s later it is power on"
    assert (carry_out(left, states.SOFT_POWER_OFF), left.sent) == ((ON, words), [states.SOFT_POWER_OFF])
    assert carry_out(switched, states.SOFT_POWER_OFF, then_off=True) == (OFF, None)
    assert (switched.sent, switched.now >= 600) == ([states.SOFT_POWER_OFF, OFF], True)


@pytest.mark.parametrize(
    ("action", "then_off"),
    [
        (states.SOFT_POWER_OFF, False),
        (states.SOFT_REBOOTING, False),
        (states.INJECT_NMI, False),
        (states.REBOOTING, False),
    ],
)
def test_what_the_driver_cannot_do_is_refused_before_anything_is_sent(action: str, then_off: bool) -> None:
    machine = Plain(ON)
    ended = carry_out(machine, action, then_off=then_off)
    assert "driver machine cannot" in (ended.error or "")
    assert machine.sent == []


@pytest.mark.parametrize("action", sorted(states.ACTIONS - states.BESIDE_POWER))
def test_a_machine_that_is_never_switched_off_is_reset_at_most(action: str) -> None:
    """A soft reboot of this driver is made of its halves, of which the first is a shutdown."""
    machine = Machine(ON)
    ended = carry_out(machine, action, stays_on=True)
    if action in (ON, states.REBOOTING, states.INJECT_NMI):
        assert ended.error is None
    else:
        assert ended.error == "its disable_power_off is true, so that it is never switched off"
        assert machine.sent == []
    assert machine.state == ON


def test_a_reboot_that_was_begun_before_its_machine_was_to_stay_on_is_finished() -> None:
    machine = Machine(OFF)
    assert carry_out(machine, states.SOFT_REBOOTING, sent=True, stays_on=True) == (ON, None)


@pytest.mark.parametrize(
    ("before", "action", "confirmed"),
    [
        (OFF, ON, [0]),
        (ON, OFF, [0]),
        (ON, ON, []),
        (ON, states.REBOOTING, [0]),
        (ON, states.SOFT_POWER_OFF, [0]),
        (ON, states.INJECT_NMI, [0]),
        (ON, states.POWER_CYCLE, [0, 1]),
        (ON, states.SOFT_REBOOTING, [0, 1]),
    ],
)
def test_each_command_is_confirmed_before_it_is_sent(before: str, action: str, confirmed: list[int]) -> None:
    machine = Machine(before)
    carry_out(machine, action)
    assert machine.confirmed_before == confirmed


def test_a_command_that_is_repeated_is_confirmed_again() -> None:
    machine = Machine(OFF)
    machine.ignores = 1
    carry_out(machine, ON)
    assert (machine.confirmed_before, machine.sent) == ([0, 1], [ON, ON])


def test_a_command_is_confirmed_in_the_turn_of_its_node() -> None:
    """Nothing is waited for between the database's word and the call."""
    room, turns = DriverRoom(machine := Machine(OFF)), []
    carry_out(machine, ON, confirm=lambda: turns.append(NODE.uuid in room._visits), room=room)
    assert turns == [True]


@pytest.mark.parametrize("action", [OFF, states.REBOOTING])
def test_nothing_is_sent_while_the_database_cannot_confirm_it_and_reads_go_on(action: str) -> None:
    outage = [errors.DatabaseUnavailable("away")] * 5

    def away(left: list[errors.DatabaseUnavailable]) -> Callable[[], None]:
        def confirm() -> None:
            if left:
                raise left.pop()

        return confirm

    machine, lost = Machine(ON), Machine(ON)
    ended = carry_out(machine, action, confirm=away(outage))
    assert (ended.error, machine.sent, machine.state) == (None, [action], states.REACHED[action])
    ended = carry_out(lost, action, confirm=away([errors.DatabaseUnavailable("away")] * 1000))
    assert (ended.error or "").startswith(f"{action} was not sent")
    assert (lost.sent, lost.now >= 60) == ([], True)


def test_a_switch_that_cannot_be_confirmed_is_not_needed_once_the_machine_is_as_asked() -> None:
    machine = Machine(OFF)

    def switched_by_somebody_else() -> None:
        machine._shown = ON, ON, 0.0
        raise errors.DatabaseUnavailable("away")

    assert (carry_out(machine, ON, confirm=switched_by_somebody_else), machine.sent) == ((ON, None), [])


class Shaky(Lease):
    """A lease that is not safe for so many looks."""

    def __init__(self, unsafe: int) -> None:
        super().__init__(Worker("here", 0, 1), 1.0, 0.0)
        self.unsafe = unsafe

    def is_safe(self) -> bool:
        self.unsafe -= 1
        return self.unsafe < 0


@pytest.mark.parametrize("action", [OFF, states.REBOOTING])
def test_nothing_is_sent_while_the_lease_may_be_over(action: str) -> None:
    machine, lost = Machine(ON), Machine(ON)
    ended = carry_out(machine, action, lease=Shaky(unsafe=3))
    assert (ended.error, machine.sent) == (None, [action])
    assert len(machine.confirmed_before) == 4  # anew for each attempt
    ended = carry_out(lost, action, lease=Shaky(unsafe=1000))
    assert "has not reached the database" in (ended.error or "")
    assert lost.sent == []


@pytest.mark.parametrize("action", [states.REBOOTING, states.POWER_CYCLE, states.INJECT_NMI])
def test_a_change_cut_off_after_it_was_sent_is_read_and_not_repeated(action: str) -> None:
    machine = Machine(ON)
    ended = carry_out(machine, action, sent=True)
    assert ended == (
        ON,
        f"{action} was sent when the conductor ended; whether it happened is not known; it is power on; "
        "ask again if need be",
    )
    assert machine.sent == []


@pytest.mark.parametrize("action", [states.REBOOTING, states.POWER_CYCLE, states.SOFT_REBOOTING])
def test_a_reboot_cut_off_while_the_machine_is_off_is_finished(action: str) -> None:
    machine = Machine(OFF)
    assert (carry_out(machine, action, sent=True), machine.sent) == ((ON, None), [ON])


def test_a_shutdown_cut_off_is_waited_for_and_not_asked_for_again() -> None:
    machine, done = Machine(ON), Machine(OFF)
    ended = carry_out(machine, states.SOFT_POWER_OFF, sent=True)
    assert ended == (ON, "soft power off was sent, but 600 s later it is power on")
    assert carry_out(done, states.SOFT_POWER_OFF, sent=True) == (OFF, None)
    assert machine.sent == done.sent == []


def test_a_soft_reboot_cut_off_never_switches_a_machine_off_that_may_be_back() -> None:
    machine = Machine(ON)
    ended = carry_out(machine, states.SOFT_REBOOTING, sent=True, then_off=True)
    assert (ended.state, machine.sent) == (ON, [])
    assert "soft power off was sent, but 60 s later it is power on" in (ended.error or "")


def test_a_secret_is_not_told() -> None:
    machine = Machine(OFF)
    machine.answers = [errors.UnsupportedPowerState("user s3cret may not")]
    assert "s3cret" not in (carry_out(machine, ON).error or "s3cret")


def test_an_unknown_word_of_the_driver_is_told() -> None:
    class Odd(Machine):
        async def get_power_state(self, node: base.Node) -> Any:
            return "maybe"

    assert carry_out(Odd(OFF), ON) == (
        None,
        "power on was accepted, but 60 s later the last read failed: 'maybe' is no power state",
    )


def test_words_of_the_driver_are_not_replaced_by_the_end_of_the_time() -> None:
    machine = Machine()
    machine.read_errors = [
        errors.BMCUnreachable("BMC does not answer within 10 s"),
        *([TimeoutError("no answer within 1.8 s")] * 999),
    ]
    ended = carry_out(machine, ON)
    assert ended.error == "BMC does not answer within 10 s"


def test_an_error_that_cannot_say_what_it_is_ends_the_change_with_what_kind_it_is() -> None:
    machine = Machine(OFF)
    machine.answers = [Rude()]
    assert carry_out(machine, ON) == (
        OFF,
        "fault of the driver machine: Rude: Rude whose str() raises RuntimeError",
    )
