"""``podium db upgrade``."""

import argparse

from podium.cli import command, identities
from podium.cli.catalog import Catalog
from podium.db import schema


class Upgrade(command.Command):
    """Create the database's schema or bring it up to date.

    Stop every conductor before. The drivers are asked which machines the nodes are, and what
    is spoken to: the nodes behind one chassis have one conductor. An SQLite file is created
    together with its folder, for its owner alone: run this as the user that runs the conductor.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with self.any_database() as database:
            before = schema.current(database)
            after = schema.upgrade(database)
            warnings = identities.renew(database, Catalog(self.config))
            where = database.where
        if before == after:
            self.say(f"{where}: the schema is at revision {after} already")
        elif before is None:
            self.say(f"{where}: created the schema, revision {after}")
        else:
            self.say(f"{where}: upgraded the schema from revision {before} to {after}")
        self.warn_of(warnings)
