"""Keeps the passwords in a process from core dumps, and from all users but root."""

import contextlib
import ctypes
import resource
import sys
from typing import Final

#: Of linux/prctl.h.
_PR_SET_DUMPABLE: Final = 4


def keep() -> None:
    """Leave no core dump, and have the kernel show this process's memory to root alone.

    A process that is not dumpable leaves none, and those that it forks neither. Its memory, environment and
    open files in /proc are root's, and debuggers need root. See PR_SET_DUMPABLE in prctl(2), and core(5):
    with a limit of 0 alone, a program in core_pattern would still get one.
    """
    with contextlib.suppress(OSError):  # systemd's filter of calls may refuse it; the units have the limit
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # also of the programs that drivers start
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
