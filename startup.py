"""The entry points of the daemons: they handle early signals, and protect the memory.

The imports of a daemon take half a second, in which SIGHUP would kill it, and Ctrl-C would print a traceback.
So nothing is imported above :func:`main` except modules that Python has loaded anyway.
"""

import os
import signal


def main() -> int:
    """Start ``podium-conductor``.

    :returns: the exit status, see :func:`podium.conductor.service.main`
    """
    _begin()
    from podium.conductor import service

    return service.main()


def api() -> int:
    """Start ``podium-api``.

    :returns: the exit status, see :func:`podium.api.service.main`
    """
    _begin()
    from podium.api import service

    return service.main()


def _begin() -> None:
    _await_signals()
    from podium import private_memory

    private_memory.keep()


def _await_signals() -> None:
    """Ignore SIGHUP until there is something to reload; SIGTERM and Ctrl-C end the program."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as in the background of a shell
            signal.signal(number, lambda *_: os._exit(0))
