from podium.conductor.fleet.taken import Taken


def test_a_node_is_taken_by_one_until_it_is_free() -> None:
    taken = Taken()
    assert taken.take(7)
    assert not taken.take(7)
    assert taken.take(8)
    taken.free([7])
    assert (7 in taken, 8 in taken, len(taken)) == (False, True, 1)


def test_a_node_whose_change_ended_stays_taken_until_the_fleet_shows_that_change() -> None:
    taken = Taken()
    for number in (1, 2, 3):
        taken.take(number)
    taken.free_when_seen(10, [1])
    taken.free_when_seen(12, [2])
    assert not taken.note_seen(9)
    assert not taken.take(1)
    assert taken.note_seen(11)
    assert [number in taken for number in (1, 2, 3)] == [False, True, True]
    assert taken.note_seen(12)
    assert [number in taken for number in (2, 3)] == [False, True]
    assert not taken.note_seen(13)
