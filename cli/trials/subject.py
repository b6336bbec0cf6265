"""The subject of a trial: a driver with options of the command line, and a node that is in no database."""

import difflib
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from podium import conf, errors, masking, states
from podium.cli.trials.transcript import Transcript
from podium.client.enrolling import enrolment, identities
from podium.client.enrolling.catalog import Catalog
from podium.drivers import actions, base, class_options


def secret_options(driver: base.Driver) -> frozenset[str]:
    """Return the options of a driver whose values are secrets."""
    options = class_options.declared(type(driver))
    return frozenset(one.dest for one in options if one.secret or masking.is_secret(one.dest))


def option_values(driver: base.Driver) -> dict[str, Any]:
    """Return the values of a driver's options by name."""
    return {one.dest: getattr(driver.options, one.dest) for one in class_options.declared(type(driver))}


def set_options(config: conf.Config, driver: base.Driver, values: Mapping[str, str]) -> None:
    """Override the config file's values of a driver's options, for instances that are made afterwards.

    :raises podium.errors.ConfigError: naming the option
    """
    declared = {option.dest: option for option in class_options.declared(type(driver))}
    for key, value in values.items():
        if key not in declared:
            raise errors.ConfigError(f"driver {driver.name} has no option {key}{_instead(key, declared)}")
        try:
            config.set_override(key, value, group=driver.name)
        except ValueError as fault:
            reason = conf.explain(declared[key], fault, secret=key in secret_options(driver))
            raise errors.ConfigError(f"--option: {key} cannot be used: {reason}") from None


def new_node(catalog: Catalog, driver: base.Driver, name: str, driver_info: Mapping[str, str]) -> base.Node:
    """Return a node that was never read.

    :raises podium.errors.InvalidNode: if it could not be enrolled like this
    """
    row = {"name": name, "uuid": str(uuid.uuid4()), "driver": driver.name, "driver_info": driver_info}
    settled, faults = enrolment.settle(row, catalog)
    if faults:
        raise errors.InvalidNode(faults)
    return base.Node(
        settled["uuid"],
        settled["name"],
        driver.name,
        driver_info=settled["driver_info"],
        as_of=time.monotonic(),
    )


def introduce(driver: base.Driver, node: base.Node, transcript: Transcript) -> None:
    """Print what Podium knows about a node before it is read."""
    transcript.line(f"driver_info {transcript.json(node.driver_info)}", node.name)
    transcript.line(f"identity {identities.identity(driver, node) or 'not known'}", node.name)
    transcript.line(f"endpoint {identities.endpoint(driver, node) or 'the node itself'}", node.name)


def task_names(driver: base.Driver, wanted: Iterable[str]) -> list[str]:
    """Return the names of tasks, which may be given with the driver's name before them.

    :raises podium.errors.PodiumError: naming one that the driver does not have
    """
    known = [task.name for task, _ in base.periodic_tasks(driver)]
    names = [one.removeprefix(f"{driver.name}.") for one in wanted]
    for name in names:
        if name not in known:
            raise errors.PodiumError(f"driver {driver.name} has no task {name}{_instead(name, known)}")
    return names


def check_action(driver: base.Driver, action: str) -> None:
    """Refuse an action that neither ``set_power_state`` nor ``inject_nmi`` of a driver carries out.

    :raises podium.errors.UnsupportedPowerState: naming what there is instead
    """
    able = sorted(base.actions(driver) & {*driver.supported_power_states, states.INJECT_NMI})
    if action not in able:
        raise errors.UnsupportedPowerState(
            f"driver {driver.name} cannot do {action}; there are: {', '.join(able)}"
        )


def check_ability(driver: base.Driver, ability: str) -> None:
    """Refuse an ability that a driver lacks.

    :param ability: one of :data:`podium.drivers.base.ABILITIES`
    :raises podium.errors.BadRequest: naming the methods that it lacks
    """
    if not base.can(driver, ability):
        methods = " and ".join(base.ABILITIES[ability])
        raise errors.BadRequest(
            f"the driver {driver.name} has not the ability: {ability}; it needs {methods}"
        )


def action(
    driver: base.Driver, name: str, arguments: Iterable[tuple[str, str]]
) -> tuple[base.DriverAction, dict[str, Any]]:
    """Return one of a driver's own actions, and its arguments.

    :param name: the name of the action, which may be given with the driver's name before it
    :raises podium.errors.BadRequest: naming what is wrong
    """
    known, name = base.driver_actions(driver), name.removeprefix(f"{driver.name}.")
    if name not in known:
        raise errors.BadRequest(f"driver {driver.name} has no action {name}{_instead(name, known)}")
    try:
        return known[name], actions.given(known[name], dict(arguments))
    except ValueError as wrong:
        raise errors.BadRequest(str(wrong)) from None


def _instead(name: str, known: Sequence[str] | Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else f"; there are: {', '.join(known) or 'none'}"
