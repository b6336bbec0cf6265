"""``podium secret reveal``: a password that Podium knows, for use elsewhere."""

import argparse
import json
import syslog
from pathlib import Path
from typing import Any

from podium import errors, masking
from podium.cli import arguments, command, converters
from podium.cli.new_files import new_file
from podium.client.enrolling.catalog import Catalog
from podium.db import api, credential_changes
from podium.db.credential_changes import GIVEN, IN_FORCE, SENT, UNKNOWN, Change
from podium.db.sealed import faults
from podium.drivers import base


class Reveal(command.Command):
    """Write the user and the password of a node into a new file, which only you may read.

    The file is JSON: {"node": ..., "username": ..., "password": ...}. While it is not known which of two
    passwords the BMC has, the file has "passwords": {"new": ..., "old": ...} instead of "password". The
    system's log of logins (authpriv) records who ran the command.
    """

    only_reads = True

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("node", metavar="NODE", type=converters.filled, help="its name or UUID")
        parser.add_argument(
            "--output-file", type=_file, required=True, metavar="FILE", help="which must not be there yet"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with self.database() as database, database.read() as connection:
            (node,) = api.find_nodes(connection, [parsed_args.node])
            found = credential_changes.open_of(connection, [node.id], IN_FORCE, SENT, UNKNOWN, GIVEN)
        if damaged := faults({"driver_info": node.driver_info}):
            raise errors.SecretUnreadable(f"{node.name}: {damaged[0]}")
        change = found.get(node.id)
        account = _account(Catalog(self.config, self.warn).driver(node.driver), node, change)
        if "password" not in account:
            self.warn(
                f"warning: {node.name}: it is unknown which password its BMC has, and both are in the file;"
                " see: podium credential settle"
            )
        with new_file(parsed_args.output_file) as stream:
            stream.write(f"{json.dumps({'node': node.name, **account}, indent=2)}\n")
        syslog.openlog(self.app.NAME, 0, syslog.LOG_AUTHPRIV)
        syslog.syslog(
            syslog.LOG_NOTICE,
            f"{arguments.who()} had the password of {node.name} written into {parsed_args.output_file}",
        )
        self.say(f"{node.name}: user and password are in {parsed_args.output_file}")


def _file(text: str) -> Path:
    if text == "-":
        raise argparse.ArgumentTypeError("the password is not printed: name a new file")
    return Path(text)


def _account(driver: base.Driver, node: api.NodeRecord, change: Change | None) -> dict[str, Any]:
    """Return the account that a driver logs in with, and the passwords that the hardware may have.

    :param change: the last change that set, or may have set, the node's password
    :raises podium.errors.PodiumError: if the driver does not name the account, or there is no password
    """
    login = driver.login
    if login is None:
        raise errors.BadRequest(
            f"the driver {node.driver} does not say which of its properties are the account;"
            " podium node export --with-secrets writes all of them"
        )
    username = None if login.username is None else _value(driver, node, login.username)
    both = {}
    if change is not None and change.state != IN_FORCE:
        its = {"new": change.new, "old": change.old}
        both = {"passwords": {name: entries.get(login.password) for name, entries in its.items()}}
        if change.state != GIVEN:
            return {"username": username, **both}
    password = _value(driver, node, login.password)
    if not password or masking.is_masked(password):
        raise errors.BadRequest(f"{node.name} has no {login.password}; see: podium node set")
    return {"username": username, "password": password, **both}


def _value(driver: base.Driver, node: api.NodeRecord, name: str) -> str | None:
    value = node.driver_info.get(name)
    if value in (None, ""):
        value = driver.properties[name].default
    return None if value is None else str(value)
