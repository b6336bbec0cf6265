"""Measures the time from a power request to its packet, for one node after another."""

import random
import time
from collections.abc import Callable
from typing import Any, Final

from processes import Failed
from rack import Rack

from podium import states
from podium.simulator import control

_LATE: Final = 30.0  # seconds after which a request counts as lost
_POLL: Final = 0.001
#: Random seconds between two requests, so that requests arrive at any point of the daemon's work.
_PAUSES: Final = 0.2, 0.5


class Requests:
    """Requests changes of one node after another, and watches the BMC.

    :param ask: called with a node and an action; requests the action, and returns the start time (monotonic)
    """

    def __init__(self, rack: Rack, nodes: int, ask: Callable[[dict[str, Any], str], float]) -> None:
        self._ask = ask
        self._socket = str(rack.control)
        self._nodes = rack.nodes(nodes)
        self._place = 0

    def latency(self) -> float:
        """Return the seconds until a BMC has carried out a request, according to the control socket.

        :raises Failed: if it does not
        """
        time.sleep(random.uniform(*_PAUSES))
        node = self._nodes[self._place * 37 % len(self._nodes)]
        self._place += 1
        address = node["driver_info"]["ipmi_address"]
        on, before = self._look(address)
        since = self._ask(node, states.POWER_OFF if on else states.POWER_ON)
        while self._look(address)[1] == before:
            if time.monotonic() - since > _LATE:
                raise Failed(f"{node['name']}: no command within {_LATE:.0f} s")
            time.sleep(_POLL)
        return time.monotonic() - since

    def _look(self, address: str) -> tuple[bool, int]:
        bmc = control.ask(self._socket, {"get": "log", "where": address})["bmcs"][address]
        return bmc["power_on"], len(bmc["log"])
