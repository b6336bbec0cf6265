"""Node names written as ranges, ``r1n[01-48]``, and what is alike of many nodes written once."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetException

from podium import errors

#: Greatest number of nodes in one range.
MOST_NODES: Final = 100_000

_SPAN: Final = re.compile(r"(\d+)-(\d+)")
_LONGEST_LINE: Final = 200
#: What has a meaning in ClusterShell's node sets, and cannot be in a name.
_SIGNS: Final = re.compile(r"[^A-Za-z0-9_.:-]")


def expand(arguments: Iterable[str]) -> list[str]:
    """Return names and UUIDs unchanged and ranges as the names they stand for, each once.

    :raises podium.errors.BadRequest: for a range that cannot be understood, or is too large
    """
    names: dict[str, None] = {}
    for argument in arguments:
        names |= dict.fromkeys(_range(argument) if re.search(r"[\[\],]", argument) else [argument])
    return list(names)


def fold(names: Iterable[str]) -> str:
    """Return names as ranges, ``r1n[01-40]``, and after them what cannot be the name of a node."""
    given = list(names)
    odd = [name for name in given if _SIGNS.search(name)]
    if odd:
        given = [name for name in given if not _SIGNS.search(name)]
    return ",".join([*filter(None, [str(NodeSet.fromlist(given, resolver=RESOLVER_NOGROUP))]), *odd])


def fold_for_log(names: Sequence[str]) -> str:
    """Return names as ranges, shortened to fit into a line of the log."""
    text = fold(names)
    return text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 3]}... ({len(names)} nodes)"


def folded_lines(lines: Iterable[str]) -> list[str]:
    """Return lines ``NAME: TEXT``, with the names that share a text folded."""
    alike: dict[str, list[str]] = {}
    for line in lines:
        name, _, text = line.partition(": ")
        alike.setdefault(text, []).append(name)
    return [f"{fold(names)}: {text}" for text, names in alike.items()]


_ADDRESS: Final = r"(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.%]+\])(?::\d+)?"
#: The parts of a driver's messages that only name the BMC, and their replacements.
_WHOSE: Final = (
    (re.compile(rf"^(?:BMC )?{_ADDRESS}: |^{_ADDRESS} "), ""),
    (re.compile(rf"\bBMC (?:{_ADDRESS}|\S+:\d+)"), "BMC"),
    (re.compile(_ADDRESS), "its address"),
)


def anonymous(message: str) -> str:
    """Return a driver's message without the address of its BMC."""
    for pattern, instead in _WHOSE:
        message = pattern.sub(instead, message)
    return message


def by_reason(failures: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """Group what failed: each reason with the names, the most frequent first.

    Reasons that differ only in the address of a BMC become one without it.

    :param failures: names and reasons
    """
    alike: dict[str, dict[str, str]] = {}
    for name, reason in failures:
        alike.setdefault(anonymous(reason), {})[name] = reason
    grouped = []
    for shared, members in alike.items():
        reasons = set(members.values())
        grouped.append((reasons.pop() if len(reasons) == 1 else shared, list(members)))
    return sorted(grouped, key=lambda group: -len(group[1]))


def _range(text: str) -> Sequence[str]:
    # Once parsed, a span takes memory for each of its numbers, so its size is checked before.
    if any(int(last) - int(first) >= MOST_NODES for first, last in _SPAN.findall(text)):
        raise errors.BadRequest(f"{text} stands for more than {MOST_NODES} nodes")
    try:
        nodes = NodeSet(text, resolver=RESOLVER_NOGROUP)
    except NodeSetException as fault:
        reason = str(fault).replace('"', "")
        raise errors.BadRequest(
            f"{text} is not a range of nodes: {reason}; one looks like r1n[01-40],r2n05"
        ) from None
    if len(nodes) > MOST_NODES:
        raise errors.BadRequest(f"{text} stands for {len(nodes)} nodes, more than {MOST_NODES}")
    return list(nodes)
