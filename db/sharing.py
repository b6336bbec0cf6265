"""Distributes the slots of one group and driver among members; pure and deterministic."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from podium.db.endpoints import SLOTS

#: The difference of two members' nodes that is tolerated, as a part of each member's share.
_UNEVEN: Final = 0.01


def plan(
    owners: Mapping[int, int | None],
    able: Sequence[int],
    weights: Mapping[int, int],
    loads: Mapping[int, int],
    barred: Mapping[int, Collection[int]] = MappingProxyType({}),
) -> dict[int, int | None]:
    """Distribute the slots of one group and driver evenly, with as few changes as necessary.

    :param owners: by slot, its current owner; of the 1,024 slots, missing ones have no owner
    :param able: the members that may own slots
    :param weights: how many nodes are in each slot; none if it is missing
    :param loads: how many nodes of other pairs each member has, which decides between equals
    :param barred: additional slots, of avoided subnets, with the members that must not own each
    :returns: by slot, its new owner
    """
    every = [*range(SLOTS), *sorted(barred)]
    if not able:
        return dict.fromkeys(every)
    # Empty slots count as well, all of them together less than one node: they may get nodes soon.
    weight = {slot: weights.get(slot, 0) * 2 * len(every) + 1 for slot in every}
    held: dict[int, set[int]] = {member: set() for member in able}
    free = []
    for slot in every:
        owner = owners.get(slot)
        if owner in held and owner not in barred.get(slot, ()):
            held[owner].add(slot)
        else:
            free.append(slot)
    load = {member: sum(weight[slot] for slot in held[member]) for member in able}

    def order(member: int) -> tuple[int, int, int]:
        return load[member], loads.get(member, 0), member

    for slot in sorted(free, key=lambda slot: -weight[slot]):
        takers = [member for member in able if member not in barred.get(slot, ())]
        if takers:
            least = min(takers, key=order)
            held[least].add(slot)
            load[least] += weight[slot]
    _level(held, load, weight, barred, sum(weight.values()) / len(able) * _UNEVEN)
    return dict.fromkeys(every) | {slot: member for member, its in held.items() for slot in its}


def _level(
    held: Mapping[int, set[int]],
    load: dict[int, int],
    weight: Mapping[int, int],
    barred: Mapping[int, Collection[int]],
    tolerance: float,
) -> None:
    """Move slots from the members with the most to those with the least, as long as that evens them out."""
    while True:
        order = sorted(load, key=lambda one: (load[one], one))
        for most, least in ((most, least) for most in reversed(order) for least in order):
            gap = load[most] - load[least]
            # Less than the gap, so that every move evens out the loads and the loop ends.
            fitting = [
                slot
                for slot in (held[most] if gap > tolerance else ())
                if weight[slot] < gap and least not in barred.get(slot, ())
            ]
            if fitting:
                break
        else:
            return
        moved = min(fitting, key=lambda slot: (abs(gap - 2 * weight[slot]), slot))
        held[most].remove(moved)
        held[least].add(moved)
        load[most] -= weight[moved]
        load[least] += weight[moved]
