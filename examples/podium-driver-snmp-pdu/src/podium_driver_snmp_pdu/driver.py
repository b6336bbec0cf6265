"""The driver ``snmp``. podium.drivers.base describes the purpose of each method."""

import asyncio
import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from oslo_config import cfg, types
from podium import errors
from podium.drivers import base
from podium.drivers.context import RunContext

from podium_driver_snmp_pdu.client import (
    AUTH_PROTOCOLS,
    PRIV_PROTOCOLS,
    Agent,
    Client,
    Community,
    NoSuchRow,
    User,
)
from podium_driver_snmp_pdu.pdus import KINDS, Oid, Value

#: PDUs whose loads are read at the same time.
_AT_ONCE: Final = 16
#: The shortest key of a user (RFC 3414, 11.2).
_SHORTEST_KEY: Final = 8
_RANK: Final = {"OK": 0, "Warning": 1, "Critical": 2}

#: A PDU's agent, its kind and its number: what outlets are asked for together.
_Pdu = tuple[Agent, str, int]


def key_of_user(value: object) -> str:
    """Convert a passphrase.

    :raises ValueError: if it is too short for any agent
    """
    if len(str(value)) < _SHORTEST_KEY:
        raise ValueError(f"a key has at least {_SHORTEST_KEY} characters")
    return str(value)


def host_of_agent(value: object) -> str:
    """Return the one form of a host name or an address.

    :raises ValueError: for an IPv6 address that is none
    """
    host = str(value).strip().lower().rstrip(".")
    return ipaddress.ip_address(host.strip("[]")).compressed if ":" in host else host


