"""What a driver is, and what it may ask of the conductor: read this first to write one.

A driver is a class named by an entry point in the group ``podium.drivers``. The conductor makes one
instance of it and calls its methods in a room of the driver's own: one event loop for the ``async def``
methods, a few threads for the plain ones. Any method may be either.
"""

import difflib
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Final, Protocol, TypeVar

from podium import errors, masking, states
from podium.drivers.command import CommandResult, Pending

_TAG: Final = "__podium_periodic_task__"
_TASK_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_Method = TypeVar("_Method", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Node:
    """A node as it was when the conductor last looked: a snapshot, never changed."""

    uuid: str
    name: str
    driver: str
    driver_info: Mapping[str, Any] = field(default_factory=dict, repr=False)  # may hold secrets
    power_state: str | None = None
    target_power_state: str | None = None
    maintenance: bool = False
    properties: Mapping[str, Any] = field(default_factory=dict)
    driver_internal_info: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Health:
    """How a node fares, in Redfish's words: ``OK``, ``Warning`` or ``Critical``, and why."""

    status: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sensor:
    """One sensor of a node, as it was read last.

    :param name: what the hardware calls it
    :param kind: one of :data:`SENSOR_KINDS`, which gives the unit too
    :param value: None when the sensor has no reading at present
    :param status: ``OK``, ``Warning`` or ``Critical``, by the hardware's own thresholds
    """

    name: str
    kind: str
    value: float | None
    status: str = "OK"


#: What sensors measure, and in which unit; a fan tells its speed in one of two ways.
SENSOR_KINDS: Final = MappingProxyType(
    {
        "temperature": "celsius",
        "fan": "rpm",
        "fan_share": "percent",
        "power": "watts",
        "voltage": "volts",
        "current": "amperes",
    }
)


@dataclass(frozen=True, slots=True)
class Property:
    """One entry of a node's ``driver_info``.

    :param help: one line for ``podium driver show``
    :param required: whether a node without it is refused
    :param secret: whether its value is shown as ``******``
    :param default: what a node that leaves it out might as well have given; None for nothing
    :param type: what turns the given value into the one the driver sees, raising ValueError for a bad
        one; oslo_config.types has the usual ones (Port, Integer, Boolean, String(choices=...))
    """

    help: str
    required: bool = False
    secret: bool = False
    default: Any = None
    type: Callable[[Any], Any] = str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodicTask:
    """What the decorators below were told; times are in seconds. The last three belong to ``per_node``."""

    name: str
    spacing: float
    run_immediately: bool
    deadline: float | None
    enabled: bool
    per_node: bool = False
    filters: Mapping[str, Any] = field(default_factory=dict)
    max_in_flight: int = 1
    all_nodes: bool = False


class Manager(Protocol):
    """What a periodic task receives as ``manager``: all that a driver may ask of the conductor.

    Every method may be called from any thread and returns at once. What is saved or reported is written a
    moment later. It is ignored for a node that is no longer this conductor's or was enrolled with another
    driver meanwhile. What takes time returns an object to wait for, with ``await`` or ``async with`` in async
    methods and with ``result()`` or ``with`` in plain methods.
    """

    def nodes(self, driver: "Driver") -> Sequence[Node]:
        """The nodes of this conductor that are enrolled with this very driver."""

    def report_power_state(self, node: Node, state: str) -> None:
        """Report a power state as if a sweep had read it: hardware that sends events needs no polling.

        Ignored while the node is reserved or its power is being changed.

        :param state: ``power on``, ``power off`` or ``error``
        :raises ValueError: for any other state
        """

    def report_health(self, node: Node, health: Health) -> None:
        """Report a node's health; the conductor writes it to the database when it changed."""

    def report_sensors(self, node: Node, sensors: Sequence[Sensor]) -> None:
        """Report all sensors of a node at once. They are metrics until the next report, or for an hour.

        :raises ValueError: for an unknown kind or status
        """

    def save_properties(self, node: Node, properties: Mapping[str, Any]) -> None:
        """Put values into the node's ``properties``, beside those that are there; None removes one.

        :raises TypeError, ValueError: for a value that JSON cannot hold
        """

    def save_driver_internal_info(self, node: Node, info: Mapping[str, Any]) -> None:
        """The same for ``driver_internal_info``, which is the driver's own."""

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
        :param env: its environment, by default the conductor's
        :param max_output: bytes of each output, more of which is an error
        :raises podium.errors.DriverError: when waited for: it cannot be started, took longer or said more
        """


#: The earlier name of :class:`Manager`, kept until 0.2.
Conductor = Manager


class Reservation(Protocol):
    """See :meth:`Manager.reserve`."""

    def __enter__(self) -> None: ...
    def __exit__(self, *exc_info: object) -> None: ...
    async def __aenter__(self) -> None: ...
    async def __aexit__(self, *exc_info: object) -> None: ...


def driver_periodic_task(
    *,
    spacing: float = 60,
    run_immediately: bool = False,
    deadline: float | None = None,
    enabled: bool = True,
    name: str | None = None,
) -> Callable[[_Method], _Method]:
    """Mark a method of a driver as a periodic task: ``method(self, manager, context)``.

    The method itself is not changed in any way. It runs as ``<driver>.<name>``, never twice at once.

    :param spacing: seconds from one start to the next
    :param run_immediately: run when the conductor starts instead of one spacing later
    :param deadline: seconds after which a run is cancelled; None for the spacing, but at least 10
    :param enabled: whether the task runs at all
    :param name: the task's name, by default the method's
    :raises ValueError: for a spacing or deadline that is not positive, or a name that is no identifier
    """
    return _tagger(name, spacing=spacing, run_immediately=run_immediately, deadline=deadline, enabled=enabled)


def node_periodic_task(
    *,
    spacing: float = 60,
    run_immediately: bool = False,
    deadline: float | None = None,
    enabled: bool = True,
    name: str | None = None,
    filters: Mapping[str, Any] = MappingProxyType({}),
    max_in_flight: int = 50,
    all_nodes: bool = False,
) -> Callable[[_Method], _Method]:
    """Mark a method as a task for each node of the driver: ``method(self, node, manager, context)``.

    The calls of one run are spread over the spacing, one that fails does not touch the others, and no other
    command of the conductor's goes to the node meanwhile.

    :param deadline: seconds after which the call for one node is given up; None for the spacing, 10 to 60
    :param filters: fields of :class:`Node` and the value that each must have
    :param max_in_flight: nodes at the same time
    :param all_nodes: also nodes in maintenance or with a power change under way, which are left out otherwise
    :raises ValueError: as :func:`driver_periodic_task`, for a filter that is no field, or no node in flight
    """
    unknown = sorted(filters.keys() - Node.__dataclass_fields__.keys())
    if unknown or max_in_flight < 1:
        raise ValueError(f"filters are fields of Node, not {unknown}; max_in_flight is at least 1")
    return _tagger(
        name,
        spacing=spacing,
        run_immediately=run_immediately,
        deadline=deadline,
        enabled=enabled,
        per_node=True,
        filters=dict(filters),
        max_in_flight=max_in_flight,
        all_nodes=all_nodes,
    )


def _tagger(
    name: str | None, *, spacing: float, deadline: float | None, **told: Any
) -> Callable[[_Method], _Method]:
    if not spacing > 0 or (deadline is not None and not deadline > 0):
        raise ValueError(f"spacing and deadline are positive seconds, not {spacing!r} and {deadline!r}")

    def tag(method: _Method) -> _Method:
        task = PeriodicTask(name=name or method.__name__, spacing=spacing, deadline=deadline, **told)
        if not _TASK_NAME.match(task.name):
            raise ValueError(f"a periodic task's name is an identifier, not {task.name!r}")
        setattr(method, _TAG, task)
        return method

    return tag


class Driver(ABC):
    """One kind of hardware. The first line of a driver's own docstring is shown by ``podium driver list``."""

    properties: ClassVar[Mapping[str, Property]] = MappingProxyType({})
    #: On the class: a sequence of oslo.config options, which the config file has in a group with the driver's
    #: name. On the instance: their values, as attributes (``self.options.timeout``).
    options: Any = ()
    supported_power_states: ClassVar[Sequence[str]] = (states.POWER_ON, states.POWER_OFF, states.REBOOTING)

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

    @abstractmethod
    def set_power_state(self, node: Node, target: str) -> None | Awaitable[None]:
        """Start the change to one of ``supported_power_states``; the conductor reads until it is reached.

        :raises podium.errors.DriverError: when the hardware refuses or does not answer
        """

    def inject_nmi(self, node: Node) -> None | Awaitable[None]:
        """Interrupt the machine's operating system with a non-maskable interrupt; optional.

        :raises podium.errors.UnsupportedPowerState: by default, or when this hardware has none
        :raises podium.errors.DriverError: when the hardware refuses or does not answer
        """
        raise errors.UnsupportedPowerState(f"driver {self.name} cannot inject an NMI")

    def validate(self, node: Node) -> None:
        """Check ``driver_info``, without any I/O.

        :raises podium.errors.InvalidDriverInfo: naming the property and what is wrong with it
        """
        self.parse_driver_info(node)

    def start(self) -> None | Awaitable[None]:
        """Acquire what the driver needs; runs before any other method, in the driver's own room."""
        return None

    def close(self) -> None | Awaitable[None]:
        """Give back what :meth:`start` and later calls acquired."""
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
        for key in node.driver_info:
            if key not in self.properties:
                near = difflib.get_close_matches(key, self.properties, 1)
                others = f"there are {', '.join(self.properties) or 'none'}"
                hint = f"did you mean {near[0]}?" if near else others
                raise errors.InvalidDriverInfo(f"driver_info has no property {key}; {hint}")
        parsed: dict[str, Any] = {}
        for key, declared in self.properties.items():
            value = node.driver_info.get(key)
            if value is None or value == "":
                if declared.required:
                    raise errors.InvalidDriverInfo(f"driver_info lacks {key} ({declared.help})")
                value = declared.default
            try:
                parsed[key] = None if value is None else declared.type(value)
            except (ValueError, TypeError) as wrong:
                secret = declared.secret or masking.is_secret(key)
                what = "has a wrong value" if secret else f"is wrong: {wrong}"
                raise errors.InvalidDriverInfo(f"driver_info: {key} {what} ({declared.help})") from None
        return parsed


def periodic_tasks(driver: Driver) -> list[tuple[PeriodicTask, Callable[..., Any]]]:
    """The marked methods of a driver, its parents' included, bound to it, in order of their names."""
    found = []
    for attribute in sorted(dir(type(driver))):
        task = getattr(getattr(type(driver), attribute), _TAG, None)
        if isinstance(task, PeriodicTask):
            found.append((task, getattr(driver, attribute)))
    return found
