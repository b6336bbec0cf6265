"""What a driver is, and what it may ask of the conductor: read this first to write one.

A driver is a class named by an entry point in the group ``podium.drivers``. The conductor makes one
instance of it and calls its methods in a room of the driver's own: one event loop for the ``async def``
methods, a few threads for the plain ones. Any method may be either.
"""

import datetime
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Final, Protocol

from podium import errors, states
from podium.drivers import additions, driver_info
from podium.drivers.abilities import BOOT_DEVICES, BOOT_MODES, Boot, BootDevice, Log, LogEntry
from podium.drivers.actions import Argument, DriverAction, action, driver_actions, has_actions
from podium.drivers.command import CommandResult, Pending
from podium.drivers.driver_info import Property
from podium.drivers.login import Login, LoginReport
from podium.drivers.node import SENSOR_KINDS, Health, Node, Sensor, Thresholds
from podium.drivers.options import declare_options
from podium.drivers.periodic import PeriodicTask, driver_periodic_task, node_periodic_task, periodic_tasks

__all__ = [
    "ABILITIES",
    "API",
    "BOOT_DEVICES",
    "BOOT_MODES",
    "SENSOR_KINDS",
    "Argument",
    "Boot",
    "BootDevice",
    "Conductor",
    "Driver",
    "DriverAction",
    "Health",
    "Log",
    "LogEntry",
    "Login",
    "LoginReport",
    "Manager",
    "Node",
    "PeriodicTask",
    "Property",
    "Reservation",
    "Sensor",
    "Spawned",
    "Thresholds",
    "action",
    "actions",
    "can",
    "declare_options",
    "driver_actions",
    "driver_periodic_task",
    "login_of",
    "node_periodic_task",
    "periodic_tasks",
    "reads_together",
]


#: The edition of this interface, and how many times names were added to it since. See docs/contract.md.
API: Final = (2, 2)


