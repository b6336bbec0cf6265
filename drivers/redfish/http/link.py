"""A byte stream over TCP, with or without TLS, that costs little while it is open and idle.

asyncio's own TLS gives every connection a receive buffer of 256 KiB. Here all connections of a thread share
one buffer, which works because received data is passed on before anything else is read, and TLS works in
memory beside the transport.
"""

import asyncio
import contextlib
import ssl
import threading
from typing import Final

_RECEIVE: Final = 64 << 10  # bytes
_RECORD: Final = 16 << 10  # bytes, the most that one TLS record carries (RFC 8446, 5.1)
#: Bytes that go into or out of TLS at once: the memory buffers between it and the transport never shrink.
_PIECE: Final = 4 << 10


class _Buffers(threading.local):
    """The receive buffers of all links of a thread, and so of an event loop."""

    def __init__(self) -> None:
        self.received = memoryview(bytearray(_RECEIVE))


_BUFFERS: Final = _Buffers()

#: A TLS session that a later connection to the same peer may resume, and the only context that can.
Resumable = tuple[ssl.SSLContext, ssl.SSLSession]


class Link(asyncio.BufferedProtocol):
    """One connection, in either direction; to be given to ``loop.create_connection`` or ``create_server``.

    A subclass overrides :meth:`opened`, :meth:`received` and :meth:`ended`. There are no deadlines here.

    :param tls: None for plain TCP
    :param server_hostname: the name that the certificate must have if ``tls`` checks it
    :param resumes: of an earlier connection to the same peer
    """

    __slots__ = ("_closing", "_error", "_incoming", "_open", "_outgoing", "_tls", "resumable", "transport")

    transport: asyncio.Transport

    def __init__(
        self,
        tls: ssl.SSLContext | None,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        resumes: Resumable | None = None,
    ) -> None:
        """:raises ValueError: when ``server_hostname`` is not valid as a host's name"""
        self._closing = False
        self._open = False
        self._error: Exception | None = None
        self._tls: ssl.SSLObject | None = None
        self.resumable: Resumable | None = None  # once it is closing
        if tls is not None:
            self._incoming = ssl.MemoryBIO()
            self._outgoing = ssl.MemoryBIO()
            self._tls = tls.wrap_bio(
                self._incoming,
                self._outgoing,
                server_side=server_side,
                server_hostname=server_hostname,
                session=resumes[1] if resumes and resumes[0] is tls else None,
            )

    def opened(self) -> None:
        """TCP is connected and, with TLS, the handshake is done."""

    def received(self, data: bytes) -> None:
        """The peer sent something."""

    def ended(self, error: Exception | None) -> None:
        """The connection has ended; called exactly once, and last.

        :param error: the failure of TLS or TCP; None when either side closed it
        """

    @property
    def unsent(self) -> int:
        """The number of bytes that the peer has not received yet."""
        return self.transport.get_write_buffer_size()

    def send(self, data: bytes) -> None:
        """Send data; does nothing once the connection is closing."""
        if self._closing or not self._open:
            return
        tls = self._tls
        if tls is None:
            self.transport.write(data)
            return
        try:
            if len(data) <= _PIECE:
                tls.write(data)
                self.transport.write(self._outgoing.read())
                return
            view = memoryview(data)
            while view:
                view = view[tls.write(view[:_PIECE]) :]
                self.transport.write(self._outgoing.read())
        except ssl.SSLError as error:
            self._fail(error)

    def close(self) -> None:
        """Close properly once the peer has received what was sent; :meth:`abort` does not wait."""
        if self._closing:
            return
        self._closing = True
        if self._tls is not None and self._open:
            with contextlib.suppress(ssl.SSLError):  # it wants the peer to close too, or the peer broke TLS
                self._tls.unwrap()
            self.transport.write(self._outgoing.read())
            self._keep_session(self._tls)
        self.transport.close()

    def abort(self) -> None:
        """Close at once; unsent data is lost."""
        self._closing = True
        self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Callback of asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if self._tls is None:
            self._open = True
            self.opened()
        else:
            self._shake_hands(self._tls)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Callback of asyncio."""
        return _BUFFERS.received

    def buffer_updated(self, nbytes: int) -> None:
        """Callback of asyncio."""
        tls = self._tls
        if tls is None:
            self.received(bytes(_BUFFERS.received[:nbytes]))
            return
        incoming = self._incoming
        if nbytes <= _PIECE:
            incoming.write(_BUFFERS.received[:nbytes])
            self._take_in(tls)
            return
        sealed = memoryview(bytes(_BUFFERS.received[:nbytes]))
        for start in range(0, nbytes, _PIECE):
            incoming.write(sealed[start : start + _PIECE])
            self._take_in(tls)
            if self._closing:
                return

    def eof_received(self) -> None:
        """Callback of asyncio, which closes its side too."""
        if self._tls is not None and not self._open:
            self._error = ConnectionResetError("the peer closed during the TLS handshake")

    def connection_lost(self, error: Exception | None) -> None:
        """Callback of asyncio."""
        self._closing = True
        if self._tls is not None:
            self._keep_session(self._tls)
            self._tls = None  # most of a connection's memory
            del self._incoming, self._outgoing
        self.ended(self._error or error)

    def _take_in(self, tls: ssl.SSLObject) -> None:
        """Decrypt received data and pass it on."""
        if not self._open and not self._shake_hands(tls):
            return
        incoming = self._incoming
        try:
            while (incoming.pending or tls.pending()) and not self._closing:
                data = tls.read(_RECORD)
                if not data:
                    self.close()
                    return
                self.received(data)
        except ssl.SSLWantReadError:
            if self._outgoing.pending:  # an answer to a key update
                self.transport.write(self._outgoing.read())
        except ssl.SSLZeroReturnError:
            self.close()
        except ssl.SSLError as error:
            self._fail(error)

    def _shake_hands(self, tls: ssl.SSLObject) -> bool:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            self.transport.write(self._outgoing.read())
            return False
        except (ssl.SSLError, ssl.CertificateError, OSError) as error:
            self._fail(error)
            return False
        self.transport.write(self._outgoing.read())
        self._open = True
        self.opened()
        return not self._closing

    def _fail(self, error: Exception) -> None:
        """Send TLS's alert to the peer, and close."""
        if self._closing:
            return
        self._error = error
        self.transport.write(self._outgoing.read())
        self.abort()

    def _keep_session(self, tls: ssl.SSLObject) -> None:
        if self.resumable is None and self._open and not self._error and not tls.server_side:
            with contextlib.suppress(ValueError):  # of a transport that is not writable
                session = tls.session
                self.resumable = None if session is None else (tls.context, session)
