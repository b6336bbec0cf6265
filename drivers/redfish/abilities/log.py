"""The hardware's log of a system: LogService and its entries (DMTF DSP2046).

A system has several logs, and so has its manager. The one that is read is IPMI's system event log (SEL) if
there is one, otherwise the most similar one.
"""

import asyncio
import datetime
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, Final, NamedTuple

from podium import errors
from podium.drivers import base
from podium.drivers.redfish import conditions, resources
from podium.drivers.redfish.abilities import clock
from podium.drivers.redfish.abilities.entries import Ids, Member, entry, entry_id, is_same, sensor_path
from podium.drivers.redfish.abilities.log_reader import LogReader, OutOfTime
from podium.drivers.redfish.abilities.moments import moment, zone
from podium.drivers.redfish.http.answers import ENDS
from podium.drivers.redfish.http.client import Refused, Response
from podium.drivers.redfish.machine.walk import Walk, linked
from podium.drivers.redfish.system import System

_WALK: Final = (64, 15.0)  # maximum requests to find the log, and seconds
_SECONDS: Final = 20.0  # for the entries
_PAUSES: Final = (0.0, 1.0, 3.0, 6.0)
_SERVICES: Final = 24
_OWNERS: Final = 4
_SENSORS: Final = 8  # maximum number whose names one reading requests
_NAMES: Final = 32  # maximum number of sensor names that are kept
_GONE: Final = (404, 410)
_SEL: Final = re.compile(r"\bsel\b|system ?event|event ?log ?\(sel\)")
_OTHERS: Final = re.compile(
    r"dump|crash|journal|post ?code|audit|host ?log|debug|telemetry|fault|security|access|lifecycle|lclog"
)
_EVENTS: Final = re.compile(r"event|\biml\b|integrated management|standard|platform")
_CLEAR: Final = "#LogService.ClearLog"


class _Service(NamedTuple):
    """A log as just found.

    :param offset: how many seconds its clock is ahead of this host's
    :param zone: of times in it without an offset
    """

    path: str
    response: Response
    entries: str
    offset: float | None
    zone: datetime.tzinfo


async def read(system: System, before: str | None, after: str | None, limit: int) -> base.Log:
    """Read entries, as :meth:`podium.drivers.base.Driver.get_log`.

    :raises podium.errors.Unsupported: the BMC keeps no log
    :raises podium.errors.DriverError: it does not answer, or refuses
    """
    service, end = await _service(system), time.monotonic() + _SECONDS
    known = system.log.oldest
    is_near = known is not None and before == known[0] and not system.log.are_doubled
    starts = [known[1]] if known is not None and is_near else []
    for start in (*starts, None):
        found = await _collect(system, service, end, start, before, after, limit)
        if found is not None:
            return found
    found = await _collect(system, service, end, None, None, after, limit)
    assert found is not None
    return found


async def clear(system: System, last: str, pauses: Sequence[float] = _PAUSES) -> None:
    """Clear the log, as :meth:`podium.drivers.base.Driver.clear_log`.

    :param pauses: seconds before each check whether it is cleared
    :raises podium.errors.LogChanged: there are newer entries; nothing was cleared
    :raises podium.errors.Unsupported: the BMC keeps no log, or it cannot be emptied, or only a part of it
        can be read
    :raises podium.errors.BMCUnreachable: it is not known whether the log was cleared
    :raises podium.errors.DriverError: it does not answer, refuses, or does nothing
    """
    service = await _service(system)
    await _check_whole(system, service)
    newest = await _newest(system, service)
    if newest is None:
        return
    if entry_id(newest) != last:
        raise errors.LogChanged(
            f"BMC {system.bmc.target}: the newest entry of its log is {entry_id(newest)}, not {last}; read "
            "the log again and keep what is new"
        )
    if system.log.is_doubtful:
        raise errors.DriverError(
            f"BMC {system.bmc.target}: which entry of its log is the newest does not show, as its clock was "
            "set back, and the ids are no numbers; so that no entry is lost, clear the log at the BMC itself"
        )
    action = resources.part(service.response.body, "Actions", _CLEAR)
    if not action:
        raise errors.Unsupported(f"BMC {system.bmc.target} cannot empty {service.path}")
    target = resources.path(action.get("target"), system.bmc.target)

    async def post(etag: str | None) -> None:
        await system.bmc.post(target, {}, repeatable=False, etag=etag)

    system.log.oldest = None
    await conditions.send(post, (None, *conditions.etags(service.response)))
    failure: errors.DriverError | None = None
    for pause in pauses:
        await asyncio.sleep(pause)
        try:
            if not await _is_in(system, service, newest):
                return
            failure = None
        except errors.DriverError as again:  # it may be in progress
            failure = again
    if failure is not None:
        raise errors.BMCUnreachable(
            f"BMC {system.bmc.target} accepted that its log is cleared; whether it was cannot be read: "
            f"{failure}"
        )
    raise errors.DriverError(
        f"BMC {system.bmc.target} says that its log is cleared, and still has {last} in it"
    )


def _reader(system: System, service: _Service, end: float) -> LogReader:
    return LogReader(system.bmc, service.entries, system.log, end, service.zone)


async def _check_whole(system: System, service: _Service) -> None:
    """Read a log to its end, if there is time for all of it.

    :raises podium.errors.Unsupported: the BMC has more entries than can be read
    """
    reader = _reader(system, service, time.monotonic() + _SECONDS)
    try:
        async for _ in reader.backwards():
            pass
        lack = await reader.lack()
    except OutOfTime:
        return
    if lack is not None:
        raise errors.Unsupported(f"{lack}; so that none is lost, clear the log at the BMC itself")


