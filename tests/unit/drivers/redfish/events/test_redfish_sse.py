"""Server-Sent Events, as browsers read them, however they are cut, and with an end to what is held."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium import errors
from podium.drivers.redfish.events import sse

STREAM = (
    b"\xef\xbb\xbf: stream keep-alive\n\nid: 1\ndata: one\n\n"
    b"id: 2\r\ndata:{\r\ndata:  two\r\ndata:}\r\n\r\n"
    b"event: message\rretry: 3000\rdata: three\r\r"
    b"data\n\n: still here\nid: 4\n\ndata: cut off"
)
DATA = [b"one", b"{\n two\n}", b"three", b""]


def test_events_are_read_with_every_line_ending_and_comments_are_counted() -> None:
    parser = sse.Parser()
    assert parser.feed(STREAM) == DATA
    assert parser.comments == 2
    assert parser.feed(b" in two\n\n") == [b"cut off in two"]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_it_does_not_matter_where_the_network_cuts_a_stream(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    parser = sse.Parser()
    found = []
    for begin, end in zip(places, places[1:], strict=False):
        found += parser.feed(STREAM[begin:end])
    assert found == DATA
    assert parser.comments == 2


def test_an_event_that_is_not_ended_is_not_told() -> None:
    assert sse.Parser().feed(b"data: half\n") == []


def test_a_line_without_an_end_is_given_up() -> None:
    parser = sse.Parser()
    with pytest.raises(errors.DriverError, match="line of more than 262144 bytes"):
        for _ in range(sse.LONGEST_LINE):
            parser.feed(b"x" * 1000)


def test_an_event_without_an_end_is_given_up() -> None:
    parser = sse.Parser()
    with pytest.raises(errors.DriverError, match="event of more than 1048576 bytes"):
        for _ in range(sse.LARGEST_EVENT):
            parser.feed(b"data\n" * 1000)


def test_a_long_stream_of_small_events_is_no_large_event() -> None:
    parser = sse.Parser()
    events = [parser.feed(b"data: " + b"x" * 1000 + b"\n\n") for _ in range(2000)]
    assert sum(map(len, events)) == 2000


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_any_bytes_are_read(chunks: list[bytes]) -> None:
    parser = sse.Parser()
    for chunk in chunks:
        parser.feed(chunk)
