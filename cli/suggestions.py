"""Suggests commands for words that are misspelt, in another order, or too few."""

import difflib
import os
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

#: Words that people know from other programs.
_SYNONYMS: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(("add", "new", "enrol", "enroll", "register"), frozenset({"create"})),
    **dict.fromkeys(("rm", "remove", "destroy", "delete"), frozenset({"delete", "revoke", "forget"})),
    **dict.fromkeys(("get", "info", "describe", "display", "view"), frozenset({"show"})),
    **dict.fromkeys(("edit", "update", "change", "modify"), frozenset({"set"})),
    **dict.fromkeys(("stop", "halt", "down", "abort", "kill"), frozenset({"off", "cancel"})),
    **dict.fromkeys(("shutdown", "poweroff"), frozenset({"off", "soft-off"})),
    **dict.fromkeys(("start", "boot", "up", "poweron"), frozenset({"on"})),
    **dict.fromkeys(("restart", "reset"), frozenset({"reboot", "soft-reboot"})),
    **dict.fromkeys(("password", "passwords", "login"), frozenset({"credential"})),
    **dict.fromkeys(("log", "logs"), frozenset({"history", "events"})),
    **dict.fromkeys(("blink", "led", "locate", "uid"), frozenset({"identify"})),
    **dict.fromkeys(("bootdev", "bootdevice", "boot-device"), frozenset({"boot"})),
    **dict.fromkeys(("sel", "eventlog"), frozenset({"log"})),
    **dict.fromkeys(("sensor", "sdr"), frozenset({"sensors"})),
    "ls": frozenset({"list"}),
}
_SYNONYM: Final = 0.8
#: The least likeness of a typed word and the meant one, as difflib measures it.
_ALIKE: Final = 0.75
#: The most words that are looked at: a command has three, and a node may stand between them.
_MOST: Final = 4
#: Characters of the longest word that is compared.
_LONGEST: Final = 30
#: The most commands that are suggested at once.
_SUGGESTED: Final = 3


class Meant(NamedTuple):
    """The commands that somebody may have meant.

    :ivar commands: the likeliest; empty if none is likely
    :ivar words: how many of the typed words belong to them
    """

    commands: Sequence[str]
    words: int

    def __str__(self) -> str:
        *others, last = self.commands
        return f"{', '.join(others)} or {last}" if others else last


def meant(typed: Sequence[str], commands: Collection[str]) -> Meant:
    """Return the commands that are most like what was typed, which may have arguments."""
    words = [word.lower() for word in typed[:_MOST]]
    by_likeness: dict[tuple[float, ...], list[tuple[str, int]]] = {}
    for command in commands:
        likeness, last = _compared(words, command.split())
        by_likeness.setdefault(likeness, []).append((command, last))
    best = max(by_likeness, default=(0.0,))
    if not best[0]:
        return Meant((), 0)
    found = [command for command, _ in by_likeness[best]]
    last = max(last for _, last in by_likeness[best])
    return Meant(found if len(found) <= _SUGGESTED else _of_many(words, found, last), last)


def _of_many(words: Sequence[str], found: list[str], last: int) -> list[str]:
    """Return the suggestions if many commands are equally like the typed words."""
    common = list(os.path.commonprefix([command.split() for command in found]))
    if last > 1 or (words[0] in common[:1] and len(words) > 1):
        return []
    if len(common) > 1:
        return [" ".join(common)]
    return [one for one in found if not common or one == f"{common[0]} list"][:1] or common


def _compared(words: Sequence[str], command: Sequence[str]) -> tuple[tuple[float, ...], int]:
    """Return how much typed words are like a command, and the number of the last word that belongs to it.

    Further words of a command count against it less than a typed word that is not one of its own.
    """
    free = dict(enumerate(words))
    likenesses, last = [], 0
    for own in command:
        likeness, place = max(
            ((_likeness(word, own), -place) for place, word in free.items()), default=(0, 0)
        )
        if likeness >= _ALIKE:
            likenesses.append(likeness)
            del free[-place]
            last = max(last, 1 - place)
    return (len(likenesses), len(likenesses) / len(command), round(sum(likenesses), 6)), last


@lru_cache(maxsize=1024)
def _likeness(word: str, own: str) -> float:
    if not 0 < len(word) <= _LONGEST:
        return 0.0
    found = difflib.SequenceMatcher(None, word, own).ratio()
    if own in _SYNONYMS.get(word, ()):
        found = max(found, _SYNONYM)
    return max(found, _SYNONYM) if own.startswith(word) else found
