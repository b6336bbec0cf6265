"""Parses Server-Sent Events as their bytes arrive; it never holds more than one event may have."""

from typing import Final

from podium import errors

#: Maximum bytes of one line, and of the data of one event. Real events have a few hundred to some thousand.
LONGEST_LINE: Final = 1 << 18
LARGEST_EVENT: Final = 1 << 20

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class Parser:
    """The stream of one connection (WHATWG HTML, section 9.2.6, "Interpreting an event stream").

    Ids are not kept: after a reconnection the state itself is read, instead of the missed events.
    """

    __slots__ = ("_data", "_line", "_skip_lf", "_started", "comments")

    def __init__(self) -> None:
        self.comments = 0  #: lines without a meaning so far, by which a server shows that it is alive
        self._data = bytearray()  # of the event that has not ended, a line feed after each of its lines
        self._line = bytearray()  # as far as it has come
        self._skip_lf = False
        self._started = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of the events that end with these bytes, which may be cut anywhere.

        :raises podium.errors.DriverError: for a line or an event that is too large
        """
        if self._skip_lf and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._skip_lf = False
        if not chunk:
            return []
        self._skip_lf = chunk.endswith(b"\r")
        found: list[bytes] = []
        for piece in chunk.splitlines(keepends=True):
            line, ended = self._line, piece[-1] in b"\r\n"
            line += piece.rstrip(b"\r\n") if ended else piece
            if len(line) > LONGEST_LINE:
                raise errors.DriverError(f"its event stream has a line of more than {LONGEST_LINE} bytes")
            if ended:
                self._take(bytes(line), found)
                line.clear()
        return found

    def _take(self, line: bytes, found: list[bytes]) -> None:
        if not self._started:
            self._started = True
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line:
            if self._data:
                found.append(bytes(self._data[:-1]))
                self._data.clear()
            return
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data += value.removeprefix(b" ") + b"\n"
            if len(self._data) > LARGEST_EVENT:
                raise errors.DriverError(f"its event stream has an event of more than {LARGEST_EVENT} bytes")
        elif not name:
            self.comments += 1
