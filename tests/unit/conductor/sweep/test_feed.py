import asyncio

from podium.conductor.sweep.feed import Feed


def feed(spread: float, count: int = 10) -> Feed[int]:
    loop = asyncio.new_event_loop()
    try:
        return Feed(range(count), 100.0, spread, loop.create_future())
    finally:
        loop.close()


def test_reads_are_spread_evenly_and_none_is_told_twice() -> None:
    paced = feed(20.0)
    assert list(paced.due(100.0)) == [0]
    assert list(paced.due(101.9)) == []
    assert paced.next_due() == 102.0
    assert list(paced.due(107.0)) == [1, 2, 3]
    assert list(paced.due(500.0)) == [4, 5, 6, 7, 8, 9]
    assert (list(paced.due(501.0)), paced.next_due()) == ([], None)


def test_without_a_spread_all_are_due_at_once() -> None:
    assert len(feed(0.0).due(100.0)) == 10


def test_a_fleet_without_nodes_has_nothing_due() -> None:
    empty = feed(20.0, 0)
    assert (list(empty.due(100.0)), empty.next_due()) == ([], None)
