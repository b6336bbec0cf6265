"""Power requests for a rack during faults, and checks of the results.

The simulator's log of commands is compared with the ledger: nothing is lost, nothing that must not be
repeated is done twice, nothing stays locked.
"""

import random
from collections import Counter
from typing import Any, Final

import sqlalchemy as sa

from clusters import Cluster
from daemons import Rack, eventually
from podium import errors, states
from podium.db import operations, power
from podium.db.models import nodes, power_requests

ACTIONS: Final = (states.POWER_ON, states.POWER_OFF, states.REBOOTING, states.REBOOTING)
#: Clients alternate if a BMC gets commands from one, another and the first again within this many seconds.
_TURN: Final = 1.0


class Load:
    """Requests for the nodes of a cluster, and their expected results.

    :param bmcs: the number of BMCs, all IPMI and with one node each
    :param unclear: names of nodes whose BMCs lose answers or report old states; commands may be repeated
    """

    def __init__(self, cluster: Cluster, rack: Rack, bmcs: int, seed: int, unclear: frozenset[str]) -> None:
        self._cluster = cluster
        self._rack = rack
        self._where = f"1-{bmcs}"
        self._random = random.Random(seed)
        self._unclear = unclear
        columns = nodes.c.id, nodes.c.name, nodes.c.driver_info
        self._nodes = cluster.rows(sa.select(*columns).order_by(nodes.c.id))
        self._was_on: dict[str, bool] = {}
        self._seen: Counter[str] = Counter()
        self._looked_at = 0
        self._turns_seen: dict[str, float] = {}
        self.accepted = 0
        self.needless: Counter[str] = Counter()

    def ask(self) -> None:
        """Request an action for some nodes. Nodes with a pending request refuse it."""
        rows = self._random.sample(self._nodes, self._random.randint(10, len(self._nodes) // 3))
        action = self._random.choice(ACTIONS)

        def insist() -> power.Asked | None:
            try:
                with self._cluster.write() as connection:
                    return power.ask(connection, rows, action, who="ann@desk")
            except errors.DatabaseUnavailable:
                return None

        self.accepted += len(eventually(insist, "the request is accepted").accepted)

    def look(self, *, lost: int = 0) -> None:
        """Wait for everything to end, and compare the records.

        :param lost: how many accepted requests may be missing after the promotion of a lagging standby
        """
        eventually(self._cluster.is_at_rest, "every request has ended, and nothing is reserved")
        requests = self._cluster.rows(sa.select(power_requests).where(power_requests.c.action.in_(ACTIONS)))
        assert self.accepted - lost <= len(requests) <= self.accepted, "a request was lost"
        self.accepted = len(requests)
        carried_out = (operations.DONE, operations.FAILED)
        fresh = [one for one in requests if one.id > self._looked_at and one.state in carried_out]
        reboots = Counter(one.node_id for one in fresh if one.action == states.REBOOTING)
        self._looked_at = max((one.id for one in requests), default=0)
        bmcs = self._rack.log(self._where)
        for row in self._nodes:
            self._look_at(row, bmcs[row.driver_info["ipmi_address"]], reboots[row.id])
        eventually(self._agrees, "the database says what the machines are")

    def _look_at(self, row: Any, bmc: dict[str, Any], reboots: int) -> None:
        count = bmc["carried_out"] - self._seen[row.name]
        assert count <= len(bmc["log"]), "the log is complete"
        new = bmc["log"][len(bmc["log"]) - count :]
        self._seen[row.name] = bmc["carried_out"]
        assert new.count("reset") <= reboots, f"{row.name} was rebooted more often than was asked for: {new}"
        on = self._was_on.get(row.name, False)
        for action in new:
            if action in ("on", "off"):
                self.needless[row.name] += on == (action == "on")
                on = action == "on"
        self._was_on[row.name] = on

    def _agrees(self) -> bool:
        bmcs = self._rack.log(self._where)
        words = {True: states.POWER_ON, False: states.POWER_OFF}
        its = sa.select(nodes.c.driver_info, nodes.c.power_state).where(nodes.c.driver == "ipmi")
        rows = self._cluster.rows(its)
        return all(
            row.power_state == words[bmcs[row.driver_info["ipmi_address"]]["power_on"]] for row in rows
        )

    def by_turns(self) -> list[str]:
        """Return the BMCs to which two conductors alternately sent commands since the last call."""
        found = []
        for address, bmc in self._rack.log(self._where).items():
            since = self._turns_seen.get(address, 0.0)
            clients = [(at, client) for at, client in bmc["clients"] if at > since]
            for (start, one), _, (again, other) in zip(clients, clients[1:], clients[2:], strict=False):
                if one == other and again - start < _TURN:
                    found.append(f"{address}: {clients}")
                    break
            if clients:
                self._turns_seen[address] = clients[-1][0]
        return found

    def needless_where_all_is_clear(self) -> list[str]:
        """Return nodes that got commands for the state that their BMCs had already reported."""
        return [name for name, count in self.needless.items() if count and name not in self._unclear]

    def report(self) -> str:
        """Return a summary of requests and results. Commands for the present state count as needless."""
        counted = sa.select(power_requests.c.state, sa.func.count()).group_by(power_requests.c.state)
        ends = ", ".join(f"{count} {state}" for state, count in sorted(self._cluster.rows(counted)))
        return f"{self.accepted} requests: {ends}; {sum(self.needless.values())} needless commands"
