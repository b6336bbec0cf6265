"""Answers about drivers."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from oslo_config import cfg

from podium import errors, states
from podium.client.calls.call import Page
from podium.client.calls.drivers import (
    ActionArgument,
    Driver,
    DriverAction,
    DriverOption,
    DriverSummary,
    DriverTask,
    GetDriver,
    ListDrivers,
    Property,
)
from podium.client.local.backend import Answers, Backend
from podium.client.local.pages import page
from podium.db import conductors
from podium.drivers import base, class_options, registry
from podium.drivers.base import actions


def list_drivers(backend: Backend, call: ListDrivers) -> Page[DriverSummary]:
    """Return the drivers that are installed here."""
    hosts = _hosts(backend) if call.conductors else None
    enabled = backend.config.enabled_drivers
    found = [_summary(name, one, name in enabled, hosts) for name, one in registry.available().items()]
    return page(found, lambda one: one.name, call.limit, call.marker)


def _hosts(backend: Backend) -> dict[str, list[str]]:
    """Return the online conductors by driver."""
    timeout = backend.config.conductor.heartbeat_timeout
    hosts: dict[str, list[str]] = {}
    with backend.database.read() as connection:
        found = conductors.list_conductors(connection)
    for one in found:
        for driver in one.drivers if one.is_alive(timeout) else ():
            hosts.setdefault(driver, []).append(one.hostname)
    return hosts


def _summary(
    name: str,
    found: type[base.Driver] | errors.DriverLoadError,
    enabled: bool,
    hosts: Mapping[str, Sequence[str]] | None,
) -> DriverSummary:
    its = None if hosts is None else [*hosts.get(name, ())]
    if isinstance(found, errors.DriverLoadError):
        return DriverSummary(name=name, enabled=enabled, conductors=its, error=errors.one_line(found))
    return DriverSummary(name=name, description=_description(found), enabled=enabled, conductors=its)


def _description(driver: type[base.Driver]) -> str:
    return (inspect.cleandoc(driver.__doc__ or "").splitlines() or [""])[0]


def get_driver(backend: Backend, call: GetDriver) -> Driver:
    """Return what a driver needs and can do."""
    driver = _loaded(backend, call.driver)
    return Driver(
        name=driver.name,
        description=_description(type(driver)),
        properties=[
            Property(
                name=key,
                required=declared.required,
                secret=declared.secret,
                default=_default(declared.default, declared.secret),
                help=declared.help,
            )
            for key, declared in driver.properties.items()
        ],
        options=[_option(option) for option in class_options.declared(type(driver))],
        supported_power_states=list(driver.supported_power_states),
        power_actions=sorted(actions(driver) - states.BESIDE_POWER),
        abilities=[word for word in base.ABILITIES if base.can(driver, word)],
        actions=[_action(driver.name, one) for one in base.driver_actions(driver).values()],
        checks_login=base.checks_login(driver),
        sets_password=base.sets_password(driver),
        periodic_tasks=[
            DriverTask(name=f"{driver.name}.{task.name}", spacing=task.spacing, enabled=task.enabled)
            for task, _ in base.periodic_tasks(driver)
        ],
    )


def _loaded(backend: Backend, name: str) -> base.Driver:
    try:
        return backend.catalog.driver(name)
    except errors.DriverLoadError as fault:
        if name in registry.installed():
            raise
        raise errors.NotFound(str(fault)) from None


def _default(value: Any, secret: bool) -> Any:
    shown = None if secret or value in (None, "", b"") else value
    return msgspec.to_builtins(shown, enc_hook=str)


def _action(driver: str, action: base.DriverAction) -> DriverAction:
    return DriverAction(
        name=f"{driver}.{action.name}",
        help=action.help,
        arguments=[
            ActionArgument(
                name=one.name,
                kind=one.kind,
                required=one.required,
                default=one.default,
                choices=list(one.choices),
            )
            for one in action.arguments
        ],
    )


def _option(option: cfg.Opt) -> DriverOption:
    return DriverOption(name=option.name, default=_default(option.default, option.secret), help=option.help)


ANSWERS: Final[Answers] = {ListDrivers: list_drivers, GetDriver: get_driver}
