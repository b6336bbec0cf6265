"""When a request is repeated. All attempts carry the same key, so that the server sees one request."""

import math
import time
from collections.abc import Callable
from typing import Final

import httpx

from podium import errors

#: Seconds between attempts.
PAUSES: Final = (0.2, 1.0, 3.0)
#: Maximum seconds that a server may ask a client to wait.
_LONGEST_PAUSE: Final = 30.0
#: Seconds for all attempts together, from the first on; the last one may take as long as any.
PATIENCE: Final = 120.0


class TryAgain(Exception):
    """There was no answer, or a temporary error.

    :param error: to raise if the attempts end
    :param after: seconds that the server asks to wait; None if it does not say
    """

    def __init__(self, error: errors.ApiUnavailable, after: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.after = after


class Attempts:
    """The attempts of one request.

    :param clock: seconds, monotonic
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + PATIENCE
        self._pauses = iter(PAUSES)

    def pause(self, again: TryAgain) -> float:
        """Return for how many seconds to wait before the next attempt.

        :raises podium.errors.ApiUnavailable: there is no further attempt
        """
        pause = max(next(self._pauses, math.inf), again.after or 0.0)
        if pause > _LONGEST_PAUSE or self._clock() + pause >= self._end:
            raise again.error from None
        return pause


def asked_to_wait(response: httpx.Response) -> float | None:
    """Return the seconds that an answer asks to wait; None if it gives none, or a date."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
