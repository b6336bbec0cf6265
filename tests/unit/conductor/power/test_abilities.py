"""Hardware that refuses, is silent, forgets, lies or talks nonsense beside its power. Time is simulated."""

import asyncio
import datetime
from collections.abc import Callable
from typing import Any, Literal

import pytest

from podium import errors, states
from podium.conductor.power.abilities import Done, HardwareChange, Wanted
from podium.conductor.power.sending import Sender
from podium.conductor.rooms.room import DriverRoom
from podium.drivers import base

NODE = base.Node("u1", "n1", "machine", driver_info={"password": "s3cret"})
SILENCE = errors.BMCUnreachable("BMC does not answer within 10 s")
BUSY = errors.DriverError("the BMC is busy")
NOON = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
LATER = NOON + datetime.timedelta(seconds=1)
PXE = {"boot": {"device": "pxe", "persistent": False, "mode": "uefi"}}
GIVEN: dict[str, dict[str, Any]] = {
    states.SET_BOOT_DEVICE: PXE,
    states.IDENTIFY: {"identification": {"seconds": 60.0}},
    states.CLEAR_LOG: {"log": {"last": "17"}},
    states.SET_CLOCK: {},
    states.DRIVER_ACTION: {"own": {"name": "machine.blink", "arguments": {"colour": "red", "times": "3"}}},
}
#: What each of them says when all goes well.
SAID = {
    states.SET_BOOT_DEVICE: "pxe, once, uefi (was disk, persistent)",
    states.IDENTIFY: "on for 60 s",
    states.CLEAR_LOG: "cleared",
    states.SET_CLOCK: "it was 60 min behind; what its log has of before is corrected by that",
    states.DRIVER_ACTION: "3 times red",
}
ONCE = (states.CLEAR_LOG, states.DRIVER_ACTION)
AGAIN = (states.SET_BOOT_DEVICE, states.IDENTIFY, states.SET_CLOCK)


class Machine(base.Driver):
    """One machine that is off, and what is wrong with it."""

    needs_api = (2, 2)
    properties = {"password": base.Property("the password", secret=True)}

    def __init__(self) -> None:
        super().__init__("machine", None)
        self.now = 0.0
        self.sent: list[Any] = []
        self.answers: list[BaseException] = []  # instead of what a command does
        self.deaf = 0  # commands that are carried out, and not answered
        self.ignores = 0  # commands that are acknowledged and forgotten
        self.boot: Any = base.BootDevice("disk", persistent=True)
        self.entries = [base.LogEntry("17", None, "OK", "it rains")]
        self.clock = -3600.0  # seconds ahead
        self.slow = 0.0  # seconds for each read
        self.says: Any = "3 times red"

    def _takes(self, *sent: Any) -> bool:
        """Whether a command does something."""
        self.sent.append(sent)
        if self.answers:
            raise self.answers.pop(0)
        self.ignores -= 1
        return self.ignores < 0

    def _answered(self) -> None:
        self.deaf -= 1
        if self.deaf >= 0:
            raise SILENCE

    async def get_power_state(self, node: base.Node) -> str:
        raise AssertionError("what is beside the power needs no power state")

    async def set_power_state(self, node: base.Node, target: str) -> None:
        raise AssertionError("what is beside the power switches nothing")

    async def get_boot_device(self, node: base.Node) -> base.Boot:
        return base.Boot(self.boot, base.BOOT_DEVICES)

    async def set_boot_device(self, node: base.Node, boot: base.BootDevice) -> None:
        if self._takes(boot):
            self.boot = boot
        self._answered()

    async def identify(self, node: base.Node, seconds: float | None) -> None:
        self._takes(seconds)
        self._answered()

    async def get_log(self, node: base.Node, before: str | None, after: str | None, limit: int) -> base.Log:
        return base.Log(self.entries[-limit:])

    async def clear_log(self, node: base.Node, last: str) -> None:
        if self._takes(last):
            self.entries = []
        self._answered()

    async def get_clock(self, node: base.Node) -> Any:
        self.now += self.slow / 2
        read = datetime.datetime.fromtimestamp(self.now + self.clock, datetime.UTC)
        self.now += self.slow / 2
        return read

    async def set_clock(self, node: base.Node) -> None:
        if self._takes("now"):
            self.clock = 0.4
        self._answered()

    @base.action(help="Blink")
    async def blink(self, node: base.Node, colour: Literal["red", "green"], times: int = 1) -> Any:
        self._takes(colour, times)
        self._answered()
        return self.says


