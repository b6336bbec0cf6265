"""Checks of the contract that need hardware, or a simulator.

Each check takes a started driver, runs in the driver's event loop, and raises AssertionError for a fault.
``patience`` is the number of seconds that the hardware may take for one answer.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from podium import errors, masking, states
from podium.drivers import base
from podium.drivers.node import is_known
from podium.testing.making import call
from podium.testing.manager import FakeManager
from podium.wording import safe_repr, safe_str

#: Seconds within which a cancelled read must end.
_CANCEL_GRACE: Final = 2.0


async def within(patience: float, method: Callable[..., Any], *args: Any) -> Any:
    """Call a driver's method.

    :raises AssertionError: when it takes longer than ``patience`` seconds
    """
    running = asyncio.ensure_future(call(method, *args))
    done, _ = await asyncio.wait({running}, timeout=patience)
    if not done:
        running.cancel()
        raise AssertionError(f"{_name(method)} did not end within {patience:g} s")
    return running.result()


def _name(method: Callable[..., Any]) -> str:
    return str(getattr(method, "__name__", "") or getattr(method, "func", method).__name__)


async def attempt(patience: float, method: Callable[..., Any], *args: Any) -> None:
    """Call a driver's method and ignore its outcome."""
    with contextlib.suppress(Exception):
        await within(patience, method, *args)


async def read(driver: base.Driver, node: base.Node, patience: float) -> str:
    """Read a power state.

    :raises AssertionError: when it is not one of ``podium.states.READINGS``
    """
    state = await within(patience, driver.get_power_state, node)
    if state not in states.READINGS:
        words = ", ".join(sorted(states.READINGS))
        raise AssertionError(f"get_power_state returns {state!r}, not one of {words}")
    return str(state)


def by_endpoint(driver: base.Driver, nodes: Sequence[base.Node]) -> list[list[base.Node]]:
    """The nodes of each endpoint, as the sweep reads them in one call."""
    found: dict[str, list[base.Node]] = {}
    for node in nodes:
        found.setdefault(driver.endpoint(node), []).append(node)
    return list(found.values())


async def read_together(driver: base.Driver, nodes: Sequence[base.Node], patience: float) -> dict[str, Any]:
    """Read power states with one call for each endpoint.

    :returns: states and exceptions, by the node's UUID
    :raises AssertionError: when an answer is not a mapping, or lacks a node
    """
    found: dict[str, Any] = {}
    for those in by_endpoint(driver, nodes):
        answers = await within(patience, driver.get_power_states, those)
        if not isinstance(answers, Mapping):
            raise AssertionError(
                f"get_power_states returns a {type(answers).__name__}, not a mapping by UUID"
            )
        lacking = [node.name for node in those if node.uuid not in answers]
        if lacking:
            raise AssertionError(
                f"get_power_states answers for {len(those) - len(lacking)} of {len(those)} nodes; not for"
                f" {', '.join(lacking)}, by UUID"
            )
        found.update(answers)
    return found


async def agrees_with_single_reads(driver: base.Driver, nodes: Sequence[base.Node], patience: float) -> None:
    """Reads of many nodes in one call return the same states as single reads."""
    together = await read_together(driver, nodes, patience)
    for node in nodes:
        state = await read(driver, node, patience)
        if together[node.uuid] != state:
            raise AssertionError(
                f"get_power_states returns {together[node.uuid]!r} for a node, and get_power_state {state!r}"
            )


async def set_agrees_with_get(driver: base.Driver, node: base.Node, patience: float) -> None:
    """After every supported change, reads return the resulting state."""
    supported = states.TARGETS.intersection(driver.supported_power_states)
    for target in sorted(supported):
        before = states.POWER_OFF if target == states.POWER_ON else states.POWER_ON
        for step in (before, target) if before in supported else (target,):
            await within(patience, driver.set_power_state, node, step)
            await _reaches(driver, node, step, patience)