class SNMPDriver(base.Driver):
    """PDUs that are switched over SNMP: APC and Raritan."""

    properties: ClassVar[Mapping[str, base.Property]] = {
        "snmp_driver": base.Property(
            "the kind of PDU", required=True, type=types.String(choices=list(KINDS))
        ),
        "snmp_address": base.Property("host name or address of the PDU", required=True, type=host_of_agent),
        "snmp_port": base.Property("its UDP port", default=161, type=types.Port(min=1)),
        "snmp_outlet": base.Property("number of the outlet", required=True, type=types.Integer(min=1)),
        "snmp_pdu": base.Property(
            "number of the PDU, where one Raritan answers for several", default=1, type=types.Integer(min=0)
        ),
        "snmp_version": base.Property("2c or 3", default="2c", type=types.String(choices=["2c", "3"])),
        "snmp_community": base.Property("v2c: the community for reads and changes", secret=True),
        "snmp_community_read": base.Property("v2c: another community for reads", secret=True),
        "snmp_community_write": base.Property("v2c: another community for changes", secret=True),
        "snmp_user": base.Property("v3: the user"),
        "snmp_auth_protocol": base.Property(
            "v3: how requests are authenticated",
            default="sha",
            type=types.String(choices=list(AUTH_PROTOCOLS)),
        ),
        "snmp_auth_key": base.Property(
            "v3: the user's authentication key, 8 characters or more", secret=True, type=key_of_user
        ),
        "snmp_priv_protocol": base.Property(
            "v3: how requests are encrypted", default="aes", type=types.String(choices=list(PRIV_PROTOCOLS))
        ),
        "snmp_priv_key": base.Property(
            "v3: the user's privacy key, 8 characters or more", secret=True, type=key_of_user
        ),
        "snmp_context_name": base.Property("v3: the context", default=""),
    }
    options: Any = (
        cfg.FloatOpt("udp_transport_timeout", default=1.0, min=0.1, max=10, help="Seconds for one answer."),
        cfg.IntOpt(
            "udp_transport_retries",
            default=3,
            min=0,
            max=4,
            help="How often a question is repeated that gets no answer. Commands never are.",
        ),
        cfg.IntOpt(
            "rows",
            default=50,
            min=1,
            max=100,
            help="Outlets that one request asks for. 50 fit into a datagram of an Ethernet frame.",
        ),
    )
    #: Agents of PDUs are slow, and answer one request after the other.
    endpoint_calls: ClassVar[int | None] = 2

    async def start(self) -> None:
        options = self.options
        self._client = Client(options.udp_transport_timeout, options.udp_transport_retries, options.rows)

    async def close(self) -> None:
        await self._client.close()

    def statistics(self) -> Mapping[str, float]:
        return {"requests": self._client.requests}

    def validate(self, node: base.Node) -> None:
        self._outlet(node)

    def identity(self, node: base.Node) -> str:
        """The PDU and the outlet; the number of the PDU, too, where one agent answers for several."""
        (agent, kind, pdu), outlet = self._outlet(node)
        return f"snmp:{_place(agent)}#{'.'.join(map(str, KINDS[kind].index(pdu, outlet)))}"

    def endpoint(self, node: base.Node) -> str:
        """The PDU: one conductor speaks to it, whatever is plugged in."""
        (agent, _, _), _ = self._outlet(node)
        return _place(agent)

    async def get_power_state(self, node: base.Node) -> str:
        (agent, name, pdu), outlet = self._outlet(node)
        kind = KINDS[name]
        index = kind.index(pdu, outlet)
        (value,) = await self._client.read(agent, [(*kind.state, *index)])
        return _reading(agent, name, index, value)

    async def get_power_states(self, nodes: Sequence[base.Node]) -> Mapping[str, str | Exception]:
        """Read the outlets of a PDU in one walk."""
        found: dict[str, str | Exception] = {}
        for (agent, name, pdu), outlets in self._by_pdu(nodes, found).items():
            kind = KINDS[name]
            indexes = {node.uuid: kind.index(pdu, outlet) for node, outlet in outlets}
            first, last = min(indexes.values()), max(indexes.values())
            try:
                values = await self._client.walk(agent, kind.state, first, last)
            except errors.DriverError as fault:
                found |= dict.fromkeys(indexes, fault)
                continue
            for uuid, index in indexes.items():
                try:
                    found[uuid] = _reading(agent, name, index, values.get(index))
                except errors.DriverError as fault:
                    found[uuid] = fault
        return found

    async def set_power_state(self, node: base.Node, target: str) -> None:
        (agent, name, pdu), outlet = self._outlet(node)
        kind = KINDS[name]
        if target not in kind.commands:
            raise errors.UnsupportedPowerState(f"PDUs do not know {target!r}")
        index = kind.index(pdu, outlet)
        try:
            await self._client.write(agent, (*kind.command, *index), kind.commands[target])
        except NoSuchRow as fault:
            raise errors.DriverError(
                f"{_missing(agent, name, index)} that can be switched ({fault})"
            ) from None

    @base.driver_periodic_task(spacing=60)
    async def read_loads(self, manager: base.Manager, context: RunContext) -> None:
        """Report the load of each PDU as the health of its nodes, and the power that each outlet delivers."""
        pdus = self._by_pdu(manager.nodes(self), {})
        await self._client.keep({agent for agent, _, _ in pdus})
        turns = asyncio.Semaphore(_AT_ONCE)

        async def report(pdu: _Pdu, outlets: list[tuple[base.Node, int]]) -> None:
            async with turns:
                try:
                    await self._report_health(manager, pdu, [node for node, _ in outlets])
                    await self._report_power(manager, pdu, outlets)
                except errors.DriverError:
                    pass  # the reads of its nodes tell why

        async with asyncio.TaskGroup() as reports:
            for pdu, outlets in pdus.items():
                reports.create_task(report(pdu, outlets))

    async def _report_health(self, manager: base.Manager, place: _Pdu, nodes: Iterable[base.Node]) -> None:
        agent, name, pdu = place
        kind = KINDS[name]
        if kind.load is None:
            return
        load = (*kind.load, pdu) if kind.linked else kind.load
        found = {
            kind.loads[value]
            for value in (await self._client.walk(agent, load)).values()
            if value in kind.loads
        }
        worst = max((status for status, _ in found), key=lambda status: _RANK[status], default="OK")
        for node in nodes:
            manager.report_health(node, base.Health(worst, tuple(sorted(words for _, words in found))))

    async def _report_power(
        self, manager: base.Manager, place: _Pdu, outlets: list[tuple[base.Node, int]]
    ) -> None:
        agent, name, pdu = place
        kind = KINDS[name]
        if kind.power is None:
            return
        column, part, places = kind.power
        rows = [(*kind.index(pdu, outlet), *part) for _, outlet in outlets]
        watts = await self._client.read(agent, [(*column, *row) for row in rows])
        digits = (
            await self._client.read(agent, [(*places, *row) for row in rows]) if places else [0] * len(rows)
        )
        for (node, _), value, decimals in zip(outlets, watts, digits, strict=True):
            if isinstance(value, int) and value >= 0:  # APC answers -1 for an outlet that it does not measure
                power = base.Sensor(
                    "Outlet", "power", value / 10 ** (decimals if isinstance(decimals, int) else 0)
                )
                manager.report_sensors(node, [power])

    def _by_pdu(
        self, nodes: Iterable[base.Node], faults: dict[str, Any]
    ) -> dict[_Pdu, list[tuple[base.Node, int]]]:
        """The nodes and their outlets by what they are asked for together; nodes of no use are in ``faults``."""
        pdus = defaultdict(list)
        for node in nodes:
            try:
                pdu, outlet = self._outlet(node)
            except errors.InvalidDriverInfo as fault:
                faults[node.uuid] = fault
            else:
                pdus[pdu].append((node, outlet))
        return pdus

    def _outlet(self, node: base.Node) -> tuple[_Pdu, int]:
        """The PDU of a node, and the number of its outlet.

        :raises podium.errors.InvalidDriverInfo: also for properties that do not fit together
        """
        info = self.parse_driver_info(node)
        login = _user(info) if info["snmp_version"] == "3" else _community(info)
        agent = Agent(info["snmp_address"], info["snmp_port"], login)
        pdu = info["snmp_pdu"] if KINDS[info["snmp_driver"]].linked else 1
        return (agent, info["snmp_driver"], pdu), info["snmp_outlet"]


