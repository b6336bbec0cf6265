"""The words for power states fit each other, the drivers and the tables."""

import pytest

from podium import states
from podium.db import models
from podium.drivers import base, registry


def test_every_action_of_the_power_but_an_nmi_has_a_state_that_a_read_can_find() -> None:
    assert states.REACHED.keys() == states.ACTIONS - states.BESIDE_POWER - {states.INJECT_NMI}
    assert set(states.REACHED.values()) <= states.READINGS


@pytest.mark.parametrize("column", ["power_state", "target_power_state", "wanted_power_state"])
def test_every_word_fits_its_column(column: str) -> None:
    words = states.READINGS | states.ACTIONS | {states.CHANGE_CREDENTIALS}
    assert max(map(len, words)) <= models.nodes.c[column].type.length  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["fake", "ipmi"])
def test_a_driver_supports_targets_that_there_are(name: str) -> None:
    driver = registry.available()[name]
    assert isinstance(driver, type) and issubclass(driver, base.Driver)
    assert set(driver.supported_power_states) <= states.TARGETS


def test_the_words_are_those_of_their_types_and_plain_texts() -> None:
    words = {
        getattr(states, name)
        for name in states.__all__
        if name.isupper() and isinstance(getattr(states, name), str)
    }
    assert words == states.ACTIONS | states.READINGS | {states.CHANGE_CREDENTIALS}
    assert {type(word) for word in words} == {str}
    assert sorted(states.READINGS) == ["error", "power off", "power on"]
    assert states.TARGETS < states.ACTIONS
