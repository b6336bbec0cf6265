"""podium-api as a process, as an operator runs it, and low-level connections to it."""

import asyncio
import contextlib
import functools
import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Self

from daemons import BIN, eventually
from peers import PATIENCE
from templates import prepared


class LocalHTTP(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(self._path))


class Api:
    """A ``podium-api`` with its own files; ``with`` starts it and ensures that it ends.

    :param text: the section [api] and further configuration
    :param url: of its database, by default one with the schema
    """

    def __init__(
        self, folder: Path, text: str = "", *, default: str = "auth_strategy = noauth", url: str | None = None
    ) -> None:
        self.folder = folder
        self.config = folder / "api.conf"
        self.log = folder / "api.log"
        self.socket = folder / "api.sock"
        self.url = url or f"sqlite:///{folder}/podium.sqlite"
        if url is None:
            prepared(self.url).dispose()
        self.default = default
        self.write(text)
        self.process: subprocess.Popen[bytes] | None = None

    def write(self, text: str) -> None:
        self.config.write_text(
            f"[DEFAULT]\nstate_path = {self.folder}\n{self.default}\n[database]\nconnection = {self.url}\n"
            f"[api]\nport = 0\nunix_socket = {self.socket}\n{text}"
        )

    def launch(self, **environment: str) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [BIN / "podium-api", "--config-file", self.config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | environment,
            )
        return self.process

    def start(self, **environment: str) -> Self:
        process = self.launch(**environment)
        eventually(lambda: "Serving at" in self.text() or process.poll() is not None, "podium-api listens")
        assert process.poll() is None, self.text()
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE)

    def text(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def refusal(self) -> str:
        """Start podium-api, which must fail, and return its one line, except a line about a new key."""
        assert self.launch().wait(PATIENCE) == 1, self.text()
        (line,) = [one for one in self.text().splitlines() if "are encrypted from now on" not in one]
        return line

    def workers(self) -> set[int]:
        """Return the ids of the worker processes."""
        assert self.process is not None
        threads = Path(f"/proc/{self.process.pid}/task").iterdir()
        return {int(pid) for thread in threads for pid in (thread / "children").read_text().split()}

    @property
    def port(self) -> int:
        return int(re.findall(r"Serving at https?://\S+:(\d+)", self.text())[-1])

    def connect(self) -> socket.socket:
        """Open a connection over TCP."""
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def get(
        self, path: str = "/healthcheck", *, local: bool = False, tls: ssl.SSLContext | None = None
    ) -> Any:
        """Return the answer to a GET, with its body in ``body``."""
        connection: http.client.HTTPConnection
        if local:
            connection = LocalHTTP(self.socket)
        elif tls:
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=PATIENCE, context=tls)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer: Any = connection.getresponse()
            answer.body = answer.read()
            return answer


def everything(connection: socket.socket) -> bytes:
    """Return everything received over a connection until it ends."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            found += part
    return found


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in its own event loop."""

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        asyncio.run(test(**fixtures))

    return run
