"""Node names written as ranges: ``r1n[01-48]``."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetException

from podium import errors

#: Greatest number of nodes in one range.
MOST_NODES: Final = 100_000

_SPAN: Final = re.compile(r"(\d+)-(\d+)")
_LONGEST_LINE: Final = 200


def expand(arguments: Iterable[str]) -> list[str]:
    """Return names and UUIDs unchanged and ranges as the names they stand for, each once.

    :raises podium.errors.InvalidNode: for a range that cannot be understood, or is too large
    """
    names: dict[str, None] = {}
    for argument in arguments:
        names |= dict.fromkeys(_range(argument) if re.search(r"[\[\],]", argument) else [argument])
    return list(names)


def fold(names: Iterable[str]) -> str:
    """Return names as ranges: ``r1n[01-40]``."""
    return str(NodeSet.fromlist(list(names), resolver=RESOLVER_NOGROUP))


def fold_for_log(names: Sequence[str]) -> str:
    """Return names as ranges, shortened to fit into a line of the log."""
    text = fold(names)
    return text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 3]}... ({len(names)} nodes)"


def _range(text: str) -> Sequence[str]:
    # Once parsed, a span takes memory for each of its numbers, so its size is checked before.
    if any(int(last) - int(first) >= MOST_NODES for first, last in _SPAN.findall(text)):
        raise errors.InvalidNode([f"{text} stands for more than {MOST_NODES} nodes"])
    try:
        nodes = NodeSet(text, resolver=RESOLVER_NOGROUP)
    except NodeSetException as fault:
        reason = str(fault).replace('"', "")
        raise errors.InvalidNode(
            [f"{text} is not a range of nodes: {reason}; one looks like r1n[01-40],r2n05"]
        ) from None
    if len(nodes) > MOST_NODES:
        raise errors.InvalidNode([f"{text} stands for {len(nodes)} nodes, more than {MOST_NODES}"])
    return list(nodes)