class Driver(ABC):
    """One kind of hardware. The first line of a driver's own docstring is shown by ``podium driver list``."""

    properties: ClassVar[Mapping[str, Property]] = MappingProxyType({})
    #: The :data:`API` that the driver needs. A Podium with an older one refuses the driver, and says why.
    needs_api: ClassVar[tuple[int, int]] = (1, 0)
    #: On the class: a sequence of oslo.config options, which the config file has in a group with the driver's
    #: name. On the instance: their values, as attributes (``self.options.timeout``), with types for a type
    #: checker if :func:`declare_options` declares them.
    options: Any = ()
    supported_power_states: ClassVar[Sequence[str]] = (states.POWER_ON, states.POWER_OFF, states.REBOOTING)
    #: Plain methods that may run at the same time, each in a thread. Two more are kept for calls that people
    #: wait for.
    threads: ClassVar[int] = 8
    #: Calls to one :meth:`endpoint` at the same time. With None, plain methods may use a quarter of the
    #: threads, and async methods are not limited.
    endpoint_calls: ClassVar[int | None] = None
    #: Seconds between two reads of a node by the sweep, if ``[conductor] sync_power_state_interval`` is
    #: shorter: for hardware that reports its power by itself, or should not be polled often.
    interval: ClassVar[float | None] = None
    #: The account in ``driver_info``, so that Podium can change it; None where there is no password. Read it
    #: with :func:`login_of`.
    login: ClassVar[Login | None] = None

    def __init__(self, name: str, options: Any) -> None:
        """:param name: the entry point's name, which nodes give as their ``driver``
        :param options: the values of the class's ``options``, as attributes
        """
        self.name = name
        self.options = options

    @abstractmethod
    def get_power_state(self, node: Node) -> str | Awaitable[str]:
        """Read ``power on``, ``power off`` or ``error`` from the hardware.

        :raises podium.errors.DriverError: when it cannot be read
        """

    def get_power_states(
        self, nodes: Sequence[Node]
    ) -> Mapping[str, str | Exception] | Awaitable[Mapping[str, str | Exception]]:
        """Read the power of several nodes of one :meth:`endpoint` in one call; optional.

        For hardware that answers for many at once: a PDU, a chassis, a hypervisor. Where a driver has this
        method the sweep calls it once for each endpoint, with at most 1,000 nodes, and leaves
        :meth:`get_power_state` to power changes, which read one node.

        :returns: by UUID, ``power on``, ``power off`` or ``error``, or the exception that says why this node
            cannot be read, which does not affect the others; a missing node counts as a failed read
        :raises podium.errors.DriverError: when none of them can be read
        """
        raise NotImplementedError

    @abstractmethod
    def set_power_state(self, node: Node, target: states.Target) -> None | Awaitable[None]:
        """Start the change to one of ``supported_power_states``; the conductor reads until it is reached.

        :raises podium.errors.DriverError: when the hardware refuses or does not answer
        """

    def inject_nmi(self, node: Node) -> None | Awaitable[None]:
        """Interrupt the machine's operating system with a non-maskable interrupt; optional.

        :raises podium.errors.UnsupportedPowerState: by default, or when this hardware has none
        :raises podium.errors.DriverError: when the hardware refuses or does not answer
        """
        raise errors.UnsupportedPowerState(f"driver {self.name} cannot inject an NMI")

    def get_sensors(self, node: Node) -> Sequence[Sensor] | Awaitable[Sequence[Sensor]]:
        """Read all sensors of a node now, because a person asks; optional.

        It may take 30 seconds. If a person switches the node meanwhile, it is cancelled and called again.

        :returns: a list; sensors without a reading at present have the value None
        :raises podium.errors.DriverError: when they cannot be read
        """
        raise errors.DriverError(f"the driver {self.name} cannot read sensors")

    def get_boot_device(self, node: Node) -> Boot | Awaitable[Boot]:
        """Read what the machine boots from, and what it could boot from; optional.

        :raises podium.errors.DriverError: when it cannot be read
        """
        raise NotImplementedError

    def set_boot_device(self, node: Node, boot: BootDevice) -> None | Awaitable[None]:
        """Change what the machine boots from, the next time or always; optional.

        The result is read afterwards with :meth:`get_boot_device`. A second call with the same device does no
        harm.

        :param boot: with one of :data:`BOOT_DEVICES`
        :raises podium.errors.Unsupported: this hardware has no such device or mode
        :raises podium.errors.DriverError: when the hardware refuses or does not answer
        """
        raise NotImplementedError

    def identify(self, node: Node, seconds: float | None) -> None | Awaitable[None]:
        """Blink the LED by which people find the machine in its rack; optional.

        :param seconds: how long to blink; 0 to stop, None to blink until stopped
        :raises podium.errors.Unsupported: this hardware has no LED, or cannot blink it for that long
        :raises podium.errors.DriverError: when the hardware refuses or does not answer
        """
        raise NotImplementedError

    def get_log(self, node: Node, before: str | None, after: str | None, limit: int) -> Log | Awaitable[Log]:
        """Read the newest entries of the hardware's own log; optional.

        A long log is read in several calls, and other calls for the node may run in between.

        :param before: the id of an entry: only older entries
        :param after: the id of an entry: only newer entries
        :param limit: return at most this many of those entries, the newest, 1 to 1,000; fewer, if it would
            take more than ten seconds or so, because nobody else has the node meanwhile
        :returns: the entries that exist, even if an entry named in the arguments does not exist any more
        :raises podium.errors.DriverError: when it cannot be read
        """
        raise NotImplementedError

    def clear_log(self, node: Node, last: str) -> None | Awaitable[None]:
        """Clear the hardware's own log; optional.

        :param last: the id of the newest entry that somebody has a copy of
        :raises podium.errors.LogChanged: there are newer entries; nothing was cleared
        :raises podium.errors.DriverError: when the hardware refuses or does not answer
        """
        raise NotImplementedError

    def get_clock(self, node: Node) -> datetime.datetime | Awaitable[datetime.datetime]:
        """Read the clock of the hardware's controller, which timestamps its log; optional.

        :returns: a time with an offset from UTC
        :raises podium.errors.DriverError: when it cannot be read
        """
        raise NotImplementedError

    def set_clock(self, node: Node) -> None | Awaitable[None]:
        """Set the clock of the hardware's controller to the time of this host; optional.

        :raises podium.errors.DriverError: when the hardware refuses or does not answer
        """
        raise NotImplementedError

    def check_login(self, node: Node) -> LoginReport | Awaitable[LoginReport]:
        """Log in with ``driver_info`` in a new session, read the power, log out, change nothing; optional.

        The call proves that the password is right, so a session that is already open must not answer it.
        ``driver_info`` may be one that the node does not have yet. Try one login, and no second one after a
        refusal, because hardware locks accounts.

        :raises podium.errors.AuthenticationRefused: the hardware refused the user or the password
        :raises podium.errors.BMCUnreachable: it is not known whether they are right
        :raises podium.errors.DriverError: they are right, but a request after the login failed
        """
        raise NotImplementedError

    def set_password(self, node: Node, password: str) -> None | Awaitable[None]:
        """Change the password of the account that :attr:`login` names, on the hardware; optional.

        ``node`` still has the present password. Podium's record of the node is changed afterwards, once a
        login with the new password has worked.

        :raises podium.errors.PasswordRefused: the hardware does not accept it, and still has the old one
        :raises podium.errors.BMCUnreachable: it is not known which of the two the hardware has now
        :raises podium.errors.DriverError: any other failure; the hardware still has the old password
        """
        raise NotImplementedError

    def validate(self, node: Node) -> None:
        """Check ``driver_info``, without any I/O.

        :raises podium.errors.InvalidDriverInfo: naming the property and what is wrong with it
        """
        self.parse_driver_info(node)

    def identity(self, node: Node) -> str | None:
        """Identify the machine behind a node, without any I/O, so that none is enrolled twice; optional.

        The identity depends only on a ``driver_info`` that :meth:`validate` has accepted, and on nothing else
        of the node. It is the same however people write an address, and contains no secret. Podium compares
        the identities of all drivers, so begin with a word of your own: ``acme:192.0.2.1``. If several
        machines are behind one controller, append a ``#`` and the machine: ``acme:192.0.2.1#3``. An identity
        without a ``#`` stands for the only machine there, and equals any that begins with it.

        :returns: None, the default, if the identity is not known; then nothing is compared
        """
        return None

    def endpoint(self, node: Node) -> str:
        """Name the endpoint of a node, without any I/O, so that one conductor speaks to it; optional.

        Several nodes behind one chassis, PDU or hypervisor share one endpoint: its address. One conductor
        then reads and switches all of them::

            def endpoint(self, node):
                return self.parse_driver_info(node)["acme_address"].lower()

        The endpoint depends only on a ``driver_info`` that :meth:`validate` has accepted, and on nothing else
        of the node. It is the same however people write an address, and contains no secret. In the form
        ``HOST`` or ``HOST:PORT``, with an IPv6 address in brackets, it also shows Podium in which subnet the
        node is.

        :returns: by default the UUID: the node is its own endpoint
        """
        return node.uuid

    def start(self, *args: Any, **kwargs: Any) -> None | Awaitable[None]:
        """Acquire what the driver needs; runs before any other method, in the driver's own room.

        A driver defines ``start(self)``, or ``start(self, manager)`` to receive the :class:`Manager` and keep
        it. There are no nodes yet: ``manager.nodes(self)`` is empty.
        """
        return None

    def close(self) -> None | Awaitable[None]:
        """Release what :meth:`start` and later calls acquired."""
        return None

    def node_added(self, node: Node) -> None | Awaitable[None]:
        """Handle a node that this conductor owns from now on; optional.

        It is called for each node after :meth:`start`, and later for nodes that are enrolled or come from
        another conductor. Calls for one node come in order, one at a time; calls for different nodes run side
        by side. A call that takes 10 seconds is cancelled: use :meth:`Manager.spawn` for longer work. A call
        that fails is logged, and is not repeated.
        """
        return None

    def node_changed(self, node: Node) -> None | Awaitable[None]:
        """Handle a change of ``driver_info``, ``name`` or ``maintenance`` of a node; optional.

        Without this method, a change of ``driver_info`` calls :meth:`node_removed` and :meth:`node_added`.
        """
        return None

    def node_removed(self, node: Node) -> None | Awaitable[None]:
        """Handle a node that was deleted, or is another driver's or conductor's from now on; optional.

        Reads and other calls for the node may still be under way. :meth:`release` is called when they have
        ended, and this call has ended too or two seconds have passed. Only then may the node be added again,
        here or elsewhere. A conductor that stops hands its nodes to others, if there are any, and this method
        is called for each of these nodes. For nodes that nobody takes over, only :meth:`close` is called.

        :param node: as last known
        """
        return None

    def release(self, node: Node) -> None | Awaitable[None]:
        """Close what is open to a node that another conductor owns from now on; optional.

        For example sessions, connections and event streams. No call for the node is under way. It is called
        for thousands of nodes together, and waited for two seconds at most. A later call for the node opens
        them again.
        """
        return None

    def statistics(self) -> Mapping[str, float]:
        """Return the driver's own counters and gauges by name, once it has started.

        It is called from any thread and returns at once. ``podium conductor show`` shows them, and they are
        served as ``podium_driver_counter{driver,name}``.
        """
        return MappingProxyType({})

    def parse_driver_info(self, node: Node) -> dict[str, Any]:
        """Return ``driver_info`` with every declared property, converted or with its default.

        :raises podium.errors.InvalidDriverInfo: for the first property that is missing, unknown or wrong
        """
        return driver_info.parse(self.properties, node.driver_info)


