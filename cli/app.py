"""The frame of the ``podium`` command: its global options and its table of commands.

The table names classes without importing them, and cliff does not search for others, so ``podium --help``
needs neither the database libraries nor the environment's entry points.
"""

import argparse
import os
import sys
import textwrap
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint
from itertools import takewhile
from typing import TYPE_CHECKING, Final, NoReturn, cast

import cliff.app
import cliff.commandmanager

from podium import __version__
from podium.cli.parsing import Parser, shortened, told

if TYPE_CHECKING:
    from podium.cli.connecting import Connecting

#: Name, module and class in podium.cli, and the line in ``podium --help``.
COMMANDS: Final = (
    ("db upgrade", "database:Upgrade", "create the database's schema or bring it up to date"),
    ("db copy", "database:Copy", "copy everything to another database"),
    ("status", "status:Show", "show what needs attention, and how the whole fleet is"),
    ("node create", "node_changes:Create", "enrol a node"),
    ("node import", "node_import:Import", "enrol the nodes that a YAML, JSON or CSV file lists"),
    ("node export", "node_export:Export", "print nodes in the form of node import"),
    ("node list", "nodes:List", "list nodes and their power state"),
    ("node watch", "node_watch:Watch", "show nodes as they change"),
    ("node show", "nodes:Show", "show everything that Podium knows about a node"),
    ("node sensors", "hardware.sensors:Sensors", "read the sensors of nodes now"),
    ("node feeds", "hardware.feeds:Feeds", "read what the feeds of nodes deliver now"),
    ("node log", "hardware.log:Log", "read the log that the hardware of a node keeps"),
    ("node log clear", "hardware.log_clear:Clear", "clear that log, after writing a copy of it"),
    ("node check", "node_check:Check", "try the login of nodes, and change nothing"),
    ("node history", "events:History", "show what happened to a node's power, when and why"),
    ("node set", "node_set:Set", "change what nodes were enrolled with"),
    ("node delete", "node_changes:Delete", "forget nodes"),
    ("node power on", "power:On", "power nodes on"),
    ("node power off", "power:Off", "power nodes off at once"),
    ("node power reboot", "power:Reboot", "restart nodes at once"),
    ("node power soft-off", "power:SoftOff", "shut down operating systems and power nodes off"),
    ("node power soft-reboot", "power:SoftReboot", "shut down operating systems and start nodes again"),
    ("node power cycle", "power:Cycle", "power nodes off, check that they are off, and power them on"),
    ("node power nmi", "power:InjectNMI", "send nodes a diagnostic interrupt"),
    ("node boot show", "hardware.boot:Show", "read what nodes boot from now"),
    ("node boot set", "hardware.boot:Set", "set what nodes boot from"),
    ("node identify", "hardware.identify:Identify", "have the LED blink by which people find a machine"),
    ("node clock show", "hardware.clock:Show", "read how far the clocks of nodes' controllers are off"),
    ("node clock set", "hardware.clock:Set", "set the clocks of nodes' controllers"),
    ("node do", "hardware.do:Do", "have a driver do what it alone can do"),
    ("node maintenance set", "maintenance:Set", "make the conductor leave nodes alone"),
    ("node maintenance unset", "maintenance:Unset", "hand nodes back to the conductor"),
    ("node manage", "provisioning:Manage", "have a conductor look after nodes, or programs choose others"),
    ("node provide", "provisioning:Provide", "let programs choose nodes"),
    ("node adopt", "provisioning:Adopt", "note that nodes are in use"),
    ("operation list", "operations:List", "list operations and their progress"),
    ("operation show", "operations:Show", "show the results of an operation"),
    ("operation wait", "operations:Wait", "wait until an operation has ended and show its results"),
    ("operation cancel", "operations:Cancel", "cancel the part of an operation that has not begun"),
    ("operation undo", "credentials:Undo", "give nodes the credentials back that an operation replaced"),
    ("credential set", "credentials:Set", "change the password of nodes, a few before the others"),
    ("credential list", "credentials:List", "list how old the passwords of nodes are"),
    ("credential settle", "credentials:Settle", "find out which password nodes have after a lost answer"),
    ("events", "events:Events", "show, or follow, what happens to the power of nodes"),
    ("driver list", "drivers:List", "list the installed drivers"),
    ("driver show", "drivers:Show", "show what a driver needs and can do"),
    ("driver check", "driver_check:Check", "find faults of a driver, without its hardware"),
    ("driver try", "driver_try:Try", "try a driver on a machine, without a conductor and a database"),
    ("driver new", "driver_new:New", "write a package to start a new driver from"),
    ("task list", "tasks:List", "list periodic tasks and their state"),
    ("task show", "tasks:Show", "show one periodic task"),
    ("task run", "tasks:Run", "run a periodic task now and show its result"),
    ("task enable", "tasks:Enable", "let a periodic task run again"),
    ("task disable", "tasks:Disable", "keep a periodic task from running, until it is enabled"),
    ("token create", "tokens:Create", "create a token of podium-api, and show it once"),
    ("token list", "tokens:List", "list the tokens of podium-api, and when each was last used"),
    ("token revoke", "tokens:Revoke", "make a token of podium-api invalid"),
    ("secret check", "secrets:Check", "show with which keys the secrets in the database are encrypted"),
    ("secret new-key", "secret_keys:NewKey", "make a new key the first of the key file"),
    ("secret rotate", "secrets:Rotate", "encrypt all secrets in the database with the first key"),
    ("secret forget", "secret_keys:Forget", "remove the secrets whose key is lost"),
    ("secret reveal", "secret_reveal:Reveal", "write the user and password of a node into a file"),
    ("config sample", "config:Sample", "print a config file with every option, its meaning and default"),
    ("config check", "config:Check", "list everything that is wrong with config files"),
    ("conductor list", "conductors:List", "list the daemons on this database"),
    ("conductor show", "conductors:Show", "show how a daemon keeps up with its nodes"),
    ("conductor drain", "drains:Drain", "have others take over the nodes of a daemon"),
    ("conductor undrain", "drains:Undrain", "put a daemon back into service that was drained"),
    ("conductor forget", "drains:Forget", "end the workers of a daemon whose machine is off"),
    ("conductor avoid", "avoidance:Avoid", "take the nodes of a subnet from a daemon that cannot reach it"),
    ("conductor unavoid", "avoidance:Unavoid", "let a daemon have the nodes of a subnet again"),
    ("conductor avoided", "avoidance:Avoided", "list the subnets that daemons avoid"),
    ("conductor thaw", "conductors:Thaw", "let the daemons restore power states again, if they froze"),
    ("completion", "completion.scripts:Completion", "print the script for a shell to complete what is typed"),
)

