"""A webhook for tests of notifications."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from peers import PATIENCE


class Receiver(ThreadingHTTPServer):
    """A webhook on 127.0.0.1 that keeps what it receives."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 204
        self.judge: Callable[[dict[str, Any]], int] = lambda _document: self.status
        self.answering = threading.Event()
        self.answering.set()
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.asked = 0
        self.taken: list[dict[str, Any]] = []

    def url(self, path: str = "/hook", user: str = "") -> str:
        return f"http://{user}127.0.0.1:{self.server_port}{path}"

    @property
    def subjects(self) -> list[str]:
        return [document["subject"] for document in self.taken]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        self.server.paths.append(self.path)
        self.server.headers.append(dict(self.headers.items()))
        self.server.answering.wait(PATIENCE)
        document = json.loads(body)
        status = self.server.judge(document)
        if status < 300:
            self.server.taken.append(document)
        self.send_response(status)
        self.send_header("Location", self.server.url("/elsewhere"))
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass
