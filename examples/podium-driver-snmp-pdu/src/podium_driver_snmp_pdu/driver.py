"""The driver ``snmp``. podium.drivers.base describes the purpose of each method."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Final, Protocol

from oslo_config import cfg
from podium import errors, states
from podium.drivers import base
from podium.drivers.context import RunContext

from podium_driver_snmp_pdu.client import Client, NoSuchRow
from podium_driver_snmp_pdu.pdus import Oid, Value
from podium_driver_snmp_pdu.settings import PDU, PROPERTIES, outlet_of

#: The number of PDUs whose loads are read at the same time.
_AT_ONCE: Final = 16
_RANK: Final = {"OK": 0, "Warning": 1, "Critical": 2}

#: Nodes, each with its outlet number.
_Outlets = list[tuple[base.Node, int]]


class Options(Protocol):
    """The values of the driver's options."""

    udp_transport_timeout: float
    udp_transport_retries: int
    rows: int


class SNMPDriver(base.Driver):
    """PDUs that are switched over SNMP: APC and Raritan."""

    needs_api = (2, 0)
    properties: ClassVar[Mapping[str, base.Property]] = PROPERTIES
    options: Options = base.declare_options(
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
    #: PDU agents are slow, and answer one request after the other.
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
        """The PDU and the outlet, and the PDU's number if one agent answers for several."""
        pdu, outlet = self._outlet(node)
        return f"snmp:{pdu.agent}#{_words(pdu.index(outlet))}"

    def endpoint(self, node: base.Node) -> str:
        """The PDU. One conductor talks to it on behalf of all its nodes."""
        return str(self._outlet(node)[0].agent)

    async def get_power_state(self, node: base.Node) -> states.PowerState:
        pdu, outlet = self._outlet(node)
        index = pdu.index(outlet)
        (value,) = await self._client.read(pdu.agent, [(*pdu.kind.state, *index)])
        return _reading(pdu, index, value)

    async def get_power_states(
        self, nodes: Sequence[base.Node]
    ) -> Mapping[str, states.PowerState | Exception]:
        """Read the outlets of a PDU in one walk."""
        found: dict[str, states.PowerState | Exception] = {}
        for pdu, outlets in self._by_pdu(nodes, found).items():
            indexes = {node.uuid: pdu.index(outlet) for node, outlet in outlets}
            first, last = min(indexes.values()), max(indexes.values())
            try:
                values = await self._client.walk(pdu.agent, pdu.kind.state, first, last)
            except errors.DriverError as fault:
                found |= dict.fromkeys(indexes, fault)
                continue
            for uuid, index in indexes.items():
                try:
                    found[uuid] = _reading(pdu, index, values.get(index))
                except errors.DriverError as fault:
                    found[uuid] = fault
        return found

    async def set_power_state(self, node: base.Node, target: states.Target) -> None:
        pdu, outlet = self._outlet(node)
        if target not in pdu.kind.commands:
            raise errors.UnsupportedPowerState(f"PDUs do not know {target!r}")
        index = pdu.index(outlet)
        try:
            await self._client.write(pdu.agent, (*pdu.kind.command, *index), pdu.kind.commands[target])
        except NoSuchRow as fault:
            raise errors.DriverError(f"{_missing(pdu, index)} that can be switched ({fault})") from None

    async def get_sensors(self, node: base.Node) -> list[base.Sensor]:
        """Read the outlet's present power: a machine's consumption, even if its own hardware is silent."""
        pdu, outlet = self._outlet(node)
        (watts,) = await self._powers(pdu, [outlet])
        return [] if watts is None else [base.Sensor("Outlet", "power", watts)]

    @base.driver_periodic_task(spacing=60)
    async def read_loads(self, manager: base.Manager, context: RunContext) -> None:
        """Report the load of each PDU as the health of its nodes, and the power of each outlet."""
        pdus = self._by_pdu(manager.nodes(self), {})
        await self._client.keep({pdu.agent for pdu in pdus})
        turns = asyncio.Semaphore(_AT_ONCE)

        async def report(pdu: PDU, outlets: _Outlets) -> None:
            async with turns:
                try:
                    await self._report_health(manager, pdu, outlets)
                    await self._report_power(manager, pdu, outlets)
                except errors.DriverError:
                    pass  # the reads of its nodes report the reason

        async with asyncio.TaskGroup() as reports:
            for pdu, outlets in pdus.items():
                reports.create_task(report(pdu, outlets))

    async def _report_health(self, manager: base.Manager, pdu: PDU, outlets: _Outlets) -> None:
        kind = pdu.kind
        if kind.load is None:
            return
        column = (*kind.load, pdu.number) if kind.linked else kind.load
        values = (await self._client.walk(pdu.agent, column)).values()
        found = {kind.loads[value] for value in values if value in kind.loads}
        health = None  # the PDU does not report it
        if found:
            worst = max((status for status, _ in found), key=lambda status: _RANK[status])
            health = base.Health(worst, tuple(sorted(words for _, words in found if words)))
        for node, _ in outlets:
            manager.report_health(node, health)

    async def _report_power(self, manager: base.Manager, pdu: PDU, outlets: _Outlets) -> None:
        powers = await self._powers(pdu, [outlet for _, outlet in outlets])
        for (node, _), watts in zip(outlets, powers, strict=True):
            if watts is not None:
                manager.report_sensors(node, [base.Sensor("Outlet", "power", watts)])

    async def _powers(self, pdu: PDU, outlets: Sequence[int]) -> list[float | None]:
        """Read the power of a PDU's outlets in watts, None for outlets that it does not measure."""
        if pdu.kind.power is None:
            return [None] * len(outlets)
        column, part, places = pdu.kind.power
        rows = [(*pdu.index(outlet), *part) for outlet in outlets]
        values = await self._client.read(pdu.agent, [(*column, *row) for row in rows])
        digits: Sequence[Value] = [0] * len(rows)
        if places:
            digits = await self._client.read(pdu.agent, [(*places, *row) for row in rows])
        return [
            # APC answers -1 for outlets that it does not measure.
            value / 10**decimals
            if isinstance(value, int) and value >= 0 and isinstance(decimals, int)
            else None
            for value, decimals in zip(values, digits, strict=True)
        ]

    def _by_pdu(
        self, nodes: Iterable[base.Node], faults: dict[str, states.PowerState | Exception]
    ) -> Mapping[PDU, _Outlets]:
        """Group nodes by PDU, to read them together. Nodes with bad properties go to ``faults``."""
        pdus: dict[PDU, _Outlets] = defaultdict(list)
        for node in nodes:
            try:
                pdu, outlet = self._outlet(node)
            except errors.InvalidDriverInfo as fault:
                faults[node.uuid] = fault
            else:
                pdus[pdu].append((node, outlet))
        return pdus

    def _outlet(self, node: base.Node) -> tuple[PDU, int]:
        """:raises podium.errors.InvalidDriverInfo: also for properties that conflict"""
        return outlet_of(self.parse_driver_info(node))


def _reading(pdu: PDU, index: Oid, value: Value) -> states.PowerState:
    """Return the power state for an outlet's number."""
    if value is None:
        raise errors.DriverError(f"{_missing(pdu, index)}; see snmp_outlet and snmp_driver")
    if value not in pdu.kind.states:
        raise errors.DriverError(
            f"{pdu.agent}: the state of outlet {_words(index)} is {value!r}, which is unknown"
        )
    return pdu.kind.states[value]


def _missing(pdu: PDU, index: Oid) -> str:
    return f"{pdu.agent} has no outlet {_words(index)} of the kind {pdu.name}"


def _words(index: Oid) -> str:
    return ".".join(map(str, index))