class Manager(Protocol):
    """The ``manager`` of ``start`` and periodic tasks: all that a driver may ask of the conductor.

    Every method may be called from any thread and returns at once. Saved and reported values are written a
    moment later. They are ignored for a node that this conductor no longer owns, or whose driver or
    driver_info has changed since the snapshot was made. A method that takes time returns an object to wait
    for, with ``await`` or ``async with`` in async methods and with ``result()`` or ``with`` in plain methods.
    """

    def nodes(self, driver: "Driver") -> Sequence[Node]:
        """Return this conductor's nodes that are enrolled with this very driver."""

    def node(self, name_or_uuid: str) -> Node | None:
        """Return a node of this conductor and of this manager's driver as it is now, or None."""

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> "Spawned":
        """Start a task in the driver's event loop, such as one that listens for events.

        Its exceptions are logged and counted. It is cancelled when the driver is closed, before ``close``.

        :raises TypeError: if it is not a coroutine
        :raises RuntimeError: when the driver is being closed, or has 1,000 tasks and 4 more for each node
        """

    def report_power_state(self, node: Node, state: str, *, observed_at: float | None = None) -> None:
        """Report a power state as if a sweep had read it: hardware that sends events needs no polling.

        The report is ignored while the node is reserved or its power is being changed, and if a change has
        ended since the state was observed. With ``observed_at`` it is also ignored if the node's power was
        read or reported since.

        :param state: ``power on``, ``power off`` or ``error``
        :param observed_at: when the hardware was asked or sent its event, in seconds of ``time.monotonic()``;
            by default when the snapshot ``node`` was made, which is right for a state that was read with it
        :raises ValueError: for any other state, or a time that is not valid or in the future
        """

    def report_health(self, node: Node, health: Health | None) -> None:
        """Report a node's health, or None if the hardware does not report it.

        It counts as unknown once it is three times as old as the spacing of the task that reports it.

        :raises TypeError: if it is neither a Health nor None
        """

    def report_clock(self, node: Node, clock: datetime.datetime) -> None:
        """Report the clock of a node's controller, read just now; about once an hour is enough.

        :param clock: a time with an offset from UTC
        :raises TypeError: if it is not a time
        :raises ValueError: for a time without an offset from UTC
        """

    def report_sensors(self, node: Node, sensors: Sequence[Sensor]) -> None:
        """Report all sensors of a node at once. They are metrics until the next report, or for an hour.

        :raises ValueError: for an unknown kind or status
        """

    def save_properties(self, node: Node, properties: Mapping[str, Any]) -> None:
        """Put values into the node's ``properties``, beside the existing ones; None removes a value.

        :raises TypeError, ValueError: for a value that JSON cannot hold
        """

    def save_driver_internal_info(self, node: Node, info: Mapping[str, Any]) -> None:
        """As :meth:`save_properties`, for ``driver_internal_info``, which belongs to the driver.

        :raises ValueError: also when it would exceed 65,536 bytes as JSON
        """

    def set_maintenance(self, node: Node, reason: str) -> None:
        """Put a node into maintenance; a node that is already in maintenance is not changed."""

    def clear_maintenance(self, node: Node) -> None:
        """Take a node out of maintenance if this driver put it there; maintenance set by a person stays."""

    def reserve(self, node: Node, purpose: str) -> "Reservation":
        """Prevent everybody else from changing a node's power, inside ``with`` or ``async with``.

        :param purpose: a few words, shown to those who find the node reserved
        :raises podium.errors.NodeConflict: on entry, when the node is reserved or its power is to change
        :raises podium.errors.NodeNotFound: on entry, when the node is no longer this conductor's or driver's
        :raises RuntimeError: for ``with`` in an async method, whose event loop it would block
        """

    def run_command(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        input: str = "",
        env: Mapping[str, str] | None = None,
        max_output: int = 65536,
    ) -> "Pending[CommandResult]":
        """Start a program, without a shell. Pass secrets in ``input``: every user can see ``argv``.

        :param timeout: seconds after which the program and its children are killed
        :param env: its environment; by default the conductor's, without variables that begin with ``OS_``,
            which may be options
        :param max_output: maximum bytes of each output; more is an error
        :raises podium.errors.DriverError: when waited for: it cannot be started, takes too long or writes too
            much
        """


