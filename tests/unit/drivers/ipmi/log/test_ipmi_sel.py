"""Reading a BMC's log: whatever its order is, and whatever becomes of it meanwhile."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inquiries import DirectInquiry
from podium import errors
from podium.drivers.ipmi.lan import packet
from podium.drivers.ipmi.log import sel
from podium.simulator.faults import HEALTHY, Faults
from podium.simulator.ipmi.event_log import EventLog
from rounds import ROUNDS

EVENT = bytes.fromhex("20000401010107ffff")


class Log:
    """A log of the simulator, without a BMC around it.

    :param entries: that it has at first
    """

    def __init__(self, entries: int, *, capacity: int = 64, limit: int = 255, **faults: Any) -> None:
        self.limit = limit
        self.faults = replace(HEALTHY, **faults)
        self.events = EventLog(capacity, lambda: 0.0, lambda: 1_600_000_000)
        quiet = Faults(odd_entry_ids=self.faults.odd_entry_ids, log_wraps=True)
        for _ in range(entries):
            self.events.add_event(EVENT, quiet)
        self.inquiry: Any = DirectInquiry(self.answer)
        self.order = sel.Order()

    def answer(self, command: tuple[int, int], data: bytes) -> tuple[int, bytes]:
        if command == packet.GET_SEL_ENTRY:
            return self.events.get(data, self.faults, self.limit)
        carry_out = {packet.GET_SEL_INFO: self.events.info, packet.RESERVE_SEL: self.events.reserve}[command]
        return carry_out(data, self.faults)

    @property
    def read_entries(self) -> int:
        return sum(command == packet.GET_SEL_ENTRY for command, _ in self.inquiry.asked)

    def page(
        self,
        before: int | None = None,
        after: int | None = None,
        limit: int = 1000,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> tuple[list[int], bool]:
        """The IDs of a page, newest first, and whether there is more."""

        async def read() -> sel.Page:
            reader = sel.Reader(self.inquiry, self.order, 10.0, clock)
            return await reader.read(await sel.info(self.inquiry), before, after, limit)

        page = asyncio.run(read())
        return [record.number for record in page.found], page.more


NUMBERED: dict[str, Any] = {}
ODD = {"odd_entry_ids": True}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], False)),
        ({"limit": 3}, ([10, 9, 8], True)),
        ({"before": 8, "limit": 3}, ([7, 6, 5], True)),
        ({"before": 3}, ([2, 1], False)),
        ({"before": 1}, ([], False)),
        ({"after": 7}, ([10, 9, 8], False)),
        ({"after": 7, "limit": 2}, ([10, 9], True)),
        ({"before": 9, "after": 7}, ([8], False)),
        ({"before": 8, "after": 7}, ([], False)),
        ({"after": 10}, ([], False)),
        ({"before": 99, "limit": 2}, ([10, 9], True)),
        ({"after": 99, "limit": 2}, ([10, 9], True)),
    ],
)
@pytest.mark.parametrize("faults", [NUMBERED, ODD], ids=["numbered in a row", "in an order of its own"])
def test_the_newest_that_are_wanted_are_read(
    faults: dict[str, Any], asked: dict[str, int], found: tuple[list[int], bool]
) -> None:
    def as_numbered(place: int) -> int:
        return 16 * (place - 1) + 1 if faults else place

    wanted = {name: value if name == "limit" else as_numbered(value) for name, value in asked.items()}
    assert Log(10, **faults).page(**wanted) == ([as_numbered(one) for one in found[0]], found[1])


def test_a_page_of_a_long_log_costs_little_more_than_its_entries() -> None:
    log = Log(2000, capacity=2000)
    assert log.page(limit=100) == ([*range(2000, 1900, -1)], True)
    assert log.read_entries <= 102
    assert log.page(before=1901, limit=100) == ([*range(1900, 1800, -1)], True)
    assert log.page(after=2000) == ([], False)
    assert log.read_entries <= 205


def test_the_order_of_a_log_is_learned_once() -> None:
    log = Log(500, capacity=501, **ODD)
    log.page(limit=10)
    learned = log.read_entries
    assert learned > 500
    log.page(before=100 * 16 + 1, limit=10)
    assert log.read_entries <= learned + 20
    log.events.add_event(EVENT, log.faults)
    assert log.page(after=16 * 499 + 1) == ([16 * 500 + 1], False)
    assert log.read_entries <= learned + 40


@pytest.mark.parametrize("faults", [NUMBERED, ODD], ids=["numbered in a row", "in an order of its own"])
def test_a_slow_log_is_read_in_several_turns(faults: dict[str, Any]) -> None:
    log = Log(30, **faults)
    seconds = itertools.count()
    found: list[int] = []
    for _ in range(40):
        try:
            page, more = log.page(before=found[-1] if found else None, clock=lambda: float(next(seconds)))
        except errors.DriverError as slow:
            assert "of 30 entries have been read so far: ask again" in str(slow)
            continue
        found += page
        if not more:
            break
    assert found == [16 * place + 1 if faults else place + 1 for place in range(29, -1, -1)]


@pytest.mark.parametrize(
    ("faults", "found"),
    [
        ({"log_loops": True}, [5, 4, 3, 2, 1]),
        ({"no_last_entry": True}, [5, 4, 3, 2, 1]),
        ({"log_loops": True, "no_last_entry": True}, [5, 4, 3, 2, 1]),
        ({"short_entries": True}, [5, 4, 3, 2, 1]),
        ({"log_grows": True}, [5, 4, 3, 2, 1]),
        ({"log_grows": True, "log_wraps": True, "capacity": 5}, None),
        ({"log_shrinks": True}, None),
        ({"no_reservations": True}, [5, 4, 3, 2, 1]),
        ({"limit": 16}, [5, 4, 3, 2, 1]),
    ],
)
def test_a_log_that_bends_a_rule_is_read(faults: dict[str, Any], found: list[int] | None) -> None:
    page, _ = Log(5, **faults).page()
    if found is None:  # what is left of it, in a row
        assert page and page == [*range(page[0], page[-1] - 1, -1)]
    else:
        assert page == found


def test_an_entry_that_was_taken_out_of_the_middle_is_passed_over() -> None:
    log = Log(6)
    log.events.delete(bytes((*log.events.reserve(b"", HEALTHY)[1], 4, 0)), HEALTHY)
    assert log.page() == ([6, 5, 3, 2, 1], False)
    assert log.page(before=5, limit=2) == ([3, 2], True)
    assert log.page(after=3) == ([6, 5], False)


def test_nothing_is_older_than_what_has_made_room() -> None:
    log = Log(10, capacity=5)
    assert log.page() == ([10, 9, 8, 7, 6], False)
    assert log.page(before=3) == ([], False)
    assert log.page(after=3, limit=2) == ([10, 9], True)


def test_numbers_that_begin_again_are_in_the_order_of_the_log() -> None:
    log = Log(0, capacity=4, log_wraps=True)
    log.events._next_id = 0xFFFC
    for _ in range(6):
        log.events.add_event(EVENT, log.faults)
    assert log.page() == ([3, 2, 1, 0xFFFE], False)


def test_a_log_that_was_cleared_is_read_anew() -> None:
    log = Log(5, **ODD)
    log.page()
    log.events.clear(log.events.reserve(b"", HEALTHY)[1] + b"CLR\xaa", HEALTHY)
    assert log.page(after=65) == ([], False)
    log.events.add_event(EVENT, log.faults)
    assert log.page(after=65) == ([1], False)


@pytest.mark.parametrize(
    ("answers", "kind", "words"),
    [
        ([(0xC1, "")], errors.Unsupported, "keeps no log"),
        ([(0x81, "")], errors.DriverError, "is being erased"),
        ([(0, "5101")], errors.DriverError, "too short a description"),
        ([(0, "51010000000000000000000000000a"), (0, "00")], errors.DriverError, "too short a record"),
        ([(0, "51010000000000000000000000000a"), (0xCB, "")], errors.DriverError, "changes while it is read"),
        ([(0, "51010000000000000000000000000a"), (0xC5, "")], errors.DriverError, "reservation"),
        ([(0, "51010000000000000000000000000a"), (0xC0, "")], errors.DriverError, "node busy"),
    ],
)
def test_a_log_that_cannot_be_read_says_why(
    answers: list[tuple[int, str]], kind: type[Exception], words: str
) -> None:
    log = Log(0)
    script = itertools.chain(answers[:-1], itertools.repeat(answers[-1]))

    def answer(command: tuple[int, int], data: bytes) -> tuple[int, bytes]:
        if command == packet.RESERVE_SEL:
            return 0, b"\1\0"
        code, said = next(script)
        return code, bytes.fromhex(said)

    log.inquiry._answers = answer
    with pytest.raises(kind, match=words):
        log.page()


@settings(max_examples=200 * ROUNDS)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 0, 0, 0, 0, 0xC5, 0xCA, 0xCB, 0xC9, 0xC3, 0x81]),
            st.integers(0, 6) | st.sampled_from([0xFFFF, 0x1234]),
            st.binary(max_size=20),
        ),
        min_size=1,
    ),
    st.integers(1, 5),
)
def test_whatever_a_bmc_answers_the_reading_ends(script: list[tuple[int, int, bytes]], limit: int) -> None:
    log, answered = Log(1), 0

    def answer(command: tuple[int, int], data: bytes) -> tuple[int, bytes]:
        nonlocal answered
        answered += 1
        assert answered < 300_000
        if command == packet.GET_SEL_INFO:
            return log.events.info(data, HEALTHY)
        code, following, record = script[answered % len(script)]
        return code, following.to_bytes(2, "little") + record

    log.inquiry._answers = answer
    try:
        found, _ = log.page(limit=limit)
    except errors.DriverError as failure:
        assert "192.0.2.1" in str(failure)
    else:
        assert len(found) == len({*found}) <= limit
