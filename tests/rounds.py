"""The amount of work of the long tests: one round in ``make test``, more in ``make test-long``."""

import os
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import pytest

_Test = TypeVar("_Test", bound=Callable[..., Any])

#: Rounds of kills, interleavings and examples, for tests with the marker ``long`` and for hypothesis tests.
ROUNDS: Final = int(os.environ.get("PODIUM_TEST_ROUNDS", "1"))
#: Determines the events and times in the kills. Elsewhere, one round is always the same; more rounds vary.
SEED: Final = int(os.environ.get("PODIUM_TEST_SEED", "1"))

#: Marks of tests left to ``make test-long``: slow tests that find little more than shorter ones.
ONLY_LONG: Final = (
    pytest.mark.skipif(ROUNDS == 1, reason="make test-long does this one"),
    pytest.mark.long,
)


def only_long(test: _Test) -> _Test:
    """Leave a test to ``make test-long``."""
    for mark in ONLY_LONG:
        test = mark(test)
    return test


#: Rounds from which on ``make test-long`` includes the longest tests. Its default is 20; CI uses fewer.
MANY: Final = 5


#: Marks of tests that only run in a ``make test-long`` of many rounds, because they take minutes.
ONLY_MANY: Final = (
    pytest.mark.skipif(ROUNDS < MANY, reason=f"make test-long ROUNDS={MANY} or more does this one"),
    pytest.mark.long,
)


def only_many(test: _Test) -> _Test:
    """Leave a test to a ``make test-long`` of many rounds."""
    for mark in ONLY_MANY:
        test = mark(test)
    return test


def rest_is_long(names: str | Sequence[str], cases: Sequence[Any]) -> pytest.MarkDecorator:
    """Like ``pytest.mark.parametrize``, but leave all cases except the first to ``make test-long``."""
    rest = (case if isinstance(case, tuple) else (case,) for case in cases[1:])
    later = [pytest.param(*case, marks=ONLY_LONG) for case in rest]
    return pytest.mark.parametrize(names, [cases[0], *later])