def carry_out(
    machine: base.Driver,
    action: str,
    arguments: dict[str, Any] | None = None,
    *,
    sent: bool = False,
    confirm: Callable[[], None] = lambda: None,
    clock: Callable[[], float] | None = None,
) -> Done:
    now = clock or (lambda: machine.now)  # type: ignore[attr-defined]

    async def confirm_all() -> None:
        confirm()

    async def pause(seconds: float) -> None:
        machine.now += seconds  # type: ignore[attr-defined]
        await asyncio.sleep(0)

    async def main() -> Done:
        sender = Sender(DriverRoom(machine), NODE, confirm_all, clock=now, pause=pause)
        given = GIVEN[action] if arguments is None else arguments
        change = HardwareChange(sender, Wanted(action, given, 60.0, sent), wall_clock=now)
        return await asyncio.wait_for(change.carry_out(), 20)

    return asyncio.run(main())


@pytest.mark.parametrize("action", sorted(states.BESIDE_POWER))
def test_each_is_sent_once_to_a_machine_that_is_off_and_says_what_came_of_it(action: str) -> None:
    machine = Machine()
    assert carry_out(machine, action)[:2] == (None, SAID[action])
    assert len(machine.sent) == 1


@pytest.mark.parametrize("action", AGAIN)
def test_hardware_that_refuses_for_a_while_is_asked_again(action: str) -> None:
    machine = Machine()
    machine.answers = [BUSY, BUSY]
    assert carry_out(machine, action)[:2] == (None, SAID[action])
    assert len(machine.sent) == 3


def test_what_an_action_of_the_drivers_own_refuses_is_its_last_word() -> None:
    machine = Machine()
    machine.answers = [errors.DriverError("the tank is empty")]
    assert carry_out(machine, states.DRIVER_ACTION) == Done("the tank is empty")
    assert len(machine.sent) == 1


@pytest.mark.parametrize("action", sorted(states.BESIDE_POWER))
def test_what_could_not_be_written_down_is_sent_when_it_can(action: str) -> None:
    away = [errors.DatabaseUnavailable("away")]

    def confirm() -> None:
        if away:
            raise away.pop()

    machine = Machine()
    assert carry_out(machine, action, confirm=confirm)[:2] == (None, SAID[action])
    assert len(machine.sent) == 1


@pytest.mark.parametrize("action", AGAIN)
def test_hardware_that_refuses_to_the_end_is_quoted(action: str) -> None:
    machine = Machine()
    machine.answers = [BUSY] * 999
    assert "the BMC is busy" in (carry_out(machine, action).error or "")
    assert 60 <= machine.now < 70


@pytest.mark.parametrize("action", sorted(states.BESIDE_POWER))
@pytest.mark.parametrize(
    "error",
    [errors.Unsupported("this machine has none"), errors.AuthenticationRefused("wrong password")],
    ids=lambda error: type(error).__name__,
)
def test_what_will_never_work_is_not_tried_again(action: str, error: Exception) -> None:
    machine = Machine()
    machine.answers = [error] * 9
    assert (carry_out(machine, action).error, len(machine.sent)) == (str(error), 1)


@pytest.mark.parametrize("action", AGAIN)
def test_what_does_no_harm_twice_is_sent_again_when_nobody_answers(action: str) -> None:
    machine = Machine()
    machine.answers = [SILENCE]
    assert carry_out(machine, action)[:2] == (None, SAID[action])
    assert len(machine.sent) == 2


