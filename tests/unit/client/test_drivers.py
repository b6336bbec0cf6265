"""Drivers, asked on the database and over HTTP."""

from collections.abc import Callable

import pytest

import entries
from podium import errors
from podium.client.calls.drivers import ActionArgument, DriverAction, ListDrivers
from podium.client.podium import Podium
from podium.db.engine import Database


def test_a_driver_is_shown_with_what_is_secret(podium: Podium) -> None:
    shown = podium.driver("ipmi")
    secrets = {one.name for one in shown.properties if one.secret}
    assert "ipmi_password" in secrets and "ipmi_address" not in secrets
    assert "power on" in shown.power_actions
    assert (shown.checks_login, shown.sets_password) == (True, True)
    assert {one.name for one in shown.options} >= {"command_retry_timeout"}


ACME = """
from typing import Literal
from podium.drivers import base

class Acme(base.Driver):
    def get_power_state(self, node): return "power on"
    def set_power_state(self, node, target): pass
    def get_log(self, node, before, after, limit): return base.Log([])
    def get_sensors(self, node): return []
    def set_clock(self, node): pass

    @base.action(help="Blink the LED at the door")
    def blink(self, node, colour: Literal["red", "green"], times: int = 3): pass
"""


def test_a_driver_is_shown_with_what_it_can_beside_the_power(
    install: Callable[..., None], podium: Podium
) -> None:
    install(ACME)
    shown = podium.driver("acme")
    assert shown.abilities == ["log", "sensors"]
    colour = ActionArgument(name="colour", kind="text", required=True, choices=["red", "green"])
    times = ActionArgument(name="times", kind="whole number", required=False, default=3)
    assert shown.actions == [
        DriverAction(name="acme.blink", help="Blink the LED at the door", arguments=[colour, times])
    ]


def test_a_driver_that_is_not_installed_is_answered_with_the_nearest(podium: Podium) -> None:
    with pytest.raises(errors.NotFound, match="^there is no driver impi; did you mean ipmi"):
        podium.driver("impi")


def test_drivers_are_listed_with_the_conductors_that_have_them(podium: Podium, database: Database) -> None:
    with database.write() as connection:
        entries.enter(connection, "head")
    found = {one.name: one for one in podium.drivers()}
    assert (found["fake"].conductors, found["ipmi"].conductors) == (["head"], [])
    assert found["fake"].enabled and found["fake"].error is None


def test_drivers_are_listed_without_a_look_at_conductors(podium: Podium) -> None:
    assert {one.conductors for one in podium.drivers(conductors=False)} == {None}


def test_a_page_of_drivers_says_where_the_next_begins(podium: Podium) -> None:
    first = podium.ask(ListDrivers(limit=1))
    second = podium.ask(ListDrivers(limit=1, marker=first.next))
    names = [one.name for one in podium.drivers()]
    assert [first.items[0].name, second.items[0].name] == names[:2] == sorted(names)[:2]
