"""The driver ``libvirt``. podium.drivers.base describes the purpose of each method.

The methods are synchronous, because libvirt's calls block. The conductor runs them in threads.
"""

import concurrent.futures
import functools
import threading
import urllib.parse
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, Protocol, TypeVar

import libvirt
from oslo_config import cfg
from podium import errors, states
from podium.drivers import base

from podium_driver_libvirt.boot import boot_of, booting_from
from podium_driver_libvirt.connection import Connection, Events
from podium_driver_libvirt.settings import PROPERTIES, Account, is_uuid

_T = TypeVar("_T")

#: The configuration for the next start of a domain, whether it runs or not.
_CONFIGURED: Final = libvirt.VIR_DOMAIN_XML_INACTIVE


class Options(Protocol):
    """The values of the driver's options."""

    timeout: float


class LibvirtDriver(base.Driver):
    """Virtual machines of hypervisors that libvirt speaks to: QEMU and KVM, Xen, and others."""

    needs_api = (2, 2)
    properties: ClassVar[Mapping[str, base.Property]] = PROPERTIES
    login = base.Login(password="libvirt_password", username="libvirt_username", longest=64)
    options: Options = base.declare_options(
        cfg.FloatOpt(
            "timeout",
            default=20,
            min=1,
            max=50,
            help="Seconds without a sign of life after which a hypervisor counts as unreachable.",
        ),
    )
    #: libvirt's own soft reboot would ignore a new boot device. The conductor combines off and on instead.
    supported_power_states = (states.POWER_ON, states.POWER_OFF, states.REBOOTING, states.SOFT_POWER_OFF)
    threads: ClassVar[int] = 32
    endpoint_calls: ClassVar[int | None] = 4

    def start(self) -> None:
        self._events = Events()
        self._lock = threading.Lock()
        self._connections: dict[Account, Connection] = {}
        #: The UUIDs of the nodes known to use each account.
        self._uses: dict[Account, set[str]] = defaultdict(set)

    def close(self) -> None:
        closing = [connection.close() for connection in self._connections.values()]
        concurrent.futures.wait(closing, self.options.timeout)
        self._events.stop()

    def node_added(self, node: base.Node) -> None:
        with self._lock:
            self._uses[self._account(node)].add(node.uuid)

    def node_removed(self, node: base.Node) -> None:
        account = self._account(node)
        with self._lock:
            self._uses[account].discard(node.uuid)
        self.release(node)

    def release(self, node: base.Node) -> None:
        """Close the connection if no other node needs it."""
        account = self._account(node)
        with self._lock:
            if self._uses.get(account):
                return
            self._uses.pop(account, None)
            unused = self._connections.pop(account, None)
        if unused is not None:
            unused.close()

    def statistics(self) -> Mapping[str, float]:
        return {"connections": len(self._connections)}

    def identity(self, node: base.Node) -> str:
        """The hypervisor and the domain."""
        info = self.parse_driver_info(node)
        return f"libvirt:{info['libvirt_uri'].name}#{urllib.parse.quote(info['libvirt_domain'])}"

    def endpoint(self, node: base.Node) -> str:
        """The hypervisor. One conductor talks to it on behalf of all its nodes."""
        return str(self.parse_driver_info(node)["libvirt_uri"].place)

    def get_power_state(self, node: base.Node) -> str:
        return self._ask(node, _power_state)

    def get_power_states(self, nodes: Sequence[base.Node]) -> Mapping[str, str | Exception]:
        """Read all domains of a hypervisor with one call."""
        accounts: dict[Account, list[base.Node]] = defaultdict(list)
        for node in nodes:
            accounts[self._account(node)].append(node)
        begun = {account: self._connection(account).begin() for account in accounts}  # all at once
        found: dict[str, str | Exception] = {}
        for account, those in accounts.items():
            try:
                domains = self._connection(account).ask(_all_power_states, begun[account])
            except errors.DriverError as fault:
                found |= dict.fromkeys((node.uuid for node in those), fault)
                continue
            for node in those:
                name = self.parse_driver_info(node)["libvirt_domain"]
                found[node.uuid] = domains.get(name) or _missing(account, name)
        return found

    def set_power_state(self, node: base.Node, target: states.Target) -> None:
        if target not in _SWITCHES:
            raise errors.UnsupportedPowerState(f"libvirt does not know {target!r}")
        self._ask(node, _SWITCHES[target])

    def inject_nmi(self, node: base.Node) -> None:
        self._ask(node, lambda domain: domain.injectNMI(0))

    def get_boot_device(self, node: base.Node) -> base.Boot:
        """Read the boot device for the next start of the domain."""
        return self._ask(node, lambda domain: boot_of(domain.XMLDesc(_CONFIGURED)))

    def set_boot_device(self, node: base.Node, boot: base.BootDevice) -> None:
        def change(domain: Any) -> None:
            if not domain.isPersistent():
                raise errors.Unsupported("the domain is transient: it has no configuration to change")
            given = domain.XMLDesc(_CONFIGURED | libvirt.VIR_DOMAIN_XML_SECURE)
            changed = booting_from(given, boot)
            if boot_of(given).chosen.device != boot.device:
                domain.connect().defineXML(changed)

        self._ask(node, change)

    def check_login(self, node: base.Node) -> base.LoginReport:
        account, info = self._account(node), self.parse_driver_info(node)
        fresh = Connection(account, self.options.timeout)
        try:
            power = fresh.ask(functools.partial(_of_domain, account, info["libvirt_domain"], _power_state))
        finally:
            fresh.close()
        return base.LoginReport(account.username, None, power)

    def _ask(self, node: base.Node, question: Callable[[Any], _T]) -> _T:
        """Call a function with the domain, and return its result."""
        account, name = self._account(node), self.parse_driver_info(node)["libvirt_domain"]
        return self._connection(account).ask(functools.partial(_of_domain, account, name, question))

    def _account(self, node: base.Node) -> Account:
        info = self.parse_driver_info(node)
        return Account(info["libvirt_uri"], info["libvirt_username"], info["libvirt_password"])

    def _connection(self, account: Account) -> Connection:
        with self._lock:
            if account not in self._connections:
                self._connections[account] = Connection(account, self.options.timeout)
            return self._connections[account]


