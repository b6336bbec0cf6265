"""Starts ``podium``, and turns every error into one line and an exit status."""

import logging
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Final

from podium import errors, private_memory
from podium.cli.app import App
from podium.cli.showing.words import harmless_lines
from podium.cli.spared import spare

_FAULTS_SHOWN: Final = 50
_INTERRUPTED: Final = 130  # 128 + SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    :param argv: the arguments, by default those of the process
    :returns: 0, 1 if the command failed, 2 for a wrong command line, 130 after Ctrl-C
    """
    if argv is None:
        private_memory.keep()
        spare()
        if {"_ARGCOMPLETE", "COMP_LINE", "COMP_POINT"} <= os.environ.keys():
            from podium.cli.completion.answer import complete  # only shells need this

            complete()
    status = 0
    try:
        status = _attempt(App(), list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, such as head, has closed the pipe. Python's last flush at exit must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


def _attempt(app: App, argv: list[str]) -> int:
    debug = "--debug" in argv
    # The libraries would log the same error that is printed below.
    logging.basicConfig(level=logging.DEBUG if debug else logging.CRITICAL + 1)
    try:
        return app.run(argv)
    except SystemExit as end:  # argparse's way out
        return int(end.code or 0)
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:
        if debug:
            sys.stderr.write(harmless_lines(traceback.format_exc()))
        for line in _lines(error, only_reads=app.only_reads):
            sys.stderr.write(f"podium: {harmless_lines(line)}\n")
        return 2 if isinstance(error, errors.NotUnderstood) else 1


def _lines(error: Exception, *, only_reads: bool) -> list[str]:
    if isinstance(error, errors.InvalidNode):
        more = len(error.faults) - _FAULTS_SHOWN
        rest = [f"and {more} more"] if more > 0 else []
        end = [] if only_reads else ["nothing was changed"]
        return [*error.faults[:_FAULTS_SHOWN], *rest, *end]
    if isinstance(error, errors.PodiumError):
        return [str(error)]
    return [f"unexpected {errors.one_line(error)}; --debug shows where it comes from"]
