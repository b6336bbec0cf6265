"""Protects the passwords in a process from core dumps, and from all users but root."""

import contextlib
import ctypes
import resource
import sys
from typing import Final

#: Of linux/prctl.h.
_PR_SET_DUMPABLE: Final = 4


def keep() -> None:
    """Prevent core dumps, and make the kernel show this process's memory to root alone.

    A process that is not dumpable leaves no core dump, nor do its forks. Its memory, environment and open
    files in /proc belong to root, and debuggers need root. See PR_SET_DUMPABLE in prctl(2), and core(5): with
    a limit of 0 alone, a program in core_pattern would still receive a dump.
    """
    with contextlib.suppress(OSError):  # systemd's call filter may refuse it; the units set the limit
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # also for programs that drivers start
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
