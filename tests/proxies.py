"""A network that a test can cut, between a daemon and its database: a TCP proxy."""

import contextlib
import selectors
import socket
import threading
from typing import Final, Self

from peers import free_port, own_address

_CHUNK: Final = 1 << 16


class Proxy:
    """Forwards data in both directions until it is cut. ``with`` serves in a thread.

    :param upstream: host and port of the server behind it; may change

    A cut proxy is like a pulled cable: it accepts bytes and connections, and silently forwards nothing.
    Mending it breaks the old connections, like a firewall that has forgotten them.
    """

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.upstream = upstream
        self.host, self.port = own_address(), free_port()
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server((self.host, self.port), backlog=128)
        self._wake, self._waker = socket.socketpair()
        self._others: dict[socket.socket, socket.socket] = {}
        self._lock = threading.Lock()
        self._whole = threading.Event()
        self._whole.set()
        self._ends = False
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        for one in (self._listener, self._wake):
            one.setblocking(False)
            self._selector.register(one, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends = True
        self._whole.set()
        self._waker.send(b"x")
        self._thread.join()
        self.reset()
        for one in (self._listener, self._wake, self._waker):
            one.close()
        self._selector.close()

    def cut(self) -> None:
        """Pull the cable."""
        self._whole.clear()
        self._waker.send(b"x")

    def mend(self) -> None:
        """Plug the cable in again."""
        self.reset()
        self._whole.set()

    def reset(self) -> None:
        """Break every connection."""
        with self._lock:
            for one in list(self._others):
                self._drop(one)

    def _run(self) -> None:
        while not self._ends:
            self._whole.wait()  # while it is cut, data waits in the sockets
            for key, _ in self._selector.select():
                self._attend(key.fileobj)

    def _attend(self, one: object) -> None:
        assert isinstance(one, socket.socket)
        if one is self._wake:
            self._wake.recv(1)
        elif one is self._listener:
            self._accept()
        elif self._whole.is_set():
            with self._lock:
                self._pass_on(one)

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        try:
            server = socket.create_connection(self.upstream, timeout=5)
        except OSError:
            client.close()
            return
        with self._lock:
            for one, other in ((client, server), (server, client)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                one.settimeout(5)
                self._others[one] = other
                self._selector.register(one, selectors.EVENT_READ)

    def _pass_on(self, one: socket.socket) -> None:
        other = self._others.get(one)
        if other is None:
            return
        try:
            data = one.recv(_CHUNK)
            other.sendall(data)
        except OSError:
            data = b""
        if not data:
            self._drop(one)

    def _drop(self, one: socket.socket) -> None:
        for end in (one, self._others.pop(one, None)):
            if end is not None:
                self._others.pop(end, None)
                with contextlib.suppress(KeyError, ValueError):
                    self._selector.unregister(end)
                end.close()
