"""``podium node export``."""

import argparse
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

import yaml

from podium import errors, node_ranges
from podium.cli import arguments, command
from podium.client import enrolment, scalars
from podium.client.catalog import Catalog
from podium.client.node_records import RECORDS, of_node
from podium.db import node_list
from podium.db.bulk import chunks
from podium.db.provision_states import AVAILABLE, ENROLL, VERIFYING

#: What is left out, because an import of nothing gives the same.
_EMPTY: Final[tuple[Any, ...]] = ({}, "", False, None)
_READ: Final = (
    *enrolment.FIELDS,
    *(name for name, one in RECORDS.items() if one.is_column),
    "record",
    "fault",
)
_AT_ONCE: Final = 1000


class Export(command.Command):
    """Print what nodes were enrolled with, in the form of podium node import.

    Secrets are printed as ******, which an import refuses. With --with-secrets the whole is written into a
    new file for its owner alone. A node that the conductor has put into maintenance itself is exported
    without that.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser, nargs="*")
        parser.add_argument("-f", "--format", choices=_FORMATS, default="yaml", help="yaml (default) or json")
        parser.add_argument(
            "--with-secrets",
            type=Path,
            metavar="FILE",
            help="write the nodes with their secrets into this file, which must not exist",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        write, file = _FORMATS[parsed_args.format], parsed_args.with_secrets
        wanted = node_ranges.expand(parsed_args.nodes)
        if file is None:
            write(self.app.stdout, self._nodes(wanted, Catalog(self.config, self.warn)))
            return
        with _new_file(file) as stream:
            count = write(stream, self._nodes(wanted, None))
        self.say(f"{count} exported with their secrets to {file}")

    def _nodes(self, wanted: Sequence[str], catalog: Catalog | None) -> Iterator[list[dict[str, Any]]]:
        """Yield the nodes, some at a time.

        :param catalog: masks the secrets; None to keep them
        """
        with self.database() as database, database.snapshot() as connection:
            uuids = [row["uuid"] for row in node_list.select_nodes(connection, ["uuid"], wanted=wanted)]
            for some in chunks(uuids, _AT_ONCE):
                rows = node_list.select_nodes(connection, _READ, wanted=some)
                yield [_enrolled(catalog.masked(row) if catalog else row) for row in rows]


def _enrolled(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an import needs to make the same node."""
    kept = {key: row[key] for key in enrolment.FIELDS if row[key] not in _EMPTY}
    kept |= {key: value for key, value in of_node(row).items() if value != RECORDS[key].default}
    if row["provision_state"] == AVAILABLE:
        del kept["provision_state"]
    elif row["provision_state"] == VERIFYING:  # whoever imports it has to ask for that again
        kept["provision_state"] = ENROLL
    if row["fault"] is not None:  # the conductor's own maintenance ends by itself, a person's does not
        kept.pop("maintenance", None)
    return kept


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    """A file that is there, for its owner alone, once all of it was written.

    :raises podium.errors.ConfigError: if there is one already, or it cannot be written
    """
    try:
        if os.path.lexists(path):
            raise FileExistsError
        number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(number, "w", encoding="utf-8") as stream:
                yield stream
                stream.flush()
                os.fsync(number)
            os.link(name, path)  # which fails where somebody else was faster, unlike a rename
        finally:
            Path(name).unlink()
    except FileExistsError:
        raise errors.ConfigError(f"{path} is there already; name a new file") from None
    except OSError as fault:
        raise errors.ConfigError(f"{path} cannot be written: {fault.strerror}") from None


def _write_json(stream: TextIO, nodes: Iterator[list[dict[str, Any]]]) -> int:
    """Write the nodes, one in a line, and return their number."""
    count = 0
    for some in nodes:
        for node in some:
            stream.write("," if count else '{"nodes": [')
            stream.write(f"\n{json.dumps(node)}")
            count += 1
    stream.write("\n]}\n" if count else '{"nodes": []}\n')
    return count


def _write_yaml(stream: TextIO, nodes: Iterator[list[dict[str, Any]]]) -> int:
    """Write the nodes, and return their number."""
    count = 0
    for some in nodes:
        text = yaml.dump(some, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**20)
        stream.write(text if count else f"nodes:\n{text}")
        count += len(some)
    if not count:
        stream.write("nodes: []\n")
    return count


_FORMATS: Final[Mapping[str, Callable[[TextIO, Iterator[list[dict[str, Any]]]], int]]] = {
    "yaml": _write_yaml,
    "json": _write_json,
}


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # a base found at run time
    """Writes scalars in the only form that every reader takes for the same, see podium.client.scalars."""

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
# A number that JSON writes otherwise than PyYAML would get a tag, and one of 2**64 or more would get none,
# which Podium then reads as a text.
_Dumper.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if tag != f"{_TAG}float"]
    for first, forms in yaml.SafeDumper.yaml_implicit_resolvers.items()
}
_UNTAGGED: Final = re.compile(r"-?(?:\d+\.\d+|\d(?:\.\d+)?e(?:-\d+|\+1[678]))\Z", re.ASCII)
_Dumper.add_implicit_resolver(f"{_TAG}float", _UNTAGGED, list("-0123456789"))
