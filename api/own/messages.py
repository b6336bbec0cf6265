"""The encoding of a stream's messages, and chunks of messages."""

import bisect
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from podium.client.calls.changes import Message
from podium.db.news import Place

#: The approximate bytes of a chunk: the most that a client that does not read gets before this is noticed.
_CHUNK: Final = 65_536
_ENCODER: Final = msgspec.json.Encoder()


def encode(message: Message) -> bytes:
    """Return the encoded message."""
    kind = type(message).__struct_config__.tag
    return b"event: %b\nid: %b\ndata: %b\n\n" % (
        str(kind).encode(),
        message.cursor.encode(),
        _ENCODER.encode(message),
    )


class Chunk(NamedTuple):
    """Consecutive messages.

    :param places: the place of each message
    :param ends: the end of each message in the data
    """

    places: Sequence[Place]
    ends: Sequence[int]
    data: bytes

    def after(self, place: Place) -> bytes:
        """Return the messages that follow a place."""
        first = bisect.bisect_right(self.places, place)
        return self.data[self.ends[first - 1] :] if first else self.data


def chunked(messages: Iterable[tuple[Place, bytes]]) -> list[Chunk]:
    """Return messages, grouped into chunks."""
    found: list[Chunk] = []
    places: list[Place] = []
    ends: list[int] = []
    parts: list[bytes] = []
    size = 0
    for place, data in messages:
        places.append(place)
        parts.append(data)
        size += len(data)
        ends.append(size)
        if size >= _CHUNK:
            found.append(Chunk(places, ends, b"".join(parts)))
            places, ends, parts, size = [], [], [], 0
    if parts:
        found.append(Chunk(places, ends, b"".join(parts)))
    return found
