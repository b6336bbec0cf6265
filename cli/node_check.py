"""``podium node check``."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, Final

from podium.cli import arguments, command
from podium.cli.showing.tables import Form
from podium.client.calls.hardware import MOST_CHECKED, LoginCheck

_COLUMNS: Final = ("name", "result", "username", "privilege", "protocol", "power_state", "remarks")


class Check(command.Lister):
    """Try the login of nodes, and change nothing.

    The conductor that owns a node logs in once with a separate session, reads the power and logs out. The
    result is works, refused (user or password is wrong), unreachable (nothing is known), failed (the login is
    not the cause) or not checked, and remarks show why and what works only in part. Nodes in maintenance are
    checked too. The exit status is 0 if the login of every node works, and 1 if not, or if there are no such
    nodes.
    """

    column_names = _COLUMNS
    form = Form(
        "nodes",
        by=("name",),
        dropped=("protocol", "privilege", "username", "power_state"),
        prose=("remarks",),
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        found: list[LoginCheck] = []
        nodes, where = arguments.chosen_to_change(self.parser, parsed_args)
        with self.podium() as podium:
            names = [node.name for node in podium.nodes(nodes, fields=["name"], where=where)]
            for start in range(0, len(names), MOST_CHECKED):
                found += podium.check_nodes(names[start : start + MOST_CHECKED]).nodes
        self._all_work = bool(found) and all(one.result == "works" for one in found)
        rows = list(map(_row, found))
        if self.screen(parsed_args) is not None:
            rows = [_without_name(row) for row in rows]
        elif not rows:
            self.none_meant("checked")
        return _COLUMNS, rows

    def run(self, parsed_args: argparse.Namespace) -> int:
        return super().run(parsed_args) or int(not self._all_work)


def _row(check: LoginCheck) -> list[Any]:
    shown = {name: getattr(check, name, None) for name in _COLUMNS}
    remarks = [*check.remarks, *(["the node is in maintenance"] if check.maintenance else [])]
    shown |= {"name": check.node, "remarks": [check.error, *remarks] if check.error else remarks}
    return [shown[name] for name in _COLUMNS]


def _without_name(row: list[Any]) -> list[Any]:
    """Return a row whose remarks do not repeat the node's name, which stands before them."""
    name, *cells, remarks = row
    return [name, *cells, [remark.removeprefix(f"{name}: ") for remark in remarks]]
