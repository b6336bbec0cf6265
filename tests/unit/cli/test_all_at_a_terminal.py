"""Every command that lists or shows, of a fleet as people have it, at terminals of several widths."""

import argparse
import importlib
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import pytest
from rich.cells import cell_len

import demo_fleets
from commands import Here, There
from podium.cli.app import COMMANDS, App
from podium.cli.command import Lister, ShowOne
from podium.cli.showing.words import harmless_lines
from podium.db.engine import Database
from podium.node_ranges import natural
from rounds import only_long
from terminals import Terminal

#: What stands for the arguments without which a command does nothing, by their names.
ARGUMENTS: Final = {
    "node": "r2n03",
    "nodes": "--all",
    "operation": "1",
    "driver": "ipmi",
    "task": "acme.check_fans",
}
#: What is shown in another form.
FURTHER: Final = (
    "node list --would-enforce",
    "node list --stale 60",
    "node list -c name -c driver -c description -c last_error -c health -c extra",
    f"node show {demo_fleets.LONG.format(2)}",
    "operation show 1 --long",
    "operation show 44",
    "conductor show c2",
    "task show ipmi.check_status --conductor c10",
)
#: What is printed line by line.
OTHER: Final = ("operation wait 2",)
#: What is long where there are many nodes.
LARGE: Final = (
    *("node list", "node list --failing", "credential list", "events", "conductor show"),
    *("operation show 1", "operation show 1 --long", "node history r1n*"),
)
pytestmark = pytest.mark.usefixtures("xterm")

#: Where rows are counted, too.
NARROW: Final = 80
_STAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d")
_NUMBER: Final = re.compile(r"\d+(\.\d+)?")


def command_of(words: str) -> type[Any]:
    """Return the class of a command."""
    beginnings = [(name, target) for name, target, _ in COMMANDS if f"{words} ".startswith(f"{name} ")]
    _, target = max(beginnings)
    module, _, attribute = target.partition(":")
    found: type[Any] = getattr(importlib.import_module(f"podium.cli.{module}"), attribute)
    return found


def shown() -> Iterator[str]:
    """Yield each command that lists or shows, with arguments."""
    for name, _, _ in COMMANDS:
        command = command_of(name)
        if issubclass(command, Lister | ShowOne):
            parser = command(App(), argparse.Namespace()).get_parser(f"podium {name}")
            needed = [one.dest for one in parser._get_positional_actions() if one.required]
            yield " ".join((name, *(ARGUMENTS[dest] for dest in needed)))
    yield from FURTHER


def faults(terminal: Terminal, words: str, columns: int) -> Iterator[str]:
    """Yield what is wrong with what a command shows."""
    pager = ["--no-pager"] if issubclass(command_of(words), Lister | ShowOne) else []
    lines = terminal(*words.split(), *pager, columns=columns)
    if terminal.status not in (0, 1) or not lines:
        yield f"ends with status {terminal.status}, {len(lines)} lines and {terminal.stderr!r}"
    for line in lines:
        if cell_len(line) > columns:
            yield f"is {cell_len(line)} wide: {line}"
        if line != line.rstrip() or not line.isprintable():
            yield f"has spaces at an end, or what a terminal obeys: {line!r}"
    command = command_of(words)
    if not issubclass(command, Lister):
        return
    if columns > NARROW:
        return
    rows = json.loads(terminal.raw(*words.split(), "-f", "json"))
    if len(lines) != len(rows) + 1 and not command.form.hanging:
        yield f"has {len(lines)} lines for {len(rows)} rows"
    keys = [[natural(str(row.get(column))) for column in command.form.by] for row in rows]
    if keys != sorted(keys):
        yield "is not in natural order"
    if not command.form.stamped:
        yield from (f"has a stamp: {line}" for line in lines if _STAMP.search(line))


def all_faults(terminal: Terminal, wanted: Iterable[str], columns: int) -> list[str]:
    return [
        f"{words} at {columns} columns {fault}"
        for words in wanted
        for fault in faults(terminal, words, columns)
    ]


def test_everything_fits_a_narrow_terminal(database: Database, podium_here: Here) -> None:
    head = demo_fleets.fill(database, racks=12, each=4)
    with demo_fleets.at_work(database, head):
        assert all_faults(Terminal(podium_here), [*shown(), *OTHER], 80) == []


@only_long
def test_everything_fits_a_wider_terminal_and_over_podium_api(
    database: Database, podium_here: Here, podium_there: There
) -> None:
    head = demo_fleets.fill(database, racks=12, each=4)
    with demo_fleets.at_work(database, head):
        assert all_faults(Terminal(podium_here), shown(), 120) == []
        assert all_faults(Terminal(podium_there), shown(), 200) == []


@only_long
def test_what_is_long_fits_with_5000_nodes(
    database: Database, podium_here: Here, podium_there: There
) -> None:
    demo_fleets.fill(database, racks=105, each=48)
    assert all_faults(Terminal(podium_here), LARGE, 80) == []
    assert all_faults(Terminal(podium_there), ["node list", "node list --failing"], 120) == []


def unnumbered(text: str) -> list[str]:
    """Return the words of what is shown, without figures that change while the test runs."""
    return _NUMBER.sub("N", text).split()


@only_long
def test_programs_get_the_same_at_a_terminal_and_in_a_pipe_but_for_what_it_would_obey(
    database: Database, podium_here: Here
) -> None:
    head = demo_fleets.fill(database, racks=12, each=4)
    terminal = Terminal(podium_here)
    with demo_fleets.at_work(database, head):
        for words, form in zip(shown(), itertools.cycle(("json", "csv", "value", "yaml", "shell"))):
            other = "csv" if issubclass(command_of(words), Lister) else "shell"
            asked = (*words.split(), "-f", other if form in ("csv", "shell") else form)
            shown_there, piped = terminal.raw(*asked, lines=5), podium_here(*asked).stdout
            assert unnumbered(shown_there) == unnumbered(harmless_lines(piped)), words


@only_long
@pytest.mark.usefixtures("pager")
def test_colours_columns_and_pager_are_as_people_want_them(
    database: Database, podium_here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = demo_fleets.fill(database, racks=12, each=4)
    terminal = Terminal(podium_here)
    with demo_fleets.at_work(database, head):
        for words in map(str.split, shown()):
            coloured = terminal(*words, columns=80, lines=5000)
            assert "…" not in "".join(terminal(*words, "--wide", "--no-pager", columns=80)), words
            (paged,) = terminal(*words, columns=80, lines=2)
            assert unnumbered(paged) == unnumbered(f"a page: {coloured[0]}"), words
            monkeypatch.setenv("NO_COLOR", "1")
            plain = terminal.raw(*words, "--no-pager")
            assert "\x1b" not in plain, words
            assert unnumbered("\n".join(coloured)) == unnumbered(plain), words
            monkeypatch.delenv("NO_COLOR")


def test_lists_without_rows_say_so_to_people(database: Database, podium_here: Here) -> None:
    terminal = Terminal(podium_here)
    for words in shown():
        command = command_of(words)
        if issubclass(command, Lister) and not terminal(*words.split(), columns=80):
            assert terminal.stderr.splitlines()[-1].startswith(("no ", "podium: ")), words
