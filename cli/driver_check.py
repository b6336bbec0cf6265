"""``podium driver check``: the part of the drivers' contract that needs no hardware."""

import argparse
from collections.abc import Sequence

from podium import errors
from podium.cli import command, converters
from podium.client.enrolling.catalog import Catalog
from podium.testing import structure


class Check(command.Command):
    """Check an installed driver: print a line for each finding, and exit with status 1 if there is one.

    No hardware is contacted: the rest of the contract is in podium.testing, for the driver's own tests.
    """

    only_reads = True

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("driver", metavar="DRIVER", type=converters.filled, help="see podium driver list")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        name = parsed_args.driver
        for finding in (found := self._findings(name)):
            self.say(f"{name}: {finding}")
        if not found:
            self.say(f"{name}: no fault found without its hardware")
        return 1 if found else 0

    def _findings(self, name: str) -> Sequence[str]:
        try:
            driver = Catalog(self.config, self.warn).driver(name)
        except errors.DriverLoadError as fault:
            if fault.faults:
                return fault.faults
            raise
        return list(structure.findings(driver))