async def _newest(system: System, service: _Service) -> Member | None:
    reader = _reader(system, service, time.monotonic() + _SECONDS)
    async with aclosing(reader.backwards()) as members:
        async for _, member in members:
            return await reader.whole(member)
    return None


async def _is_in(system: System, service: _Service, wanted: Member) -> bool:
    """Whether an entry is in the log; if the BMC only claimed that all are gone, newer ones precede it."""
    reader = _reader(system, service, time.monotonic() + _SECONDS)
    async with aclosing(reader.backwards()) as members:
        async for _, member in members:
            if entry_id(member) == entry_id(wanted) and is_same(await reader.whole(member), wanted):
                return True
    return False


async def _collect(
    system: System,
    service: _Service,
    end: float,
    start: int | None,
    before: str | None,
    after: str | None,
    limit: int,
) -> base.Log | None:
    """Return entries between two, at most so many, the newest; None if the newer of the two is not there."""
    reader, ids = _reader(system, service, end), Ids()
    found: dict[str, Member] = {}
    oldest, more, is_between = 0, False, before is None
    lack: errors.DriverError | None = None
    try:
        async with aclosing(reader.backwards(start)) as members:
            async for older, member in members:
                name = ids.of(member)
                if name is None:
                    continue
                if name == after:
                    break
                if not is_between:
                    is_between = name == before
                    continue
                if len(found) == limit:
                    more = True
                    break
                oldest, found[name] = older, await reader.whole(member)
            else:
                lack = await reader.lack() if is_between and after is None else None
    except OutOfTime:
        if not found:
            raise
        more = True
    system.log.are_doubled |= ids.are_doubled
    if not is_between:
        return None
    if lack is not None:
        more = True
        if not found:
            raise lack
    named = await _sensors(system, [*map(sensor_path, found.values())], end)
    entries = [
        entry(member, service.zone, name, named.get(sensor_path(member), ""))
        for name, member in reversed(found.items())
    ]
    system.log.oldest = (next(reversed(found)), oldest) if found and lack is None else None
    return base.Log(entries, more, service.offset)


async def _sensors(system: System, paths: Sequence[str], end: float) -> dict[str, str]:
    """Return the names of sensors, by their paths; of those not known yet only some."""
    known = system.log.sensors
    for path in [*dict.fromkeys(path for path in paths if path and path not in known)][:_SENSORS]:
        if time.monotonic() >= end:
            break
        try:
            name = resources.line((await system.bmc.get(resources.path(path))).body.get("Name"), 96)
        except ENDS:
            break
        except errors.DriverError:
            name = ""
        known[path] = name
    found = {path: known[path] for path in paths if path in known}
    while len(known) > _NAMES:
        del known[next(iter(known))]
    return found


async def _service(system: System) -> _Service:
    if system.log.service:
        try:
            return await _described(system, system.log.service)
        except Refused as refused:
            if refused.status not in _GONE:
                raise
    system.log.service, system.log.newest_first, system.log.is_numbered = await _find(system), None, False
    return await _described(system, system.log.service)


async def _described(system: System, path: str) -> _Service:
    asked = time.time()
    response = await system.bmc.get(path)
    now, answered = moment(response.body, "DateTime", zone(response.body)), time.time()
    if now is None:
        asked = time.time()
        try:
            now = await clock.read(system)
        except errors.Unsupported:
            now = None
        answered = time.time()
    entries = linked(response.body, "Entries")
    if not entries:
        raise errors.Unsupported(f"BMC {system.bmc.target} has no entries in {path}")
    cut = 0.5 if now is not None and not now.microsecond else 0.0  # on average, if times are in whole seconds
    offset = None if now is None else now.timestamp() + cut - (asked + answered) / 2
    return _Service(path, response, entries, offset, (now and now.tzinfo) or datetime.UTC)


async def _find(system: System) -> str:
    """Return the path of the log that is read."""
    found: list[tuple[int, str]] = []
    walk = Walk(system.bmc, *_WALK, places=system.places)
    async for owner in _owners(walk, (await system.resource()).body):
        path = linked(owner, "LogServices")
        for service in await walk.members(path, _SERVICES) if path else []:
            rank, own = _rank(service), linked(service)
            if rank == 0 and own:
                return own
            if rank is not None and own:
                found.append((rank, own))
    if not found:
        raise errors.Unsupported(f"BMC {system.bmc.target} keeps no log of {system.path}")
    return min(found, key=lambda one: one[0])[1]


async def _owners(walk: Walk, system: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """Yield what may have logs of a system: the system, then its managers, then its chassis."""
    yield system
    for name, collection in (("ManagedBy", "Managers"), ("Chassis", "Chassis")):
        for path in await walk.related(system, name, collection, _OWNERS):
            yield await walk.look(path)


def _rank(service: dict[str, Any]) -> int | None:
    """Rank how well a log fits, 0 for best; None for a log without entries."""
    if not linked(service, "Entries"):
        return None
    name = " ".join(filter(None, (resources.text(service, key) for key in ("Id", "Name")))).lower()
    if resources.member(service, "ServiceEnabled", bool) is False:
        return 4
    if resources.text(service, "LogEntryType") == "SEL" or _SEL.search(name):
        return 0
    if _OTHERS.search(name):
        return 3
    return 1 if _EVENTS.search(name) else 2
