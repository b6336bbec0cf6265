"""The client: a method for each call, the same on the database and over HTTP."""

import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import Any, Final, Generic, ParamSpec, Self, TypeVar, overload

from podium.client.calls.call import Call, Page
from podium.client.calls.changes import Change, FollowChanges
from podium.client.calls.conductors import GetConductor, GetFreshness, ListConductors, ListMembers, Thaw
from podium.client.calls.credentials import (
    ListCredentials,
    SetCredentials,
    SettleCredentials,
    UndoOperation,
)
from podium.client.calls.drains import Avoid, Drain, Forget, GetDrain, ListAvoided, Unavoid, Undrain
from podium.client.calls.drivers import GetDriver, ListDrivers
from podium.client.calls.enrolment import EnrolNodes, ExportNodes
from podium.client.calls.events import FollowEvents, ListEvents, ListHistory
from podium.client.calls.feeds import ReadFeeds
from podium.client.calls.fleet import GetFleet
from podium.client.calls.hardware import CheckNodes, ReadBootDevice, ReadClock, ReadLog, ReadSensors
from podium.client.calls.names import FindNames
from podium.client.calls.node_changes import DeleteNodes, SetMaintenance, SetNodes
from podium.client.calls.nodes import GetNode, ListNodes
from podium.client.calls.operations import (
    AskPower,
    CancelOperation,
    GetOperation,
    GetProspects,
    ListOperations,
    ListRequests,
    Operation,
)
from podium.client.calls.provisioning import Provision
from podium.client.calls.selection import CheckSelection
from podium.client.calls.status import GetStatus
from podium.client.calls.tasks import (
    DisableTask,
    EnableTask,
    GetTask,
    GetTaskCommands,
    ListTasks,
    RunTask,
    TaskAsked,
)
from podium.client.calls.tokens import CreateToken, ListTokens, RevokeToken
from podium.client.calls.updating import PlanUpdate, UpdateNodes
from podium.client.waiting.drain import until_handed_over
from podium.client.waiting.operation import Waited, until_ended
from podium.client.waiting.steps import run, run_async
from podium.client.waiting.task import Answered, until_answered

P = ParamSpec("P")
T = TypeVar("T")
LOG: Final = logging.getLogger(__name__)


class _Method(Generic[P, T]):
    """Builds a call from the arguments, and returns its answer."""

    def __init__(self, call: Callable[P, Call[T]]) -> None:
        self._call = call

    @overload
    def __get__(self, client: "Podium", owner: object = None) -> Callable[P, T]: ...

    @overload
    def __get__(self, client: "AsyncPodium", owner: object = None) -> Callable[P, Awaitable[T]]: ...

    @overload
    def __get__(self, client: None, owner: object = None) -> Self: ...

    def __get__(self, client: Any, owner: object = None) -> Any:
        if client is None:
            return self
        return _documented(self._call, lambda *args, **kwargs: client.ask(self._call(*args, **kwargs)))


class _Each(Generic[P, T]):
    """Builds a call from the arguments, and returns the items of all pages one after another."""

    def __init__(self, call: Callable[P, Call[Page[T]]]) -> None:
        self._call = call

    @overload
    def __get__(self, client: "Podium", owner: object = None) -> Callable[P, Iterator[T]]: ...

    @overload
    def __get__(self, client: "AsyncPodium", owner: object = None) -> Callable[P, AsyncIterator[T]]: ...

    @overload
    def __get__(self, client: None, owner: object = None) -> Self: ...

    def __get__(self, client: Any, owner: object = None) -> Any:
        if client is None:
            return self
        return _documented(self._call, lambda *args, **kwargs: client.each(self._call(*args, **kwargs)))


class _Stream(Generic[P]):
    """Builds a call from the arguments, and yields changes until the iterator is closed."""

    def __init__(self, call: Callable[P, FollowChanges]) -> None:
        self._call = call

    @overload
    def __get__(
        self, client: "Podium", owner: object = None
    ) -> Callable[P, Generator[Change, None, None]]: ...

    @overload
    def __get__(
        self, client: "AsyncPodium", owner: object = None
    ) -> Callable[P, AsyncGenerator[Change, None]]: ...

    @overload
    def __get__(self, client: None, owner: object = None) -> Self: ...

    def __get__(self, client: Any, owner: object = None) -> Any:
        if client is None:
            return self
        return _documented(self._call, lambda *args, **kwargs: client.follow(self._call(*args, **kwargs)))


def _documented(call: Callable[..., Any], method: Callable[..., Any]) -> Callable[..., Any]:
    method.__doc__ = call.__doc__
    return method


def _ignore(_found: object) -> None:
    pass


