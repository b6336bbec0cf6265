"""Groups of nodes as ClusterShell's files name them: ``@rack:r1``, ``@login``, ``@*``.

ClusterShell is imported only if an @ is typed. Sources that run programs are not used: a command must neither
run what another user's file names nor wait for it.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from podium import errors, node_ranges

if TYPE_CHECKING:
    from ClusterShell.NodeUtils import GroupResolverConfig

_MARK: Final = "@"
_SOURCES: Final = "/etc/clustershell, ~/.config/clustershell or $CLUSTERSHELL_CFGDIR, where groups.conf is"
_TOO_MANY: Final = f"these are more than {node_ranges.MOST_NODES} names of nodes, the most at once"
_OPERATOR: Final = re.compile(r"[&!^]")
#: A comma outside brackets.
_COMMA: Final = re.compile(r"\s*,\s*(?![^\[]*\])")
_HUGE: Final = re.compile(r"-\d{7}")


def expanded(arguments: Iterable[str]) -> list[str]:
    """Return the arguments, each with a group replaced by the names of its nodes.

    :raises podium.errors.BadRequest: if a group does not exist or has no nodes
    """
    found: list[str] = []
    for argument in arguments:
        # ClusterShell would match a pattern with the nodes of a source, not with Podium's.
        parts = [argument] if _MARK not in argument or _OPERATOR.search(argument) else _COMMA.split(argument)
        for part in parts:
            found += _names(part) if _MARK in part else [part]
    return found


def begun(prefix: str) -> list[str]:
    """Return the groups of the source that a text names, or the default groups and the sources.

    :raises Exception: any error of ClusterShell, for instance if there are no groups
    """
    resolver = _resolver()
    source, colon, _ = prefix.removeprefix(_MARK).partition(":")
    if colon:
        return [f"{_MARK}{source}:{group}" for group in resolver.grouplist(source)]
    sources = [f"{_MARK}{one}:" for one in resolver.sources()]
    return [*(f"{_MARK}{group}" for group in resolver.grouplist()), *sources]


def _resolver() -> "GroupResolverConfig":
    """Return the resolver of the configured groups, for sources in files."""
    from ClusterShell.Defaults import config_paths
    from ClusterShell.NodeSet import ILLEGAL_GROUP_CHARS
    from ClusterShell.NodeUtils import (
        GroupResolverConfig,
        GroupSource,
        GroupSourceError,
        UpcallGroupSource,
    )

    in_files: list[str] = []

    class Program(GroupSource):  # type: ignore[misc]  # ClusterShell has no types
        """A source that would run a program."""

        def _refuse(self, *_: str) -> str:
            instead = f"; in files are {', '.join(f'@{one}:*' for one in in_files)}" if in_files else ""
            text = f"the source {self.name} runs programs, which Podium does not{instead}"
            raise GroupSourceError(text, self)

        resolv_map = resolv_list = resolv_all = resolv_reverse = _refuse

    class Files(GroupResolverConfig):  # type: ignore[misc]
        """The sources of the configuration; only those in files are read."""

        def add_source(self, group_source: GroupSource) -> None:
            is_program = isinstance(group_source, UpcallGroupSource)
            super().add_source(Program(group_source.name) if is_program else group_source)
            if not is_program:
                in_files.append(group_source.name)

    return Files(config_paths("groups.conf"), ILLEGAL_GROUP_CHARS)


def _names(argument: str) -> list[str]:
    from ClusterShell.NodeSet import NodeSet, NodeSetException
    from ClusterShell.NodeUtils import GroupResolverError, GroupResolverSourceError, GroupSourceError

    if _HUGE.search(argument):  # ClusterShell would count up to it
        raise errors.NotUnderstood(f"{argument[:80]}: {_TOO_MANY}")
    try:
        nodes = NodeSet(argument, resolver=_resolver())
    except GroupResolverSourceError as fault:
        source = str(fault)
        missing = "there are no groups here" if source == "<default>" else f"there is no source {source}"
        raise _refusal(argument, missing) from None
    except (NodeSetException, GroupResolverError, GroupSourceError, OSError) as fault:
        raise _refusal(argument, errors.one_line(errors.BadRequest(str(fault)))) from None
    if not nodes:
        raise _refusal(argument, "it has no nodes, or is no group")
    if len(nodes) > node_ranges.MOST_NODES:
        raise errors.NotUnderstood(f"{argument[:80]}: {_TOO_MANY}")
    return [*nodes]


def _refusal(argument: str, reason: str) -> errors.BadRequest:
    return errors.BadRequest(f"{argument[:80]}: {reason}; groups are read from {_SOURCES}")
