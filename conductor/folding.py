"""Names as operators write them: host ranges."""

from collections.abc import Sequence

from ClusterShell.NodeSet import NodeSet


def fold(names: Sequence[str]) -> str:
    """Names as a host range, cut to a line's length: ``r1n[01-48]``."""
    text = str(NodeSet.fromlist(names))
    return text if len(text) <= 200 else f"{text[:197]}... ({len(names)} nodes)"