def _of_domain(account: Account, name: str, question: Callable[[Any], _T], connection: Any) -> _T:
    try:
        domain = connection.lookupByUUIDString(name) if is_uuid(name) else connection.lookupByName(name)
        return question(domain)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            raise _missing(account, name) from None
        raise


def _missing(account: Account, name: str) -> errors.DriverError:
    return errors.DriverError(f"{account.hypervisor.uri} has no domain {name}")


def _power_state(domain: Any) -> str:
    return states.POWER_ON if domain.isActive() else states.POWER_OFF


def _all_power_states(connection: Any) -> dict[str, str]:
    """Return the power states of all domains, by name and by UUID."""
    found: dict[str, str] = {}
    for domain in connection.listAllDomains():
        # The list includes the ID: a number if the domain runs, paused or not, and -1 otherwise.
        state = states.POWER_OFF if domain.ID() < 0 else states.POWER_ON
        found |= {domain.name(): state, domain.UUIDString(): state}
    return found


def _switch_on(domain: Any) -> None:
    if not domain.isActive():
        domain.create()


def _switch_off(domain: Any) -> None:
    if domain.isActive():
        domain.destroy()


def _shut_down(domain: Any) -> None:
    if domain.isActive():
        domain.shutdown()


def _restart(domain: Any) -> None:
    """Reset the domain, or restart it if a reset would ignore a new boot device."""
    if not domain.isActive():
        domain.create()
    elif boot_of(domain.XMLDesc(0)).chosen == boot_of(domain.XMLDesc(_CONFIGURED)).chosen:
        domain.reset(0)
    else:
        domain.destroy()
        domain.create()


_SWITCHES: Final[Mapping[str, Callable[[Any], None]]] = {
    states.POWER_ON: _switch_on,
    states.POWER_OFF: _switch_off,
    states.REBOOTING: _restart,
    states.SOFT_POWER_OFF: _shut_down,
}
