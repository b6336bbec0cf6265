"""Answers the completion requests of a shell."""

import os
import threading
from typing import Final

from argcomplete.finders import ExclusiveCompletionFinder

from podium.cli.completion import tree
from podium.cli.completion.line import Line
from podium.cli.completion.values import Values

#: Seconds that a person who types waits at most, whatever hangs.
PATIENCE: Final = 2.0


class Finder(ExclusiveCompletionFinder):
    def quote_completions(
        self, completions: list[str], cword_prequote: str, last_wordbreak_pos: int | None
    ) -> list[str]:
        # Bash breaks words at an @ as at a colon, but keeps the @ with the text after it.
        if completions and last_wordbreak_pos is not None and completions[0][last_wordbreak_pos] == "@":
            last_wordbreak_pos -= 1
        return super().quote_completions(completions, cword_prequote, last_wordbreak_pos)


def complete() -> None:
    """Answer, and end the process."""
    # In a separate thread: the main thread may wait for the name of a host, or for a remote file.
    watchdog = threading.Timer(PATIENCE, os._exit, [1])
    watchdog.daemon = True
    watchdog.start()
    line = Line.typed(os.environ)
    finder = Finder()
    finder(tree.parser(line), always_complete_options=False, default_completer=Values(line))
