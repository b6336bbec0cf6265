"""Nodes that were read and found as they were, in as few records as tell it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from podium.db.readings import Checked

#: Nodes found as they were are written with the time of the first of those read within this.
_ALIKE: Final = timedelta(seconds=1)


def joined(checks: Sequence[Checked], most: int) -> list[Checked]:
    """The same in fewer: those that share what the fleet had seen and, all but, their time.

    :param most: nodes that one of them has at the most, and those of one more
    """
    fewer: list[Checked] = []
    for one in checks:
        last = fewer[-1] if fewer else None
        if (
            last is not None
            and last.seen == one.seen
            and abs(one.at - last.at) < _ALIKE
            and len(last.numbers) < most
        ):
            fewer[-1] = Checked(min(last.at, one.at), one.seen, [*last.numbers, *one.numbers])
        else:
            fewer.append(one)
    return fewer


def newest(checks: Sequence[Checked], most: int) -> list[Checked]:
    """The same without what is outdated, where it is more than so many numbers."""
    if sum(len(one.numbers) for one in checks) <= most:
        return list(checks)
    known: set[int] = set()
    kept: list[Checked] = []
    for one in reversed(checks):
        numbers = [number for number in one.numbers if number not in known]
        known.update(numbers)
        if numbers:
            kept.append(Checked(one.at, one.seen, numbers))
    return kept[::-1]
