"""``podium node import --update``: shows the differences, and applies them after confirmation."""

from collections.abc import Sequence
from typing import Final

from podium import errors, node_ranges
from podium.cli import command
from podium.client.calls.updating import Fields, Listed, Plan, PlanUpdate, UpdateNodes
from podium.client.podium import Podium

_REFUSAL: Final = (
    "there is nobody to ask: look at the plan, and give --yes to carry it out; nothing was changed"
)
#: The most lines of each kind in the plan.
_MOST_LINES: Final = 50
#: The most characters of a list of names in the plan.
_LONGEST: Final = 300


def run(asks: command.Command, podium: Podium, listed: Listed, *, agreed: bool, quiet: bool) -> str | None:
    """Show the differences and apply them; return what was done, in words, or None if nobody agreed.

    :param asks: the command
    :param agreed: do not ask
    :param quiet: do not show the differences
    :raises podium.errors.NodeConflict: if nodes are busy
    """
    fields = {name: getattr(listed, name) for name in Listed.__struct_fields__}
    plan = podium.ask(PlanUpdate(**fields))
    if not quiet:
        for line in lines(plan, deletes=listed.delete_missing):
            asks.say(line)
    count = (
        len(plan.new) + sum(len(one.nodes) for one in plan.changed) + len(plan.gone) * listed.delete_missing
    )
    if not (count or plan.new_chassis or plan.changed_chassis):
        return "nothing to change"
    if plan.busy:
        raise errors.NodeConflict(f"{'; '.join(plan.busy)}; nothing was changed")
    what = f"{count:,} node{'s' if count != 1 else ''}" if count else "chassis"
    if not (agreed or asks.confirms(f"change {what}", _REFUSAL)):
        return None
    done = podium.ask(UpdateNodes(**fields, digest=plan.digest))
    deleted = f", {done.deleted} deleted" if listed.delete_missing else ""
    return f"{done.enrolled} imported, {done.changed} changed, {done.unchanged} unchanged{deleted}"


def lines(plan: Plan, *, deletes: bool) -> list[str]:
    """Return the lines of a plan, for people."""
    found = []
    if plan.new:
        found.append(f"new: {named(plan.new)}")
    if plan.new_chassis:
        found.append(f"new chassis: {', '.join(plan.new_chassis)}")
    found += _fields("change", plan.changed)
    found += _fields("change chassis", plan.changed_chassis, fold=False)
    if plan.gone:
        what = (
            "delete, not in the file"
            if deletes
            else "not in the file, and left alone (--delete-missing deletes them)"
        )
        found.append(f"{what}: {named(plan.gone)}")
    found += _fields("left as it is, not in the file", plan.left)
    return [*found, f"{plan.unchanged} unchanged"]


def _fields(what: str, found: Sequence[Fields], *, fold: bool = True) -> list[str]:
    lines = [
        f"{what}: {named(one.nodes) if fold else ', '.join(one.nodes)}: {', '.join(one.fields)}"
        for one in found[:_MOST_LINES]
    ]
    more = sum(len(one.nodes) for one in found[_MOST_LINES:])
    return [*lines, f"{what}: and {more} more, each with other fields"] if more else lines


def named(names: Sequence[str]) -> str:
    """Return folded names and their number, for people."""
    text = node_ranges.fold(names)
    more = f" ({len(names):,} nodes)" if len(names) > 1 else ""
    return f"{text if len(text) <= _LONGEST else f'{text[:_LONGEST]}...'}{more}"
