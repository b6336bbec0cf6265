"""``podium db upgrade``."""

import argparse

from podium.cli import command, identities
from podium.cli.catalog import Catalog
from podium.db import schema


class Upgrade(command.Command):
    """Create the database's schema or bring it up to date.

    Back up the database before: there is no way back. Conductors may go on meanwhile; where a step needs them
    stopped, the command says so and changes nothing. The drivers are asked which machines the nodes are, and
    what is spoken to: the nodes behind one chassis have one conductor. An SQLite file is created together
    with its folder, for its owner alone: run this as the user that runs the conductor.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with self.any_database() as database:
            before = schema.current(database)
            timeout = self.config.conductor.heartbeat_timeout
            after = schema.upgrade(database, heartbeat_timeout=timeout)
            warnings = identities.renew(database, Catalog(self.config))
            if remark := schema.check(database):
                self.warn(f"warning: {remark}")
            where = database.where
        if before == after:
            self.say(f"{where}: the schema is at revision {after} already")
        elif before is None:
            self.say(f"{where}: created the schema, revision {after}")
        else:
            self.say(f"{where}: upgraded the schema from revision {before} to {after}")
        self.warn_of(warnings)
