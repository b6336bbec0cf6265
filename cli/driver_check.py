"""``podium driver check``: the part of the drivers' contract that needs no hardware."""

import argparse

from podium.cli import command
from podium.cli.catalog import Catalog
from podium.testing import structure


class Check(command.Command):
    """Check an installed driver: print a line for each finding, and exit with status 1 if there is one.

    Hardware is not asked: the rest of the contract is in podium.testing, for the driver's own tests.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("driver", metavar="DRIVER", help="see podium driver list")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        driver = Catalog(self.config).driver(parsed_args.driver)
        found = list(structure.findings(driver))
        for finding in found:
            self.say(f"{driver.name}: {finding}")
        if not found:
            self.say(f"{driver.name}: no fault found without its hardware")
        return 1 if found else 0
