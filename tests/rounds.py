"""How much the long tests do: one round of their work in ``make test``, more in ``make test-long``."""

import os
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import pytest

_Test = TypeVar("_Test", bound=Callable[..., Any])

#: Rounds of kills, interleavings and examples, for tests with the marker ``long`` and those of hypothesis.
ROUNDS: Final = int(os.environ.get("PODIUM_TEST_ROUNDS", "1"))
#: What happens when in the kills. One round of all else is always the same, and more are different each time.
SEED: Final = int(os.environ.get("PODIUM_TEST_SEED", "1"))

#: The marks of what is left to ``make test-long``: it takes long, and finds little that shorter tests do not.
ONLY_LONG: Final = (
    pytest.mark.skipif(ROUNDS == 1, reason="make test-long does this one"),
    pytest.mark.long,
)


def only_long(test: _Test) -> _Test:
    """Leave a test to ``make test-long``."""
    for mark in ONLY_LONG:
        test = mark(test)
    return test


#: Rounds from which on ``make test-long`` does what takes longest too; it makes 20 by default, and CI fewer.
MANY: Final = 5


#: The marks of what only a ``make test-long`` of many rounds does, because it takes minutes.
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
    """As ``pytest.mark.parametrize``, with all cases but the first left to ``make test-long``."""
    rest = (case if isinstance(case, tuple) else (case,) for case in cases[1:])
    later = [pytest.param(*case, marks=ONLY_LONG) for case in rest]
    return pytest.mark.parametrize(names, [cases[0], *later])
