"""Detects faults that tests of a driver would not notice: input and output, blocked event loops, leaks.

Audit events (PEP 578) or a profiler show calls that block, however short they are. A second thread notices
when the event loop stands still for any other reason.
"""

import asyncio
import concurrent.futures
import contextlib
import functools
import ipaddress
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final

from podium.wording import safe_str

_Guard = Callable[[str, tuple[Any, ...]], None]

_RESOLVING: Final = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})
_SENDING: Final = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_STARTING: Final = frozenset({"subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "os.fork"})
_INPUT_OUTPUT: Final = _RESOLVING | _SENDING | _STARTING | {"open", "socket.bind"}
_RECEIVING: Final = frozenset(
    {"accept", "recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg", "_accept"}
)

#: Seconds between two looks at a loop, and the number of looks without an answer that show a standstill.
#: Looks are counted instead of seconds, because a busy machine delays both threads.
_LOOK: Final = 0.1
_LOOKS: Final = 10

#: Seconds after closing within which everything must have been released.
_GRACE: Final = 2.0

_guards: dict[int, _Guard] = {}


@functools.cache
def _install() -> None:
    # Hooks cannot be removed. This one does nothing in a thread without a guard.
    def hook(
        event: str,
        args: tuple[Any, ...],
        guards: dict[int, _Guard] = _guards,
        identity: Callable[[], int] = threading.get_ident,
    ) -> None:
        guard = guards.get(identity())
        if guard is not None:
            guard(event, args)

    sys.addaudithook(hook)


@contextlib.contextmanager
def _guarded(is_wrong: Callable[[str, tuple[Any, ...]], bool], *, refuse: bool) -> Iterator[list[str]]:
    """Record wrong events of this thread, also a refused one whose exception the caller handles."""
    found: list[str] = []

    def guard(event: str, args: tuple[Any, ...]) -> None:
        if event in _INPUT_OUTPUT and is_wrong(event, args):
            found.append(f"{event} {_place(sys._getframe(2))}")
            if refuse:  # with an error that libraries expect from the system
                raise PermissionError(f"{event} is not allowed here")

    _install()
    identity = threading.get_ident()
    _guards[identity] = guard
    try:
        yield found
    finally:
        del _guards[identity]


def looks_up(tried: str) -> bool:
    """Whether what :func:`no_input_output` recorded is the resolution of a name."""
    return tried.partition(" ")[0] in _RESOLVING


def no_input_output() -> contextlib.AbstractContextManager[list[str]]:
    """Refuse this thread's input and output inside the ``with``. Yields what was tried, and where."""
    return _guarded(lambda event, _: event != "open" or not _within("<frozen importlib"), refuse=True)


@contextlib.contextmanager
def no_blocking() -> Iterator[list[str]]:
    """Record calls that block this thread inside the ``with``. Yields what was called, and where."""
    with _guarded(_blocks, refuse=False) as found:
        # Neither a sleep (before Python 3.13) nor a read from a socket is an audit event.
        def profile(frame: FrameType, event: str, called: Any) -> None:
            if event == "c_call" and (called is time.sleep or _receives(called)):
                found.append(f"{called.__name__} {_place(frame)}")

        before = sys.getprofile()
        sys.setprofile(profile)
        try:
            yield found
        finally:
            sys.setprofile(before)


def _receives(called: Any) -> bool:
    owner = getattr(called, "__self__", None)
    return isinstance(owner, socket.socket) and called.__name__ in _RECEIVING and owner.gettimeout() != 0


def _blocks(event: str, args: tuple[Any, ...]) -> bool:
    if event in _SENDING:
        return bool(args[0].gettimeout() != 0)
    if event in _RESOLVING:
        return not _is_address(args[0])
    return event in _STARTING and not _within(asyncio.unix_events.__file__)


def _is_address(host: Any) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host is None
    return True


def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _within(file: str) -> bool:
    return any(frame.f_code.co_filename.startswith(file) for frame in _stack(sys._getframe(1)))


def _place(frame: FrameType | None) -> str:
    """The innermost function outside the standard library."""
    stack = list(_stack(frame))
    own = [one for one in stack if _top_package(one) not in sys.stdlib_module_names]
    for found in own[:1] or stack[:1]:
        return f"in {found.f_code.co_qualname} ({found.f_code.co_filename}:{found.f_lineno})"
    return "in a thread that has ended"


def _top_package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def run(main: Callable[[], Coroutine[Any, Any, None]], *, patience: float, stalls: bool = False) -> None:
    """Run a coroutine in an event loop in its own thread, so that the test itself cannot hang.

    :param patience: seconds after which the test gives up
    :param stalls: whether a loop that stands still fails the test
    :raises AssertionError: in either case, with the name of the function that was running
    """
    loop = _Loop(main)
    silent = 0
    for _ in range(int(patience / _LOOK)):
        if loop.has_ended(_LOOK):
            return loop.ended.result()
        silent = 0 if loop.answers() else silent + 1
        if stalls and silent >= _LOOKS:
            raise AssertionError(f"the event loop stands still {_place_of(loop.thread)}")
    raise AssertionError(f"not done after {patience:g} s, {_place_of(loop.thread)}")


class _Loop:
    """An event loop in its own thread, which runs one coroutine and can be checked for a standstill.

    :ivar ended: a future with the outcome of the coroutine
    """

    def __init__(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._main = main
        self._loop: asyncio.AbstractEventLoop | None = None
        self._answered = threading.Event()
        self._answered.set()
        self.ended: concurrent.futures.Future[None] = concurrent.futures.Future()
        self.thread = threading.Thread(target=self._live, name="contract-loop", daemon=True)
        self.thread.start()

    def has_ended(self, seconds: float) -> bool:
        """Wait at most ``seconds`` for the coroutine; return whether it has ended."""
        if not concurrent.futures.wait([self.ended], seconds).done:
            return False
        self.thread.join(_GRACE)  # with a limit: tasks that are left may ignore their cancellation
        return True

    def answers(self) -> bool:
        """Return whether the loop has answered since the last call, and ask it again."""
        if not self._answered.is_set():
            return False
        if self._loop is not None:
            self._answered.clear()
            with contextlib.suppress(RuntimeError):  # it has ended meanwhile
                self._loop.call_soon_threadsafe(self._answered.set)
        return True

    def _live(self) -> None:
        try:
            asyncio.run(self._announced())
        except BaseException as error:
            # The exception stopped the loop, and must not stop the test run as well.
            self.ended.set_exception(AssertionError(f"{type(error).__name__} was raised: {safe_str(error)}"))

    async def _announced(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            await self._main()
        except Exception as error:
            self.ended.set_exception(error)
        else:
            self.ended.set_result(None)


def _place_of(thread: threading.Thread) -> str:
    return _place(sys._current_frames().get(thread.ident or 0))


class Leaks:
    """Finds tasks, threads, sockets and pipes that did not exist when this object was made."""

    def __init__(self) -> None:
        self._before = self._held()

    async def left(self) -> list[str]:
        """Return tasks, threads, sockets and pipes that are left after at most :data:`_GRACE` seconds."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _GRACE
        # The end of a thread or a descriptor cannot be awaited.
        while (left := self._held().keys() - self._before.keys()) and loop.time() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        held = self._held()
        return sorted(held[key] for key in left if key in held)

    @staticmethod
    def _held() -> dict[object, str]:
        held: dict[object, str] = {}
        for task in asyncio.all_tasks():
            held[task] = f"task {getattr(task.get_coro(), '__qualname__', task.get_name())}"
        for thread in threading.enumerate():
            # Those of asyncio.to_thread belong to the loop, which ends them.
            if not thread.name.startswith("asyncio_"):
                held[thread] = f"thread {thread.name}"
        for descriptor in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):  # such as the descriptor of the folder itself
                file = str(descriptor.readlink())
                if file.startswith(("socket:", "pipe:")):
                    held[file] = f"{file.partition(':')[0]} (file descriptor {descriptor.name})"
        return held
