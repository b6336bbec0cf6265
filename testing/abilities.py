"""Checks of the contract for what a driver supports besides switching power.

Each check takes a started driver, runs in the driver's event loop, and raises AssertionError for a fault.
``patience`` is the number of seconds that the hardware may take for one answer.
"""

import asyncio
import datetime
import inspect
import math
import unittest
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from podium import errors, masking
from podium.drivers import base
from podium.testing.behaviour import fails_as, hears_cancellation, outcome_of, raised_by, secret_names, within
from podium.wording import safe_repr

#: An id that no entry of a log has.
_NO_ENTRY: Final = "no such entry"
_WHOLE: Final = 1000  # the limit for a read of the whole log
_PAGE: Final = 2
#: Seconds by which a clock may be wrong after it was set.
_CLOCK_ERROR: Final = 5.0
#: Arguments of the methods, besides the node. The calls change as little as possible.
_GIVEN: Final[Mapping[str, tuple[Any, ...]]] = {
    "get_sensors": (),
    "get_boot_device": (),
    "set_boot_device": (base.BootDevice("default"),),
    "identify": (0,),
    "get_log": (None, None, _PAGE),
    "clear_log": (_NO_ENTRY,),
    "get_clock": (),
    "set_clock": (),
}

#: Arguments of actions, by the action's name.
Arguments = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Asking:
    """A call of a method that does not concern power.

    :param method: a bound method of the driver
    :param given: its arguments, besides the node
    """

    name: str
    method: Callable[..., Any]
    given: tuple[Any, ...] = ()


def askings(driver: base.Driver, arguments: Arguments) -> Iterator[Asking]:
    """A call of each method of the driver's abilities, and of each own action whose arguments are known."""
    able = {name for word, needed in base.ABILITIES.items() if base.can(driver, word) for name in needed}
    for name, given in _GIVEN.items():
        if name in able:
            yield Asking(name, getattr(driver, name), given)
    for action in base.driver_actions(driver).values():
        if (chosen := _chosen(action, arguments)) is not None:
            yield Asking(action.method, partial(getattr(driver, action.method), **chosen))


def _chosen(action: base.DriverAction, arguments: Arguments) -> dict[str, Any] | None:
    """Arguments of an action: its author's, or the first choices; None if a required argument has neither."""
    chosen = {one.name: one.choices[0] for one in action.arguments if one.required and one.choices}
    chosen |= arguments.get(action.name, {})
    return chosen if all(one.name in chosen for one in action.arguments if one.required) else None


async def fails_with(
    driver: base.Driver,
    node: base.Node,
    arguments: Arguments,
    patience: float,
    expected: type[errors.DriverError],
    why: str,
) -> None:
    """Calls that cannot succeed end by themselves, with the right kind of error, which shows no secret."""
    for one in askings(driver, arguments):
        error = await raised_by(one.method, node, *one.given, patience=patience)
        if one.name == "clear_log" and isinstance(error, errors.LogChanged):
            continue  # the driver may know without asking the hardware that it has no such entry
        fails_as(driver, node, one.name, error, expected, why)


async def hear_cancellation(driver: base.Driver, node: base.Node, arguments: Arguments) -> None:
    """Cancelled calls end soon, as cancelled."""
    for one in askings(driver, arguments):
        if inspect.iscoroutinefunction(one.method):
            await hears_cancellation(one.method, node, *one.given)


async def boot_device_is_set(driver: base.Driver, node: base.Node, patience: float) -> None:
    """Each supported device can be set, also twice, and reads show it; all other devices are refused."""
    before = await _boot(driver, node, patience)
    try:
        taken = [
            device
            for device in before.supported
            if await _boot_device_is_taken(driver, node, device, patience)
        ]
        if not taken:
            raise AssertionError("set_boot_device refuses all that get_boot_device returns as supported")
        for mode in base.BOOT_MODES:
            boot = base.BootDevice(taken[0], mode=mode)
            await _boots_from(driver, node, boot, patience)
        for device in base.BOOT_DEVICES:
            if device not in before.supported:
                error = await raised_by(
                    driver.set_boot_device, node, base.BootDevice(device), patience=patience
                )
                if not isinstance(error, errors.Unsupported):
                    raise AssertionError(
                        f"set_boot_device {outcome_of(error)} for {device}, which is not supported; it raises"
                        " podium.errors.Unsupported"
                    )
    finally:
        was = before.chosen if before.chosen.device in before.supported else base.BootDevice("default")
        await raised_by(driver.set_boot_device, node, was, patience=patience)


