"""Drivers: those that are installed where the call is answered."""

from typing import Annotated, Any

import msgspec

from podium.client.calls.call import Call, Limit, Page, Record

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class DriverSummary(Record, frozen=True, kw_only=True):
    """A driver in a list.

    :param description: the first line of the driver's own description
    :param enabled: whether the configuration enables it here
    :param conductors: those that are online and have loaded it; None if not looked up
    :param error: why it cannot be used
    """

    name: str
    description: str | None = None
    enabled: bool
    conductors: list[str] | None = None
    error: str | None = None


class Property(Record, frozen=True, kw_only=True):
    """A property of a driver's nodes in ``driver_info``.

    :param secret: whether its values are never shown
    """

    name: str
    required: bool
    secret: bool
    default: Any = None
    help: str


class DriverOption(Record, frozen=True, kw_only=True):
    """An option of a driver in the config file."""

    name: str
    default: Any = None
    help: str | None = None


class DriverTask(Record, frozen=True, kw_only=True):
    """A periodic task of a driver, without the settings of ``[periodic_tasks]``."""

    name: str
    spacing: int | float
    enabled: bool


class ActionArgument(Record, frozen=True, kw_only=True):
    """An argument of an action that a driver defines.

    :param kind: ``text``, ``whole number``, ``number`` or ``true or false``
    :param default: the default value; None where ``required``
    :param choices: the allowed texts; empty for any
    """

    name: str
    kind: str
    required: bool
    default: str | int | float | bool | None = None
    choices: list[str] = []


class DriverAction(Record, frozen=True, kw_only=True):
    """An action that a driver defines.

    :param name: ``DRIVER.NAME``
    """

    name: str
    help: str
    arguments: list[ActionArgument]


class Driver(Record, frozen=True, kw_only=True):
    """What a driver needs, and what it can do.

    :param abilities: besides power: ``boot device``, ``identify``, ``log``, ``clear log``, ``clock``, ``set
        clock``, ``sensors``, ``check login`` and ``set password``
    :param actions: those that it defines
    :param checks_login: whether it can try a login in a session of its own
    :param sets_password: whether it can change the password on the hardware
    """

    name: str
    description: str
    properties: list[Property]
    options: list[DriverOption]
    supported_power_states: list[str]
    power_actions: list[str]
    abilities: list[str] = []
    actions: list[DriverAction] = []
    checks_login: bool = False
    sets_password: bool = False
    periodic_tasks: list[DriverTask]


class ListDrivers(Call[Page[DriverSummary]], frozen=True):
    """List the installed drivers, with the online conductors that have enabled them.

    :param conductors: whether to look for conductors, which needs the database
    :param limit: greatest number on this page; the server has a limit of its own
    :param marker: ``next`` of the page before
    """

    method = "GET"
    path = "/podium/v1/drivers"
    role = "reader"

    conductors: bool = True
    limit: Limit = None
    marker: _Name | None = None


class GetDriver(Call[Driver], frozen=True):
    """Show a driver's settings of a node, its options in the config file, and its actions.

    :param driver: its name
    """

    method = "GET"
    path = "/podium/v1/drivers/{driver}"
    role = "reader"

    driver: _Name
