"""The commands of the README and the pages, parsed, and run on a fleet with the names of the pages."""

import argparse
import functools
import importlib
import io
import re
import shutil
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import pytest

import demo_fleets
from commands import Here
from heads import Head
from page_commands import Command, commands
from podium.cli.app import COMMANDS, App
from podium.cli.command import Lister
from podium.db.engine import Database
from rounds import only_long
from terminals import Terminal

pytestmark = pytest.mark.usefixtures("xterm")

_ROOT: Final = Path(__file__).parents[3]
PAGES: Final = [_ROOT / "README.md", _ROOT / "CONTRIBUTING.md", *sorted(_ROOT.glob("docs/*.md"))]

#: What is parsed and not run, and why.
NOT_RUN: Final = {
    r"--follow|--watch|^node watch": "goes on until Ctrl-C",
    r"^conductor drain .*--wait": "waits for conductors that take nodes over",
    r"^conductor forget": "waits for two and a half heartbeats",
    r"^driver try": "waits for hardware",
    r"--url": "waits for a podium-api",
    r"--at feed": "asks a person",
}
#: Refusals, with status 1, of a command that is right, and why it is refused here.
REFUSALS: Final = {
    r"needs --yes|there is nobody to ask": "no person is there",
    r"there is no (driver acme|task acme\.watch_racks|valid token acme)\b": "it is made on the page",
    r"does not know the action (acme|ipmi)\.\w+": "it is made on the page",
    r"there is no task ipmi\.collect_inventory;|there are no such nodes, so": "the fleet has none",
    r"no node has the name or UUID (m1|r7n01|r\[3-9\]n\[01-40\]);": "the page is about a larger fleet",
    r"/nowhere/.* cannot be read|new/acme cannot be made": "the page is about other files and databases",
    r"name (web1|r1n01) is already enrolled|there is a token grafana": "the fleet has it already",
    r"no conductor with .* is running|does not hold the key": "these conductors are rows of a database",
    r"is not set|nothing to settle|can be undone|needs it to be|; \S+ is for ": "nodes are in another state",
    r"there are no such nodes": "these nodes are well",
    r"nothing is encrypted|not encrypted": "there are no keys",
    r"not a database URL|conductors are at work": "there is no other database",
}
#: The files that commands of the pages read.
FILES: Final = {
    **dict.fromkeys(("rack.yaml", "nodes.yaml"), "nodes: [{name: r90n01, driver: fake}]\n"),
    "rack.csv": "name,driver\nr90n01,fake\n",
    **dict.fromkeys(("new-password", "root/password", "root/bmc"), "correct horse\n"),
    **dict.fromkeys(("root/url", "ironic-url"), "sqlite:////nowhere/podium.sqlite\n"),
    "new.conf": "[conductor]\n",
    "clustershell/groups.conf": "[Main]\nautodir: $CFGDIR\n",
    "clustershell/racks.yaml": "rack:\n  r1: r1n[01-08]\n",
}
#: What waits until a conductor has done something.
_WAITS: Final = re.compile(
    r"--wait|^task (run|enable|disable)|^node (check|sensors|log|boot show|clock show)"
)
_NUMBERS: Final = re.compile(r"\b[a-z]\d+n[][0-9,-]+|\d+(\.\d+)?")
#: Where an operation ended with failures, as the exit status says; what it prints is looked at.
_FAILED: Final = re.compile(r"^\S+: failed|^\S+: (cancelled|replaced) ", re.M)


def class_of(words: Sequence[str]) -> tuple[str, type[Any]] | None:
    """Return the name and the class of a command; None if there is no command of that name."""
    for name, target, _ in sorted(COMMANDS, reverse=True):  # node log clear before node log
        if [*words[: name.count(" ") + 1]] == name.split():
            module, _, attribute = target.partition(":")
            return name, getattr(importlib.import_module(f"podium.cli.{module}"), attribute)
    return None


@functools.cache
def parser_of(name: str, command: type[Any], *, is_complete: bool) -> argparse.ArgumentParser:
    """Return the parser of a command; in the text of a page a command may lack arguments."""
    parser: argparse.ArgumentParser = command(App(), argparse.Namespace()).get_parser(f"podium {name}")
    if not is_complete:
        for action in parser._actions:
            action.required = False
            action.nargs = "?" if action.nargs is None else action.nargs
        for group in parser._mutually_exclusive_groups:
            group.required = False
    return parser