def reads_together(driver: Driver | type[Driver]) -> bool:
    """Whether a driver can read several nodes in one call, by :meth:`Driver.get_power_states`."""
    return _has(driver, "get_power_states")


def reads_sensors(driver: Driver | type[Driver]) -> bool:
    """Whether a driver can read the sensors of a node when a person asks, by :meth:`Driver.get_sensors`."""
    return _has(driver, "get_sensors")


#: The abilities that a driver may have, and the methods that each needs.
ABILITIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "boot device": ("get_boot_device", "set_boot_device"),
        "identify": ("identify",),
        "log": ("get_log",),
        "clear log": ("get_log", "clear_log"),
        "clock": ("get_clock",),
        "set clock": ("get_clock", "set_clock"),
        "sensors": ("get_sensors",),
        "check login": ("check_login",),
        "set password": ("set_password",),
    }
)


def can(driver: Driver | type[Driver], ability: str) -> bool:
    """Whether a driver has an ability, one of :data:`ABILITIES`."""
    if ability == "set password" and login_of(driver) is None:
        return False  # it is not known which account
    return all(_has(driver, name) for name in ABILITIES[ability])


def checks_login(driver: Driver | type[Driver]) -> bool:
    """Whether a driver can try a login in a session of its own, by :meth:`Driver.check_login`."""
    return _has(driver, "check_login")


