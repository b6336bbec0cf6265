"""The options of ``podium node set`` for what is noted of nodes, made of the table of records."""

import argparse
import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TextIO

from podium import errors, masking
from podium.cli import arguments, node_file
from podium.client import node_records, record_rules
from podium.client.node_records import RECORDS
from podium.client.values import TRUTH
from podium.db.api import NodeRecord

#: Records of several values, which have options of their own.
_SEVERAL: Final = ("traits", "instance_info", "network_data")
#: Fields from which single entries are taken, and whether they may be empty.
_ENTRIES: Final = {"driver_info": False, "properties": True, "extra": True, **dict.fromkeys(_SEVERAL, True)}
_UNSET: Final = (*RECORDS, *(field for field in _ENTRIES if field not in RECORDS))
_HELP: Final[Mapping[str, str]] = {
    "instance_uuid": "a UUID of what runs on it, for a single node",
    "instance_name": "the name of what runs on it",
    "resource_class": "what schedulers take it for, such as baremetal.large",
    "owner": "the project or people whose node it is",
    "lessee": "the project or people who have it for a time",
    "shard": "which of several programs looks after it",
    "parent_node": "the name or UUID of the node of which it is a part",
    "chassis_uuid": "the chassis in which it is",
    "retired": "whether it is to be used no more; not for nodes that are available",
    "retired_reason": "why it is retired",
    "protected": "whether it must not be deleted over the API; for nodes that are active",
    "protected_reason": "why it is protected",
    "description": "anything about it",
    "automated_clean": "for clients of the API",
    "disable_power_off": "whether it is never switched off",
}

#: A field, and None or one of its entries.
Unset = tuple[str, str | None]


def _text(text: str) -> str:
    if not text:  # as of a variable that the shell does not know
        raise argparse.ArgumentTypeError("it is empty; --unset takes a value away")
    return text


def _unset(text: str) -> Unset:
    field, dot, key = text.partition(".")
    if field not in _UNSET:
        near = difflib.get_close_matches(field, _UNSET, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_UNSET)}"
        raise argparse.ArgumentTypeError(f"there is no {field[:80]} to unset; {hint}")
    if dot and (field not in _ENTRIES or not key):
        raise argparse.ArgumentTypeError(f"{field} has no entry {key[:80]}; --unset {field} unsets it")
    if not dot and not _ENTRIES.get(field, True):
        raise argparse.ArgumentTypeError(f"name an entry, such as {field}.KEY")
    return field, key if dot else None


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("records", "What people and their programs note of nodes.")
    for name, one in RECORDS.items():
        if name in _SEVERAL:
            continue
        option, text = f"--{name.replace('_', '-')}", _HELP.get(name, "for clients of the API")
        if one.kind is TRUTH:
            group.add_argument(option, choices=("true", "false"), help=text)
        else:
            group.add_argument(option, metavar="TEXT", type=_text, help=text)
    group.add_argument(
        "--trait", action="append", default=[], help="what it is good for, such as CUSTOM_GPU; one more"
    )
    group.add_argument(
        "--instance-info",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        type=arguments.key_value,
        help="something about what runs on it",
    )
    group.add_argument("--network-data", metavar="FILE", help="a mapping, in a YAML or JSON file")
    group.add_argument(
        "--unset",
        action="append",
        default=[],
        metavar="FIELD[.KEY]",
        type=_unset,
        help="a value to take away: a record, or an entry such as properties.rack, extra.ticket,"
        " traits.CUSTOM_GPU or driver_info.KEY",
    )


class Wanted:
    """What a command line says of records.

    :param warn: called for a secret on the command line, where other users can read it
    :raises podium.errors.InvalidNode: for values that cannot be, and files that cannot be read
    """

    def __init__(self, parsed_args: argparse.Namespace, stdin: TextIO, warn: Callable[[str], None]) -> None:
        names = [name for name in RECORDS if name not in _SEVERAL]
        values = {name: value for name in names if (value := getattr(parsed_args, name)) is not None}
        if parsed_args.network_data is not None:
            values["network_data"] = node_file.content(parsed_args.network_data)
        columns = node_records.columns(values)
        #: New values, in the place of those that a node has.
        self.values: dict[str, Any] = (columns.pop("record", None) or {}) | columns
        self._traits: list[str] = parsed_args.trait
        self._instance_info = arguments.read_values(
            parsed_args.instance_info, stdin, warn, masking.is_secret, "instance_info"
        )
        self._unset: list[Unset] = parsed_args.unset
        given = {**self.values, "instance_info": self._instance_info}
        if faults := [
            f"{place[:80]} is {masking.MASK}, which Podium shows instead of a secret; give the secret itself"
            for place in masking.masked_places(given)
        ]:
            raise errors.InvalidNode(faults)

    def columns(self, node: NodeRecord) -> dict[str, Any]:
        """Return the columns of a node that change.

        :raises podium.errors.NodeConflict: for what the node's state does not allow
        :raises podium.errors.InvalidNode: for what never fits
        """
        before = node_records.of_node(node._asdict())
        after = self._after(before)
        record_rules.follow(node, before, after)
        changes = {
            name: None if value == RECORDS[name].default else value
            for name, value in after.items()
            if value != before[name]
        }
        return node_records.columns(changes, node.record)

    def _after(self, before: Mapping[str, Any]) -> dict[str, Any]:
        after = dict(before)
        for field, key in self._unset:
            if field in RECORDS:
                after[field] = RECORDS[field].default if key is None else without(after[field], [key])
        after |= self.values
        after["traits"] = [*dict.fromkeys([*after["traits"], *self._traits])]
        after["instance_info"] = after["instance_info"] | self._instance_info
        return after


def without(entries: Any, keys: Iterable[str | None]) -> Any:
    """Return a mapping or list without some entries; empty if one of these is None, which means all."""
    keys = set(keys)
    if None in keys:
        return type(entries)()
    if isinstance(entries, list):
        return [one for one in entries if one not in keys]
    return {key: value for key, value in entries.items() if key not in keys}