@pytest.mark.parametrize("action", AGAIN)
def test_what_does_no_harm_twice_is_sent_again_by_who_goes_on(action: str) -> None:
    machine = Machine()
    unread = "set; how far it was off is not known"
    said = unread if action == states.SET_CLOCK else SAID[action]
    assert carry_out(machine, action, sent=True)[:2] == (None, said)
    assert len(machine.sent) == 1


def test_a_command_that_shows_although_nobody_answered_is_done() -> None:
    machine = Machine()
    machine.deaf = 1
    assert carry_out(machine, states.SET_BOOT_DEVICE)[:2] == (None, SAID[states.SET_BOOT_DEVICE])
    assert len(machine.sent) == 1


@pytest.mark.parametrize("action", [states.SET_BOOT_DEVICE, states.SET_CLOCK])
def test_a_command_that_was_acknowledged_and_forgotten_is_sent_once_more(action: str) -> None:
    machine = Machine()
    machine.ignores = 1
    assert carry_out(machine, action)[:2] == (None, SAID[action])
    assert len(machine.sent) == 2


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (
            states.SET_BOOT_DEVICE,
            "set boot device was accepted, but 60 s later it is disk, persistent",
        ),
        (states.SET_CLOCK, "set clock was accepted, but 60 s later it is 60 min behind"),
    ],
)
def test_hardware_that_lies_is_found_out(action: str, text: str) -> None:
    machine = Machine()
    machine.ignores = 999
    assert carry_out(machine, action) == Done(text)
    assert len(machine.sent) == 2


CLEARED = [base.LogEntry("1", NOON, "OK", "the log was cleared")]
#: What a driver may raise after the hardware took the command, and what people are told of it.
AFTERWARDS = {
    "silence": (SILENCE, str(SILENCE)),
    "refusal": (errors.DriverError("busy (HTTP 503)"), "busy (HTTP 503)"),
    "fault": (KeyError("Members"), "fault of the driver machine: KeyError: 'Members'"),
}


class Emptied(Machine):
    """A machine whose log is emptied, and whose driver fails afterwards."""

    def __init__(self, error: Exception, left: list[base.LogEntry]) -> None:
        super().__init__()
        self.error = error
        self.left = left

    async def clear_log(self, node: base.Node, last: str) -> None:
        self.sent.append(last)
        self.entries = self.left
        raise self.error


@pytest.mark.parametrize("how", AFTERWARDS)
def test_a_log_is_cleared_once_whatever_the_driver_says_afterwards(how: str) -> None:
    error, words = AFTERWARDS[how]
    for left, done in (
        ([], Done(None, "cleared")),
        (CLEARED, Done(f"it may have been cleared: {words}; read it again")),
        (Machine().entries, Done(f"it was not cleared: {words}")),
    ):
        machine = Emptied(error, left)
        assert carry_out(machine, states.CLEAR_LOG) == done
        assert machine.sent == ["17"]
        assert machine.entries == left


def test_a_log_that_is_emptied_slowly_is_looked_at_again() -> None:
    class Slow(Emptied):
        async def get_log(self, node: base.Node, before: Any, after: Any, limit: int) -> base.Log:
            return base.Log(self.entries if self.now < 4 else [])

    assert carry_out(Slow(SILENCE, Machine().entries), states.CLEAR_LOG) == Done(None, "cleared")


@pytest.mark.parametrize(
    ("entries", "error"),
    [
        ([], None),
        (CLEARED, "it may have been cleared: clear log was sent when the conductor ended; read it again"),
        (None, "it was not cleared: clear log was sent when the conductor ended"),
    ],
)
def test_a_log_that_a_conductor_may_have_cleared_is_looked_at_by_its_successor(
    entries: list[base.LogEntry] | None, error: str | None
) -> None:
    machine = Machine()
    if entries is not None:
        machine.entries = entries
    done = carry_out(machine, states.CLEAR_LOG, sent=True)
    assert (done.error, machine.sent) == (error, [])


