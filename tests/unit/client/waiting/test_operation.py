"""Waiting for an operation: what is asked, when it ends, and what it survives."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from podium import errors
from podium.client.calls.operations import GetOperation, GetProspects, Operation, Prospects
from podium.client.waiting.operation import Waited, until_ended

NOW = datetime(2026, 1, 2, tzinfo=UTC)
AWAY = errors.ApiUnavailable("it is away")


def operation(waiting: int = 0, done: int = 0, failed: int = 0) -> Operation:
    return Operation(
        id=1,
        action="power on",
        nodes=waiting + done + failed,
        waiting=waiting,
        begun=0,
        done=done,
        failed=failed,
        cancelled=0,
        replaced=0,
        requested_by="ada@desk",
        requested_at=NOW,
        reason=None,
        timeout=None,
        then_off=False,
        cancelled_by=None,
        cancelled_at=None,
    )


def prospects(patience: float = 100.0) -> Prospects:
    return Prospects(patience=patience, heartbeat_timeout=30.0, owners=[], conductors=[])


class Waiting:
    """Carries out the steps of waiting, with a clock that goes on by what they pause.

    :param looks: what the operation is like at each look, or the error that a look meets; the last stays
    """

    def __init__(self, *looks: Operation | errors.PodiumError, **options: Any) -> None:
        self.now = 0.0
        self.told: list[str] = []
        self.seen: list[Operation] = []
        self.pauses: list[float] = []
        self._looks = looks
        self._steps = until_ended(
            1, seen=self.seen.append, tell=self.told.append, clock=lambda: self.now, **options
        )

    def end(self) -> Waited:
        looks = self._endless()
        try:
            step = next(self._steps)
            while True:
                if isinstance(step, float):
                    self.pauses.append(step)
                    self.now += step
                    step = next(self._steps)
                elif isinstance(step, GetProspects):
                    step = self._steps.send(prospects())
                else:
                    assert step == GetOperation(1)
                    look = next(looks)
                    failed = isinstance(look, errors.PodiumError)
                    step = self._steps.throw(look) if failed else self._steps.send(look)
        except StopIteration as end:
            found: Waited = end.value
            return found

    def _endless(self) -> Iterator[Any]:
        yield from self._looks
        while True:
            yield self._looks[-1]


def test_it_ends_when_nothing_is_left() -> None:
    waiting = Waiting(operation(waiting=2), operation(waiting=1, done=1), operation(done=2))
    waited = waiting.end()
    assert (waited.given_up, waited.reached) == (None, True)
    assert [one.unfinished for one in waiting.seen] == [2, 1, 0]


def test_what_failed_has_not_reached_its_state() -> None:
    assert not Waiting(operation(done=1, failed=1)).end().reached


def test_looks_are_rarer_the_longer_it_takes() -> None:
    waiting = Waiting(*[operation(waiting=1)] * 200, operation(done=1))
    waiting.end()
    assert (waiting.pauses[0], waiting.pauses[-1]) == (0.2, 1.0)
    assert waiting.pauses == sorted(waiting.pauses)


def test_it_is_given_up_when_nothing_ends_for_as_long_as_it_may_take() -> None:
    waiting = Waiting(operation(waiting=1))
    assert waiting.end().given_up == "no node has finished for a long time; the operation goes on"
    assert 100.0 <= waiting.now <= 102.0


def test_it_is_given_up_after_the_time_that_was_asked_for() -> None:
    waiting = Waiting(operation(waiting=1), timeout=7)
    assert waiting.end().given_up == "it has not ended after 7 s; the operation goes on"
    assert 7.0 <= waiting.now <= 8.0


def test_an_outage_is_told_once_and_its_time_does_not_count() -> None:
    waiting = Waiting(operation(waiting=1), *[AWAY] * 300, operation(waiting=1), operation(done=1))
    assert waiting.end().given_up is None
    assert waiting.now > 100.0
    assert waiting.told == ["it is away; waiting for it"]


def test_an_outage_at_the_first_look_is_waited_out_too() -> None:
    assert Waiting(AWAY, operation(done=1)).end().reached


def test_an_outage_is_not_waited_out_for_longer_than_was_asked_for() -> None:
    waiting = Waiting(AWAY, timeout=7)
    with pytest.raises(errors.ApiUnavailable):
        waiting.end()
    assert 7.0 <= waiting.now <= 8.0


def test_another_error_is_raised_at_once() -> None:
    waiting = Waiting(errors.NotFound("there is no operation 1"))
    with pytest.raises(errors.NotFound):
        waiting.end()
    assert not waiting.told
