"""Which reset does what is asked for, in which state of the machine."""

import pytest

from podium import states
from podium.drivers.redfish import power


@pytest.mark.parametrize(
    ("action", "word", "kinds"),
    [
        (states.POWER_ON, "Off", ("On", "ForceOn")),
        (states.POWER_ON, "Paused", ("Resume", "On", "ForceOn")),
        (states.POWER_OFF, "On", ("ForceOff", "GracefulShutdown")),
        (states.REBOOTING, "On", ("ForceRestart", "PowerCycle")),
        (states.REBOOTING, "Paused", ("ForceRestart", "PowerCycle")),
        (states.REBOOTING, "Off", ("On", "ForceOn")),
        (states.SOFT_POWER_OFF, "On", ("GracefulShutdown", "PushPowerButton")),
        (states.INJECT_NMI, "On", ("Nmi",)),
    ],
)
def test_each_action_has_its_resets_the_usual_one_first(
    action: str, word: str, kinds: tuple[str, ...]
) -> None:
    assert power.resets(action, word) == kinds


@pytest.mark.parametrize("word", ["Off", "PoweringOff", "PoweringOn", "Paused", None, ["On"], {}])
def test_the_power_button_is_pressed_for_a_machine_that_is_surely_on(word: object) -> None:
    assert "PushPowerButton" not in power.resets(states.SOFT_POWER_OFF, word)


@pytest.mark.parametrize("word", ["Off", "On", "Paused", "PoweringOn", "PoweringOff", None])
def test_what_may_be_sent_twice_never_toggles(word: object) -> None:
    for action in (states.POWER_ON, states.POWER_OFF):
        assert not {"PushPowerButton", "PowerCycle", "FullPowerCycle"} & set(power.resets(action, word))


@pytest.mark.parametrize("word", ["Off", "PoweringOff"])
@pytest.mark.parametrize("action", [states.POWER_OFF, states.SOFT_POWER_OFF])
def test_a_machine_that_goes_off_need_not_be_told_again(action: str, word: str) -> None:
    assert power.is_under_way(action, word)


@pytest.mark.parametrize(
    ("action", "word"),
    [
        (states.POWER_ON, "Paused"),
        (states.POWER_ON, "Off"),
        (states.POWER_OFF, "On"),
        (states.REBOOTING, "On"),
        (states.INJECT_NMI, "On"),
        (states.POWER_OFF, None),
        (states.POWER_OFF, {"Off": 1}),
    ],
)
def test_nothing_is_taken_for_done_that_is_not(action: str, word: object) -> None:
    assert not power.is_under_way(action, word)


@pytest.mark.parametrize(
    ("status", "messages", "unsupported"),
    [
        (400, ("Base.1.8.ActionParameterNotSupported",), True),
        (400, ("Base.1.8.GeneralError", "Base.1.8.ActionNotSupported"), True),
        (400, ("IDRAC.2.8.SYS426", "Base.1.12.PropertyValueNotInList"), True),
        (405, (), True),
        (501, (), True),
        (409, ("Base.1.18.ActionParameterValueConflict",), False),  # a machine that has yet to settle
        (400, ("Base.1.8.GeneralError",), False),
        (500, (), False),
    ],
)
def test_only_what_a_bmc_never_does_is_unsupported(
    status: int, messages: tuple[str, ...], unsupported: bool
) -> None:
    assert power.is_unsupported(status, messages) is unsupported