@pytest.mark.parametrize(
    ("seen", "newest"),
    [
        ({}, None),
        ({}, base.LogEntry("18", NOON, "OK", "it rains")),
        ({"clock_at": "2026-03-01T12:00:00Z"}, base.LogEntry("17", LATER, "OK", "it rains")),
        ({"clock_at": "2026-03-01T12:00:00Z"}, base.LogEntry("17", None, "OK", "it rains")),
        ({"message": "it rains"}, base.LogEntry("17", NOON, "OK", "it snows")),
        ({"message": "it rains ******"}, base.LogEntry("17", NOON, "OK", "it snows s3cret")),
    ],
)
def test_a_log_whose_newest_entry_is_another_than_was_seen_is_left_alone(
    seen: dict[str, Any], newest: base.LogEntry | None
) -> None:
    machine = Machine()
    machine.entries = [newest] if newest else []
    done = carry_out(machine, states.CLEAR_LOG, {"log": {"last": "17", **seen}})
    assert "the log does not end with the entry 17 that was seen: " in (done.error or "")
    assert "s3cret" not in (done.error or "")
    assert machine.sent == []


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (base.LogEntry("17", NOON, "OK", "it\x07rains"), "it rains"),
        (base.LogEntry("17", NOON, "OK", "it rains s3cret"), "it rains ******"),
        (base.LogEntry("17", NOON, "OK", "r" * 2000), "r" * 1000),
    ],
)
def test_an_entry_is_known_by_what_people_saw_of_it(entry: base.LogEntry, message: str) -> None:
    machine = Machine()
    machine.entries = [entry]
    seen = {"last": "17", "clock_at": "2026-03-01T13:00:00+01:00", "message": message}
    assert carry_out(machine, states.CLEAR_LOG, {"log": seen}) == Done(None, "cleared")


def test_a_log_that_cannot_be_read_for_a_while_is_not_cleared_unread() -> None:
    class Busy(Machine):
        looks: list[Exception] = []

        async def get_log(self, node: base.Node, before: Any, after: Any, limit: int) -> base.Log:
            assert limit == 1
            if self.looks:
                raise self.looks.pop(0)
            return await super().get_log(node, before, after, limit)

    machine = Busy()
    machine.looks = [BUSY, TimeoutError()]
    assert carry_out(machine, states.CLEAR_LOG) == Done(None, "cleared")
    machine = Busy()
    machine.looks = [BUSY] * 999
    assert carry_out(machine, states.CLEAR_LOG) == Done("clear log was not sent: the BMC is busy")
    assert machine.sent == []


def test_a_log_that_has_grown_is_left_alone() -> None:
    machine = Machine()
    machine.answers = [errors.LogChanged("the log has entries after 17")]
    assert carry_out(machine, states.CLEAR_LOG) == Done("the log has entries after 17")
    assert len(machine.sent) == 1


def test_an_action_of_the_drivers_own_is_never_called_twice() -> None:
    machine = Machine()
    machine.deaf = 1
    text = f"{SILENCE}; machine.blink may have been carried out; ask again if need be"
    assert carry_out(machine, states.DRIVER_ACTION) == Done(text)
    assert machine.sent == [("red", 3)]
    machine = Machine()
    done = carry_out(machine, states.DRIVER_ACTION, sent=True)
    assert done.error == ("machine.blink was sent when the conductor ended; whether it happened is not known")
    assert machine.sent == []


def test_an_action_that_would_end_the_conductor_is_a_fault_of_its_driver_by_name() -> None:
    machine = Machine()
    machine.answers = [SystemExit(3)]
    done = carry_out(machine, states.DRIVER_ACTION)
    assert done.error is not None
    assert "fault of the driver machine: Machine.blink raised SystemExit: 3" in done.error


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("machine.melt", {}, "the driver machine has no action machine.melt here, only blink"),
        ("machine.blink", {}, "blink needs colour; it takes colour=red|green [times=1]"),
        ("machine.blink", {"colour": "blue"}, "blink: colour is red or green, not 'blue'"),
    ],
)
def test_an_action_that_this_conductors_driver_does_not_know_so_is_not_called(
    name: str, arguments: dict[str, Any], text: str
) -> None:
    machine = Machine()
    given = {"own": {"name": name, "arguments": arguments}}
    assert carry_out(machine, states.DRIVER_ACTION, given) == Done(text)
    assert machine.sent == []


