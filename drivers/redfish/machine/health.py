"""The health of a system according to its BMC, and the reasons.

A system's own resource is usually enough: its Status, the conditions in it, the summaries beside it. Others
are read only if that is not conclusive: its chassis, its managers, its parts.

Source: DSP0268, object ``Status`` (Health, HealthRollup, State) and its ``Conditions``.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from podium import errors
from podium.drivers import base
from podium.drivers.redfish import resources
from podium.drivers.redfish.machine.walk import Walk, linked

_OK: Final = "OK"
_WARNING: Final = "Warning"
_RANKS: Final = {_OK: 0, _WARNING: 1, "Critical": 2}
_SPELLINGS: Final = {word.lower(): word for word in _RANKS}
# Early services use the last spelling.
_ROLLUPS: Final = ("HealthRollup", "HealthRollUp")
_MAX_REASONS: Final = 16
_MAX_RESOURCES: Final = 4  # chassis, or managers, of one system
_MAX_MEMBERS: Final = 16
_MAX_VISITED: Final = 4096  # objects and arrays in one resource
_INTRUSIONS: Final = {"HardwareIntrusion": "chassis intrusion", "TamperingDetected": "chassis tampering"}
# Where a fault of a chassis or of a system is shown: a resource in the older model, a collection in the
# newer.
_OF_CHASSIS: Final = (
    ("Thermal", None),
    ("Power", None),
    ("ThermalSubsystem", "Fans"),
    ("PowerSubsystem", "PowerSupplies"),
)
_OF_SYSTEM: Final = ("Memory", "Processors", "Storage")


class Fault(NamedTuple):
    """Something that is not healthy."""

    rank: str
    reason: str


def worst_word(body: Any) -> str | None:
    """Return the worst word for health in a resource's Status; None when it has none."""
    status = resources.part(body, "Status")
    return _worst([word for key in ("Health", *_ROLLUPS) if (word := _rank(status, key))])


def conditions(body: Any) -> list[Fault]:
    """Return what needs attention according to a resource's Status."""
    return [
        Fault(rank, reason)
        for condition in resources.objects(resources.part(body, "Status"), "Conditions")
        if (rank := _rank(condition, "Severity") or _WARNING) != _OK and (reason := _reason(condition))
    ]


def faults(body: dict[str, Any]) -> list[Fault]:
    """Return the faults of parts that a resource describes within itself, at most 16 of them."""
    found: list[Fault] = []
    for name, entry in _parts(body):
        rank = worst_word(entry)
        if rank is None or rank == _OK:
            continue
        state = resources.text(resources.part(entry, "Status"), "State") or "Enabled"
        words = rank if state == "Enabled" else f"{rank}, {state}"
        found += conditions(entry) or [Fault(rank, resources.line(f"{name}: {words}"))]
        if len(found) >= _MAX_REASONS:
            break
    return found


async def health(walk: Walk, system: dict[str, Any], path: str) -> base.Health | None:
    """Return the health of a system, from its resource and, if that is not enough, from others.

    Without a HealthRollup, a system only reports about itself, so its chassis is read as well.

    :param system: the system's resource, and ``path`` its path
    :returns: None if the BMC does not report it, as many do not while the machine is off
    :raises podium.errors.DriverError: the BMC does not answer, or there was no time to read everything
    """
    own = worst_word(system)
    found = conditions(system)
    if own != _OK:
        found = found or faults(system)
    rolled_up = any(_rank(resources.part(system, "Status"), key) for key in _ROLLUPS)
    heard = [] if own is None else [own]
    if not rolled_up or not _explain(found, own):
        heard += await _look_around(walk, system, own, found)
    rank = _worst(heard + [fault.rank for fault in found])
    if rank is None and walk.was_cut:
        raise errors.DriverError(f"there was no time to ask for the health of {path}")
    if rank is None:
        return None
    if not _explain(found, rank):
        found.append(Fault(rank, f"{path} is {rank}, and the BMC does not say why"))
    found.sort(key=lambda fault: -_RANKS[fault.rank])
    return base.Health(rank, tuple(dict.fromkeys(fault.reason for fault in found))[:_MAX_REASONS])


