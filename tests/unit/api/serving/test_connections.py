"""Bounds of connections: sizes, and the time that a client takes, by the clock of the loop."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from uvicorn.config import Config

from apis import in_a_loop
from podium.api.serving import connections
from podium.api.serving.connections import Connection, Connections

REQUEST = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


class Clock:
    """A loop's clock and timers, which go on when a test says so."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = 1000.0
        self._timers: list[tuple[float, asyncio.TimerHandle, Callable[[], None]]] = []
        self._loop = loop

    def time(self) -> float:
        return self.now

    def create_task(self, what: Any) -> Any:
        return self._loop.create_task(what)

    def call_soon(self, what: Callable[[], None]) -> asyncio.Handle:
        return self._loop.call_soon(what)

    def call_at(self, when: float, what: Callable[[], None]) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, what, (), self._loop)
        self._timers.append((when, handle, what))
        return handle

    def call_later(self, seconds: float, what: Callable[[], None]) -> asyncio.TimerHandle:
        return self.call_at(self.now + seconds, what)

    def pass_on(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [one for one in self._timers if one[0] <= end and not one[1].cancelled()]:
            first = min(due, key=lambda one: one[0])
            self._timers.remove(first)
            self.now = first[0]
            first[2]()
        self.now = end


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = self.aborted = False

    def write(self, data: Any) -> None:
        self.sent += bytes(data)

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.closed or self.aborted

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class Client:
    """One connection from its client's side."""

    def __init__(self, config: Config, state: Connections, clock: Clock) -> None:
        self.transport = Transport()
        self.protocol = Connection(config, state, {}, cast(asyncio.AbstractEventLoop, clock))
        self.protocol.connection_made(self.transport)

    async def send(self, data: bytes) -> None:
        self.protocol.data_received(data)
        for _ in range(5):
            await asyncio.sleep(0)

    @property
    def status(self) -> bytes:
        return self.transport.sent[9:12]


async def echo(scope: Any, receive: Any, send: Any) -> None:
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return
        body += message["body"]
        if not message["more_body"]:
            break
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Site:
    def __init__(self, most: int = 10, app: Any = echo) -> None:
        self.clock = Clock(asyncio.get_running_loop())
        self.state = Connections(most, 1000, {("POST", "/large"): 3000})
        self.config = Config(
            app, http=Connection, ws="none", lifespan="off", interface="asgi3", log_config=None,
            timeout_keep_alive=connections.IDLE_SECONDS,
        )  # fmt: skip
        self.config.load()

    def client(self) -> Client:
        return Client(self.config, self.state, self.clock)


@in_a_loop
async def test_a_client_that_says_nothing_is_cut_without_an_answer() -> None:
    site = Site()
    client = site.client()
    site.clock.pass_on(connections.HEAD_SECONDS - 1)
    assert not client.transport.closed
    site.clock.pass_on(2)
    assert client.transport.closed
    assert client.transport.sent == b""


@in_a_loop
async def test_headers_that_come_slowly_are_cut_however_often_some_come() -> None:
    site = Site()
    client = site.client()
    await client.send(b"GET / HTTP/1.1\r\n")
    for number in range(20):
        if client.transport.closed:
            break
        await client.send(b"X-%d: 1\r\n" % number)
        site.clock.pass_on(1)
    assert client.status == b"408"


@in_a_loop
async def test_a_body_that_comes_slowly_is_cut_and_the_application_ends() -> None:
    site = Site()
    client = site.client()
    await client.send(REQUEST + b"12")
    site.clock.pass_on(connections.BODY_SECONDS - 1)
    assert not client.transport.closed
    site.clock.pass_on(2)
    assert (client.status, client.transport.closed) == (b"408", True)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not site.state.tasks


@in_a_loop
async def test_single_requests_may_have_a_larger_body() -> None:
    for head, size, status in (
        (b"POST /large", 2500, b"200"),
        (b"POST /large/?a=b", 2500, b"200"),
        (b"POST /large", 3500, b"413"),
        (b"PUT /large", 2500, b"413"),
        (b"POST /larger", 2500, b"413"),
    ):
        client = Site().client()
        await client.send(b"%b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (head, size))
        for part in (b"x" * (size - 1), b"x"):
            await client.send(part)
        assert client.status == status, (head, size)


@in_a_loop
async def test_an_idle_connection_is_kept_for_a_while_whatever_empty_lines_come() -> None:
    site = Site()
    client = site.client()
    await client.send(REQUEST + b"1234")
    assert client.transport.sent.endswith(b"1234")
    for _ in range(3):
        site.clock.pass_on(connections.IDLE_SECONDS / 3 - 1)
        await client.send(b"\r\n")
    assert not client.transport.closed
    site.clock.pass_on(4)
    assert client.transport.closed


@in_a_loop
async def test_a_request_that_the_application_works_on_is_not_cut() -> None:
    async def wait(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    site = Site(app=wait)
    client = site.client()
    await client.send(b"GET / HTTP/1.1\r\n\r\n")
    site.clock.pass_on(1000)
    assert not client.transport.is_closing()
    site.state.cut()


@in_a_loop
async def test_an_answer_that_is_not_taken_ends_the_connection() -> None:
    site = Site()
    client = site.client()
    client.protocol.pause_writing()
    client.protocol.resume_writing()
    site.clock.pass_on(5)
    client.protocol.pause_writing()
    await client.send(b"GET / HTTP/1.1\r\n\r\n")
    site.clock.pass_on(connections.TAKE_SECONDS - 1)
    assert not client.transport.aborted
    site.clock.pass_on(2)
    assert client.transport.aborted
    site.state.cut()


@in_a_loop
async def test_a_connection_that_ends_does_not_linger_with_what_its_client_does_not_take() -> None:
    site = Site()
    client = site.client()
    await client.send(b"GET / HTTP/1.0\r\n\r\n")
    assert client.transport.closed
    assert not client.transport.aborted
    site.clock.pass_on(connections.LINGER_SECONDS + 1)
    assert client.transport.aborted


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"garbage\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00", b"400"),
        (b"GET http://[ HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /\xff HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n" + b"X: 12345678\r\n" * 6000 + b"\r\n", b"431"),
    ],
)
@in_a_loop
async def test_garbage_and_what_is_too_large_is_refused(data: bytes, status: bytes) -> None:
    site = Site()
    client = site.client()
    await client.send(data)
    assert (client.status, client.transport.closed) == (status, True)
    site.state.cut()


