"""podium-api and whatever bytes arrive at its socket: a request that is cut, bent, or none at all."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons import eventually
from doors import Door

#: Kilobytes that the process may grow by.
GROWTH: Final = 20_000
NODE: Final = b'{"driver": "fake-hardware", "name": "n1", "properties": {"a": [1, 2.5, null, true]}}'
PATCH: Final = b'[{"op": "add", "path": "/extra/a", "value": "b"}]'
REQUESTS: Final = (
    b"GET /v1/nodes?limit=3&fields=uuid,name HTTP/1.1\r\nHost: %b\r\n\r\n",
    b"GET /v1/nodes/n1 HTTP/1.1\r\nHost: %b\r\nX-OpenStack-Ironic-API-Version: 1.109\r\n\r\n",
    b"GET /v1/nodes/detail?driver=ipmi HTTP/1.0\r\nHost: %b\r\nConnection: keep-alive\r\n\r\n",
    b"POST /v1/nodes HTTP/1.1\r\nHost: %%b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    % (len(NODE), NODE),
    b"PATCH /v1/nodes/n1 HTTP/1.1\r\nHost: %%b\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
    % (len(PATCH), PATCH),
    b"PUT /v1/nodes/n1/maintenance HTTP/1.1\r\nHost: %b\r\nExpect: 100-continue\r\nContent-Length: 16\r\n\r\n"
    b'{"reason": "ok"}',
    b'PUT /v1/nodes/n1/states/power HTTP/1.1\r\nHost: %b\r\nContent-Length: 22\r\n\r\n{"target": "power on"}',
    b"DELETE /v1/nodes/n1 HTTP/1.1\r\nHost: %b\r\nAuthorization: Basic YTpi\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: %b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
)
ODD: Final = (
    b"", b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"%00", b"%", b"%ff%fe", b"/../", b"//", b"?", b"&",
    b"#", b"\xff\xfe", "\u2028".encode(), b"[", b"{", b'"', b"\\ud800", b"\\u0000", b"1e999", b"-1",
    b"0" * 30, b"9" * 30, b"NaN", b"[" * 500, b"a" * 5000, b"HTTP/9.9", b"HTTP/1.1", b"Host: x\r\n",
    b"Content-Length: 5\r\n", b"Content-Length: -5\r\n", b"Content-Length: 99999999999999999999\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n", b"Connection: close\r\n",
    b"X-Forwarded-For: ,,\r\n", b"fffffffffffffffff\r\n", b"Authorization: Basic \xff\r\n",
    b"X-OpenStack-Ironic-API-Version: 1." + b"9" * 5000 + b"\r\n",
)  # fmt: skip

changes = st.tuples(
    st.floats(0, 1), st.integers(0, 40), st.one_of(st.sampled_from(ODD), st.binary(max_size=8))
)


def bent(request: bytes, its: list[tuple[float, int, bytes]]) -> bytes:
    """Replace pieces of a request: where it lies as a share, its length, and what comes there."""
    for share, length, new in its:
        at = int(share * len(request))
        request = request[:at] + new + request[at + length :]
    return request


streams = st.lists(
    st.builds(bent, st.sampled_from(REQUESTS), st.lists(changes, max_size=3)), min_size=1, max_size=4
).map(b"".join)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with Door(tmp_path_factory.mktemp("garbage")) as door:
        yield door
        assert "Traceback" not in door.api.text()


def answers(door: Door, pieces: list[bytes]) -> bytes:
    """Send these and end, and return all that comes back."""
    received = bytearray()
    with door.api.connect() as peer:
        try:
            for piece in pieces:
                peer.sendall(piece)
            peer.shutdown(socket.SHUT_WR)
            while part := peer.recv(65_536):
                received += part
        except OSError:
            pass  # it has refused what came, and what else came is lost
    return bytes(received)


def memory(door: Door) -> int:
    """The kilobytes of its processes."""
    pids = door.api.workers()
    status = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    return sum(int(found[1]) for text in status if (found := re.search(r"^VmRSS:\s+(\d+)", text, re.M)))


@given(streams, st.integers(1, 400))
def test_bent_requests_are_answered_or_refused(door: Door, stream: bytes, size: int) -> None:
    stream = stream.replace(b"%b", b"127.0.0.1")
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    received = answers(door, pieces)
    statuses = [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]
    assert not received or received.startswith(b"HTTP/1.1 ")
    assert not [one for one in statuses if one >= 500], received


@given(st.binary(max_size=2000))
def test_bytes_that_are_no_requests_are_refused(door: Door, stream: bytes) -> None:
    received = answers(door, [stream])
    assert not received or re.match(rb"HTTP/1\.1 4\d\d ", received), received


def test_garbage_leaves_nothing_behind(door: Door) -> None:
    assert door.http.get("/healthcheck").is_success
    before = memory(door)
    for number in range(300):
        answers(door, [b"POST /v1/nodes HTTP/1.1\r\nContent-Length: 900000\r\n\r\n" + b"x" * 60_000])
        answers(door, [b"GET /" + b"%d" % number * 20_000])
    assert memory(door) - before < GROWTH
    assert door.http.get("/healthcheck").is_success


def connections(door: Door) -> Any:
    """What is open at its port, as the kernel sees it."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    established = "01"
    port = f":{door.api.port:04X}"
    return [line for line in lines if line.split()[1].endswith(port) and line.split()[3] == established]


def test_clients_that_send_nothing_hold_up_nobody(door: Door) -> None:
    silent = [door.api.connect() for _ in range(200)]
    for number, one in enumerate(silent):
        one.sendall(b"GET /v1/nodes HTTP/1.1\r\nHost: x\r\nX: "[: number % 40])
    assert door.http.get("/healthcheck").is_success
    for one in silent:
        one.close()
    eventually(lambda: len(connections(door)) <= 1, "all are closed")