async def _look_around(walk: Walk, system: dict[str, Any], own: str | None, found: list[Fault]) -> list[str]:
    """Add what other resources report to ``found``; return their words for their own health.

    :param own: the system's word
    """
    heard: list[str] = []
    for path in await walk.related(system, "Chassis", "Chassis", _MAX_RESOURCES):
        chassis = await walk.look(path)
        found += await _of_chassis(walk, chassis, is_well=own == _OK)
        heard += _heard(chassis)
    if _explain(found, own):
        return heard
    for path in await walk.related(system, "ManagedBy", "Managers", _MAX_RESOURCES):
        manager = await walk.look(path)
        found += _of_itself(manager, "manager")
        heard += _heard(manager)
    for key in () if _explain(found, own) else _OF_SYSTEM:
        found += await _of_members(walk, system, key)
    return heard


async def _of_chassis(walk: Walk, chassis: dict[str, Any], *, is_well: bool) -> list[Fault]:
    found = _of_itself(chassis, "chassis")
    intrusion = resources.part(chassis, "PhysicalSecurity").get("IntrusionSensor")
    if isinstance(intrusion, str) and intrusion in _INTRUSIONS:
        found.append(Fault(_WARNING, _INTRUSIONS[intrusion]))
    if is_well and worst_word(chassis) in (None, _OK):
        return found
    for key, collection in _OF_CHASSIS:
        resource = await walk.follow(chassis, key)
        found += faults(resource)
        if collection:
            found += await _of_members(walk, resource, collection)
    return found


def _of_itself(resource: dict[str, Any], kind: str) -> list[Fault]:
    """Return the conditions of a chassis or manager and the faults within; without these, its own word."""
    rank = worst_word(resource)
    found = conditions(resource)
    if rank is None or rank == _OK or found:
        return found
    name = resources.text(resource, "Name") or resources.text(resource, "Id") or ""
    return faults(resource) or [Fault(rank, resources.line(f"{kind} {name}".rstrip() + f": {rank}"))]


async def _of_members(walk: Walk, resource: dict[str, Any], key: str) -> list[Fault]:
    path = linked(resource, key)
    return faults({key: await walk.members(path, _MAX_MEMBERS)}) if path else []


def _parts(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects within a resource, each with its own name or that of its property."""
    waiting: deque[tuple[str, str, Any]] = deque((key, "", value) for key, value in body.items())
    for _ in range(_MAX_VISITED):
        if not waiting:
            return
        key, where, value = waiting.popleft()
        if isinstance(value, dict):
            named = resources.text(value, "Name")
            yield f"{named}{where}" if named else key, value
            waiting.extend((inner, "", value[inner]) for inner in value if inner != "Status")
        elif isinstance(value, list):
            for index, entry in enumerate(value[: resources.MAX_ENTRIES]):
                waiting.append((f"{key}/{index}", f" ({key}/{index})", entry))


def _reason(condition: dict[str, Any]) -> str:
    """Return a condition in words: its message, or else its identifier and arguments, and its place."""
    words = resources.text(condition, "Message")
    if words is None:
        arguments = resources.member(condition, "MessageArgs", list) or []
        identifier = resources.text(condition, "MessageId") or ""
        details = ", ".join(filter(None, map(resources.line, arguments[:8])))
        words = f"{identifier}: {details}" if identifier and details else identifier or details
    origin = resources.part(condition, "OriginOfCondition").get("@odata.id")
    where = "/".join(resources.line(origin).split("/")[-2:])
    return resources.line(f"{words} ({where})" if words and where else words)


def _rank(body: dict[str, Any], key: str) -> str | None:
    word = resources.member(body, key, str) or ""
    return word if word in _RANKS else _SPELLINGS.get(word[:20].strip().lower())


def _explain(found: list[Fault], rank: str | None) -> bool:
    """Whether the faults found are bad enough to explain a word of health."""
    worst = _worst([fault.rank for fault in found])
    return rank == _OK or (worst is not None and _RANKS[worst] >= _RANKS[rank or _OK])


def _worst(words: list[str]) -> str | None:
    return max(words, key=_RANKS.__getitem__, default=None)


def _heard(resource: dict[str, Any]) -> list[str]:
    word = worst_word(resource)
    return [] if word is None else [word]