class _Calls:
    """A method for each call, whose arguments are the fields of the call."""

    fleet = _Method(GetFleet)
    status = _Method(GetStatus)
    changes = _Stream(FollowChanges)
    provision = _Method(Provision)
    tasks = _Each(ListTasks)
    task = _Method(GetTask)
    run_task = _Method(RunTask)
    enable_task = _Method(EnableTask)
    disable_task = _Method(DisableTask)
    task_commands = _Method(GetTaskCommands)
    drain = _Method(Drain)
    drain_progress = _Method(GetDrain)
    undrain = _Method(Undrain)
    forget = _Method(Forget)
    avoid = _Method(Avoid)
    unavoid = _Method(Unavoid)
    avoided = _Each(ListAvoided)
    conductors = _Each(ListConductors)
    conductor = _Method(GetConductor)
    freshness = _Method(GetFreshness)
    members = _Each(ListMembers)
    thaw = _Method(Thaw)
    nodes = _Each(ListNodes)
    node = _Method(GetNode)
    node_names = _Method(FindNames)
    check_selection = _Method(CheckSelection)
    drivers = _Each(ListDrivers)
    driver = _Method(GetDriver)
    set_maintenance = _Method(SetMaintenance)
    set_nodes = _Method(SetNodes)
    delete_nodes = _Method(DeleteNodes)
    create_token = _Method(CreateToken)
    tokens = _Each(ListTokens)
    revoke_token = _Method(RevokeToken)
    power = _Method(AskPower)
    operations = _Each(ListOperations)
    operation = _Method(GetOperation)
    requests = _Each(ListRequests)
    cancel = _Method(CancelOperation)
    prospects = _Method(GetProspects)
    set_credentials = _Method(SetCredentials)
    undo = _Method(UndoOperation)
    settle_credentials = _Method(SettleCredentials)
    credentials = _Each(ListCredentials)
    enrol_nodes = _Method(EnrolNodes)
    plan_update = _Method(PlanUpdate)
    update_nodes = _Method(UpdateNodes)
    export_nodes = _Each(ExportNodes)
    events = _Each(ListEvents)
    history = _Each(ListHistory)
    news = _Method(FollowEvents)
    sensors = _Method(ReadSensors)
    boot_device = _Method(ReadBootDevice)
    log = _Method(ReadLog)
    clock = _Method(ReadClock)
    check_nodes = _Method(CheckNodes)
    feeds = _Method(ReadFeeds)


class Podium(_Calls, ABC):
    """The client for programs without an event loop. As a context manager, it is closed at the end.

    Every method raises errors of :mod:`podium.errors`.
    """

    @abstractmethod
    def ask(self, call: Call[T]) -> T:
        """Return the answer to a call."""

    @abstractmethod
    def each(self, call: Call[Page[T]]) -> Iterator[T]:
        """Yield the items of all pages of a list."""

    @abstractmethod
    def follow(self, call: FollowChanges) -> Generator[Change, None, None]:
        """Yield changes as they happen, without an end."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection."""

    def wait(
        self,
        operation: int,
        *,
        timeout: float | None = None,
        seen: Callable[[Operation], object] = _ignore,
        tell: Callable[[str], None] = LOG.warning,
    ) -> Waited:
        """Wait until an operation has ended, even while the database or podium-api is unavailable.

        Waiting ends early when no living conductor can carry out the rest, or when nothing has ended for as
        long as it may take. The operation continues nevertheless.

        :param operation: its number
        :param timeout: seconds after which waiting ends in any case
        :param seen: called with the operation each time it is read
        :param tell: called with a line when the database or podium-api becomes unavailable; by default it is
            logged
        """
        return run(self, until_ended(operation, timeout=timeout, seen=seen, tell=tell))

    def wait_for_drain(
        self,
        hostname: str,
        *,
        timeout: float = 900.0,
        left: Callable[[int], object] = _ignore,
        tell: Callable[[str], None] = LOG.warning,
    ) -> bool:
        """Wait until others have everything that a drained conductor had; return whether they do.

        :param timeout: seconds after which waiting ends
        :param left: called every ten seconds with the number of nodes that it still has
        :param tell: as for :meth:`wait`
        """
        return run(self, until_handed_over(hostname, timeout=timeout, left=left, tell=tell))

    def wait_for_task(
        self, asked: TaskAsked, *, timeout: float = 300.0, tell: Callable[[str], None] = LOG.warning
    ) -> Answered:
        """Wait until each conductor that was asked about a task has answered, or is no longer alive.

        :param asked: what ``run_task``, ``enable_task`` or ``disable_task`` returned
        :param timeout: seconds after which waiting for the others ends
        :param tell: as for :meth:`wait`
        """
        return run(self, until_answered(asked, timeout=timeout, tell=tell))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class AsyncPodium(_Calls, ABC):
    """As :class:`Podium`, with coroutines and asynchronous iterators."""

    @abstractmethod
    async def ask(self, call: Call[T]) -> T:
        """Return the answer to a call."""

    @abstractmethod
    def each(self, call: Call[Page[T]]) -> AsyncIterator[T]:
        """Yield the items of all pages of a list."""

    @abstractmethod
    def follow(self, call: FollowChanges) -> AsyncGenerator[Change, None]:
        """Yield changes as they happen, without an end."""

    @abstractmethod
    async def close(self) -> None:
        """Close every connection."""

    async def wait(
        self,
        operation: int,
        *,
        timeout: float | None = None,
        seen: Callable[[Operation], object] = _ignore,
        tell: Callable[[str], None] = LOG.warning,
    ) -> Waited:
        """As :meth:`Podium.wait`."""
        return await run_async(self, until_ended(operation, timeout=timeout, seen=seen, tell=tell))

    async def wait_for_drain(
        self,
        hostname: str,
        *,
        timeout: float = 900.0,
        left: Callable[[int], object] = _ignore,
        tell: Callable[[str], None] = LOG.warning,
    ) -> bool:
        """As :meth:`Podium.wait_for_drain`."""
        return await run_async(self, until_handed_over(hostname, timeout=timeout, left=left, tell=tell))

    async def wait_for_task(
        self, asked: TaskAsked, *, timeout: float = 300.0, tell: Callable[[str], None] = LOG.warning
    ) -> Answered:
        """As :meth:`Podium.wait_for_task`."""
        return await run_async(self, until_answered(asked, timeout=timeout, tell=tell))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()