#: Commands that work on this host's files and database, and never use podium-api.
LOCAL: Final = frozenset(
    {
        *("db upgrade", "db copy"),
        *("driver check", "driver try", "driver new"),
        *("secret check", "secret new-key", "secret rotate", "secret forget", "secret reveal"),
        *("config sample", "config check"),
    }
)

#: The width of the overview of all commands, in columns.
_WIDTH: Final = 80


def add_common_options(parser: argparse.ArgumentParser, default: object = argparse.SUPPRESS) -> None:
    """Add the options that may stand before or after the command's name."""
    parser.add_argument(
        "--config-file",
        metavar="FILE",
        default=default,
        help="the config file to use; by default podium.conf in etc/podium of the virtual"
        " environment, ~/.podium, ~, /etc/podium, or /etc",
    )
    parser.add_argument(
        "--url",
        default=default,
        help="the podium-api to ask: https://HOST[:PORT] or unix:/PATH; database for the database itself;"
        " by default PODIUM_URL, [client] url, [api] unix_socket if it is there, or the database",
    )
    parser.add_argument(
        "--credentials-file",
        metavar="FILE",
        default=default,
        help="a file of mode 0600 with USER:PASSWORD or a token for it; by default PODIUM_CREDENTIALS_FILE,"
        " [client] credentials_file, or ~/.config/podium/credentials",
    )
    parser.add_argument(
        "--cafile",
        metavar="FILE",
        default=default,
        help="the certificates to which its own must lead; by default PODIUM_CAFILE, [client] cafile, or"
        " those of this host",
    )
    parser.add_argument(
        "--debug",
        action="store_true",
        default=default,
        help="log to standard error, and show the traceback of an error",
    )


