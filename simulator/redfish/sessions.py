"""The sessions of one simulated Redfish BMC (DSP0266, clause "Redfish session login authentication")."""

import secrets
from dataclasses import dataclass
from typing import Final

from podium.simulator.faults import Faults

_TOKEN_BYTES: Final = 16


@dataclass(slots=True, repr=False)
class Session:
    """One session, from its POST to its end. Times are in seconds."""

    id: str
    token: bytes
    opened: float
    used: float
    requests: int = 0


class Sessions:
    """At most ``limit`` sessions. Each ends after ``timeout`` seconds without use."""

    __slots__ = ("_by_token", "_count", "_limit", "_timeout", "opened")

    def __init__(self, limit: int, timeout: float) -> None:
        self._limit = limit
        self._timeout = timeout
        self._by_token: dict[bytes, Session] = {}
        self._count = 0
        self.opened = 0  #: successful log-ins

    def __len__(self) -> int:
        return len(self._by_token)

    @property
    def ids(self) -> list[str]:
        """The ids of all sessions."""
        return [session.id for session in self._by_token.values()]

    def open(self, now: float, faults: Faults) -> Session | None:
        """Return a new session, or None if there is no room."""
        for session in list(self._by_token.values()):
            if now - session.used >= self._timeout:
                del self._by_token[session.token]
        if faults.session_table_full or len(self._by_token) >= self._limit:
            return None
        self._count += 1
        self.opened += 1
        session = Session(str(self._count), secrets.token_hex(_TOKEN_BYTES).encode(), now, now)
        self._by_token[session.token] = session
        return session

    def find(self, token: bytes, now: float, faults: Faults) -> Session | None:
        """Return the session of a token. This counts as use."""
        session = self._by_token.get(token)
        if session is None:
            return None
        if now - session.used >= self._timeout or _forgotten(session, now, faults):
            del self._by_token[token]
            return None
        session.used = now
        session.requests += 1
        return session

    def close(self, id: str) -> None:
        """End the session with that id, if it exists."""
        for token in [one.token for one in self._by_token.values() if one.id == id]:
            del self._by_token[token]

    def forget(self) -> None:
        """Forget all sessions without notice, like a BMC that restarts."""
        self._by_token.clear()


def _forgotten(session: Session, now: float, faults: Faults) -> bool:
    requests, seconds = faults.forgets_after_commands, faults.forgets_after_seconds
    return (requests is not None and session.requests >= requests) or (
        seconds is not None and now - session.opened >= seconds
    )
