"""Sends HTTP requests to an API with as little work as possible, so that the server is measured."""

import json
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import urlsplit

from databases import Database
from processes import Failed, Program, Value
from results import Row

_PATIENCE: Final = 120.0
#: Concurrent connections that read single nodes, so that the server is never idle.
_CONNECTIONS: Final = 4
_NEXT: Final = b'"next":'


class Connection:
    """A persistent connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = socket.create_connection(("127.0.0.1", port), _PATIENCE)
        self._file = self._socket.makefile("rb")

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def get(self, path: str) -> bytes:
        """Return the body of an answer.

        :raises Failed: if the status is not 200
        """
        return self._ask("GET", path, b"\r\n", b" 200 ")

    def change(self, method: str, path: str, body: Any) -> bytes:
        """Request a change, and return the body of the answer.

        :raises Failed: if it is not accepted
        """
        text = json.dumps(body)
        rest = f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n{text}"
        return self._ask(method, path, rest.encode(), b" 202 ")

    def _ask(self, method: str, path: str, rest: bytes, wanted: bytes) -> bytes:
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
        self._socket.sendall(f"{head}X-OpenStack-Ironic-API-Version: 1.109\r\n".encode() + rest)
        status = self._file.readline()
        length = 0
        while line := self._file.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = self._file.read(length)
        if wanted not in status:
            raise Failed(f"{method} {path.partition('?')[0]}: {status.decode().strip()}")
        return body


def wait_for(server: Program, port: int) -> None:
    """Wait until a server answers."""

    def answers() -> bool:
        try:
            Connection(port).close()
        except ConnectionError:
            return False
        return True

    server.until(answers, 60, "answering")


def pages(what: str, server: Program, port: int, database: Database, nodes: int) -> Row:
    """Read all nodes completely, in pages of 1,000, one page after the other."""
    connection = Connection(port)

    def read() -> int:
        path, found = "/v1/nodes/detail?limit=1000", 0
        while path:
            body = connection.get(path)
            found += body.count(b'"driver_info":')
            # The answer is not parsed, because that would take longer than generating it.
            _, _, rest = body.rpartition(_NEXT)
            link = urlsplit(rest.split(b'"')[1].decode()) if rest and body.count(_NEXT) else None
            path = f"{link.path}?{link.query}" if link else ""
        return found

    try:
        row, found = _measured(what, server, database, nodes, read)
    finally:
        connection.close()
    if found != nodes:
        raise Failed(f"{found:,} of {nodes:,} nodes were in the pages")
    return row


def single(what: str, server: Program, port: int, database: Database, paths: Sequence[str]) -> Row:
    """Read one node after the other, over several connections."""
    connections = [Connection(port) for _ in range(_CONNECTIONS)]

    def ask(number: int) -> None:
        for path in paths[number::_CONNECTIONS]:
            connections[number].get(path)

    def read() -> None:
        with ThreadPoolExecutor(_CONNECTIONS) as threads:
            list(threads.map(ask, range(_CONNECTIONS)))

    try:
        return _measured(what, server, database, len(paths), read)[0]
    finally:
        for connection in connections:
            connection.close()


def operation(what: str, server: Program, port: int, database: Database, nodes: int) -> Row:
    """Switch many nodes with one request, and wait until it is accepted."""
    connection = Connection(port)
    body = {"action": "power on", "nodes": f"node-[0-{nodes - 1}]", "confirmed": True}

    def ask() -> bytes:
        return connection.change("POST", "/podium/v1/operations", body)

    try:
        row, answer = _measured(what, server, database, nodes, ask)
    finally:
        connection.close()
    if json.loads(answer)["requested"] != nodes:
        raise Failed(f"not all of {nodes:,} nodes were requested")
    return row


def _measured(
    what: str, server: Program, database: Database, count: int, read: Callable[[], Value]
) -> tuple[Row, Value]:
    before = server.cpu(), database.cpu()
    started = time.monotonic()
    found = read()
    seconds = time.monotonic() - started
    cpu, database_cpu = server.cpu() - before[0], database.cpu() - before[1]
    return Row(what, count, database.kind, seconds, cpu, database_cpu), found
