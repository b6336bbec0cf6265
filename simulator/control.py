"""A Unix socket for changing faults and power while the simulator runs: one JSON object per line.

    {"set": "power", "to": "off", "where": "127.20.0.5"}
    {"set": "fault", "fault": "slow=2", "where": "10%"}
    {"clear": "fault", "kind": "all", "where": "1-48"}
    {"get": "status"}
    {"get": "log", "where": "1-48"}
    {"get": "accounts", "where": "1-48"}
    {"get": "machines", "where": "1-48"}
    {"add": "event", "event": {"sensor": "CPU1 Temp", "offset": 9}, "count": 1, "where": "127.20.0.5"}
    {"set": "password", "to": "...", "where": "127.20.0.5"}

The answer to each is one line: ``{"ok": true, ...}`` or ``{"ok": false, "error": "..."}``.
"""

import asyncio
import contextlib
import json
import os
import socket
from pathlib import Path
from typing import Any, Final, Self

from podium import errors
from podium.simulator.rack import Racks

_LINE: Final = 65536
_CLIENTS: Final = 16
_IDLE_SECONDS: Final = 60.0
_CLIENT_SECONDS: Final = 30.0
_FORMS: Final = (
    'give {"set": "power"}, {"set": "password"}, {"set": "fault"}, {"clear": "fault"}, {"get": "status"}, '
    '{"get": "log"}, {"get": "machines"}, {"get": "accounts"} or {"add": "event"}'
)


class ControlSocket:
    """The socket of a running simulator, open only to its owner: ``async with ControlSocket(sim, path)``.

    :raises podium.errors.ConfigError: on entry, if the path cannot be used
    """

    def __init__(self, racks: Racks, path: str) -> None:
        self._racks = racks
        self._path = path
        self._clients: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(
            self._accept, sock=_listening_socket(self._path), limit=_LINE
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        await asyncio.to_thread(Path(self._path).unlink, missing_ok=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= _CLIENTS:
            writer.close()
            return
        client = asyncio.create_task(self._serve(reader, writer), name="control client")
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # The connection ends when the client leaves or stays silent, or when a line is too long.
            with contextlib.suppress(OSError, ValueError, TimeoutError):
                while line := await asyncio.wait_for(reader.readline(), _IDLE_SECONDS):
                    writer.write(json.dumps(answer(self._racks, line)).encode() + b"\n")
                    await asyncio.wait_for(writer.drain(), _IDLE_SECONDS)
        finally:
            writer.close()


def answer(racks: Racks, line: bytes) -> dict[str, Any]:
    """Carry out the request in a line, and return the answer."""
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise errors.ConfigError(f"a request is a JSON object: {_FORMS}")
        return {"ok": True, **_carry_out(racks, request)}
    except (ValueError, RecursionError):
        return {"ok": False, "error": "a request is one line of JSON"}
    except errors.ConfigError as wrong:
        return {"ok": False, "error": str(wrong)}


def _carry_out(racks: Racks, request: dict[str, Any]) -> dict[str, Any]:
    def word(key: str) -> str:
        value = request.get(key)
        if not isinstance(value, str):
            raise errors.ConfigError(f"the request lacks {key!r}, which is a string")
        return value

    match request:
        case {"get": "status"}:
            return racks.status()
        case {"get": "log"}:
            return {"bmcs": racks.log(word("where"))}
        case {"get": "accounts"}:
            return {"bmcs": racks.accounts(word("where"))}
        case {"get": "machines"}:
            return {"bmcs": racks.machines(word("where"))}
        case {"add": "event"}:
            event, count = request.get("event"), request.get("count", 1)
            if not isinstance(event, dict) or not isinstance(count, int):
                raise errors.ConfigError(
                    "the request lacks 'event', an object, or has a 'count' that is no number"
                )
            return {"changed": racks.add_event(event, count, word("where"))}
        case {"set": "password"}:
            return {"changed": racks.set_password(word("to"), word("where"))}
        case {"set": "power"}:
            if word("to") not in ("on", "off"):
                raise errors.ConfigError(f"power is set to on or off, not to {word('to')!r}")
            return {"changed": racks.set_power(word("to") == "on", word("where"))}
        case {"set": "fault"}:
            return {"changed": racks.set_fault(word("fault"), word("where"))}
        case {"clear": "fault"}:
            return {"changed": racks.clear_fault(word("kind"), word("where"))}
    raise errors.ConfigError(f"the request is not known: {_FORMS}")


def ask(path: str, request: dict[str, Any]) -> dict[str, Any]:
    """Send one request to a running simulator and return its answer. Blocks for at most 30 seconds.

    :raises podium.errors.ConfigError: if no simulator answers there, or it refuses the request
    """
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(_CLIENT_SECONDS)
        try:
            client.connect(path)
            client.sendall(json.dumps(request).encode() + b"\n")
            line = client.makefile("rb").readline()
        except OSError as wrong:
            reason = wrong.strerror or wrong
            raise errors.ConfigError(
                f"no simulator answers at {path} ({reason}): start one with --control {path}"
            ) from None
    reply = json.loads(line or b'{"ok": false, "error": "the simulator ended or has too many clients"}')
    if not reply.pop("ok"):
        raise errors.ConfigError(reply["error"])
    return dict(reply)


def _listening_socket(path: str) -> socket.socket:
    """:raises podium.errors.ConfigError: if the path cannot be used"""
    _remove_leftover(path)
    opened = socket.socket(socket.AF_UNIX)
    try:
        # On Linux the file gets the mode of the socket, so it is never open to others.
        os.fchmod(opened.fileno(), 0o600)
        opened.bind(path)
    except OSError as wrong:
        opened.close()
        reason = wrong.strerror or wrong
        raise errors.ConfigError(
            f"cannot make the control socket {path} ({reason}): give another path with --control"
        ) from None
    return opened


def _remove_leftover(path: str) -> None:
    """Remove the socket of a simulator that was killed."""
    if not Path(path).is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink(missing_ok=True)
        except OSError:
            return  # bind() reports what is wrong