@pytest.mark.parametrize(
    ("says", "result"),
    [
        (None, None),
        ("", None),
        ("two\nlines\x07", "two lines"),
        ("the password is s3cret", "the password is ******"),
        (["a", "list"], "['a', 'list']"),
        ("x" * 5000, "x" * 2000),
        (f"{' ' * 3996}s3cret", "******"),
        ("x" * 65_533 + "s3cret", "x" * 2000),
        (" " * 65_533 + "s3cret", None),
    ],
)
def test_what_an_action_returns_is_one_line_without_secrets(says: Any, result: str | None) -> None:
    machine = Machine()
    machine.says = says
    assert carry_out(machine, states.DRIVER_ACTION) == Done(None, result)


def test_hardware_whose_call_was_given_up_is_named_and_no_class_of_pythons() -> None:
    machine = Machine()
    machine.answers = [TimeoutError("no answer within 4 s")] * 99
    error = carry_out(machine, states.IDENTIFY).error
    assert error == "the hardware does not answer within 4 s"

    class Placed(Machine):
        def endpoint(self, node: base.Node) -> str:
            return "10.0.0.1:6230"

    machine = Placed()
    machine.answers = [TimeoutError("no answer within 4 s")] * 99
    error = carry_out(machine, states.IDENTIFY).error
    assert error == "BMC 10.0.0.1:6230 does not answer within 4 s"


def test_a_fault_of_the_driver_is_called_that() -> None:
    machine = Machine()
    machine.answers = [ZeroDivisionError("s3cret")]
    done = carry_out(machine, states.DRIVER_ACTION)
    assert done.error == "fault of the driver machine: ZeroDivisionError: ******"


@pytest.mark.parametrize("found", [None, "pxe", base.BootDevice("pxe", True, "uefi"), base.BootDevice(None)])
def test_an_answer_that_is_not_the_boot_device_that_was_set_is_no_success(found: Any) -> None:
    machine = Machine()
    machine.boot, machine.ignores = found, 999
    assert "set boot device was accepted, but 60 s later it " in (
        carry_out(machine, states.SET_BOOT_DEVICE).error or ""
    )


def test_hardware_that_does_not_name_its_mode_may_be_in_the_one_that_was_asked_for() -> None:
    machine = Machine()
    machine.boot, machine.ignores = base.BootDevice("pxe"), 999
    assert carry_out(machine, states.SET_BOOT_DEVICE)[:2] == (None, "pxe, once, uefi")


def test_a_boot_device_that_can_never_be_read_ends_it() -> None:
    class Locked(Machine):
        async def get_boot_device(self, node: base.Node) -> base.Boot:
            raise errors.AuthenticationRefused("wrong password")

    machine = Locked()
    assert carry_out(machine, states.SET_BOOT_DEVICE) == Done("it cannot be read: wrong password")
    assert len(machine.sent) == 1


@pytest.mark.parametrize("error", [SILENCE, BUSY])
def test_a_log_that_cannot_be_read_to_the_end_may_have_been_cleared(error: Exception) -> None:
    class Unread(Machine):
        async def get_log(self, node: base.Node, earlier: Any, later: Any, most: int) -> base.Log:
            if self.sent:
                raise error
            return await super().get_log(node, earlier, later, most)

    machine = Unread()
    machine.deaf = 1
    assert carry_out(machine, states.CLEAR_LOG) == Done(
        f"it may have been cleared: {SILENCE}; it cannot be read: {error}"
    )
    assert len(machine.sent) == 1


@pytest.mark.parametrize(("seconds", "said"), [(0.0, "off"), (None, "on until it is ended")])
def test_the_led_is_ended_or_left_on(seconds: float | None, said: str) -> None:
    machine = Machine()
    given = {"identification": {"seconds": seconds}}
    assert carry_out(machine, states.IDENTIFY, given) == Done(None, said)
    assert machine.sent == [(seconds,)]


