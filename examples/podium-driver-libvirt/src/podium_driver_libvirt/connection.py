"""Connections to hypervisors, each shared by all nodes with the same account.

libvirt's calls block. Opening a connection has no timeout at all, so it happens in a thread. Callers wait for
that thread no longer than the timeout, and never start a second one. Once a connection is open, libvirt
checks periodically whether the hypervisor is alive (``virConnectSetKeepAlive``), and ends the calls under way
if it is not. It does so in its event loop, which needs its own thread.
"""

import concurrent.futures
import functools
import threading
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

import libvirt
from podium import errors

from podium_driver_libvirt.settings import Account

_T = TypeVar("_T")

#: Unanswered keepalive requests after which a hypervisor is considered dead.
_QUESTIONS: Final = 3
_REFUSALS: Final = frozenset(
    {
        libvirt.VIR_ERR_AUTH_FAILED,
        libvirt.VIR_ERR_AUTH_CANCELLED,
        libvirt.VIR_ERR_AUTH_UNAVAILABLE,
        libvirt.VIR_ERR_ACCESS_DENIED,
    }
)
_UNSUPPORTED: Final = frozenset(
    {
        libvirt.VIR_ERR_NO_SUPPORT,
        libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
        libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
        libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
    }
)
#: Errors of a connection that cannot be opened: the network failed, or the daemon ended.
_SILENCES: Final = frozenset(
    {libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_ERR_RPC, libvirt.VIR_ERR_INTERNAL_ERROR}
)


class Begun(NamedTuple):
    """A connection that is open or being opened, and the deadline for opening it (``time.monotonic``)."""

    opened: "concurrent.futures.Future[Any]"
    deadline: float


class Connection:
    """A connection to a hypervisor. It is reopened when it is needed and not alive.

    :param timeout: seconds after which a hypervisor that does not answer is unreachable
    """

    def __init__(self, account: Account, timeout: float) -> None:
        self._account = account
        self._timeout = timeout
        self._lock = threading.Lock()
        self._opened: concurrent.futures.Future[Any] | None = None
        self._deadline = 0.0

    def ask(self, question: Callable[[Any], _T], begun: "Begun | None" = None) -> _T:
        """Call a function with the connection, and return its result.

        :param begun: the result of :meth:`begin`, if it was called before: a login is tried once
        :raises podium.errors.DriverError: with libvirt's message
        """
        connection = self._get(begun or self.begin())
        try:
            return question(connection)
        except libvirt.libvirtError as error:
            fault = self._translated(error, is_silent=not connection.isAlive())
        except errors.DriverError as error:
            fault = error.with_traceback(None)
        finally:
            del connection  # otherwise the error's traceback keeps the connection open
        raise fault

    def close(self) -> "concurrent.futures.Future[None]":
        """Drop the connection. libvirt closes it, and informs the hypervisor, once no call is under way."""
        with self._lock:
            held = [self._opened]
            self._opened = None
        return _in_thread(held.clear, "libvirt-closing")

    def begin(self) -> "Begun":
        """Start opening the connection if necessary."""
        with self._lock:
            if self._opened is None or not self._can_be_used(self._opened):
                self._opened = _in_thread(self._open, "libvirt-opening")
                self._deadline = time.monotonic() + self._timeout
            return Begun(self._opened, self._deadline)

    def _get(self, begun: "Begun") -> Any:
        try:
            return begun.opened.result(max(0.0, begun.deadline - time.monotonic()))
        except libvirt.libvirtError as error:
            raise self._translated(error, is_silent=error.get_error_code() in _SILENCES) from None
        except TimeoutError:
            raise errors.BMCUnreachable(
                f"{self._account.hypervisor.uri}: no answer within {self._timeout:g} s"
            ) from None

    @staticmethod
    def _can_be_used(opened: "concurrent.futures.Future[Any]") -> bool:
        """Return whether a connection is alive or being opened."""
        return not opened.done() or (opened.exception() is None and bool(opened.result().isAlive()))

    def _open(self) -> Any:
        asked_for = [libvirt.VIR_CRED_AUTHNAME, libvirt.VIR_CRED_PASSPHRASE]
        connection = libvirt.openAuth(self._account.hypervisor.uri, [asked_for, self._log_in, None], 0)
        try:
            connection.setKeepAlive(max(1, round(self._timeout / (_QUESTIONS + 1))), _QUESTIONS)
        except libvirt.libvirtError:
            pass  # a hypervisor in this process, without a daemon in between
        return connection

    def _log_in(self, credentials: list[list[Any]], _: None) -> int:
        """Fill in the requested credentials: the last element of each (virConnectAuthPtr)."""
        known = {
            libvirt.VIR_CRED_AUTHNAME: self._account.username,
            libvirt.VIR_CRED_PASSPHRASE: self._account.password,
        }
        for credential in credentials:
            credential[4] = known.get(credential[0])
        return -1 if any(credential[4] is None for credential in credentials) else 0

    def _translated(self, error: libvirt.libvirtError, *, is_silent: bool) -> errors.DriverError:
        # If libvirt cannot read XML, further lines quote it.
        words = (str(error).splitlines() or ["no reason given"])[0]
        text, code = f"{self._account.hypervisor.uri}: {words}", error.get_error_code()
        if code in _REFUSALS or (is_silent and "Permission denied" in words):  # from ssh, or from a socket
            return errors.AuthenticationRefused(text)
        if is_silent:
            return errors.BMCUnreachable(text)
        return (errors.UnsupportedPowerState if code in _UNSUPPORTED else errors.DriverError)(text)


class Events:
    """Runs libvirt's event loop in a thread until it is stopped."""

    def __init__(self) -> None:
        _register()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="libvirt-events", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping:
            libvirt.virEventRunDefaultImpl()

    def stop(self) -> None:
        """End the thread and wait for it. It first runs for a moment longer, to close dropped connections."""

        def stop(*_: Any) -> None:
            self._stopping = True

        timer = libvirt.virEventAddTimeout(10, stop, None)  # milliseconds; also wakes the loop
        self._thread.join()
        libvirt.virEventRemoveTimeout(timer)


@functools.cache
def _register() -> None:
    libvirt.virEventRegisterDefaultImpl()
    libvirt.registerErrorHandler(lambda *_: None, None)  # by default, libvirt prints each error


def _in_thread(work: Callable[[], _T], name: str) -> "concurrent.futures.Future[_T]":
    """Run a function that may never end, in a thread that does not keep the process from ending."""
    future: concurrent.futures.Future[_T] = concurrent.futures.Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
