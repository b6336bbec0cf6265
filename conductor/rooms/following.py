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

#: Seconds that a call may take. One that takes longer is cancelled, and only its own node waits for its end.
_PATIENCE: Final = 10.0
#: Async calls that begin together, and seconds after which another may begin beside one that has not ended:
#: thousands of controllers that are dead must not hold up the others.
_AT_ONCE, _QUICK = 64, 0.5
#: Seconds for which a node that leaves is waited for, and between two looks.
_LEAVING, _LOOK = 2.0, 0.01


class Following:
    """What one driver is told of its nodes. For the room's loop, except :meth:`note`.

    :param methods: those of podium.drivers.push that the driver defines, by name
    :param call: see :meth:`podium.conductor.rooms.room.DriverRoom.call`
    :param plainly: plain calls at the same time
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
        self._running: set[asyncio.Task[Any]] = set()  # those that others wait for
        self._timers: dict[asyncio.Task[Any], asyncio.TimerHandle] = {}
        self._late: set[asyncio.Task[Any]] = set()

    @property
    def is_wanted(self) -> bool:
        """Whether the driver defines any of the methods."""
        return bool(self._methods)

    def note(self, node: base.Node, is_here: bool) -> None:
        """Take in that a node is the driver's, or is as it is now, or is gone; from any thread."""
        self._news.note(node, is_here)
        post = self._post
        if post is not None and not self._is_woken:
            self._is_woken = True
            with contextlib.suppress(RuntimeError):  # the room has ended
                post(self._wake)

    def open(self, post: Callable[[Callable[[], Any]], Any]) -> None:
        """Make calls from now on: the driver has started.

        :param post: hands a callback to the room's loop
        """
        self._post = post
        self._go_on()

    def close(self) -> None:
        """Begin no more calls."""
        self._post = None

    async def settle(self, nodes: Sequence[base.Node]) -> None:
        """Wait until the driver knows that these nodes are gone, but not for long; then it releases them."""
        clock = asyncio.get_running_loop().time
        end, left = clock() + _LEAVING, [node.uuid for node in nodes]
        while clock() < end:
            left = [uuid for uuid in left if self._news.is_known(uuid)]
            if not left:
                return
            await asyncio.sleep(_LOOK)

    def let_come_back(self, nodes: Sequence[base.Node]) -> None:
        """Note that nodes that are gone have been released: what comes back may be added."""
        for node in nodes:
            self._news.note_released(node.uuid)
        self._go_on()

    def _wake(self) -> None:
        self._is_woken = False  # first: what is noted from here on wakes the loop again
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
        """Give up the call that this task makes, if it takes too long from now on."""
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
        is_closed = self._post is None  # then calls are cancelled, which nobody need hear of
        if error is not None and task not in self._late and not is_closed:
            self._note(name, node, error)
        self._late.discard(task)
        self._news.done(node)
        self._go_on()

    def _note(self, name: str, node: base.Node, error: BaseException) -> None:
        scrubbed = functools.partial(masking.scrub, values=held(node), secret=self._secret)
        self._faults.note("callbacks_failed", f"{name} for {node.name}", error, scrubbed)
