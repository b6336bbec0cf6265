"""``podium node export``."""

import argparse
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import yaml

from podium import masking
from podium.cli import arguments, command, node_csv
from podium.cli.new_files import new_file
from podium.cli.showing.words import Harmless, Writes
from podium.client.calls.call import ABSENT
from podium.client.calls.enrolment import Exported
from podium.client.enrolling import scalars

#: Nodes or chassis, some at a time, with the name of their list; first nodes, even if there are none.
_Parts = Iterator[tuple[str, list[dict[str, Any]]]]
_AT_ONCE: Final = 1000
#: The most secrets that cannot be decrypted and are named one by one.
_SHOWN: Final = 20


class Export(command.Command):
    """Print nodes with their records, ports and chassis, in the form of podium node import.

    CSV has no chassis. Secrets are printed as ******, which an import of new nodes refuses. With
    --with-secrets, which needs the database, everything is written into a new file that only you may read.
    Maintenance that the conductor has set itself is not exported.
    """

    only_reads = True

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser)
        parser.add_argument(
            "-f", "--format", choices=_FORMATS, default="yaml", help="yaml (default), json or csv"
        )
        parser.add_argument(
            "--with-secrets",
            type=Path,
            metavar="FILE",
            help="write the nodes with their secrets into this file, which must not exist; not with --url",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        nodes, where = arguments.chosen(self.parser, parsed_args)
        write, file = _FORMATS[parsed_args.format], parsed_args.with_secrets
        told = self._without_chassis if parsed_args.format == "csv" else iter
        if file is None:
            with self.podium() as podium:
                out = self.app.stdout
                write(
                    Harmless(out) if out.isatty() else out,
                    told(_parts(podium.export_nodes(nodes, where=where))),
                )
            return 0
        self.needs_database("podium node export --with-secrets")
        wanted = None
        if nodes or where:
            with self.podium() as podium:
                wanted = [node.name for node in podium.nodes(nodes, fields=["name"], where=where)]
        damaged: list[str] = []
        with new_file(file) as stream:
            count = write(stream, told(self._with_secrets(wanted, damaged.append)))
        self.say(f"{count} exported with their secrets to {file}")
        for fault in damaged[:_SHOWN]:
            self.warn(f"{fault}; exported as {masking.MASK}")
        if len(damaged) > _SHOWN:
            self.warn(f"{len(damaged) - _SHOWN} more are damaged, and exported as {masking.MASK}")
        return int(bool(damaged))

    def _without_chassis(self, parts: _Parts) -> _Parts:
        left = 0
        for name, some in parts:
            if name == "nodes":
                yield name, some
            else:
                left += len(some)
        if left:
            self.warn(f"warning: chassis have no place in CSV, {left} are left out; yaml and json have them")

    def _with_secrets(self, wanted: Sequence[str] | None, damaged: Callable[[str], object]) -> _Parts:
        """Yield nodes with their ports, and the chassis of these nodes; all for None."""
        from podium.client.local import export  # the libraries of databases take long to import

        with self.database() as database, database.snapshot() as connection:
            uuids = export.uuids(connection, wanted)
            yield "nodes", []
            for place in range(0, len(uuids), _AT_ONCE):
                yield "nodes", export.nodes(connection, uuids[place : place + _AT_ONCE], None, damaged)
            if found := export.chassis(connection, wanted):
                yield "chassis", found


def _parts(exported: Iterator[Exported]) -> _Parts:
    """Yield what was exported, some at a time; nothing before the first object has arrived."""
    some = [*islice(exported, _AT_ONCE)]
    yield "nodes", []
    while some:
        nodes = [dict(one.node) for one in some if one.node is not ABSENT]
        chassis = [dict(one.chassis) for one in some if one.chassis is not ABSENT]
        if nodes:
            yield "nodes", nodes
        if chassis:
            yield "chassis", chassis
        some = [*islice(exported, _AT_ONCE)]


def _write_json(stream: Writes, parts: _Parts) -> int:
    """Write the parts, one node or chassis in a line, and return the number of nodes."""
    count, last, comma = 0, "", ""
    for name, some in parts:
        if name != last:
            end = "\n], " if comma else "], "
            stream.write(f'{end if last else "{"}"{name}": [')
            last, comma = name, ""
        for one in some:
            stream.write(f"{comma}\n{json.dumps(one)}")
            comma = ","
        count += len(some) if name == "nodes" else 0
    stream.write("\n]}\n" if comma else "]}\n")
    return count


def _write_csv(stream: Writes, parts: _Parts) -> int:
    """Write the nodes of the parts, and return their number."""
    return node_csv.write(stream, (node for _, some in parts for node in some))


def _write_yaml(stream: Writes, parts: _Parts) -> int:
    """Write the parts, and return the number of nodes."""
    count, last, is_empty = 0, "", False
    for name, some in parts:
        if name != last:
            stream.write(f" []\n{name}:" if is_empty else f"{name}:")
            last, is_empty = name, True
        if some:
            text = yaml.dump(some, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**20)
            stream.write(f"\n{text}" if is_empty else text)
            is_empty = False
        count += len(some) if name == "nodes" else 0
    stream.write(" []\n" if is_empty else "")
    return count


_FORMATS: Final[Mapping[str, Callable[[Writes, _Parts], int]]] = {
    "yaml": _write_yaml,
    "json": _write_json,
    "csv": _write_csv,
}


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # a base found at run time
    """Writes scalars in the only form that all readers read alike, see podium.client.enrolling.scalars."""

    def ignore_aliases(self, data: object) -> bool:
        return True


_TAG: Final = "tag:yaml.org,2002:"
#: Texts that need no quotes: words of two letters at least, and addresses.
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]+|[0-9]+(?:\.[0-9]+){3}", re.ASCII)


def _text(dumper: Any, text: str) -> Any:
    is_plain = _PLAIN.fullmatch(text) and type(scalars.of_yaml(text)) is str
    return dumper.represent_scalar(f"{_TAG}str", text, style=None if is_plain else '"')


def _float(dumper: Any, number: float) -> Any:
    return dumper.represent_scalar(f"{_TAG}float", json.dumps(number))


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _float)
# PyYAML would tag a number that JSON writes differently, and would not tag a number of 2**64 or more, which
# Podium would then read as a text.
_Dumper.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if tag != f"{_TAG}float"]
    for first, forms in yaml.SafeDumper.yaml_implicit_resolvers.items()
}
_UNTAGGED: Final = re.compile(r"-?(?:\d+\.\d+|\d(?:\.\d+)?e(?:-\d+|\+1[678]))\Z", re.ASCII)
_Dumper.add_implicit_resolver(f"{_TAG}float", _UNTAGGED, list("-0123456789"))