async def _boot(driver: base.Driver, node: base.Node, patience: float) -> base.Boot:
    boot = await within(patience, driver.get_boot_device, node)
    if not (isinstance(boot, base.Boot) and isinstance(boot.chosen, base.BootDevice)):
        raise AssertionError(f"get_boot_device returns {safe_repr(boot)}: see podium.drivers.base.Boot")
    if unknown := [one for one in boot.supported if one not in base.BOOT_DEVICES]:
        words = ", ".join(base.BOOT_DEVICES)
        raise AssertionError(f"get_boot_device returns {unknown[0]!r} as supported, not one of {words}")
    if boot.chosen.mode not in (None, *base.BOOT_MODES):
        raise AssertionError(f"get_boot_device returns the mode {boot.chosen.mode!r}, not bios or uefi")
    return boot


async def _boot_device_is_taken(driver: base.Driver, node: base.Node, device: str, patience: float) -> bool:
    """Whether a device can be set, for one boot or for every boot."""
    taken = [
        await _boots_from(driver, node, base.BootDevice(device, persistent), patience)
        for persistent in (False, True)
    ]
    return any(taken)


async def _boots_from(driver: base.Driver, node: base.Node, boot: base.BootDevice, patience: float) -> bool:
    """Set a boot device twice, and check that reads show it. False if the setting is not supported."""
    for _ in range(2):
        error = await raised_by(driver.set_boot_device, node, boot, patience=patience)
        if isinstance(error, errors.Unsupported):
            return False
        if error is not None:
            raise AssertionError(f"set_boot_device {outcome_of(error)} for {boot}") from error
    found, loop = (await _boot(driver, node, patience)).chosen, asyncio.get_running_loop()
    end = loop.time() + patience
    while not _is(found, boot) and loop.time() < end:
        await asyncio.sleep(0.02)
        found = (await _boot(driver, node, patience)).chosen
    if not _is(found, boot):
        raise AssertionError(f"{patience:g} s after set_boot_device({boot}), get_boot_device returns {found}")
    return True


def _is(found: base.BootDevice, wanted: base.BootDevice) -> bool:
    if found.device != wanted.device:
        return False
    if wanted.mode is not None and found.mode not in (None, wanted.mode):  # some hardware has only one mode
        return False
    return found.persistent == wanted.persistent or wanted.device == "default"


async def identifies(driver: base.Driver, node: base.Node, patience: float) -> None:
    """The LED can be switched on, for a second or without an end, and off."""
    for seconds in (1.0, None, 0):
        error = await raised_by(driver.identify, node, seconds, patience=patience)
        if error is not None and not (seconds != 0 and isinstance(error, errors.Unsupported)):
            raise AssertionError(f"identify {outcome_of(error)} for {seconds} s") from error


async def log_is_read(driver: base.Driver, node: base.Node, patience: float) -> None:
    """A log is read whole and in pages, oldest first; an id that is not in the log does no harm."""
    whole = await _log(driver, node, patience)
    ids = [one.id for one in whole.entries]
    if len(ids) <= _PAGE:
        raise unittest.SkipTest(f"the log has {len(ids)} entries; fill_log makes more")
    await _has(driver, node, patience, ids, (None, None, 1), ids[-1:])
    await _has(driver, node, patience, ids, (ids[-1], None, _WHOLE), ids[:-1])
    await _has(driver, node, patience, ids, (None, ids[0], _WHOLE), ids[1:])
    await _has(driver, node, patience, ids, (ids[-1], ids[0], _WHOLE), ids[1:-1])
    await _has(driver, node, patience, ids, (ids[0], None, _WHOLE), [])
    for gone in ((_NO_ENTRY, None), (None, _NO_ENTRY)):
        await _log(driver, node, patience, *gone)
    pages, before = list[str](), None
    while len(pages) < len(ids):
        page = await _log(driver, node, patience, before, None, _PAGE)
        found = [one.id for one in page.entries]
        pages[:0] = [one for one in found if one in ids]
        if page.more != (found[:1] != ids[:1]) or not found:
            raise AssertionError(
                f"get_log returns more={page.more} with {len(found)} entries, the first of which is"
                f" {found[:1]}; that of the log is {ids[0]!r}"
            )
        before = found[0]
    if pages != ids:
        raise AssertionError(f"get_log returns {pages} in pages of {_PAGE}, and {ids} at once")


