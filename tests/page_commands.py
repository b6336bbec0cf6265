"""The ``podium`` commands of the pages: in blocks, with the output shown below them, and in the text."""

import itertools
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

#: Placeholders in commands, and their values for the fleet of tests/demo_fleets.py.
PLACEHOLDERS: Final = {
    "NODE": "r1n07",
    "NODES": "r1n[01-08]",
    "NODENAME": "r1n07",
    "HOST": "c10",
    "HOSTNAME": "c10",
    "OLDHOST": "conductor-10.example.org",
    "SUBNET": "10.0.1.0/24",
    "DRIVER": "ipmi",
    "DRIVER.ACTION": "acme.blink",
    "TASK": "acme.check_fans",
    "ID": "17",
    "N": "5",
    "NAME": "acme",
    "KEY": "0123456789ab",
    "KEY=VALUE": "ipmi_address=192.0.2.1",
    "SECONDS": "30",
    "S": "30",
    "TIME": "1h",
    "AGE": "120",
    "DEVICE": "pxe",
    "ARGUMENT": "colour",
    "VALUE": "red",
    "ADDRESS": "192.0.2.1",
    "USER": "podium",
    "PASSWORD": "secret",
    "DIR": "new",
    "TEXT": "text",
    "FILE": "rack.yaml",
    "URL": "unix:/nowhere",
    "COMMAND": "node list",
    "CONDITION": "maintenance",
    "STATE": "on",
    "ACTION": "power on",
    "ABILITY": "log",
    "COLUMN": "name",
    "SHELL": "bash",
    "FIELD": "owner",
    "PATH": "path",
}
#: The meaning of FILE after these words, if it is not a list of nodes.
FILES: Final = {
    **dict.fromkeys(("--password-file", "--credentials-file", "@"), "new-password"),
    **dict.fromkeys(("--with-secrets", "--output-file", "--output"), "new-file"),
    **dict.fromkeys(("--config-file", "check"), "podium.conf"),
}
_PLACEHOLDER: Final = re.compile(
    r"(?<![\w.=-])(KEY=VALUE|DRIVER\.ACTION)|(?<![A-Za-z0-9_$.])([A-Z]{1,}[A-Z_]*)(?![A-Za-z0-9_])"
)
_PROGRAM: Final = re.compile(r"(?:\S*/)?podium")
#: Words that may precede the program in a shell.
_BEFORE: Final = re.compile(r"[A-Z_0-9]+=\S*|sudo|env|exec|time|xargs|-u|podium|root|\$")
_OPTIONAL: Final = re.compile(r"(?<!\S)\[([^][]*)\](?=\s|\]|$)")
_FENCE: Final = re.compile(r"^ *```(\w*)")
_INLINE: Final = re.compile(r"(?<!`)`(podium\s[^`]+)`(?!`)")
_ENDS: Final = set("|&;<>()")


class Command(NamedTuple):
    """A command of a page.

    :param line: line number, from 1 on
    :param words: the words after ``podium``
    :param in_block: whether it is in a block, and therefore complete
    :param shown: the output that the page shows below it
    """

    page: str
    line: int
    words: Sequence[str]
    in_block: bool
    shown: Sequence[str] = ()

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: podium {shlex.join(self.words)}"


def commands(page: Path) -> Iterator[Command]:
    """Yield the commands of a page."""
    text = page.read_text()
    lines = text.splitlines()
    for first, block in _blocks(lines):
        yield from _of_block(page.name, first, block)
    for found in _INLINE.finditer(text):
        if found[1].split()[1][0].isdigit():  # version output of the program
            continue
        line = text.count("\n", 0, found.start()) + 1
        for words in _readings(re.split(r"\s[|>&;<]+\s", found[1])[0]):
            yield Command(page.name, line, words, in_block=False)


def _blocks(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield each shell block: the number of its first line, and its lines without indentation."""
    block: list[str] = []
    language: str | None = None
    for number, line in enumerate([*lines, ""], start=1):
        fence = _FENCE.match(line)
        if fence is not None:
            if language in ("", "sh", "bash", "console", "shell", "text") and block:
                yield number - len(block), block
            language, block = (fence[1] if language is None else None), []
        elif language is not None or line.startswith("    "):
            block.append(line if language is not None else line[4:])
        else:
            if block:
                yield number - len(block), block
            block = []


def _of_block(page: str, first: int, block: Sequence[str]) -> Iterator[Command]:
    place, is_session = 0, any(line.lstrip().startswith("$ ") for line in block)
    while place < len(block):
        start, line = place, block[place].strip()
        if is_session and not line.startswith("$ "):
            place += 1
            continue
        while line.endswith("\\") and place + 1 < len(block):
            place += 1
            line = line[:-1] + block[place].strip()
        place += 1
        shown = list(itertools.takewhile(lambda one: not one.lstrip().startswith("$ "), block[place:]))
        for text in _programs(line):
            for words in _readings(text):
                yield Command(page, first + start, words, in_block=True, shown=shown if is_session else ())


def _programs(line: str) -> Iterator[str]:
    """Yield only the Podium commands of a shell line, without comments."""
    try:
        lexer = shlex.shlex(line.removeprefix("$ "), posix=False, punctuation_chars="|&;<>()")
        lexer.whitespace_split, lexer.commenters = True, "#"
        tokens = list(lexer)
    except ValueError:  # not a shell line: a quotation mark is missing
        return
    part: list[str] = []
    for token in [*tokens, ";"]:
        if not _ENDS.isdisjoint(token) and set(token) <= _ENDS:
            before = list(itertools.takewhile(_BEFORE.fullmatch, part))
            if before[-1:] == ["podium"] and not _PROGRAM.fullmatch("".join(part[len(before) :][:1])):
                before.pop()  # not a user name
            program, *words = [*part[len(before) :], ""]
            if _PROGRAM.fullmatch(program) and any(words):
                yield " ".join(("podium", *words, *(["NODE"] if "xargs" in before else [])))
            part = []
        else:
            part.append(token)


def _readings(text: str) -> Iterator[Sequence[str]]:
    """Yield the words of each alternative of a command, with values for its placeholders."""
    text = text.replace("\\|", "|").replace("...", "").replace("…", "")
    while (plain := _OPTIONAL.sub(r"\1", text)) != text:  # inner ones first
        text = plain
    choices = [_alternatives(word) for word in shlex.split(text)[1:]]
    for count in range(max(map(len, choices), default=1)):
        words: list[str] = []
        for its in choices:
            word = its[min(count, len(its) - 1)]
            if word.startswith("--") and len(its) > 1 and words and words[-1].startswith("--"):
                words.pop()  # --this FILE|--that
            word = word.replace("FILE", FILES.get("@" if "@" in word else "".join(words[-1:]), "FILE"))
            words += shlex.split(PLACEHOLDERS[word]) if word == "COMMAND" else [_filled(word)]
        yield [word for word in words if word]


def _alternatives(word: str) -> list[str]:
    return word.split("|") if re.fullmatch(r"[\w-]+(\|[\w-]+)+", word) else [word]


def _filled(word: str) -> str:
    return _PLACEHOLDER.sub(lambda found: PLACEHOLDERS.get(found[0], found[0]), word)