def fault(command: Command) -> str | None:
    """Return what is wrong with the words of a command."""
    words: Sequence[str] = [*command.words]
    try:
        if words[0].startswith("-"):
            words = App().parser.parse_args(words).command
        if not words and not command.in_block:
            return None  # options that go with every command
        found = class_of(words)
        if found is None:
            return "there is no such command"
        name, its = found
        parser_of(name, its, is_complete=command.in_block).parse_args(words[name.count(" ") + 1 :])
    except SystemExit as end:
        return "the command line is wrong" if end.code else None
    return None


def test_every_command_of_the_pages_can_be_typed() -> None:
    found = [(command, fault(command)) for page in PAGES for command in commands(page)]
    assert len(found) > 300
    assert [f"{command}: {why}" for command, why in found if why is not None] == []


class Desk:
    """Runs each command on a copy of the fleet, in a folder with the files that the pages name."""

    def __init__(self, folder: Path, fleet: Path, head: Head, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder, self._fleet, self._head, self._capsys = folder, fleet, head, capsys

    def run(self, words: Sequence[str], columns: int | None = None) -> tuple[int, str, str]:
        """Return the exit status of a command and what it writes on standard output and error.

        :param columns: of the terminal at which it is run
        """
        for name, content in FILES.items():
            file = self._folder / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(content)
            file.chmod(0o600)
        (self._folder / "new-file").unlink(missing_ok=True)
        url = f"sqlite:///{shutil.copy(self._fleet, self._folder / 'copy.sqlite')}"
        podium = Here(self._folder, url, self._capsys)
        sys.stdin = io.StringIO("correct horse\n")
        words = [re.sub(r"(^|[=@])/(?=root/|etc/|tmp/)", rf"\1{self._folder}/", word) for word in words]
        database = Database(url)
        demo_fleets.renew(database)
        with (
            demo_fleets.at_work(database, self._head.on(database))
            if _WAITS.search(" ".join(words))
            else nullcontext()
        ):
            if columns is None:
                done = podium(*words)
                result = done.returncode, done.stdout, done.stderr
            else:
                terminal = Terminal(podium)
                lines = terminal(*words, columns=columns)
                result = terminal.status, "\n".join(lines), terminal.stderr
        database.dispose()
        return result


@pytest.fixture
def desk(
    tmp_path: Path, database: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Desk:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLUSTERSHELL_CFGDIR", str(tmp_path / "clustershell"))
    monkeypatch.setattr(sys, "stdin", sys.stdin)  # to be put back
    head = demo_fleets.fill(database, racks=2, each=48)
    database.dispose()
    assert database.sqlite_file is not None
    return Desk(tmp_path, database.sqlite_file, head, capsys)


def outcome(desk: Desk, command: Command) -> str | None:
    """Run a command and return what is wrong with what it does."""
    its = class_of(command.words)
    is_list = its is not None and issubclass(its[1], Lister) and "-f" not in command.words
    status, shown, error = desk.run(command.words, columns=120 if is_list and command.shown else None)
    if "Traceback" in error and "--debug" not in command.words or "unexpected" in error:
        return error
    first = (shown or error).splitlines()[0] if shown or error else ""
    wanted = command.shown[0].strip() if command.shown else ""
    if wanted.startswith("podium: "):
        return None if status and alike(wanted, first) else f"ends with status {status} and {first}"
    if status == 2:
        return error if command.in_block else None  # the text may name a command without its arguments
    if status and not any(re.search(refusal, error) for refusal in REFUSALS) and not _FAILED.search(shown):
        return error or f"ends with status {status}: {shown}"
    if (
        status or not wanted or command.words[0] == "config"
    ):  # the page shows faults of a file that it does not
        return None
    if is_list:
        return None if wanted.split() == first.split() else f"has the columns {first}"
    return None if alike(wanted, first) else f"prints {first}"


def alike(wanted: str, line: str) -> bool:
    """Return whether a line has the form of the page's, which may go on; its numbers and nodes differ."""
    found = _NUMBERS.sub("N", line.strip())
    return _NUMBERS.sub("N", wanted).startswith(found[:40])


@only_long
def test_every_command_of_the_pages_does_what_it_says_or_says_what_is_missing(desk: Desk) -> None:
    wanted = {(*one.words,): one for page in PAGES for one in commands(page) if not one.in_block}
    wanted |= {(*one.words,): one for page in PAGES for one in commands(page) if one.in_block}
    found = [
        (command, outcome(desk, command))
        for words, command in wanted.items()
        if not any(re.search(pattern, " ".join(words)) for pattern in NOT_RUN)
    ]
    assert [f"{command} {why}" for command, why in found if why is not None] == []