async def _has(
    driver: base.Driver,
    node: base.Node,
    patience: float,
    ids: list[str],
    given: tuple[str | None, str | None, int],
    wanted: list[str],
) -> None:
    """Of the entries that were in the log before, a part of the log has exactly the wanted ones."""
    found = [one.id for one in (await _log(driver, node, patience, *given)).entries]
    if [one for one in found if one in ids] != wanted and set(found) <= set(ids):
        before, after, limit = given
        raise AssertionError(
            f"get_log(before={before!r}, after={after!r}, limit={limit}) returns {found}, not {wanted}"
        )


async def _log(
    driver: base.Driver,
    node: base.Node,
    patience: float,
    before: str | None = None,
    after: str | None = None,
    limit: int = _WHOLE,
) -> base.Log:
    found = await within(patience, driver.get_log, node, before, after, limit)
    if not (isinstance(found, base.Log) and all(isinstance(one, base.LogEntry) for one in found.entries)):
        raise AssertionError(f"get_log returns {safe_repr(found)}: see podium.drivers.base.Log")
    ids = [one.id for one in found.entries]
    if len(ids) > limit:
        raise AssertionError(f"get_log returns {len(ids)} entries with a limit of {limit}")
    if len(set(ids)) < len(ids) or not all(isinstance(one, str) and one for one in ids):
        raise AssertionError(
            f"get_log returns the ids {safe_repr(ids)}, not a text of its own for each entry"
        )
    offset = found.clock_offset
    if offset is not None and not math.isfinite(offset):
        raise AssertionError(f"get_log returns clock_offset={offset}")
    for one in found.entries:
        for text in filter(None, (one.message, one.sensor)):
            _shows_no_secret(driver, node, "get_log", text)
    return found


async def log_is_cleared(driver: base.Driver, node: base.Node, patience: float) -> None:
    """A log is cleared only if the caller names its newest entry."""
    before = (await _log(driver, node, patience)).entries
    if not before:
        raise unittest.SkipTest("the log is empty; fill_log makes entries")
    for last in (_NO_ENTRY, *(one.id for one in before[:-1][:1])):
        error = await raised_by(driver.clear_log, node, last, patience=patience)
        if not isinstance(error, errors.LogChanged):
            raise AssertionError(
                f"clear_log {outcome_of(error)} for an entry that is not the newest; it raises"
                " podium.errors.LogChanged"
            )
    still = (await _log(driver, node, patience)).entries
    if any(one not in still for one in before):
        raise AssertionError("clear_log raises LogChanged, and entries are gone")
    await within(patience, driver.clear_log, node, still[-1].id)
    left = [one.id for one in (await _log(driver, node, patience)).entries if one in still]
    if left:
        raise AssertionError(f"after clear_log, get_log still returns {left}")


async def clock_is_read(driver: base.Driver, node: base.Node, patience: float) -> datetime.datetime:
    """The clock has an offset from UTC."""
    clock = await within(patience, driver.get_clock, node)
    if not isinstance(clock, datetime.datetime) or clock.utcoffset() is None:
        raise AssertionError(f"get_clock returns {safe_repr(clock)}, not a datetime with an offset from UTC")
    return clock


async def clock_is_set(driver: base.Driver, node: base.Node, patience: float) -> None:
    """After a clock was set, it shows the time of this host."""
    await within(patience, driver.set_clock, node)
    error = datetime.timedelta(seconds=_CLOCK_ERROR)
    earliest = _now() - error
    clock = await clock_is_read(driver, node, patience)
    if not earliest <= clock <= _now() + error:
        ahead = (clock - _now()).total_seconds()
        raise AssertionError(f"after set_clock, get_clock is {ahead:.0f} s ahead of this host")


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


async def actions_are_carried_out(
    driver: base.Driver, node: base.Node, arguments: Arguments, patience: float
) -> None:
    """Each action can be carried out, and returns nothing or one line."""
    untold = []
    for action in base.driver_actions(driver).values():
        if (chosen := _chosen(action, arguments)) is None:
            untold.append(action.name)
            continue
        result = await within(patience, partial(getattr(driver, action.method), **chosen), node)
        if result is None:
            continue
        if not isinstance(result, str) or len(result.splitlines()) > 1:
            raise AssertionError(f"action {action.name} returns {safe_repr(result)}, neither a line nor None")
        _shows_no_secret(driver, node, f"action {action.name}", result)
    if untold:
        raise unittest.SkipTest(f"action_arguments does not say what {', '.join(untold)} is given")


def _shows_no_secret(driver: base.Driver, node: base.Node, who: str, text: str) -> None:
    if masking.scrub(text, node.driver_info, secret_names(driver)) != text:
        raise AssertionError(f"{who} shows a secret of driver_info")
