"""``podium node import``."""

import argparse
from typing import Final

from rich.console import Console
from rich.progress import Progress

from podium import errors
from podium.cli import arguments, command, node_file, node_update
from podium.cli.node_file import Lists
from podium.client.calls.updating import Listed
from podium.client.enrolling import plain_rows
from podium.client.enrolling.plain_rows import Rows

FROM_IRONIC: Final = "--from-ironic-db"


class Import(command.Command):
    """Enrol the nodes that a YAML, JSON or CSV file lists: all of them or, if any is wrong, none.

    The file is {"nodes": [{"name": ..., "driver": ..., "driver_info": {...}}, ...]}; a node may also have
    uuid, properties, extra, conductor_group, maintenance, ports and whatever podium node set can set. A list
    chassis may stand beside nodes. Passwords, names and other texts are taken as they are in the file, quoted
    or not: 0123456 and no are texts. A node that is enrolled already is left alone if it is the same in every
    way, and is an error otherwise. On a terminal a bar shows the progress.

    The first row of a CSV file names its columns, as podium node export -f csv prints them: name, driver,
    driver_info.ipmi_address, extra.rack and so on. A column such as ports:json contains JSON.

    With --update, enrolled nodes are changed to match the file. What is new, different or missing is shown
    first, and applied once you confirm it, or with --yes: all of it, or nothing. Values of a node that the
    file does not name stay, and so do secrets that are ****** in the file. Nodes that are not in the file are
    only listed, unless --delete-missing is given.

    With --from-ironic-db, nodes come from Ironic's database, with their credentials, ports and chassis. Nodes
    that cannot be taken are listed with the reason; all others are enrolled. This needs Podium's database.
    """

    #: Warnings that wait for the end of the bar; None while there is no bar.
    _held: list[str] | None = None

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("file", metavar="FILE", nargs="?", help="its path, or - for standard input")
        parser.add_argument(
            FROM_IRONIC,
            metavar="@FILE",
            help="take the nodes of an Ironic instead, from its database, which is only read: the first line"
            " of this file is the database's URL; - for a line of standard input; not with --url",
        )
        parser.add_argument(
            "--only",
            action="append",
            default=[],
            metavar="NODE",
            help="of Ironic's nodes only this one, or this range such as r1n[01-40]; may be repeated",
        )
        parser.add_argument(
            "--vendor-types",
            action="store_true",
            help="also nodes with a vendor's hardware type (idrac, intel-ipmi and the like) whose power"
            " interface is ipmitool, redfish or idrac-redfish, with the driver ipmi or redfish",
        )
        parser.add_argument(
            "--update", action="store_true", help="change nodes that are enrolled, after showing what changes"
        )
        parser.add_argument("--yes", action="store_true", help="with --update, do not ask")
        parser.add_argument(
            "--delete-missing",
            action="store_true",
            help="with --update, forget nodes that are not in the file",
        )
        arguments.add_force(parser)
        parser.add_argument("-q", "--quiet", action="store_true", help="print errors only")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        if (parsed_args.file is None) is (parsed_args.from_ironic_db is None):
            self.parser.error(f"give either a FILE or {FROM_IRONIC}")
        if (parsed_args.only or parsed_args.vendor_types) and not parsed_args.from_ironic_db:
            self.parser.error(f"--only and --vendor-types go with {FROM_IRONIC}")
        if (parsed_args.yes or parsed_args.delete_missing) and not parsed_args.update:
            self.parser.error("--yes and --delete-missing go with --update")
        if parsed_args.update and parsed_args.from_ironic_db:
            self.parser.error(f"--update goes with a file, not with {FROM_IRONIC}")
        if parsed_args.from_ironic_db:
            self.needs_database(f"podium node import {FROM_IRONIC}")
        shared: list[str] = []
        with self._progress(parsed_args.quiet) as progress:
            if parsed_args.from_ironic_db:
                from podium.cli import ironic_import  # the libraries of databases take long to import

                counted, shared = ironic_import.run(self, parsed_args, progress)
            else:
                self._held = []
                given, nodes, chassis = self._read(parsed_args.file, progress)
                if not parsed_args.update:
                    counted = self._enrol(given, nodes, chassis, parsed_args.force, progress)
        if parsed_args.update:
            counted = self._update(given, nodes, chassis, parsed_args)
        held, self._held = self._held or (), None
        if not parsed_args.quiet:
            self.say(counted)
            self.warn_of(shared)
            for warning in held:
                self.warn(warning)

    def _progress(self, quiet: bool) -> Progress:
        return Progress(
            console=Console(file=self.app.stderr),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            disable=quiet or not self.app.stderr.isatty(),
        )

    def warn(self, text: str) -> None:
        if self._held is None:
            super().warn(text)
        else:
            self._held.append(text)

    def _read(self, file: str, progress: Progress) -> tuple[Lists, Rows, Rows]:
        """Return the content of a file, and its nodes and chassis as they are sent."""
        reading = progress.add_task("reading", total=1)
        given = node_file.read(file, lambda share: progress.update(reading, completed=share))
        progress.update(reading, completed=1)
        nodes = plain_rows.nodes(given.nodes, progress.track(given.nodes, description="checking"))
        chassis = plain_rows.chassis(given.chassis)
        if faults := chassis.faults + nodes.faults:
            with node_file.in_rows(given):
                raise errors.InvalidNode(faults)
        return given, nodes, chassis

    def _enrol(self, given: Lists, nodes: Rows, chassis: Rows, force: bool, progress: Progress) -> str:
        """Enrol the nodes, and return how many, in words for people."""
        progress.add_task("writing", total=None)
        with node_file.in_rows(given), self.podium() as podium:
            done = podium.enrol_nodes(nodes.rows, chassis.rows, keep=True, force=force, nulls=nodes.nulls)
        return f"{done.enrolled} imported" + (f", {done.unchanged} unchanged" if done.unchanged else "")

    def _update(self, given: Lists, nodes: Rows, chassis: Rows, parsed_args: argparse.Namespace) -> str:
        """Update the nodes, and return what was done, in words for people."""
        listed = Listed(
            nodes=nodes.rows,
            chassis=chassis.rows,
            columns=given.columns,
            delete_missing=parsed_args.delete_missing,
            force=parsed_args.force,
            nulls=nodes.nulls,
        )
        with node_file.in_rows(given), self.podium() as podium:
            done = node_update.run(self, podium, listed, agreed=parsed_args.yes, quiet=parsed_args.quiet)
        if done is None:
            raise errors.PodiumError("nothing was changed")
        return done
