"""Whose turn it is to make a generation."""

from podium.conductor.fleet.turns import Turns
from podium.db.slots import Able, Roster, Whom
from podium.db.worker import Worker

FIRST, SECOND = Worker("a", 0, 1), Worker("b", 0, 2)
EVERY = frozenset({"still"})


def roster(*numbers: int, generation: int = 1, is_settled: bool = True) -> Roster:
    able = tuple(Able(number, f"h{number}", EVERY, frozenset({""}), frozenset(), False) for number in numbers)
    return Roster(Whom(able, ()), generation, is_settled)


def test_the_first_makes_it_at_once_and_not_again_for_the_same_members() -> None:
    turns = Turns(FIRST, 1, 0.0)
    assert turns.is_mine(roster(1, 2), [FIRST, SECOND], 0.0)
    turns.note_made(roster(1, 2), 2, 0.0)
    assert not turns.is_mine(roster(1, 2, generation=2), [FIRST, SECOND], 1.0)
    assert turns.is_mine(roster(1, generation=2), [FIRST], 2.0)


def test_the_second_makes_it_unless_the_first_has_within_a_second() -> None:
    for made, mine in ((True, False), (False, True)):
        turns = Turns(SECOND, 1, 0.0)
        assert not turns.is_mine(roster(1, 2), [FIRST, SECOND], 0.0)
        assert (turns.is_due(0.9), turns.is_due(1.0)) == (False, True)
        assert turns.is_mine(roster(1, 2, generation=1 + made), [FIRST, SECOND], 1.0) == mine


def test_what_has_to_wait_for_acknowledgements_is_tried_again() -> None:
    turns = Turns(FIRST, 1, 0.0)
    unsettled = roster(1, 2, is_settled=False)
    assert turns.is_mine(unsettled, [FIRST, SECOND], 0.0)
    turns.note_made(unsettled, None, 0.0)
    assert turns.is_mine(roster(1, 2), [FIRST, SECOND], 0.1)


def test_uneven_slots_are_looked_for_by_the_first_alone_when_the_size_has_changed() -> None:
    for member, levels in ((FIRST, True), (SECOND, False)):
        turns = Turns(member, 1, 0.0)
        turns.note_size(10)
        turns.note_made(roster(1, 2), 2, 0.0)
        assert not turns.is_due(60.0)
        turns.note_size(20)
        assert (turns.is_due(29.0), turns.is_due(30.0)) == (False, levels)
        assert turns.is_mine(roster(1, 2, generation=2), [FIRST, SECOND], 30.0) == levels


def test_who_is_alone_never_looks_for_uneven_slots() -> None:
    turns = Turns(FIRST, 1, 0.0)
    turns.note_made(roster(1), 2, 0.0)
    turns.note_size(20)
    assert not turns.is_due(100.0)
