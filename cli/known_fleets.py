"""Remembers which fleet is at which address, so that no command reaches another fleet by mistake."""

import contextlib
import json
import os
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_LARGEST: Final = 1024 * 1024
_MOST: Final = 1000


def place(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the file: ``podium/fleets.json`` below XDG_STATE_HOME."""
    home = environment.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(home).expanduser() / "podium/fleets.json"


class KnownFleets:
    """The fleets that this user's commands have reached.

    If the file cannot be read or written, nothing is compared.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def known(self, where: str) -> str | None:
        return self._read().get(_key(where))

    def saw(self, where: str, fleet: str) -> None:
        found = self._read()
        found.pop(_key(where), None)
        found[_key(where)] = fleet
        while len(found) > _MOST:
            del found[next(iter(found))]
        with contextlib.suppress(OSError):
            self._write(json.dumps(found, indent=1))

    def _read(self) -> dict[str, str]:
        try:
            with self.file.open("rb") as file:
                found = json.loads(file.read(_LARGEST))
        except (OSError, ValueError, RecursionError):
            return {}
        pairs = found.items() if isinstance(found, dict) else ()
        return {where: fleet for where, fleet in pairs if isinstance(fleet, str)}

    def _write(self, text: str) -> None:
        self.file.parent.mkdir(0o700, parents=True, exist_ok=True)
        new = self.file.with_name(f".{self.file.name}.{secrets.token_hex(8)}")
        try:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
            new.replace(self.file)
        except BaseException:
            new.unlink(missing_ok=True)
            raise


def _key(where: str) -> str:
    """Return the key for an address; an address with another meaning on each host gets the host's name."""
    local = ("unix:", "http://localhost", "https://localhost", "http://127.", "https://127.", "http://[::1]")
    return f"{socket.gethostname()} {where}" if where.startswith(local) else where
