"""Arguments of several commands: nodes, KEY=VALUE, times, and the name of the user."""

import argparse
import getpass
import os
import pwd
import re
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple, TextIO

from podium import errors, node_ranges
from podium.cli import groups

#: For the help of commands that take values with :func:`read_values`.
SECRETS: Final = (
    "A secret does not belong on a command line, where other users can see it: KEY=@FILE takes a value from"
    " the first line of a file, KEY=- asks for it, or reads a line of standard input."
)
_LONGEST_SECRET: Final = 65_536
_LONGEST_TEXT: Final = 1000
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Chosen(NamedTuple):
    """Which nodes a command is about: those that are named, and meet every condition.

    :param nodes: None for all
    :param where: None for no conditions
    """

    nodes: list[str] | None
    where: list[str] | None


def add_nodes(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that choose nodes: NODE… and conditions."""
    parser.add_argument(
        "nodes",
        nargs="*",
        metavar="NODE",
        help="a name, a UUID, a range of names such as r1n[01-40] or r1n[01-02],r2n05, a pattern in quotation"
        " marks such as 'r1n*', or a group of ClusterShell's files such as @rack:r1",
    )
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="CONDITION",
        help="of these, or of all, only nodes for which this is true, such as 'power_state=off and"
        " extra.rack=r1'; several must all be true",
    )
    parser.add_argument(
        "--failing",
        action="store_true",
        help="only nodes whose last read of the power failed, and those that no living conductor reads",
    )
    parser.add_argument(
        "--stale",
        type=age,
        metavar="AGE",
        help="only nodes whose power was last read longer ago than that, or never, in seconds or as 5m, 2h or"
        " 7d; without those in maintenance, which are not read",
    )
    parser.add_argument(
        "--unhealthy", action="store_true", help="only nodes whose health is warning or critical"
    )
    parser.add_argument("--all", action="store_true", help="all nodes")


def chosen(
    parser: argparse.ArgumentParser, parsed_args: argparse.Namespace, *, with_stale: bool = True
) -> Chosen:
    """Return the nodes that a command only looks at: all of them where nothing is said.

    :param with_stale: whether --stale is a condition as the others are
    :raises podium.errors.BadRequest: a group is not there
    """
    nodes = groups.expanded(parsed_args.nodes)
    where = [*parsed_args.where]
    where += [name for name in ("failing", "unhealthy") if getattr(parsed_args, name)]
    if with_stale and parsed_args.stale is not None:
        where.append(f"stale>{parsed_args.stale:.6f}")
    if parsed_args.all and (nodes or where):
        parser.error("argument --all: goes without NODE and conditions")
    return Chosen(nodes or None, where or None)


def chosen_to_change(parser: argparse.ArgumentParser, parsed_args: argparse.Namespace) -> Chosen:
    """As :func:`chosen`, for a command that does something to nodes: to all of them only with --all."""
    found = chosen(parser, parsed_args)
    if parsed_args.all:
        return Chosen(["*"], None)
    if found == Chosen(None, None):
        parser.error("say which nodes: NODE, --where or another condition, or --all for all of them")
    return found


def add_node(parser: argparse.ArgumentParser) -> None:
    """Add the argument NODE of a command that is about one node."""
    parser.add_argument("node", metavar="NODE", type=_one_node, help="a name or a UUID")


def _one_node(text: str) -> str:
    if node_ranges.is_range(text):
        raise argparse.ArgumentTypeError(f"{text[:80]} is a range of nodes, and this command takes one node")
    return text


def key_value(text: str) -> tuple[str, str]:
    """Convert an argument KEY=VALUE."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        name = re.split(r"[^\w.-]", text)[0]  # what is after a colon may be a secret
        raise argparse.ArgumentTypeError(f"{name!r}{'...' if name != text else ''} is not KEY=VALUE")
    return key, value


def group_name(text: str) -> str:
    """Convert the name of a conductor group."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{0,255}", text):
        raise argparse.ArgumentTypeError(f"{text!r} has characters other than letters, digits, _, - and dots")
    return text


def one_line(text: str) -> str:
    """Convert a text for people."""
    if not text.isprintable():
        raise argparse.ArgumentTypeError("it contains characters that cannot be printed")
    if len(text) > _LONGEST_TEXT:
        raise argparse.ArgumentTypeError(f"it is longer than {_LONGEST_TEXT} characters")
    return text


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None


def seconds(text: str) -> float:
    """Convert a time to wait, in seconds."""
    given = _number(text)
    if not 0 <= given <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 86400 seconds")
    return given


def count(text: str) -> int:
    """Convert a whole number from 1 on."""
    given = int(text) if re.fullmatch(r"\d{1,19}", text, re.ASCII) else 0
    if not 1 <= given <= 2**63 - 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 on")
    return given


def allowed_time(text: str) -> float:
    """Convert a time limit, in seconds."""
    given = seconds(text)
    if not given:
        raise argparse.ArgumentTypeError("give more than 0 seconds")
    return given


def stagger(text: str) -> tuple[int, float]:
    """Convert a number of nodes at a time: N/SECONDS."""
    parts = re.fullmatch(r"([1-9]\d{0,5})/(\d{1,5}(?:\.\d+)?)", text)
    if parts is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not N/SECONDS; one looks like 10/1")
    return int(parts[1]), allowed_time(parts[2])


def age(text: str) -> float:
    """Convert an age: seconds, or 90s, 5m, 2h, 7d, 3w; up to ten years."""
    found = re.fullmatch(r"(.+)([smhdw])", text)
    given = _number(found[1]) * _UNITS[found[2]] if found else _number(text)
    if not 0 <= given <= 315_360_000:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 315360000 seconds")
    return given


def days(text: str) -> float:
    """Convert a time of days or hours to seconds."""
    found = re.fullmatch(r"([1-9]\d{0,4})([dh])", text, re.ASCII)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is no time in days or hours, such as 90d or 12h")
    return int(found[1]) * (86_400.0 if found[2] == "d" else 3600.0)


def who() -> str:
    """Return who gives this command, for the record: user and host."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"[:255]


def read_values(
    pairs: Iterable[tuple[str, str]],
    stdin: TextIO,
    warn: Callable[[str], None],
    is_secret: Callable[[str], bool],
    field: str = "driver_info",
) -> dict[str, str]:
    """Return entries of a field: as given, ``KEY=@FILE`` from a file's first line, ``KEY=-`` by asking.

    :param warn: called for a secret on the command line, where other users can read it
    :param is_secret: returns whether a key's value is a secret
    :param field: of the node, whose entries they are
    :raises podium.errors.InvalidNode: if a file cannot be read, nothing was entered, or a secret is empty
    """
    values = {}
    for key, given in pairs:
        if given == "-":
            values[key] = getpass.getpass(f"{key}: ") if stdin.isatty() else _first_line(key, stdin)
        elif given.startswith("@"):
            values[key] = _read_file(key, given[1:])
        else:
            values[key] = given
            if is_secret(key):
                if not given:  # as of a variable that the shell does not know
                    raise errors.InvalidNode(
                        [
                            f"{key} is empty; leave it out if there is none;"
                            f" podium node set --unset {field}.{key} removes it"
                        ]
                    )
                warn(
                    f"warning: other users of this machine can see {key} on the command line;"
                    f" give it as {key}=@FILE or {key}=-"
                )
    return values


def _read_file(key: str, name: str) -> str:
    try:
        with Path(name).open(encoding="utf-8") as file:
            return _first_line(key, file)
    except OSError as fault:
        raise errors.InvalidNode([f"{key}: cannot read the file {name}: {fault.strerror}"]) from None
    except ValueError:
        raise errors.InvalidNode([f"{key}: the file {name} is not UTF-8 text"]) from None


def _first_line(key: str, file: TextIO) -> str:
    line = file.readline(_LONGEST_SECRET).removeprefix("\ufeff").rstrip("\r\n")  # Windows marks UTF-8 so
    if not line:
        raise errors.InvalidNode([f"{key}: a value was to be read, but the first line is empty"])
    return line


def add_operation(parser: argparse.ArgumentParser) -> None:
    """Add the argument ID of a command about an operation."""
    parser.add_argument(
        "operation", metavar="ID", type=count, help="its number, as `podium operation list` shows it"
    )


def add_wait(parser: argparse.ArgumentParser) -> None:
    """Add the option --wait of a command that requests something."""
    parser.add_argument("--wait", action="store_true", help="wait for the results and show them")


def add_timeout(parser: argparse.ArgumentParser) -> None:
    """Add the option --timeout of a command that requests something."""
    parser.add_argument(
        "--timeout",
        type=allowed_time,
        metavar="SECONDS",
        help="the time that each node may take; by default that of the conductor's config file",
    )


def add_reason(parser: argparse.ArgumentParser, help: str) -> None:
    """Add the option --reason."""
    parser.add_argument("--reason", metavar="TEXT", type=one_line, help=help)


def add_yes(parser: argparse.ArgumentParser) -> None:
    """Add the option --yes of a command that requests something."""
    parser.add_argument(
        "--yes",
        action="store_true",
        help="do not ask, however many nodes there are ([conductor] confirm_above)",
    )


def add_force(parser: argparse.ArgumentParser) -> None:
    """Add the option --force."""
    parser.add_argument(
        "--force", action="store_true", help="even if by its address it is the same machine as another node"
    )
