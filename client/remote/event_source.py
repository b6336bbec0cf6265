"""Server-Sent Events: parsing a stream, and resuming it after it broke off.

The lines are those of the HTML standard, section "Server-sent events".
"""

from typing import Final

import httpx
import msgspec

from podium import errors
from podium.client.calls.changes import Change, Dropped, FollowChanges, Message
from podium.client.remote import exchange
from podium.client.remote.attempts import PAUSES
from podium.client.remote.exchange import Warn

#: Seconds without a line after which a stream is dead; the server sends a line every 15 seconds.
_SILENCE: Final = 45.0
_ACCEPTED: Final = "text/event-stream"
_DECODER: Final = msgspec.json.Decoder(Message)


class EventSource:
    """A stream of changes over as many connections as needed.

    :param where: the server's address, for people
    :param warn: called when a connection broke off, which loses nothing, and when there is a new one
    """

    def __init__(self, call: FollowChanges, where: str, warn: Warn) -> None:
        self._call = msgspec.structs.replace(call, after=None)
        self._where = where
        self._warn = warn
        self._cursor = call.after
        self._has_begun = False
        self._failures = 0
        self._data: list[str] = []
        self._id: str | None = None

    def request(self, client: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """Return the request for what follows the last message received."""
        self._data, self._id = [], None
        found = exchange.request(client, self._call, _ACCEPTED)
        found.extensions["timeout"] = {**found.extensions["timeout"], "read": _SILENCE}
        if self._cursor is not None:
            found.headers["Last-Event-ID"] = self._cursor
        return found

    def begin(self, response: httpx.Response) -> None:
        """Check the head of an answer.

        :raises podium.errors.PodiumError: the one that the server raised
        :raises podium.client.remote.attempts.TryAgain: for a temporary error
        """
        exchange.check(response, self._where)
        if self._has_begun and self._failures:
            self._warn(f"{self._where} answers again, and the changes go on")
        self._has_begun, self._failures = True, 0

    def take(self, line: str) -> Change | None:
        """Process a line, and return the change that it completes.

        :raises podium.errors.ApiError: the line cannot be understood
        """
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "id":
            self._id = value
        if line:
            return None
        data, self._data = "\n".join(self._data), []
        if self._id is not None:
            self._cursor, self._id = self._id, None
        return self._change(data) if data else None

    def _change(self, data: str) -> Change | None:
        try:
            message = _DECODER.decode(data)
        except msgspec.MsgspecError as fault:
            raise errors.ApiError(
                f"{self._where} answered what this Podium does not understand: {fault}"
            ) from None
        if isinstance(message, Dropped):
            self._warn(f"warning: {self._where}: {message.reason}")
            return None
        return message

    def pause(self, error: errors.PodiumError | None) -> float:
        """Return for how many seconds to wait before the next request.

        :param error: why the stream ended; None if the server ended it normally
        :raises podium.errors.ApiUnavailable: there never was a stream, after all attempts
        """
        if error is None:
            return PAUSES[0]
        if self._failures >= len(PAUSES) and not self._has_begun:
            raise error
        if self._has_begun and self._failures == 0:
            self._warn(f"warning: {errors.one_line(error)}; the changes go on when it answers")
        self._failures += 1
        return PAUSES[min(self._failures, len(PAUSES)) - 1]
