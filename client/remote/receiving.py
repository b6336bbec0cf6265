"""Receives whole answers within limits."""

import time
from collections.abc import Callable, Iterator
from typing import Final

import httpx

from podium import errors

#: Maximum bytes of an answer that is not a list in lines, and of one line.
LARGEST: Final = 64 * 1024 * 1024
#: Seconds for an answer, from its head on.
_PATIENCE: Final = 120.0
#: Headers about the transport of the bytes.
_OF_TRAVEL: Final = ("content-encoding", "content-length", "transfer-encoding")


class Body:
    """The body of an answer, as it arrives.

    :param clock: seconds, monotonic
    """

    def __init__(
        self, response: httpx.Response, where: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._response = response
        self._where = where
        self._clock = clock
        self._end = clock() + _PATIENCE
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, part: bytes) -> None:
        """Add a part of it.

        :raises podium.errors.ApiError: it is too large, or takes too long
        """
        self._size += len(part)
        if self._size > LARGEST:
            raise errors.ApiError(f"{self._where} answered with more than {LARGEST} bytes; ask for less")
        if self._clock() >= self._end:
            raise errors.ApiError(f"{self._where} took more than {_PATIENCE:g} s for one answer")
        self._parts.append(part)

    def whole(self) -> httpx.Response:
        """Return the complete answer."""
        given = self._response
        headers = [(name, value) for name, value in given.headers.items() if name not in _OF_TRAVEL]
        return httpx.Response(
            given.status_code, headers=headers, content=b"".join(self._parts), request=given.request
        )


class Lines:
    """The lines of an answer, as it arrives."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._rest = b""

    def add(self, part: bytes) -> Iterator[bytes]:
        """Add a part of the answer, and yield the lines that it completes.

        :raises podium.errors.ApiError: a line is too long
        """
        *lines, self._rest = (self._rest + part).split(b"\n")
        if len(self._rest) > LARGEST:
            raise errors.ApiError(f"{self._where} answered with a line of more than {LARGEST} bytes")
        yield from lines

    def end(self) -> None:
        """Check that nothing was cut off.

        :raises podium.errors.ApiUnavailable: the last line is incomplete
        """
        if self._rest:
            raise errors.ApiUnavailable(f"{self._where} broke off in the middle of a list")
