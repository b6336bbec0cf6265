"""Arguments of several commands: nodes, operations, waiting, and the name of the user."""

import argparse
import os
import pwd
import shlex
import socket
from typing import NamedTuple

from podium import node_ranges
from podium.cli import converters, groups


class Chosen(NamedTuple):
    """The nodes that a command applies to: the named nodes that meet every condition.

    :param nodes: None for all nodes
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
        type=converters.filled,
        help="a name, a UUID, a range of names such as r1n[01-40] or r1n[01-02],r2n05, a pattern in quotation"
        " marks such as 'r1n*', or a group of ClusterShell's files such as @rack:r1",
    )
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="CONDITION",
        type=converters.filled,
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
        type=converters.duration,
        metavar="AGE",
        help="only nodes whose power was last read longer ago than that, or never, in seconds or as 5m, 2h"
        " or 90d; without those in maintenance, which are not read",
    )
    parser.add_argument(
        "--unhealthy", action="store_true", help="only nodes whose health is warning or critical"
    )
    parser.add_argument("--all", action="store_true", help="all nodes")


def chosen(
    parser: argparse.ArgumentParser, parsed_args: argparse.Namespace, *, with_stale: bool = True
) -> Chosen:
    """Return the nodes that a reading command applies to: all nodes if none are chosen.

    :param with_stale: whether --stale becomes a condition like the others
    :raises podium.errors.BadRequest: if a group does not exist
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
    """Like :func:`chosen`, for a command that acts on nodes: it acts on all nodes only with --all."""
    found = chosen(parser, parsed_args)
    if parsed_args.all:
        return Chosen(["*"], None)
    if found == Chosen(None, None):
        parser.error("say which nodes: NODE, --where or another condition, or --all for all of them")
    return found


def add_node(parser: argparse.ArgumentParser) -> None:
    """Add the argument NODE of a command for one node."""
    parser.add_argument("node", metavar="NODE", type=one_node, help="a name or a UUID")


def one_node(text: str) -> str:
    """Convert the name or UUID of a node."""
    converters.filled(text)
    kinds = {
        "group": text.startswith("@"),
        "pattern": node_ranges.is_pattern(text),
        "range": node_ranges.is_range(text),
    }
    for kind, is_it in kinds.items():
        if is_it:
            raise argparse.ArgumentTypeError(
                f"{text[:80]} is a {kind} of nodes, and this command takes one node;"
                f" podium node list {shlex.quote(text[:80])} has their names"
            )
    return text


def who() -> str:
    """Return the user and the host that run this command, for the record."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"[:255]


def add_operation(parser: argparse.ArgumentParser) -> None:
    """Add the argument ID of a command about an operation."""
    parser.add_argument(
        "operation",
        metavar="ID",
        type=converters.count,
        help="its number, as `podium operation list` shows it",
    )


def add_wait(parser: argparse.ArgumentParser) -> None:
    """Add the option --wait of a command that requests something."""
    parser.add_argument("--wait", action="store_true", help="wait for the results and show them")


def add_timeout(parser: argparse.ArgumentParser) -> None:
    """Add the option --timeout of a command that requests something."""
    parser.add_argument(
        "--timeout",
        type=converters.allowed_time,
        metavar="TIME",
        help="the time that each node may take, in seconds or as 5m; by default that of the"
        " conductor's config file",
    )


def add_reason(parser: argparse.ArgumentParser, help: str) -> None:
    """Add the option --reason."""
    parser.add_argument("--reason", metavar="TEXT", type=converters.one_line, help=help)


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
