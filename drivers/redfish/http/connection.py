"""HTTP/1.1 in the manner of BMCs: one request at a time on a persistent connection (RFC 9112).

llhttp parses, strictly where two readings are possible and leniently where only the form is wrong. Every
request ends with an :class:`Answer` or with :class:`NoAnswer`, provided that a caller gives it up when it
takes too long: see :mod:`podium.drivers.redfish.http.watchdog`.
"""

import asyncio
import math
import ssl
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import httptools

from podium.drivers.redfish.http import heads, texts
from podium.drivers.redfish.http.link import Link, Resumable

MAX_BODY: Final = 2 << 20  # bytes
MAX_HEAD: Final = 64 << 10  # bytes
_CONTINUE: Final = range(100, 200)
_NOT_HTTP: Final = (httptools.HttpParserError, httptools.HttpParserUpgrade, ValueError)
_REDIRECTS_AND_REFUSALS: Final = 300  # the first status of them

Headers = list[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """Status, headers and body as received."""

    status: int
    headers: Headers
    body: bytes


class NoAnswer(Exception):
    """There is no whole answer, and none will come; the text says why.

    :param silent: whether the connection is open and the peer sends nothing
    """

    def __init__(self, why: str, *, silent: bool = False) -> None:
        super().__init__(why)
        self.silent = silent
        self.came: Answer | None = None  #: what came of it, if that is the whole head at least


def reason(error: Exception) -> str:
    """Return why a connection ended, in words."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


class Connection(Link):
    """The client's side of one connection; it accepts a request once the last one is answered.

    :param forget: called when it has ended
    """

    __slots__ = (
        "_answer", "_body", "_forget", "_head_done", "_headers", "_is_odd", "_loop", "_parser", "_raw",
        "_request", "_rest", "_size", "alive", "body_patience", "deadline", "has_more", "heard", "look_at",
        "opening",
    )  # fmt: skip

    def __init__(
        self,
        tls: ssl.SSLContext | None,
        server_hostname: str | None,
        resumes: Resumable | None,
        forget: Callable[["Connection"], None],
    ) -> None:
        """:raises ValueError: when ``server_hostname`` is not valid as a host's name"""
        super().__init__(tls, server_hostname=server_hostname, resumes=resumes)
        self._loop = loop = asyncio.get_running_loop()
        self.alive = False  # whether it accepts requests
        self.deadline = 0.0  # of the request under way, in the loop's clock
        self.look_at = math.inf  # when a watchdog checks it next
        self.heard = loop.time()  # when the peer last sent something, or was sent a request
        self.opening: asyncio.Future[None] = loop.create_future()  # to be awaited before any request
        self.body_patience = math.inf  # seconds of silence after a head that is sufficient
        self.has_more = False  # whether the peer sent more after a whole answer
        self._forget = forget
        self._request = b""  # the last one
        self._rest: asyncio.TimerHandle | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._begin()

    def _begin(self) -> None:
        self._parser: Any = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(
            lenient_headers=True,
            lenient_chunked_length=True,
            lenient_transfer_encoding=True,
            lenient_optional_crlf_after_chunk=True,
            lenient_optional_lf_after_cr=True,
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
        )
        self._clear()

    def _clear(self) -> None:
        self._headers: Headers = []
        self._body: list[bytes] = []
        self._head_done = False
        self._is_odd = False  # whether llhttp rejects the head
        self._raw: list[bytes] | None = []  # the head as received; None for a mended one
        self._size = 0
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    @property
    def is_asked(self) -> bool:
        """Whether a request is under way."""
        return self._answer is not None

    def ask(self, request: bytes, deadline: float) -> "asyncio.Future[Answer]":
        """Send a request; the future ends with its answer or with :class:`NoAnswer`.

        :param deadline: for the watchdog of this connection
        """
        self._answer = answer = self._loop.create_future()
        self._request = request
        self.heard = self._loop.time()
        self.deadline = deadline
        self.send(request)
        return answer

    def give_up(self, lost: NoAnswer) -> None:
        """End the request and the connection."""
        self.alive = False
        self._lose(lost)
        self.abort()

    def opened(self) -> None:
        self.alive = True
        if not self.opening.done():
            self.opening.set_result(None)

    def received(self, data: bytes) -> None:
        if self._answer is None:
            self.has_more = True
            self.give_up(NoAnswer("it speaks without being asked"))
            return
        self.heard = self._loop.time()
        self._size += len(data)
        if self._size > MAX_HEAD and (not self._head_done or self._size > MAX_BODY + MAX_HEAD):
            self.give_up(NoAnswer("the answer is too long"))
            return
        if not self._head_done and self._raw is not None:
            self._raw.append(data)
        try:
            if self._is_odd:
                self._mend()
            else:
                self._parser.feed_data(data)
        except _NOT_HTTP as error:
            self._misunderstood(error)
        if self._answer is not None and self._head_done and self._rest is None and self._says_enough():
            self._wait_for_rest()

    def _misunderstood(self, error: Exception) -> None:
        if self._answer is None:  # it was whole, and more data followed
            self.has_more = True
            self.alive = False
            self.abort()
            return
        if self._raw and not (self._head_done or self._is_odd):
            self._is_odd = True
            try:
                self._mend()
            except _NOT_HTTP:
                pass
            else:
                return
        self.give_up(NoAnswer(f"what it speaks is not HTTP/1.1: {error}"))

    def _mend(self) -> None:
        """Parse an odd head once it is whole.

        :raises ValueError: it has no meaning, or more than one
        """
        raw = b"".join(self._raw or ())
        head = heads.mended(raw)
        if head is not None:
            self._begin()
            self._raw, self._size = None, len(raw)
            self._parser.feed_data(head)

    def ended(self, error: Exception | None) -> None:
        self.alive = False
        if not self.opening.done():
            self.opening.set_exception(error or ConnectionResetError("closed at once"))
        answer = self._answer
        if answer is not None and not answer.done():
            if error is None and self._until_close():
                self._finish()
            else:
                why = "the BMC closed the connection before its answer was whole"
                self._lose(NoAnswer(reason(error) if error else why))
        self._answer = self._parser = None  # the parser has a reference to this object
        self._clear()
        self._forget(self)

    def on_message_begin(self) -> None:
        """Callback of httptools."""
        if self._answer is None:
            raise NoAnswer("it answers twice")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Callback of httptools."""
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Callback of httptools."""
        self._head_done = True

    def on_body(self, data: bytes) -> None:
        """Callback of httptools."""
        self._body.append(data)

    def on_message_complete(self) -> None:
        """Callback of httptools."""
        if self._parser.get_status_code() in _CONTINUE:
            self._clear()
            return
        keep = self._parser.should_keep_alive()
        self._finish()
        if not keep:
            self.alive = False
            self.close()

    def _finish(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            answer.set_result(Answer(self._parser.get_status_code(), self._headers, body))
        self._clear()

    def _lose(self, lost: NoAnswer) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            if self._head_done and self._parser is not None:
                lost.came = Answer(self._parser.get_status_code(), self._headers, b"".join(self._body))
            answer.set_exception(lost)

    def _says_enough(self) -> bool:
        """Whether the received part may suffice: a refusal, a confirmation, or a whole object."""
        if self._body and self._body[-1].rstrip().endswith(b"}"):
            return True
        return self._parser.get_status_code() >= _REDIRECTS_AND_REFUSALS or not self._request.startswith(
            b"GET "
        )

    def _wait_for_rest(self, end: float = 0.0) -> None:
        """Give up the rest of a sufficient answer sooner than that of other answers.

        :param end: at the latest, however slowly it arrives; in the loop's clock
        """
        now = self._loop.time()
        end = end or now + 2 * self.body_patience
        seconds = min(self.heard + self.body_patience, end) - now
        if seconds > 0:
            self._rest = self._loop.call_later(seconds, self._wait_for_rest, end)
        elif self._is_part():
            self._rest = None
        else:
            self.give_up(NoAnswer("its answer is shorter than it announces", silent=True))

    def _is_part(self) -> bool:
        """Whether the answer to a GET is incomplete: it must be a whole object."""
        if self._parser.get_status_code() >= _REDIRECTS_AND_REFUSALS or not self._request.startswith(b"GET "):
            return False
        try:
            texts.loads(b"".join(self._body))
        except (ValueError, RecursionError):
            return True
        return False

    def _until_close(self) -> bool:
        """Whether the end of the connection is the end of the body."""
        framed = (b"content-length", b"transfer-encoding")
        return self._head_done and not any(name.lower() in framed for name, _ in self._headers)