def login_of(driver: Driver | type[Driver]) -> Login | None:
    """Return the account that a driver logs in with; None if it has none, or does not declare it."""
    own = driver if isinstance(driver, type) else type(driver)
    return own.login if additions.uses(own, "login") else None


def sets_password(driver: Driver | type[Driver]) -> bool:
    """Whether a driver can change the password on the hardware, by :meth:`Driver.set_password`."""
    return can(driver, "set password")


def _has(driver: Driver | type[Driver], name: str) -> bool:
    own = driver if isinstance(driver, type) else type(driver)
    return getattr(own, name) is not getattr(Driver, name) and additions.uses(own, name)


def check_report(state: str, observed_at: float | None) -> None:
    """Reject what :meth:`Manager.report_power_state` must not be given.

    :raises ValueError: for a state that no read returns, or a time that is not valid or in the future
    """
    if state not in states.READINGS:
        raise ValueError(f"{state!r} is none of {', '.join(sorted(states.READINGS))}")
    if observed_at is None:
        return
    if isinstance(observed_at, bool) or not isinstance(observed_at, int | float) or math.isnan(observed_at):
        raise ValueError(f"observed_at={observed_at!r} is no time of the clock time.monotonic()")
    if observed_at > time.monotonic():
        raise ValueError(f"observed_at={observed_at:g} is still to come; it is of the clock time.monotonic()")