@pytest.mark.parametrize("begin", [b"GET /", b"GET / HTTP/1.1\r\nX: "])
@in_a_loop
async def test_a_line_without_an_end_is_cut_when_it_is_too_large(begin: bytes) -> None:
    site = Site()
    client = site.client()
    await client.send(begin)
    parts = 0
    while not client.transport.closed:
        await client.send(b"x" * 10_000)
        parts += 1
    assert client.status == b"431"
    assert parts < 9


@pytest.mark.parametrize(("first", "part"), [(b"", b"1\r\nx\r\n" * 100), (b"0\r\n", b"X: 1\r\n" * 100)])
@in_a_loop
async def test_chunks_and_trailers_are_bounded_with_all_around_them(first: bytes, part: bytes) -> None:
    site = Site()
    client = site.client()
    await client.send(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    await client.send(first)
    for _ in range(2):
        await client.send(part)
    assert (client.status, client.transport.closed) == (b"413", True)
    site.state.cut()


@in_a_loop
async def test_where_there_are_too_many_connections_who_kept_others_waiting_longest_makes_room() -> None:
    site = Site(most=2)
    slow, fast = site.client(), site.client()
    await slow.send(b"GET / HT")
    await fast.send(b"GET / HTTP/1.1\r\n\r\n")
    third = site.client()
    assert (slow.transport.closed, fast.transport.closed) == (True, False)
    await third.send(b"GET / HTTP/1.1\r\n\r\n")
    assert third.status == b"200"


@in_a_loop
async def test_where_all_connections_are_at_work_a_new_one_is_asked_to_come_again() -> None:
    async def wait(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    site = Site(most=1, app=wait)
    await site.client().send(b"GET / HTTP/1.1\r\n\r\n")
    second = site.client()
    assert (second.status, second.transport.closed) == (b"503", True)
    assert b"retry-after" in second.transport.sent
    site.state.cut()


@in_a_loop
async def test_requests_that_are_sent_ahead_are_answered_in_turn() -> None:
    site = Site()
    client = site.client()
    await client.send((REQUEST + b"1234") * 3)
    for _ in range(50):
        await asyncio.sleep(0)
    assert client.transport.sent.count(b"1234") == 3
    site.clock.pass_on(connections.IDLE_SECONDS - 1)
    assert not client.transport.closed
