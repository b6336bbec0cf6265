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

    def newest(self) -> int | None:
        """The ID of the newest entry, as it is wanted for clearing the log."""

        async def read() -> sel.Record | None:
            return await sel.Reader(self.inquiry, self.order, 10.0, lambda: 0.0).newest(
                await sel.info(self.inquiry)
            )

        record = asyncio.run(read())
        return record and record.number


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


def ends_at(number: int, following: int) -> Callable[[Log, bytes], tuple[int, bytes]]:
    """A chain of records that ends too early, without a way to the last one."""

    def get(log: Log, data: bytes) -> tuple[int, bytes]:
        if data[2:4] == b"\xff\xff":
            return 0xCB, b""
        code, answer = log.events.get(data, log.faults, log.limit)
        return code, following.to_bytes(2, "little") + answer[2:] if answer[2:3] == bytes(
            (number,)
        ) else answer

    return get


def the_first_is_the_last(log: Log, data: bytes) -> tuple[int, bytes]:
    asked = data[:2] + b"\0\0" + data[4:] if data[2:4] == b"\xff\xff" else data
    return log.events.get(asked, log.faults, log.limit)


def odd(log: Log, get: Callable[[Log, bytes], tuple[int, bytes]]) -> Log:
    """A log whose BMC answers Get SEL Entry so."""
    usual = log.inquiry._answers
    log.inquiry._answers = lambda command, data: (
        get(log, data) if command == packet.GET_SEL_ENTRY else usual(command, data)
    )
    return log


@pytest.mark.parametrize("following", [0xFFFF, 0x0000, 2])
def test_a_log_of_which_only_a_part_can_be_read_has_no_end(following: int) -> None:
    log = odd(Log(5), ends_at(3, following))
    assert log.page() == ([3, 2, 1], True)
    assert log.page(before=3) == ([2, 1], True)
    with pytest.raises(errors.DriverError, match="of the 5 entries that its log has, only 3 can be read"):
        log.page(before=1)
    with pytest.raises(
        errors.Unsupported, match="only 3 can be read; so that none is lost, clear the log at"
    ):
        log.newest()
    assert log.page(after=1) == ([3, 2], False)


def test_the_last_entry_is_not_one_that_names_another() -> None:
    log = odd(Log(5), the_first_is_the_last)
    assert log.newest() == 5
    assert log.page(limit=2) == ([5, 4], True)
    assert log.page(before=4) == ([3, 2, 1], False)
    assert log.page(after=3) == ([5, 4], False)


def test_a_log_that_was_cleared_while_it_was_read_lacks_nothing() -> None:
    def get(log: Log, data: bytes) -> tuple[int, bytes]:
        if data[2:4] == b"\xff\xff":
            log.events.clear(log.events.reserve(b"", HEALTHY)[1] + b"CLR\xaa", HEALTHY)
            log.events.add_event(EVENT, HEALTHY)
        return log.events.get(data, log.faults, log.limit)

    assert odd(Log(5), get).page() == ([1], False)


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