async def _reaches(driver: base.Driver, node: base.Node, target: str, patience: float) -> None:
    state = None
    loop = asyncio.get_running_loop()
    end = loop.time() + patience
    while state is None or loop.time() < end:
        state = await read(driver, node, patience)
        if state == states.REACHED[target]:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(
        f"{patience:g} s after set_power_state({target!r}), get_power_state returns {state!r}"
    )


async def refuses_unsupported(driver: base.Driver, node: base.Node, patience: float) -> None:
    """A target outside ``supported_power_states`` is refused with a DriverError."""
    for target in sorted(states.TARGETS - set(driver.supported_power_states)):
        raised = await raised_by(driver.set_power_state, node, target, patience=patience)
        if not isinstance(raised, errors.DriverError):
            raise AssertionError(
                f"set_power_state({target!r}) {outcome_of(raised)}; for a target outside"
                " supported_power_states it raises podium.errors.UnsupportedPowerState"
            )


async def fails_with(
    driver: base.Driver, node: base.Node, patience: float, expected: type[errors.DriverError], why: str
) -> None:
    """A read that cannot succeed ends by itself, with the right kind of error, which shows no secret.

    :param why: the fault of the node, for the message
    """
    raised = {"get_power_state": await raised_by(driver.get_power_state, node, patience=patience)}
    if base.reads_together(driver):
        raised["get_power_states"] = await _raised_of_one(driver, node, patience)
    for method, error in raised.items():
        fails_as(driver, node, method, error, expected, why)


def fails_as(
    driver: base.Driver,
    node: base.Node,
    method: str,
    error: Exception | None,
    expected: type[errors.DriverError],
    why: str,
) -> None:
    """An error is of the right kind, and shows no secret.

    :param method: the method that raised it
    :param why: the fault of the node
    """
    if not isinstance(error, expected):
        raise AssertionError(f"{method} {outcome_of(error)} for {why}; it raises {expected.__name__}")
    text = safe_str(error)
    if masking.scrub(text, node.driver_info, secret_names(driver)) != text:
        raise AssertionError(f"the error of {method} for {why} shows a secret of driver_info")


def secret_names(driver: base.Driver) -> frozenset[str]:
    """The properties that a driver declares as secret."""
    return frozenset(key for key, declared in driver.properties.items() if declared.secret)


async def raised_by(method: Callable[..., Any], *args: Any, patience: float) -> Exception | None:
    """Call a method, and return the exception that it raises; None if it returns.

    :raises AssertionError: when it takes longer than ``patience`` seconds
    """
    try:
        await within(patience, method, *args)
    except AssertionError:
        raise
    except Exception as error:
        return error
    return None


async def _raised_of_one(driver: base.Driver, node: base.Node, patience: float) -> Exception | None:
    """The exception that ``get_power_states`` raises or returns for a node; None if it returns a state."""
    try:
        answer = (await within(patience, driver.get_power_states, [node])).get(node.uuid)
    except AssertionError:
        raise
    except Exception as error:
        return error
    return answer if isinstance(answer, Exception) else None


def outcome_of(raised: Exception | None) -> str:
    """How a call ended, in words."""
    return "raises nothing" if raised is None else f"raises {errors.one_line(raised)!r}"


async def hears_cancellation(method: Callable[..., Any], *args: Any) -> None:
    """A cancelled call ends soon, as cancelled.

    :param method: a method of the driver
    :param args: its arguments: a node or nodes, and any others
    """
    running = asyncio.ensure_future(call(method, *args))
    for _ in range(3):
        await asyncio.sleep(0)
    if not running.cancel():
        await asyncio.wait({running})
        return  # it had ended already
    done, _ = await asyncio.wait({running}, timeout=_CANCEL_GRACE)
    if not done:
        raise AssertionError(f"{_name(method)} continues for {_CANCEL_GRACE:g} s after it was cancelled")
    if not running.cancelled():
        outcome = outcome_of(error) if isinstance(error := running.exception(), Exception) else "returns"
        raise AssertionError(f"{_name(method)} {outcome} when it is cancelled; let CancelledError pass")


