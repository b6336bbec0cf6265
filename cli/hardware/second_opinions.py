"""Reads the feeds of nodes for the person who is asked whether to switch the nodes."""

from collections.abc import Iterator, Sequence
from typing import Final

from podium.cli.arguments import Chosen
from podium.cli.hardware.reading import side_by_side
from podium.client.calls.feeds import Feeds
from podium.client.podium import Podium

#: Nodes whose feeds are read before a question, and seconds to wait for that.
_MOST: Final = 10
_WAIT: Final = 10.0


def of_failing(podium: Podium, nodes: Chosen) -> Iterator[str]:
    """Yield a line for each of the first nodes that cannot be read and name their feeds."""
    fields = ["name", "extra.power_feeds"]
    failing = podium.nodes(nodes.nodes, fields=fields, where=nodes.where, failing=True)
    names = [node.name for node in failing if (node.extra or {}).get("power_feeds")]
    shown = names[:_MOST]
    found = _read(podium, shown)
    for name in shown:
        if name in found and found[name].words:
            yield f"{name} cannot be read; {found[name].words}"
    if len(names) > len(shown):
        yield f"and {len(names) - len(shown)} more cannot be read"


def of_all(podium: Podium, names: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Return lines about the nodes, the names of all their feeds, and the names of other nodes on these."""
    lines: list[str] = []
    feeds: dict[str, str] = {}
    others: dict[str, None] = {}
    found = _read(podium, names)
    for name in names:
        if name not in found:
            lines.append(f"{name}: its feeds could not be read")
            continue
        its = found[name]
        words = its.words or "it names no feeds"
        watts = "" if its.watts is None or " W: " in words else f" ({its.watts:.0f} W)"
        lines.append(f"{name}: {words}{watts}")
        for feed in its.feeds:
            feeds[feed.name] = feed.node_uuid or ""
            others |= dict.fromkeys(other for other in feed.others if other not in names)
    known = [uuid for uuid in feeds.values() if uuid]
    lines += _odd(podium, names, known) if known else []
    return lines, list(feeds), list(others)


def _odd(podium: Podium, names: Sequence[str], feeds: Sequence[str]) -> Iterator[str]:
    """Yield a line for each feed that is in maintenance, or that may not be an outlet."""
    fields = ["name", "driver", "maintenance", "extra.power_feeds"]
    machines = {node.driver for node in podium.nodes(names, fields=fields)}
    for feed in podium.nodes(feeds, fields=fields):
        odd = {
            "it is in maintenance": feed.maintenance,
            "it has feeds itself": (feed.extra or {}).get("power_feeds"),
            f"its driver {feed.driver} is that of a machine": feed.driver in machines,
        }
        if words := [word for word, is_so in odd.items() if is_so]:
            yield f"look at the feed {feed.name}: {', '.join(words)}"


def _read(podium: Podium, names: Sequence[str]) -> dict[str, Feeds]:
    read = side_by_side(names, lambda name: podium.feeds(name, wait=_WAIT))
    return {name: found for name, found in read if isinstance(found, Feeds)}
