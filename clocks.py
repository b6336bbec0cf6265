"""Clocks that cannot be set."""

import functools
import time
from collections.abc import Callable
from typing import Final

#: Seconds, including those in which the machine sleeps: CLOCK_BOOTTIME of Linux, clock_gettime(2). The
#: monotonic clock stands still meanwhile, so that what happens elsewhere (a BMC that forgets an idle session,
#: a reading that grows old) would look younger than it is.
boottime: Final[Callable[[], float]] = (
    functools.partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic
)