def _community(info: Mapping[str, Any]) -> Community:
    read = info["snmp_community_read"] or info["snmp_community"]
    write = info["snmp_community_write"] or info["snmp_community"]
    if not read or not write:
        raise errors.InvalidDriverInfo(
            "driver_info lacks snmp_community, or snmp_community_read and snmp_community_write, for SNMP v2c"
        )
    return Community(read, write)


def _user(info: Mapping[str, Any]) -> User:
    if not info["snmp_user"]:
        raise errors.InvalidDriverInfo("driver_info lacks snmp_user for SNMP v3")
    if info["snmp_priv_key"] and not info["snmp_auth_key"]:
        raise errors.InvalidDriverInfo("driver_info has snmp_priv_key and lacks snmp_auth_key")
    return User(
        info["snmp_user"],
        info["snmp_auth_protocol"],
        info["snmp_auth_key"],
        info["snmp_priv_protocol"],
        info["snmp_priv_key"],
        info["snmp_context_name"],
    )


def _place(agent: Agent) -> str:
    host = f"[{agent.host}]" if ":" in agent.host else agent.host
    return f"{host}:{agent.port}"


def _reading(agent: Agent, name: str, index: Oid, value: Value) -> str:
    """The power state that an outlet's number means."""
    if value is None:
        raise errors.DriverError(f"{_missing(agent, name, index)}; see snmp_outlet and snmp_driver")
    if value not in KINDS[name].states:
        raise errors.DriverError(
            f"{agent}: the state of outlet {_number(index)} is {value!r}, which is unknown"
        )
    return KINDS[name].states[value]


def _missing(agent: Agent, name: str, index: Oid) -> str:
    return f"{agent} has no outlet {_number(index)} of the kind {name}"


def _number(index: Oid) -> str:
    return ".".join(map(str, index))
