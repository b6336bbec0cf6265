"""Requests to an application, built from ASGI messages."""

import asyncio
from typing import Any


class Asked:
    """One request, built from ASGI messages."""

    def __init__(self, method: str, path: str, *messages: dict[str, Any], **headers: str) -> None:
        self.scope = {
            "type": "http", "http_version": "1.1", "method": method, "path": path, "raw_path": path.encode(),
            "query_string": b"", "root_path": "", "scheme": "http", "client": None, "server": None,
            "headers": [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()],
        }  # fmt: skip
        self._messages = list(messages)
        self.sent: list[Any] = []
        self.read = 0

    async def receive(self) -> dict[str, Any]:
        self.read += 1
        if not self._messages:
            await asyncio.Event().wait()  # the client waits for the answer
        return self._messages.pop(0)

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])


def part(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}
