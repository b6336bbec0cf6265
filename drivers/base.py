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
    #: Calls of plain methods at the same time, each in a thread. Two more are kept for what people wait for.
    threads: ClassVar[int] = 8
    #: Calls at the same time to what :meth:`endpoint` names. None: of plain methods a quarter of the threads,
    #: of async methods any number.
    endpoint_calls: ClassVar[int | None] = None
    #: Seconds from one read of a node by the sweep to the next, if ``[conductor] sync_power_state_interval``
    #: is shorter: for hardware that reports its power by itself, or should not be asked often.
    interval: ClassVar[float | None] = None
    #: The account in ``driver_info``, so that Podium can change it; None where there is no password.
    #: Whoever asks a driver for it asks :func:`login_of`.
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
            cannot be read, which does not affect the others; the read of a node that is missing has failed
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

        It may take 30 seconds, and is cancelled, and called again, when a person switches the node meanwhile.

        :returns: a list; those that have no reading at present with the value None
        :raises podium.errors.DriverError: when they cannot be read
        """
        raise errors.DriverError(f"the driver {self.name} cannot read sensors")

    def get_boot_device(self, node: Node) -> Boot | Awaitable[Boot]:
        """Read what the machine boots from, and what it could boot from; optional.

        :raises podium.errors.DriverError: when it cannot be read
        """
        raise NotImplementedError

    def set_boot_device(self, node: Node, boot: BootDevice) -> None | Awaitable[None]:
        """Have the machine boot from something else, the next time or always; optional.

        What comes of it is read afterwards, with :meth:`get_boot_device`. Called twice, it does no harm.

        :param boot: with one of :data:`BOOT_DEVICES`
        :raises podium.errors.Unsupported: this hardware has no such device or mode
        :raises podium.errors.DriverError: when the hardware refuses or does not answer
        """
        raise NotImplementedError

    def identify(self, node: Node, seconds: float | None) -> None | Awaitable[None]:
        """Have the LED blink by which people find the machine in its rack; optional.

        :param seconds: for how long; 0 to end it, None until it is ended
        :raises podium.errors.Unsupported: this hardware has none, or cannot do it for so long
        :raises podium.errors.DriverError: when the hardware refuses or does not answer
        """
        raise NotImplementedError

    def get_log(self, node: Node, before: str | None, after: str | None, limit: int) -> Log | Awaitable[Log]:
        """Read the newest entries of the log that the hardware keeps of itself; optional.

        A long log is read in several calls, between which others have their turn with the node.

        :param before: the id of an entry: only older ones
        :param after: the id of an entry: only newer ones
        :param limit: of those that are left, the newest so many, 1 to 1,000; or fewer, if it would take more
            than ten seconds or so: until then nobody else has the node
        :returns: also if an entry that is named is not there any more: then those that are
        :raises podium.errors.DriverError: when it cannot be read
        """
        raise NotImplementedError

    def clear_log(self, node: Node, last: str) -> None | Awaitable[None]:
        """Empty the log that the hardware keeps of itself; optional.

        :param last: the id of the newest entry that somebody has a copy of
        :raises podium.errors.LogChanged: there are newer ones; nothing was done
        :raises podium.errors.DriverError: when the hardware refuses or does not answer
        """
        raise NotImplementedError

    def get_clock(self, node: Node) -> datetime.datetime | Awaitable[datetime.datetime]:
        """Read the clock of the hardware's controller, by which its log is written; optional.

        :returns: with an offset from UTC
        :raises podium.errors.DriverError: when it cannot be read
        """
        raise NotImplementedError

    def set_clock(self, node: Node) -> None | Awaitable[None]:
        """Set the clock of the hardware's controller to the time of this host; optional.

        :raises podium.errors.DriverError: when the hardware refuses or does not answer
        """
        raise NotImplementedError

    def check_login(self, node: Node) -> LoginReport | Awaitable[LoginReport]:
        """Log in anew with ``driver_info``, read the power, log out again, and change nothing; optional.

        The answer is never that of a session which is open already: it proves that the password is right. So
        ``driver_info`` may be another than the node's: that of a node as it would be. One login is tried, and
        no second one after it was refused, because hardware locks accounts.

        :raises podium.errors.AuthenticationRefused: the hardware refused the user or the password
        :raises podium.errors.BMCUnreachable: it is not known whether they are right
        :raises podium.errors.DriverError: they are right, but what was asked afterwards failed
        """
        raise NotImplementedError

    def set_password(self, node: Node, password: str) -> None | Awaitable[None]:
        """Give another password to the account that :attr:`login` names, on the hardware; optional.

        ``node`` still has the present one. What Podium knows of the node is changed afterwards, once a login
        with the new password has worked.

        :raises podium.errors.PasswordRefused: the hardware does not take it, and has the old one still
        :raises podium.errors.BMCUnreachable: it is not known which of the two it has now
        :raises podium.errors.DriverError: any other failure, after which it has the old one still
        """
        raise NotImplementedError

    def validate(self, node: Node) -> None:
        """Check ``driver_info``, without any I/O.

        :raises podium.errors.InvalidDriverInfo: naming the property and what is wrong with it
        """
        self.parse_driver_info(node)

    def identity(self, node: Node) -> str | None:
        """Name the machine behind a node, without any I/O, so that no machine is enrolled twice; optional.

        It follows from a ``driver_info`` that :meth:`validate` has accepted, and from nothing else of the
        node. It is the same in whatever form people write a place, and has no secret in it. Podium compares
        the identities of all drivers, so begin with a word of your own: ``acme:192.0.2.1``. If several
        machines are behind one controller, add a ``#`` and the machine: ``acme:192.0.2.1#3``. Without a ``#``
        it is the only machine there, the same as any that begins so.

        :returns: None, as by default, if it is not known; then nothing is compared
        """
        return None

    def endpoint(self, node: Node) -> str:
        """Name what is spoken to for a node, without any I/O, so that one conductor speaks to it; optional.

        Several nodes behind one chassis, PDU or hypervisor have one endpoint: its address. Then one conductor
        reads and switches all of them::

            def endpoint(self, node):
                return self.parse_driver_info(node)["acme_address"].lower()

        It follows from a ``driver_info`` that :meth:`validate` has accepted, and from nothing else of the
        node. It is the same in whatever form people write a place, and has no secret in it. As ``HOST`` or
        ``HOST:PORT``, with an IPv6 address in brackets, it also tells Podium in which subnet the node is.

        :returns: by default the UUID: the node itself is spoken to
        """
        return node.uuid

    def start(self, *args: Any, **kwargs: Any) -> None | Awaitable[None]:
        """Acquire what the driver needs; runs before any other method, in the driver's own room.

        A driver defines ``start(self)``, or ``start(self, manager)`` to receive the :class:`Manager` and keep
        it. No node is there yet: ``manager.nodes(self)`` is empty.
        """
        return None

    def close(self) -> None | Awaitable[None]:
        """Give back what :meth:`start` and later calls acquired."""
        return None

    def node_added(self, node: Node) -> None | Awaitable[None]:
        """Learn of a node that is this conductor's from now on; optional.

        It follows :meth:`start` for each node, and comes later for what is enrolled or was another
        conductor's. The calls for one node come in order, one after another, and those for many nodes side by
        side. One that takes 10 seconds is cancelled: what lasts longer is for :meth:`Manager.spawn`. A call
        that fails is logged, and is not repeated.
        """
        return None

    def node_changed(self, node: Node) -> None | Awaitable[None]:
        """Learn that ``driver_info``, ``name`` or ``maintenance`` of a node has changed; optional.

        Without this method another ``driver_info`` is a :meth:`node_removed` and a :meth:`node_added`.
        """
        return None

    def node_removed(self, node: Node) -> None | Awaitable[None]:
        """Learn of a node that was deleted, or is another driver's or conductor's from now on; optional.

        Reads and other calls for the node may still be ending. When they have ended, and this call too or two
        seconds later, :meth:`release` is called; only then may the node be added again, here or elsewhere.
        A conductor that stops hands its nodes to the others, where there are any: this is called for each of
        these. For nodes that nobody takes over, only :meth:`close` is called.

        :param node: as it was known last
        """
        return None

    def release(self, node: Node) -> None | Awaitable[None]:
        """Close what is held open to a node that another conductor owns from now on; optional.

        Sessions, connections and streams of events, say. No call for the node is under way. Called for
        thousands of nodes together, and waited for two seconds at the most. A later call for the node opens
        them anew.
        """
        return None

    def statistics(self) -> Mapping[str, float]:
        """Counters and gauges of the driver's own, by name, once it has started.

        Called from any thread, returns at once. Shown by ``podium conductor show``, and served as
        ``podium_driver_counter{driver,name}``.
        """
        return MappingProxyType({})

    def parse_driver_info(self, node: Node) -> dict[str, Any]:
        """``driver_info`` with every declared property: converted, or its default.

        :raises podium.errors.InvalidDriverInfo: for the first property that is missing, unknown or wrong
        """
        return driver_info.parse(self.properties, node.driver_info)


class Manager(Protocol):
    """What ``start`` and periodic tasks receive as ``manager``: all that a driver may ask of the conductor.

    Every method may be called from any thread and returns at once. What is saved or reported is written a
    moment later. It is ignored for a node that is no longer this conductor's, or has another driver or
    driver_info than when the snapshot was made. What takes time returns an object to wait for, with ``await``
    or ``async with`` in async methods and with ``result()`` or ``with`` in plain methods.
    """

    def nodes(self, driver: "Driver") -> Sequence[Node]:
        """The nodes of this conductor that are enrolled with this very driver."""

    def node(self, name_or_uuid: str) -> Node | None:
        """The node of this conductor and of the driver that received this manager, as it is now, or None."""

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> "Spawned":
        """Start a task in the driver's event loop, such as one that listens for events.

        What it raises is logged and counted. It is cancelled when the driver is closed, before ``close``.

        :raises TypeError: for what is no coroutine
        :raises RuntimeError: when the driver is being closed, or has 1,000 tasks and 4 more for each node
        """

    def report_power_state(self, node: Node, state: str, *, observed_at: float | None = None) -> None:
        """Report a power state as if a sweep had read it: hardware that sends events needs no polling.

        Ignored while the node is reserved or its power is being changed, and if a change has ended since the
        state was observed, or, with ``observed_at``, if the node's power was read or reported since.

        :param state: ``power on``, ``power off`` or ``error``
        :param observed_at: when the hardware was asked or sent its event, in seconds of ``time.monotonic()``;
            by default when the snapshot ``node`` was made, which is right for what is read with it
        :raises ValueError: for any other state, or a time that is none or still to come
        """

    def report_health(self, node: Node, health: Health | None) -> None:
        """Report a node's health, or that the hardware does not say how the node fares.

        It counts as unknown once it is three times as old as the spacing of the task that reports it.

        :raises TypeError: for what is neither a Health nor None
        """

    def report_clock(self, node: Node, clock: datetime.datetime) -> None:
        """Report the clock of a node's controller, which was read just now: about once an hour is enough.

        :param clock: with an offset from UTC
        :raises TypeError: for what is no time
        :raises ValueError: for a time without an offset from UTC
        """

    def report_sensors(self, node: Node, sensors: Sequence[Sensor]) -> None:
        """Report all sensors of a node at once. They are metrics until the next report, or for an hour.

        :raises ValueError: for an unknown kind or status
        """

    def save_properties(self, node: Node, properties: Mapping[str, Any]) -> None:
        """Put values into the node's ``properties``, beside those that are there; None removes one.

        :raises TypeError, ValueError: for a value that JSON cannot hold
        """

    def save_driver_internal_info(self, node: Node, info: Mapping[str, Any]) -> None:
        """The same for ``driver_internal_info``, which is the driver's own.

        :raises ValueError: too, when it would have more than 65,536 bytes as JSON
        """

    def set_maintenance(self, node: Node, reason: str) -> None:
        """Put a node into maintenance; a node that is in maintenance already stays as it is."""

    def clear_maintenance(self, node: Node) -> None:
        """Take a node out of maintenance that this driver put it into; what a person set stays."""

    def reserve(self, node: Node, purpose: str) -> "Reservation":
        """Keep everybody else from changing a node's power, inside of ``with`` or ``async with``.

        :param purpose: a few words for those who find the node reserved
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
        """Start a program, without a shell. Secrets go into ``input``: every user sees ``argv``.

        :param timeout: seconds after which the program and its children are killed
        :param env: its environment, by default the conductor's without variables that begin with
            ``OS_``, which may be options
        :param max_output: bytes of each output, more of which is an error
        :raises podium.errors.DriverError: when waited for: it cannot be started, took longer or said more
        """


def reads_together(driver: Driver | type[Driver]) -> bool:
    """Whether a driver can read several nodes in one call, by :meth:`Driver.get_power_states`."""
    return _has(driver, "get_power_states")


def reads_sensors(driver: Driver | type[Driver]) -> bool:
    """Whether a driver can read the sensors of a node when a person asks, by :meth:`Driver.get_sensors`."""
    return _has(driver, "get_sensors")


#: What a driver may be able to do, and the methods that it then has.
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
        return False  # nobody knows which password
    return all(_has(driver, name) for name in ABILITIES[ability])


def checks_login(driver: Driver | type[Driver]) -> bool:
    """Whether a driver can try a login of its own, by :meth:`Driver.check_login`."""
    return _has(driver, "check_login")


def login_of(driver: Driver | type[Driver]) -> Login | None:
    """The account that a driver logs in with; None where there is none, or nobody has said which it is."""
    own = driver if isinstance(driver, type) else type(driver)
    return own.login if additions.uses(own, "login") else None


def sets_password(driver: Driver | type[Driver]) -> bool:
    """Whether a driver can change the password on the hardware, by :meth:`Driver.set_password`."""
    return can(driver, "set password")


def _has(driver: Driver | type[Driver], name: str) -> bool:
    own = driver if isinstance(driver, type) else type(driver)
    return getattr(own, name) is not getattr(Driver, name) and additions.uses(own, name)


def check_report(state: str, observed_at: float | None) -> None:
    """Refuse what :meth:`Manager.report_power_state` must not be given.

    :raises ValueError: for a state that no read returns, or a time that is none or still to come
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
    """Refuse what :meth:`Manager.report_health` must not be given.

    :raises TypeError: for what is neither a Health nor None
    """
    if health is not None and not isinstance(health, Health):
        raise TypeError(f"a node's health is a podium.drivers.base.Health or None, not {health!r}")


def clock_offset(clock: datetime.datetime) -> float:
    """Return how many seconds a clock is ahead of this host's.

    :param clock: what it shows now
    :raises TypeError: for what is no time
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
        """Ask the task to end, from any thread; one that has ended stays as it is."""


def actions(driver: Driver | type[Driver]) -> frozenset[str]:
    """The words of podium.states.ACTIONS that a driver supports.

    The conductor makes a power cycle and a soft reboot of their halves.
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


#: The ability that an action needs, but for the actions of a driver's own.
_NEEDED: Final[Mapping[str, str]] = {
    states.SET_BOOT_DEVICE: "boot device",
    states.IDENTIFY: "identify",
    states.CLEAR_LOG: "clear log",
    states.SET_CLOCK: "set clock",
}
