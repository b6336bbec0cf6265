"""Compares the ports in a list with those of an enrolled node."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from podium import masking
from podium.client.enrolling import portable, scalars
from podium.client.records import port_records


class Ports(NamedTuple):
    """How ports of a node change.

    :param new: columns of those that do not exist yet
    :param changed: UUIDs, and the columns of each
    :param gone: existing ports that are not in the list
    """

    new: list[dict[str, Any]]
    changed: list[tuple[str, dict[str, Any]]]
    gone: list[Mapping[str, Any]]

    def __repr__(self) -> str:
        return f"Ports({len(self.new)} new, {len(self.changed)} changed, {len(self.gone)} gone)"


def compare(given: Any, there: Sequence[Mapping[str, Any]]) -> tuple[Ports, list[str]]:
    """Return how the ports of a node change, and all faults of the values for them.

    :param given: the ports in the list, which may be anything
    :param there: the columns of the existing ports
    """
    known = {port[key]: port for key in ("address", "uuid") for port in there}
    if isinstance(given, list):
        given = [_restored(one, known) for one in given]
    settled, faults = port_records.settle(given)
    found = Ports([], [], [])
    if faults:
        return found, faults
    seen = set()
    for port in settled:
        theirs = known.get(port["uuid"]) or known.get(port["address"])
        if theirs is None or theirs["uuid"] in seen:
            found.new.append(port)
            continue
        seen.add(theirs["uuid"])
        own = {**port, "uuid": theirs["uuid"]}
        if portable.of_port(own) != portable.of_port(theirs):
            found.changed.append(
                (theirs["uuid"], {name: port[name] for name in ("address", "name", "record")})
            )
    found.gone.extend(port for port in there if port["uuid"] not in seen)
    return found, []


def _restored(given: Any, known: Mapping[Any, Mapping[str, Any]]) -> Any:
    """Return a port of a list, with the known secrets in place of ``******``."""
    if not isinstance(given, dict):
        return given
    theirs = known.get(_uuid(given.get("uuid"))) or known.get(_address(given.get("address")))
    return given if theirs is None else masking.restored(given, {**theirs["record"], **theirs})


def _uuid(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else None


def _address(value: Any) -> str | None:
    if isinstance(value, dict | list) or value is None:
        return None
    try:
        found: str = port_records.ADDRESS.check(scalars.text(value))
    except ValueError:
        return None
    return found
