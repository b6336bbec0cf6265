"""Reads what a person types without showing it."""

import getpass
import sys


def typed(prompt: str) -> str:
    """Return a line that is typed at the terminal, empty for Ctrl-D."""
    try:
        return getpass.getpass(prompt)
    except EOFError:
        sys.stderr.write("\n")
        return ""
    except KeyboardInterrupt:
        sys.stderr.write("\npodium: nothing was changed\n")
        raise
