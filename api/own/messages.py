"""The messages of a stream as they are sent, and many of them in one piece."""

import bisect
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from podium.client.calls.changes import Message
from podium.db.news import Place

#: Bytes of a chunk, about: what a client that does not read can have before it is noticed.
_CHUNK: Final = 65_536
_ENCODER: Final = msgspec.json.Encoder()


def encode(message: Message) -> bytes:
    """Return a message as it is sent."""
    kind = type(message).__struct_config__.tag
    return b"event: %b\nid: %b\ndata: %b\n\n" % (
        str(kind).encode(),
        message.cursor.encode(),
        _ENCODER.encode(message),
    )


class Chunk(NamedTuple):
    """Messages one after another.

    :param places: of each
    :param ends: where each ends in the data
    """

    places: Sequence[Place]
    ends: Sequence[int]
    data: bytes

    def after(self, place: Place) -> bytes:
        """Return the messages that follow a place."""
        first = bisect.bisect_right(self.places, place)
        return self.data[self.ends[first - 1] :] if first else self.data


def chunked(messages: Iterable[tuple[Place, bytes]]) -> list[Chunk]:
    """Return messages in chunks."""
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
