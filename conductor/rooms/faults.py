"""Failures that no caller sees: they are counted, and logged at most once in a while for each kind."""

import math
import time
import traceback
from collections.abc import Callable
from typing import Final

from oslo_log import log

from podium import errors, masking

LOG = log.getLogger(__name__)

#: Seconds for which further failures of a kind are only counted, and the most kinds that are remembered.
_QUIET: Final = 600.0
_MOST: Final = 64


class Faults:
    """The failures of one driver. Only the room's loop may use it; any thread may read the counts.

    :param clock: seconds
    """

    def __init__(self, driver: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._driver = driver
        self._clock = clock
        #: The number of failures, by what failed.
        self.counts: dict[str, int] = {}
        self._quiet_until: dict[object, float] = {}

    def note(self, what: str, call: str, error: BaseException, scrubbed: Callable[[str], str]) -> None:
        """Count a failure, and log it unless one of the same kind was logged recently.

        :param what: the name under which it is counted
        :param call: what failed, in words
        :param scrubbed: returns a text without secrets
        """
        self.counts[what] = self.counts.get(what, 0) + 1
        place = traceback.extract_tb(error.__traceback__)[-1:]
        kind = (what, type(error), *((one.filename, one.lineno) for one in place))
        now = self._clock()
        if now < self._quiet_until.get(kind, -math.inf):
            return
        if len(self._quiet_until) >= _MOST:
            self._quiet_until.clear()
        self._quiet_until[kind] = now + _QUIET
        is_expected = isinstance(error, errors.PodiumError | TimeoutError)
        trace = None if is_expected else masking.for_log(error, scrubbed)
        text = errors.one_line(error, scrubbed)
        LOG.error("Driver %s: %s failed: %s", self._driver, scrubbed(call), text, exc_info=trace)
