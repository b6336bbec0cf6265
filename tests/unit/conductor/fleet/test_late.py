from podium import states
from podium.conductor.fleet.late import Late

OFF, ON = states.POWER_OFF, states.POWER_ON


def test_a_failed_requests_state_is_its_own_for_some_minutes() -> None:
    late = Late()
    late.expect(1, OFF, 7, 1000.0)
    assert [late.request(1, OFF, now) for now in (1000.0, 1600.0, 1601.0)] == [7, 7, None]
    assert late.request(1, ON, 1000.0) is None
    assert late.request(2, OFF, 1000.0) is None


def test_a_state_that_came_or_was_asked_for_again_is_no_longer_expected() -> None:
    late = Late()
    late.expect(1, OFF, 7, 0.0)
    late.came(1, ON)
    assert late.request(1, OFF, 1.0) == 7
    late.came(1, OFF)
    assert late.request(1, OFF, 1.0) is None
    late.expect(1, OFF, 8, 0.0)
    late.forget(1)
    assert late.request(1, OFF, 1.0) is None


def test_what_did_not_come_in_time_is_forgotten_with_the_next_failure() -> None:
    late = Late()
    for number in range(100):
        late.expect(number, OFF, number, 0.0)
    late.expect(0, ON, 100, 300.0)
    late.expect(200, OFF, 200, 601.0)
    assert len(late) == 2
    assert late.request(0, ON, 601.0) == 100