async def answers_for_many(driver: base.Driver, nodes: Sequence[base.Node], patience: float) -> None:
    """Reads of many nodes at once all succeed."""
    answers = await asyncio.gather(*(read(driver, node, patience) for node in nodes), return_exceptions=True)
    failed = [error for error in answers if isinstance(error, Exception)]
    if failed:
        raise AssertionError(
            f"{len(failed)} of {len(nodes)} reads at once failed: {errors.one_line(failed[0])}"
        ) from failed[0]


async def sensors_are_read(driver: base.Driver, node: base.Node, patience: float) -> None:
    """A read of the sensors returns a list, in which no two sensors of one kind have the same name."""
    found = await within(patience, driver.get_sensors, node)
    if not isinstance(found, list | tuple):
        raise AssertionError(f"get_sensors returns a {type(found).__name__}, not a list")
    for one in found:
        if not is_known(one):
            raise AssertionError(f"get_sensors returns {safe_repr(one)}: see podium.drivers.base.Sensor")
        limits = one.thresholds
        if limits is not None and not isinstance(limits, base.Thresholds):
            raise AssertionError(f"get_sensors returns {safe_repr(limits)} as thresholds of {one.name}")
    if len({(one.kind, one.name) for one in found}) < len(found):
        raise AssertionError("get_sensors returns several sensors of one kind with one name")


async def login_is_checked(driver: base.Driver, node: base.Node, patience: float) -> None:
    """A login with the node's own driver_info works, returns the power state, and changes nothing."""
    before = await read(driver, node, patience)
    report = await within(patience, driver.check_login, node)
    if not isinstance(report, base.LoginReport):
        raise AssertionError(f"check_login returns {safe_repr(report)}: see podium.drivers.base.LoginReport")
    after = await read(driver, node, patience)
    if not before == report.power_state == after:
        raise AssertionError(
            f"check_login returns the power state {report.power_state!r}; get_power_state returns {before!r}"
            f" before, and {after!r} afterwards"
        )
    texts = [report.username, report.privilege, report.protocol, *report.remarks]
    secret = secret_names(driver)
    for text in filter(None, texts):
        if masking.scrub(text, node.driver_info, secret) != text:
            raise AssertionError("check_login shows a secret of driver_info")


async def wrong_login_is_refused(
    driver: base.Driver, node: base.Node, wrong: base.Node, patience: float
) -> None:
    """A login with another password is refused, and the node is read as before.

    :param wrong: the node with credentials that its hardware refuses
    """
    await read(driver, node, patience)
    await check_fails(driver, wrong, patience, errors.AuthenticationRefused, "wrong credentials")
    await read(driver, node, patience)
    await within(patience, driver.check_login, node)


async def check_fails(
    driver: base.Driver, node: base.Node, patience: float, expected: type[errors.DriverError], why: str
) -> None:
    """As :func:`fails_with`, for ``check_login``."""
    raised = await raised_by(driver.check_login, node, patience=patience)
    fails_as(driver, node, "check_login", raised, expected, why)


async def tasks_run(driver: base.Driver, node: base.Node, patience: float) -> None:
    """Every periodic task runs for a node that answers, and raises nothing."""
    manager = FakeManager([node])
    for task, _ in base.periodic_tasks(driver):
        await within(patience, manager.run_task, driver, task.name)
        for failure in manager.failures:
            raise AssertionError(
                f"periodic task {task.name} failed for a node that answers"
            ) from failure.error


async def follows_nodes(driver: base.Driver, node: base.Node, patience: float) -> None:
    """The driver is notified of a node that is added, changed and removed, and raises nothing.

    :param driver: a driver that was not started
    """
    manager = FakeManager([node])
    await within(patience, manager.start, driver)
    try:
        manager.set_maintenance(node, "the contract is tested")
        await within(patience, manager.tell_driver, driver)
        manager.remove_node(node)
        await within(patience, manager.tell_driver, driver)
        for failure in manager.failures:
            if failure.node is not None:
                raise AssertionError(f"{failure.task} failed for a node that answers") from failure.error
    finally:
        await within(patience, manager.close, driver)
