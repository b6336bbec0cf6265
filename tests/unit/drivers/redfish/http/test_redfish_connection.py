"""Answers in every form that HTTP allows, and in those that it does not."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import virtual_time
from peers import PATIENCE
from podium import errors
from podium.drivers.redfish.http.client import BMCBusy, Client, Refused, Target, Timing
from rounds import ROUNDS

SYSTEM = "/redfish/v1/Systems/1"
BODY = b'{"PowerState": "On"}'
RAW = zlib.compress(BODY, wbits=-15)

SHORT = Timing(read=0.5)
#: Of a client that follows no task for long.
IMPATIENT = Timing(command=0.5, read=0.5)


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    virtual_time.run(main, virtual_time.TCP)


def head(*lines: str, status: str = "200 OK") -> bytes:
    return "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *lines, "")).encode("latin-1")


WHOLE = head("Content-Length: 20") + BODY

GOOD = {
    "usual": WHOLE,
    "continued": head(status="100 Continue") * 3 + WHOLE,
    "chunked": head("Transfer-Encoding: chunked")
    + b"5;x=y\r\n"
    + BODY[:5]
    + b"\r\nf\r\n"
    + BODY[5:]
    + b"\r\n0\r\n\r\n",
    "with a trailer": head("Transfer-Encoding: chunked") + b"14\r\n" + BODY + b"\r\n0\r\nETag: x\r\n\r\n",
    "chunked with a length": head("Content-Length: 3", "Transfer-Encoding: chunked")
    + b"14\r\n"
    + BODY
    + b"\r\n0\r\n\r\n",
    "HTTP/1.0": WHOLE.replace(b"1.1", b"1.0"),
    "line feeds alone": WHOLE.replace(b"\r\n", b"\n"),
    "wrong content type": head("Content-Type: text/html; charset=klingon", "Content-Length: 20") + BODY,
    "byte order mark": head("Content-Length: 23") + b"\xef\xbb\xbf" + BODY,
    "compressed": head("Content-Encoding: gzip", f"Content-Length: {len(gzip.compress(BODY))}")
    + gzip.compress(BODY),
    "many headers": head(*(f"X-{number}: {'y' * 200}" for number in range(200)), "Content-Length: 20") + BODY,
    "names in any case": WHOLE.replace(b"Content-Length", b"cONTENT-lENGTH"),
    "no reason": WHOLE.replace(b" OK", b""),
    "a reason of any bytes": WHOLE.replace(b"OK", b"\xff\x01"),
    "header of any bytes": head("Server: caf\xe9\xff", "Content-Length: 20") + BODY,
    "NUL behind it": head("Content-Length: 21") + BODY + b"\0",
}

#: What does not come to an end, but says what is to be known.
CUT = {
    "chunked, and no chunk": head("Transfer-Encoding: chunked", status="{status}"),
    "chunked, and no end": head("Transfer-Encoding: chunked", status="{status}") + b'4\r\n{"a"',
    "a chunk that is none": head("Transfer-Encoding: chunked", status="{status}") + b"<html>",
    "no body": head("Content-Length: 20", status="{status}"),
    "half a body": head("Content-Length: 20", status="{status}") + b'{"a"',
}

GOOD |= {
    "names of any bytes": head("X-caf\xe9: a", "X Y: b", ": c", "(x): d", "Content-Length: 20") + BODY,
    "a line without a colon": head("Server", "Content-Length: 20") + BODY,
    "a folded header": head("Server: a", "  b", "Content-Length: 20") + BODY,
    "controls in a header": head("Server: a\x01\0b", "Content-Length: 20") + BODY,
    "space before the colon": head("Server : a", "Content-Length : 20") + BODY,
    "a length twice": head("Content-Length: 20", "content-length: 20") + BODY,
    "a length twice in one line": head("Content-Length: 20, 20") + BODY,
    "a length with a sign": head("Content-Length: +20") + BODY,
    "an empty length beside another": head("Content-Length:", "Content-Length: 20") + BODY,
    "a status line in lower case": WHOLE.replace(b"HTTP/1.1", b"http/1.1"),
    "a status line with more space": WHOLE.replace(b"HTTP/1.1 ", b"HTTP/1.1   "),
    "HTTP/1": WHOLE.replace(b"HTTP/1.1", b"HTTP/1"),
    "NUL before it": b"\0" + WHOLE,
    "empty lines before it": b"\r\n\r\n" + WHOLE,
    "odd and with line feeds alone": head("X Y: b", "Content-Length: 20").replace(b"\r\n", b"\n") + BODY,
    "odd and chunked": head("X Y: b", "Transfer-Encoding: chunked") + b"14\r\n" + BODY + b"\r\n0\r\n\r\n",
    "compressed in capitals": head("Content-Encoding: GZIP", f"Content-Length: {len(gzip.compress(BODY))}")
    + gzip.compress(BODY),
    "compressed without a word": head(f"Content-Length: {len(gzip.compress(BODY))}") + gzip.compress(BODY),
    "deflate": head("Content-Encoding: deflate", f"Content-Length: {len(zlib.compress(BODY))}")
    + zlib.compress(BODY),
    "deflate without its wrapper": head("Content-Encoding: deflate", f"Content-Length: {len(RAW)}") + RAW,
    "claimed to be compressed": head("Content-Encoding: gzip", "Content-Length: 20") + BODY,
    "chunks without line ends": head("Transfer-Encoding: chunked") + b"14\r\n" + BODY + b"0\r\n\r\n",
}

UNTIL_CLOSE = {
    "without a length": head() + BODY,
    "HTTP/1.0 without a length": head().replace(b"1.1", b"1.0") + BODY,
    "large and without a length": head() + BODY + b" " * 1_000_000,
}

BROKEN = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.9\r\n",
    "another HTTP": b"HTTP/2.0 200 OK\r\n\r\n",
    "odd and two lengths": head("X Y: b", "Content-Length: 20", "Content-Length: 21") + BODY,
    "two lengths in one line": head("Content-Length: 20, 21") + BODY,
    "a status that is none": head("Content-Length: 20", status="2000 OK") + BODY,
    "odd without end": b"HTTP/1.1 200 OK\r\n" + b"X Y: z\r\n" * 5_000,
    "two lengths": head("Content-Length: 20", "Content-Length: 21") + BODY,
    "a negative length": head("Content-Length: -1") + BODY,
    "a huge length": head("Content-Length: 99999999999999999999999") + BODY,
    "a length that is none": head("Content-Length: many") + BODY,
    "a chunk that is none": head("Transfer-Encoding: chunked") + b"zz\r\n",
    "an upgrade": head("Connection: Upgrade", "Upgrade: h2c", status="101 Switching Protocols") + b"PRI",
    "too many headers": head(*(f"X-{number}: y" for number in range(10_000))) + BODY,
    "a header without end": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000,
    "too long": head("Content-Length: 3000000") + b" " * 3_000_000,
    "too long in chunks": head("Transfer-Encoding: chunked") + b"1\r\n \r\n" * 400_000,
    "too long until close": head() + b" " * 3_000_000,
    "a bomb": head("Content-Encoding: gzip", f"Content-Length: {len(gzip.compress(b' ' * 9_000_000))}")
    + gzip.compress(b" " * 9_000_000),
    "only continued": head(status="100 Continue"),
    "nothing": b"",
    "half": WHOLE[:-1],
}


@pytest.mark.parametrize("answer", GOOD.values(), ids=GOOD)
@pytest.mark.parametrize("piece", [1, 7, 100_000])
def test_an_answer_is_read_in_whatever_pieces_it_comes(http_bmc: Any, answer: bytes, piece: int) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected(auth="none") as (_, one):
            bmc.answer = lambda request: b""
            read = asyncio.create_task(one.get(SYSTEM))
            await bmc.arrived.wait()
            for start in range(0, len(answer), piece):
                bmc.peers[0].send(answer[start : start + piece])
                if start < 400:
                    await asyncio.sleep(0)
            assert (await read).body == {"PowerState": "On"}

    run(main)


@pytest.mark.parametrize("answer", UNTIL_CLOSE.values(), ids=UNTIL_CLOSE)
def test_a_body_without_a_length_ends_with_the_connection(fake_bmc: Any, answer: bytes) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected(auth="none") as (_, one):
            bmc.closes = True
            bmc.answer = lambda request: answer
            assert (await one.get(SYSTEM)).body == {"PowerState": "On"}

    run(main)


@pytest.mark.parametrize("closes", [True, False])
@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_a_broken_answer_is_an_error_and_the_next_one_is_read(
    fake_bmc: Any, answer: bytes, closes: bool
) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected(SHORT, auth="none") as (_, one):
            bmc.closes = closes
            bmc.answer = lambda request: answer
            with pytest.raises(errors.DriverError):
                await one.get(SYSTEM)
            bmc.closes = False
            bmc.answer = lambda request: WHOLE
            assert (await one.get(SYSTEM)).body == {"PowerState": "On"}

    run(main)


@pytest.mark.parametrize("closes", [True, False])
@pytest.mark.parametrize("answer", CUT.values(), ids=CUT)
def test_the_status_line_is_enough_for_a_refusal(fake_bmc: Any, answer: bytes, closes: bool) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected(SHORT, auth="none") as (_, one):
            bmc.closes = closes
            bmc.answer = lambda request: answer.replace(b"{status}", b"409 Conflict")
            for ask in (one.get(SYSTEM), one.post("/reset", {}, repeatable=False)):
                with pytest.raises(Refused, match=r"HTTP 409\): Conflict"):
                    await ask
            assert len(bmc.requests) == 2

    run(main)


@pytest.mark.parametrize("answer", CUT.values(), ids=CUT)
def test_the_status_line_is_enough_for_what_was_done(fake_bmc: Any, answer: bytes) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected(SHORT, auth="none") as (_, one):
            bmc.answer = lambda request: answer.replace(b"{status}", b"200 OK")
            assert (await one.post("/reset", {}, repeatable=False)).status == 200
            assert len(bmc.requests) == 1
            with pytest.raises(errors.BMCUnreachable):
                await one.get(SYSTEM)

    run(main)


@pytest.mark.parametrize("auth", ["auto", "basic"])
@pytest.mark.parametrize("closes", [True, False])
@pytest.mark.parametrize("answer", CUT.values(), ids=CUT)
def test_a_session_that_ended_is_renewed_though_the_refusal_has_no_body(
    fake_bmc: Any, answer: bytes, closes: bool, auth: str
) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected(SHORT, auth=auth) as (_, one):

            def refuse(request: Any) -> Any:
                usual = bmc.usual(request)
                refused = usual.startswith(b"HTTP/1.1 401")
                bmc.closes = refused and closes
                return answer.replace(b"{status}", b"401 Unauthorized") if refused else usual

            bmc.answer = refuse
            for _ in range(3):
                assert (await one.get(SYSTEM)).body["PowerState"] == "On"
                bmc.sessions.clear()
            assert bmc.logins == (3 if auth == "auto" else 0)
            bmc.user = "another"
            with pytest.raises(errors.AuthenticationRefused):
                await one.get(SYSTEM)

    run(main)


def test_a_refusal_without_its_body_is_not_waited_for_as_long_as_an_answer(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected(Timing(read=1.5), auth="none") as (_, one):
            bmc.answer = lambda request: CUT["no body"].replace(b"{status}", b"409 Conflict")
            waited = asyncio.get_running_loop().time()
            with pytest.raises(Refused):
                await one.get(SYSTEM)
            assert asyncio.get_running_loop().time() - waited >= 0.3
            bmc.answer = lambda request: CUT["no body"].replace(b"{status}", b"200 OK")
            with pytest.raises(errors.BMCUnreachable, match="has said nothing for 1.5 s"):
                await one.get(SYSTEM)

    run(main)


def test_an_object_that_came_to_its_end_is_not_waited_for_as_long_as_an_answer(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected(Timing(read=4), auth="none") as (client, one):
            bmc.answer = lambda request: b""
            read = asyncio.create_task(one.get(SYSTEM))
            await bmc.arrived.wait()
            bmc.peers[0].send(head("Content-Length: 999") + b'{"a": {}')  # ends with what may be the end
            await asyncio.sleep(1)  # longer than whole objects are waited for
            bmc.peers[0].send(b"}")
            assert (await read).body == {"a": {}}
            assert client.statistics()["requests"] == 1

    run(main)


def test_a_busy_bmc_says_so_in_the_head(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected(SHORT, auth="none") as (_, one):
            bmc.answer = lambda request: head("Retry-After: 60", "Content-Length: 9", status="503 Busy")
            with pytest.raises(BMCBusy, match="for 60 s"):
                await one.get(SYSTEM)

    run(main)


@pytest.mark.parametrize("closes", [True, False])
@pytest.mark.parametrize(
    "answer",
    [
        head("Content-Length: 23") + BODY,
        head("Content-Length: 9999") + BODY + b"\r\n",
        head("Transfer-Encoding: chunked") + b"14\r\n" + BODY,
        head("Transfer-Encoding: chunked") + b"14\r\n" + BODY + b"\r\n0\r\n",
        head("Transfer-Encoding: identity", "Content-Length: 20") + BODY,
    ],
)
def test_json_that_is_whole_is_read_whatever_length_was_announced(
    fake_bmc: Any, answer: bytes, closes: bool
) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected(SHORT, auth="none") as (_, one):
            bmc.closes = closes
            bmc.answer = lambda request: answer
            assert (await one.get(SYSTEM)).body == {"PowerState": "On"}

    run(main)


@pytest.mark.parametrize("length", range(1, len(BODY)))
def test_no_part_of_an_answer_is_taken_for_the_whole(http_bmc: Any, length: int) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected(SHORT, auth="none") as (_, one):
            bmc.closes = True
            bmc.answer = lambda request: head("Content-Length: 20") + BODY[:length]
            with pytest.raises(errors.BMCUnreachable):
                await one.get(SYSTEM)

    run(main)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_an_answer_without_a_body_is_over_with_its_head(http_bmc: Any, status: str) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected(SHORT, auth="none") as (_, one):
            answers = [head("Content-Length: 20", status=status), WHOLE]
            bmc.answer = lambda request: answers.pop(0)
            if status.startswith("304"):
                assert (await one.get(SYSTEM, etag='"x"')).status == 304
            else:
                assert (await one.post("/reset", {}, repeatable=True)).status == 204
            assert (await one.get(SYSTEM)).body == {"PowerState": "On"}

    run(main)


@pytest.mark.parametrize(
    "more", [WHOLE, b"\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: ", b"noise", head("Content-Length: 9")]
)
def test_what_comes_behind_an_answer_is_not_taken_for_the_next_one(http_bmc: Any, more: bytes) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected(SHORT, auth="none") as (_, one):
            bmc.answer = lambda request: WHOLE + more if request.path == "/more" else None
            bmc.resources["/redfish/v1/"] = {"real": 1}
            assert (await one.get("/more")).body == {"PowerState": "On"}
            assert (await one.get("/redfish/v1/")).body == {"real": 1}

    run(main)


def test_what_comes_unasked_ends_the_connection_and_nothing_else(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected(SHORT, auth="none") as (client, one):
            bmc.answer = lambda request: WHOLE
            await one.get(SYSTEM)
            bmc.peers[0].send(head("Content-Length: 2", status="408 Request Timeout") + b"{}")
            while client.statistics()["connections"]:
                await asyncio.sleep(0)
            assert (await one.get(SYSTEM)).body == {"PowerState": "On"}

    run(main)


async def exchange(pieces: list[bytes]) -> None:
    """Read, do and stream from a BMC that sends these pieces and closes; only DriverError comes of it."""

    serving: set[asyncio.Task[Any] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        try:
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0)
            writer.close()
            await writer.wait_closed()
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server, Client(IMPATIENT) as client:
        port = server.sockets[0].getsockname()[1]
        for auth in ("auto", "none"):
            one = client.connect(Target("http", "127.0.0.1", port, "podium", "secret", auth=auth))
            for ask in (one.get(SYSTEM), one.post(SYSTEM, {}, repeatable=False), listen(one)):
                try:
                    async with asyncio.timeout(PATIENCE):
                        await ask
                except errors.DriverError as error:
                    assert errors.one_line(error).isprintable()
        await client.close()
        await asyncio.gather(*(task for task in serving if task))


async def listen(one: Any) -> None:
    async with one.stream("/events") as stream:
        async for _ in stream:
            pass


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in zip(ends, ends[1:], strict=False)]


WORDS = st.sampled_from(
    ["error", "@Message.ExtendedInfo", "Messages", "MessageId", "Message", "TaskState", "TaskMonitor", "code"]
    + ["@odata.id", "Links", "Sessions", "message", "PowerState", "Id", "target", "Members@odata.nextLink"]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=12,
)
HEADERS = st.lists(
    st.sampled_from(
        ["Location: /redfish/v1/x", "Location: //[", "X-Auth-Token: t", "Retry-After: 0", "Retry-After: \xff"]
        + [
            "Location: x",
            "Location: ?",
            "Location: http://127.0.0.1:1/x",
            "Location: /redfish/v1/x/",
            "X Y: z",
            "z",
        ]
        + ['ETag: "x"', "Content-Encoding: gzip", "Connection: close", "Content-Type: text/event-stream"]
    ),
    max_size=4,
)
STATUS = st.sampled_from(
    [
        100,
        101,
        200,
        201,
        202,
        204,
        301,
        302,
        303,
        304,
        307,
        308,
        400,
        401,
        403,
        404,
        409,
        419,
        429,
        440,
        500,
        503,
    ]
    + [999]
)
FUZZ = settings(max_examples=60 * ROUNDS)
PLACES = st.lists(st.integers(0, 10_000), max_size=5)


@FUZZ
@given(st.binary(max_size=2000), PLACES)
def test_random_bytes_end_in_nothing_but_errors_of_a_driver(noise: bytes, places: list[int]) -> None:
    asyncio.run(exchange(cut(noise, places)))


@FUZZ
@given(ANYTHING, STATUS, HEADERS, PLACES)
@example(None, 202, ["Location: /redfish/v1/x"], [])
@example({"TaskState": []}, 202, [], [])
def test_random_json_ends_in_nothing_but_errors_of_a_driver(
    body: Any, status: int, headers: list[str], places: list[int]
) -> None:
    content = json.dumps(body).encode()
    answer = head(f"Content-Length: {len(content)}", *headers, status=f"{status} X") + content
    asyncio.run(exchange(cut(answer, places)))


@settings(FUZZ, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=ANYTHING, status=STATUS, headers=HEADERS, noise=st.binary(max_size=8), place=st.integers(0, 10_000)
)
def test_random_answers_after_a_login_end_in_errors_of_a_driver_and_in_few_requests(
    http_bmc: Any, body: Any, status: int, headers: list[str], noise: bytes, place: int
) -> None:
    content = bytearray(json.dumps(body).encode())
    content[place % (len(content) + 1) :] = noise + content[place % (len(content) + 1) :]
    answer = head(f"Content-Length: {len(content)}", *headers, status=f"{status} X") + bytes(content)
    run(lambda: answered(http_bmc, answer))


async def answered(http_bmc: Any, answer: bytes) -> None:
    """A BMC that opens sessions, and answers everything else so."""
    async with http_bmc(None) as bmc, bmc.connected(IMPATIENT) as (_, one):
        await one.get(SYSTEM)
        bmc.closes = bool(len(answer) % 2)
        login = bmc.resources["/redfish/v1/"]
        bmc.answer = lambda request: (
            bmc.reply(200, login)
            if request.path == "/redfish/v1/"
            else None
            if (request.method, request.path) == ("POST", "/redfish/v1/SessionService/Sessions")
            else answer
        )
        bmc.requests.clear()
        for ask in (one.get(SYSTEM), one.post(SYSTEM, {}, repeatable=True), one.get(SYSTEM)):
            try:
                async with asyncio.timeout(PATIENCE):
                    await ask
            except errors.DriverError as error:
                assert errors.one_line(error).isprintable()
        assert len(bmc.requests) < 100 and bmc.logins <= 7


@FUZZ
@given(st.sampled_from([*GOOD.values(), *BROKEN.values()]), PLACES, PLACES, st.binary(max_size=8))
def test_damaged_answers_end_in_nothing_but_errors_of_a_driver(
    answer: bytes, damaged: list[int], places: list[int], noise: bytes
) -> None:
    data = bytearray(answer[:5000])
    for place, byte in zip(damaged, noise, strict=False):
        if data:
            data[place % len(data)] = byte
    asyncio.run(exchange(cut(bytes(data), places)))


def test_the_rest_of_a_refusal_is_not_waited_for_although_its_head_is_odd(http_bmc: Any) -> None:
    async def main() -> None:
        timing = Timing(read=1000, command=3600)
        async with http_bmc(None) as bmc, bmc.connected(timing, auth="none") as (client, one):
            bmc.answer = lambda request: b""
            read = asyncio.create_task(one.get(SYSTEM))
            await bmc.arrived.wait()
            (connection,) = client.network.connections
            connection.body_patience = 0.0
            bmc.peers[0].send(head("X Y: b", "Content-Length: 20", status="404 Not Found"))
            with pytest.raises(Refused, match="HTTP 404"):
                await read

    asyncio.run(asyncio.wait_for(main(), PATIENCE))


def test_a_refusal_that_trickles_in_is_not_waited_for_to_its_end(http_bmc: Any) -> None:
    async def main() -> None:
        timing = Timing(read=1000, command=3600)
        async with http_bmc(None) as bmc, bmc.connected(timing, auth="none") as (client, one):
            bmc.answer = lambda request: b""
            read = asyncio.create_task(one.get(SYSTEM))
            await bmc.arrived.wait()
            (connection,) = client.network.connections
            connection.body_patience = 0.3
            peer = bmc.peers[0]
            peer.send(head("Content-Length: 2000000", status="404 Not Found"))
            sent = 0
            while not read.done():
                if peer in bmc.peers:
                    peer.send(b"x")
                    sent += 1
                await asyncio.sleep(0)
            assert sent < 2_000_000
            with pytest.raises(Refused, match="HTTP 404"):
                await read

    asyncio.run(asyncio.wait_for(main(), PATIENCE))
