"""Calls a driver's ``node_added``, ``node_changed`` and ``node_removed`` in its room."""

import asyncio
import contextlib
import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

from podium import masking
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms.faults import Faults
from podium.drivers import base, push
from podium.drivers.node import held

#: Seconds that a call may take. A longer call is cancelled, and only its own node waits for its end.
_PATIENCE: Final = 10.0
#: Async calls that begin together, and seconds after which another call may begin beside one that has not
#: ended: thousands of dead controllers must not delay the others.
_AT_ONCE, _QUICK = 64, 0.5
#: Seconds to wait for a node that leaves, and between two checks.
_LEAVING, _LOOK = 2.0, 0.01


class Following:
    """Notifies one driver of its nodes. For the room's loop, except :meth:`note`.

    :param methods: the methods of podium.drivers.push that the driver defines, by name
    :param call: see :meth:`podium.conductor.rooms.room.DriverRoom.call`
    :param plainly: the number of concurrent plain calls
    :param secret: names in driver_info whose values are never shown
    """

    def __init__(
        self,
        methods: Mapping[str, Callable[..., Any]],
        call: Callable[..., Coroutine[Any, Any, Any]],
        faults: Faults,
        *,
        plainly: int,
        secret: frozenset[str],
    ) -> None:
        self._methods = methods
        self._call = call
        self._faults = faults
        self._is_async = all(map(inspect.iscoroutinefunction, methods.values()))
        self._most = _AT_ONCE if self._is_async else plainly
        self._secret = secret
        self._news = push.News(methods)
        self._post: Callable[[Callable[[], Any]], Any] | None = None
        self._is_woken = False
        self._request = contexts.new()
        self._running: set[asyncio.Task[Any]] = set()  # calls that others wait for
        self._timers: dict[asyncio.Task[Any], asyncio.TimerHandle] = {}
        self._late: set[asyncio.Task[Any]] = set()

    @property
    def is_wanted(self) -> bool:
        """Whether the driver defines any of the methods."""
        return bool(self._methods)

    def note(self, node: base.Node, is_here: bool) -> None:
        """Note, from any thread, that a node was added to the driver, was changed, or is gone."""
        self._news.note(node, is_here)
        post = self._post
        if post is not None and not self._is_woken:
            self._is_woken = True
            with contextlib.suppress(RuntimeError):  # the room has ended
                post(self._wake)

    def open(self, post: Callable[[Callable[[], Any]], Any]) -> None:
        """Start making calls: the driver has started.

        :param post: hands a callback to the room's loop
        """
        self._post = post
        self._go_on()

    def close(self) -> None:
        """Stop making calls."""
        self._post = None

    async def settle(self, nodes: Sequence[base.Node]) -> None:
        """Wait a short time until the driver knows that these nodes are gone, before it releases them."""
        clock = asyncio.get_running_loop().time
        end, left = clock() + _LEAVING, [node.uuid for node in nodes]
        while clock() < end:
            left = [uuid for uuid in left if self._news.is_known(uuid)]
            if not left:
                return
            await asyncio.sleep(_LOOK)

    def let_come_back(self, nodes: Sequence[base.Node]) -> None:
        """Note that nodes that are gone have been released: if they come back, they may be added."""
        for node in nodes:
            self._news.note_released(node.uuid)
        self._go_on()

    def _wake(self) -> None:
        self._is_woken = False  # first: later notes wake the loop again
        self._request = contexts.new()
        self._go_on()

    def _go_on(self) -> None:
        while self._post is not None and len(self._running) < self._most:
            following = self._news.next()
            if following is None:
                return
            self._begin(*following)

    def _begin(self, name: str, node: base.Node) -> None:
        call = self._call(self._methods[name], node, begun=functools.partial(self._limit, name, node))
        context = contexts.carrying(self._request)
        task = asyncio.get_running_loop().create_task(call, name=name, context=context)
        self._running.add(task)
        task.add_done_callback(functools.partial(self._end, name=name, node=node))

    def _limit(self, name: str, node: base.Node) -> None:
        """Give up the current task's call if it takes too long from now on."""
        task = asyncio.current_task()
        assert task is not None
        later = asyncio.get_running_loop().call_later
        if self._is_async:
            self._timers[task] = later(_QUICK, self._make_room, task, name, node)
        else:
            self._timers[task] = later(_PATIENCE, self._give_up, task, name, node)

    def _make_room(self, task: "asyncio.Task[Any]", name: str, node: base.Node) -> None:
        left = max(_PATIENCE - _QUICK, 0.0)
        self._timers[task] = asyncio.get_running_loop().call_later(left, self._give_up, task, name, node)
        self._running.discard(task)
        self._go_on()

    def _give_up(self, task: "asyncio.Task[Any]", name: str, node: base.Node) -> None:
        if task.done():
            return
        self._late.add(task)
        self._running.discard(task)
        self._note(name, node, TimeoutError(f"it did not end within {_PATIENCE:g} s"))
        task.cancel()
        self._go_on()

    def _end(self, task: "asyncio.Task[Any]", *, name: str, node: base.Node) -> None:
        if (timer := self._timers.pop(task, None)) is not None:
            timer.cancel()
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        is_closed = self._post is None  # calls are being cancelled then, which is not worth a log line
        if error is not None and task not in self._late and not is_closed:
            self._note(name, node, error)
        self._late.discard(task)
        self._news.done(node)
        self._go_on()

    def _note(self, name: str, node: base.Node, error: BaseException) -> None:
        scrubbed = functools.partial(masking.scrub, values=held(node), secret=self._secret)
        self._faults.note("callbacks_failed", f"{name} for {node.name}", error, scrubbed)
