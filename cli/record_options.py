"""The options of ``podium node set`` for records of nodes, made from the table of records."""

import argparse
from collections.abc import Callable, Mapping
from typing import Any, Final, TextIO

from podium import errors, masking
from podium.cli import entries, node_file
from podium.client.enrolling.plain_values import plain
from podium.client.enrolling.values import TRUTH
from podium.client.records import unsetting
from podium.client.records.node_records import RECORDS
from podium.client.records.unsetting import SEVERAL

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


def _text(text: str) -> str:
    if not text:  # such as from an unset shell variable
        raise argparse.ArgumentTypeError("it is empty; --unset takes a value away")
    return text


def _truth(text: str) -> str:
    return {"yes": "true", "no": "false"}.get(text.lower(), text.lower())


def _unset(text: str) -> str:
    try:
        unsetting.parse(text)
    except ValueError as fault:
        raise argparse.ArgumentTypeError(str(fault)) from None
    return text


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("records", "What people and their programs note of nodes.")
    for name, one in RECORDS.items():
        if name in SEVERAL:
            continue
        option, text = f"--{name.replace('_', '-')}", _HELP.get(name, "for clients of the API")
        if one.kind is TRUTH:
            group.add_argument(option, type=_truth, choices=("true", "false"), help=text)
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
        type=entries.key_value,
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


def wanted(parsed_args: argparse.Namespace, stdin: TextIO, warn: Callable[[str], None]) -> dict[str, Any]:
    """Return the records that a command line sets, by name.

    :param warn: called for a secret on the command line, where other users can read it
    :raises podium.errors.InvalidNode: if a file cannot be read, or has values that JSON does not have
    """
    names = [name for name in RECORDS if name not in SEVERAL]
    values = {name: value for name in names if (value := getattr(parsed_args, name)) is not None}
    if parsed_args.network_data is not None:
        try:
            values["network_data"] = plain(node_file.content(parsed_args.network_data))
        except ValueError as fault:
            raise errors.InvalidNode([f"network_data {fault}"]) from None
    instance_info = entries.read_values(
        parsed_args.instance_info, stdin, warn, masking.is_secret, "instance_info"
    )
    several = {"traits": parsed_args.trait, "instance_info": instance_info}
    return values | {name: its for name, its in several.items() if its}