def test_a_clock_is_measured_in_the_middle_of_the_call() -> None:
    machine = Machine()
    machine.slow = 8.0
    done = carry_out(machine, states.SET_CLOCK)
    assert done.clock == (pytest.approx(0.4), -3600.0)


def test_a_clock_that_cannot_be_read_before_can_be_set_all_the_same() -> None:
    class Unset(Machine):
        async def get_clock(self, node: base.Node) -> Any:
            if not self.sent:
                raise errors.DriverError("the clock was never set")
            return await super().get_clock(node)

    done = carry_out(Unset(), states.SET_CLOCK)
    assert done[:2] == (None, "set; how far it was off is not known")
    assert done.clock == (pytest.approx(0.4), None)


def test_a_clock_that_was_right_corrects_nothing() -> None:
    machine = Machine()
    machine.clock = 0.6
    done = carry_out(machine, states.SET_CLOCK)
    assert done[:2] == (None, "it was right")
    assert done.clock is not None and not done.clock.is_other


def test_a_clock_that_was_set_and_is_off_all_the_same_has_moved() -> None:
    class Fast(Machine):
        async def set_clock(self, node: base.Node) -> None:
            self.sent.append("now")
            self.clock = 9.0

    done = carry_out(Fast(), states.SET_CLOCK)
    assert done[:2] == ("set clock was accepted, but 60 s later it is 9 s ahead", None)
    assert done.clock == (9.0, -3600.0)


def test_a_naive_time_is_no_time() -> None:
    class Naive(Machine):
        async def get_clock(self, node: base.Node) -> Any:
            return datetime.datetime(2030, 1, 1)

    assert "is no time with an offset" in (carry_out(Naive(), states.SET_CLOCK).error or "")


@pytest.mark.parametrize("action", sorted(states.BESIDE_POWER))
def test_nothing_is_sent_that_the_database_does_not_confirm(action: str) -> None:
    def refuse() -> None:
        raise errors.NodeConflict("it was not sent: the request is no longer this conductor's")

    machine = Machine()
    assert "it was not sent" in (carry_out(machine, action, confirm=refuse).error or "")
    assert machine.sent == []


@pytest.mark.parametrize("action", sorted(states.BESIDE_POWER))
def test_a_driver_without_the_ability_is_not_asked(action: str) -> None:
    class Plain(base.Driver):
        properties = Machine.properties
        now = 0.0

        def get_power_state(self, node: base.Node) -> str:
            return states.POWER_ON

        def set_power_state(self, node: base.Node, target: str) -> None: ...

    error = carry_out(Plain("plain", None), action).error
    assert error in (f"the driver plain cannot {action}", "the driver plain has no action machine.blink here")


def test_plain_methods_are_called_too() -> None:
    class Plain(base.Driver):
        needs_api = (2, 2)
        properties = Machine.properties
        now = 0.0
        boot = base.BootDevice("disk")

        def get_power_state(self, node: base.Node) -> str:
            return states.POWER_ON

        def set_power_state(self, node: base.Node, target: str) -> None: ...

        def get_boot_device(self, node: base.Node) -> base.Boot:
            return base.Boot(self.boot, base.BOOT_DEVICES)

        def set_boot_device(self, node: base.Node, boot: base.BootDevice) -> None:
            self.boot = boot

        def get_log(self, node: base.Node, before: Any, after: Any, limit: int) -> base.Log:
            return base.Log([base.LogEntry("17", None, "OK", "it rains")])

        def clear_log(self, node: base.Node, last: str) -> None: ...

        @base.action(help="Blink")
        def blink(self, node: base.Node, colour: str, times: int) -> str:
            return f"{times} times {colour}"

    driver = Plain("machine", None)
    assert carry_out(driver, states.CLEAR_LOG) == Done(None, "cleared")
    assert carry_out(driver, states.SET_BOOT_DEVICE)[:2] == (None, "pxe, once, uefi (was disk, once)")
    assert carry_out(driver, states.DRIVER_ACTION) == Done(None, "3 times red")