class _Version(argparse.Action):
    """Shows the version of the program, and of the database schema that it works with."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from podium.db.migrations import REVISIONS  # nothing else in this module needs the database

        sys.stdout.write(f"{parser.prog} {__version__} (schema {REVISIONS[-1]})\n")
        parser.exit()


class App(cliff.app.App):
    """The ``podium`` command; errors pass through it to podium.cli.main."""

    NAME = "podium"
    parser: Parser
    #: Whether the command only reads, and never changes anything.
    only_reads = True

    def __init__(self) -> None:
        manager = cliff.commandmanager.CommandManager()
        for name, target, _ in COMMANDS:
            manager.commands[name] = EntryPoint(name, f"podium.cli.{target}", "podium.cli")
        super().__init__("Operate Podium's nodes, drivers and database.", __version__, manager)

    def build_option_parser(
        self,
        description: str | None,
        version: str | None,
        argparse_kwargs: object = None,
    ) -> Parser:
        """Leave out cliff's own global options: most would do nothing here."""
        width = max(len(name) for name, _, _ in COMMANDS)
        parser = Parser(
            prog=self.NAME,
            usage="podium [--config-file FILE] [--url URL] [--debug] COMMAND ...",
            description=description,
            epilog="commands (see podium COMMAND --help):\n"
            + "\n".join(f"  {name:{width}}  {summary}" for name, _, summary in COMMANDS),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.add_argument(
            "--version", action=_Version, nargs=0, help="show the version, and that of the schema"
        )
        add_common_options(parser, default=None)
        parser.add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
        return parser

    def run(self, argv: list[str]) -> int:
        """Carry out one command line and return its exit status."""
        self.options, others = self.parser.parse_known_args(argv)
        self.parser.refuse(others, " before a command")
        words = self.options.command
        if words[:1] == ["help"]:
            words = [*words[1:], "--help"]
        if words == ["--help"]:
            self.parser.print_help(self.stdout)
            return 0
        name = next((name for name in _beginnings(words) if name in self.command_manager.commands), None)
        if name is None:
            return self._no_command(words)
        factory, _, _ = self.command_manager.find_command(name.split())
        command = cast("Connecting", factory(self, self.options))
        self.only_reads = command.only_reads
        command.get_parser(f"{self.NAME} {name}")
        arguments = command.parser.parse(words[len(name.split()) :])
        for option in ("config_file", "url", "credentials_file", "cafile", "debug"):
            if option in arguments:
                setattr(self.options, option, getattr(arguments, option))
        return command.run(arguments)

    def _no_command(self, words: Sequence[str]) -> int:
        """Show the commands that begin with these words, or suggest others if there are none."""
        typed = list(takewhile(lambda word: not word.startswith("-"), words))
        if not typed:
            self.stderr.write(_overview())
            return 2
        near = _of_group(typed)
        if not near:
            return self._suggest(typed)
        lines = "".join(f"  {name:24}{summary}\n" for name, _, summary in COMMANDS if name in near)
        if words[-1] in ("-h", "--help"):
            self.stdout.write(lines)
            return 0
        self.stderr.write(f"podium: {' '.join(typed)} is followed by a command:\n{lines}")
        return 2

    def _suggest(self, typed: Sequence[str]) -> int:
        from podium.cli.suggestions import meant  # its import takes a hundredth of a command's time

        found = meant(typed, [name for name, _, _ in COMMANDS])
        group = next((one.split() for one in _beginnings(typed) if _of_group(one.split())), [])
        wrong = " ".join(typed[: found.words if found.commands else len(group) + 1])
        text = f"there is no command {shortened(wrong) or repr(wrong)}"
        option = f"--{typed[0]}"
        if found.commands:
            text += f"; did you mean {found}?"
            group = [*os.path.commonprefix([command.split() for command in found.commands])]
        else:
            text += f"; did you mean {option}?" if option in self.parser.options() else ""
        self.stderr.write(told(text, " ".join([self.NAME, *group])))
        return 2


def _beginnings(words: Sequence[str]) -> Iterator[str]:
    """Yield the first three, two and one of the words, the longest first."""
    for count in range(min(len(words), 3), 0, -1):
        yield " ".join(words[:count])


def _of_group(words: Sequence[str]) -> list[str]:
    """Return the commands that begin with words."""
    return [name for name, _, _ in COMMANDS if name.startswith(f"{' '.join(words)} ")]


def _overview() -> str:
    """Return all commands in a few lines, grouped by their first words."""
    groups: dict[str, dict[str, None]] = {}
    for name, _, _ in COMMANDS:
        first, *others = name.split()
        groups.setdefault(first, {}).update(dict.fromkeys(others[:1]))
    width = max(map(len, groups))
    lines = ["podium COMMAND, which is one of"]
    for first, more in groups.items():
        text = f"  {first:{width}}  {' '.join(more)}".rstrip()
        lines += textwrap.wrap(text, _WIDTH, subsequent_indent=" " * (width + 4), break_on_hyphens=False)
    lines.append("podium --help says what they do, and podium COMMAND --help how each is used")
    return "".join(f"{line}\n" for line in lines)
