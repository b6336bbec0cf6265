"""``podium node clock show`` and ``set``."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from podium import states, wording
from podium.cli.hardware.reading import Reading
from podium.cli.operating import Operating
from podium.cli.showing.tables import Form
from podium.client.calls.hardware import Clock
from podium.client.podium import Podium

_COLUMNS: Final = ("node", "offset", "read_at")


class Show(Reading[Clock]):
    """Read how far the clocks of nodes' controllers are off now.

    In formats for programs, offset is the number of seconds by which a clock is ahead of its conductor's,
    negative if it is behind. The entries of podium node log are dated by this clock. The exit status is 1 if
    the clock of any node could not be read.
    """

    column_names = _COLUMNS
    form = Form("nodes", by=("node",), dropped=("read_at",))

    def read(self, podium: Podium, node: str, wait: float) -> Clock:
        return podium.clock(node, wait=wait)

    def rows(self, name: str, found: Clock, *, for_people: bool) -> Iterable[Sequence[Any]]:
        words = wording.clock_off(found.offset, found.read_at.timestamp())
        return [[name, words if for_people else found.offset, found.read_at]]


class Set(Operating):
    """Set the clocks of nodes' controllers to the time of the conductors that own the nodes.

    Older entries of podium node log, which were dated by the clock before it was set, are corrected from then
    on by its previous offset. The result shows that offset.
    """

    action = states.SET_CLOCK
    words = "set the clocks of {}"
