import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from podium import errors
from podium.conductor.recording.pile import Pile


class Written:
    """In place of the database: takes batches, is away, or refuses what it cannot take."""

    def __init__(self) -> None:
        self.batches: list[Mapping[str, int]] = []
        self.meanwhile: Callable[[], object] = lambda: None
        self.fails: BaseException | None = None
        self.noted: list[tuple[Mapping[str, int], int]] = []

    async def write(self, function: Callable[[Any], Any]) -> Any:
        self.meanwhile()
        if self.fails is not None:
            raise self.fails
        return function(self)

    def statements(self, _: Any, batch: Mapping[str, int]) -> int:
        self.batches.append(batch)
        return len(batch)

    def pile(self, **options: int) -> Pile[str, int, int]:
        return Pile(self.statements, lambda batch, count: self.noted.append((batch, count)), **options)


def write(pile: Pile[str, int, int], database: Written) -> None:
    asyncio.run(pile.write(database))  # type: ignore[arg-type]


def test_the_newest_record_for_each_key_is_written_and_what_became_of_it_is_noted() -> None:
    database = Written()
    pile = database.pile()
    pile.add("a", 1)
    pile.add("b", 2)
    pile.add("a", 3)
    pile.add("c", 4)
    pile.discard("c")
    assert len(pile) == 2
    write(pile, database)
    assert database.noted == [({"a": 3, "b": 2}, 2)]
    assert len(pile) == 0
    write(pile, database)
    assert len(database.batches) == 1


def test_no_transaction_has_more_records_than_is_good_for_others() -> None:
    database = Written()
    pile = database.pile(most=2)
    pile.add_all({"a": 1, "b": 2, "c": 3})
    database.meanwhile = lambda: pile.add("d", 4)
    write(pile, database)
    assert database.batches == [{"a": 1, "b": 2}, {"c": 3, "d": 4}]


@pytest.mark.parametrize("fault", [errors.DatabaseUnavailable("away"), asyncio.CancelledError()])
def test_what_was_not_written_waits_on_unless_something_newer_came(fault: BaseException) -> None:
    database = Written()
    pile = database.pile()
    pile.add_all({"a": 1, "b": 2})
    database.meanwhile, database.fails = lambda: pile.add("a", 9), fault
    with pytest.raises(type(fault)):
        write(pile, database)
    database.meanwhile, database.fails = lambda: None, None
    write(pile, database)
    assert database.noted == [({"a": 9, "b": 2}, 2)]


def test_what_the_database_does_not_accept_is_dropped_and_said(caplog: pytest.LogCaptureFixture) -> None:
    database = Written()
    pile = database.pile()
    pile.add("a", 1)
    database.fails = ValueError("no such thing")
    write(pile, database)
    assert (len(pile), database.noted) == (0, [])
    assert caplog.messages == ["1 records cannot be written and are dropped"]