def check_health(health: Health | None) -> None:
    """Reject what :meth:`Manager.report_health` must not be given.

    :raises TypeError: if it is neither a Health nor None
    """
    if health is not None and not isinstance(health, Health):
        raise TypeError(f"a node's health is a podium.drivers.base.Health or None, not {health!r}")


def clock_offset(clock: datetime.datetime) -> float:
    """Return how many seconds a clock is ahead of this host's.

    :param clock: what it shows now
    :raises TypeError: if it is not a time
    :raises ValueError: for a time without an offset from UTC
    """
    if not isinstance(clock, datetime.datetime):
        raise TypeError(f"a clock shows a datetime, not {clock!r}")
    if clock.utcoffset() is None:
        raise ValueError(f"a clock shows a time with an offset from UTC, other than {clock}")
    return clock.timestamp() - time.time()


#: The earlier name of :class:`Manager`, for drivers of the first edition.
Conductor = Manager


class Reservation(Protocol):
    """See :meth:`Manager.reserve`."""

    def __enter__(self) -> None: ...
    def __exit__(self, *exc_info: object) -> None: ...
    async def __aenter__(self) -> None: ...
    async def __aexit__(self, *exc_info: object) -> None: ...


class Spawned(Protocol):
    """A task that :meth:`Manager.spawn` has started."""

    def cancel(self) -> None:
        """Ask the task to end, from any thread; a task that has ended is not affected."""


def actions(driver: Driver | type[Driver]) -> frozenset[str]:
    """Return the words of podium.states.ACTIONS that a driver supports.

    The conductor builds a power cycle and a soft reboot from their halves.
    """
    able = set(driver.supported_power_states)
    if {states.POWER_OFF, states.POWER_ON} <= able:
        able.add(states.POWER_CYCLE)
    if {states.SOFT_POWER_OFF, states.POWER_ON} <= able:
        able.add(states.SOFT_REBOOTING)
    own = driver if isinstance(driver, type) else type(driver)
    if own.inject_nmi is not Driver.inject_nmi:
        able.add(states.INJECT_NMI)
    able |= {action for action, ability in _NEEDED.items() if can(own, ability)}
    if has_actions(own):
        able.add(states.DRIVER_ACTION)
    return frozenset(able)


#: The ability that each action needs, except for actions that drivers define.
_NEEDED: Final[Mapping[str, str]] = {
    states.SET_BOOT_DEVICE: "boot device",
    states.IDENTIFY: "identify",
    states.CLEAR_LOG: "clear log",
    states.SET_CLOCK: "set clock",
}
