"""``podium conductor drain``, ``undrain`` and ``forget``: what a conductor has goes to others."""

import argparse
import time
from collections.abc import Mapping, Sequence
from typing import Final

from podium import errors
from podium.cli import arguments, command
from podium.clocks import boottime
from podium.db import avoidances, drains, members, removal, roster, subnets
from podium.db.engine import Database
from podium.db.members import Member
from podium.db.slots import Pair

_POLL_SECONDS: Final = 0.2
#: Seconds between two lines about what is left while a command waits.
_NEWS_SECONDS: Final = 10.0
#: Heartbeats for which a member has to be silent before a person may end it.
_HEARTBEATS: Final = 2.5
#: Heartbeats after which a database counts as too slow.
_PATIENCE: Final = 30


class _OfHost(command.Command):
    """A command about one conductor."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("hostname", metavar="HOST", help="a name of `podium conductor list`")
        return parser


class Drain(_OfHost):
    """Take a conductor out of service: others take over its nodes, and changes under way end there first.

    It stays out of service, also after a restart, until `podium conductor undrain`.
    """

    #: To be replaced by tests.
    sleep = staticmethod(time.sleep)
    clock = staticmethod(boottime)

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--force",
            action="store_true",
            help="even if nobody else serves some of its nodes, which it then keeps until somebody does",
        )
        parser.add_argument(
            "--wait",
            action="store_true",
            help="wait until nothing is left with it; not for nodes that nobody else serves",
        )
        parser.add_argument(
            "--timeout",
            type=arguments.seconds,
            default=900.0,
            metavar="SECONDS",
            help="how long --wait waits (default: 900)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        host = parsed_args.hostname
        with self.database() as database:
            with database.write() as connection:
                roster.require(connection, host)
                left = drains.not_served_without(connection, host)
                if left and not parsed_args.force:
                    raise errors.PodiumError(
                        f"{host} is not drained: nobody else serves {_pairs(left)}; start a conductor that"
                        " does, or use --force"
                    )
                changed = drains.drain(connection, host)
                is_gone = not any(one.host == host for one in members.unended(connection))
            self.say(f"{host}: {'drained from now on' if changed else 'drained already'}")
            if left:
                self.warn(f"warning: nobody else serves {_pairs(left)}, which stay with {host}")
            if is_gone:
                self.warn(f"warning: {host} is gone; when it starts again, it stays out of service")
            if parsed_args.wait and left:
                self.warn(f"{host} is not waited for: it keeps nodes until somebody else serves them")
                return 1
            if parsed_args.wait:
                return self._wait(database, host, parsed_args.timeout)
        return 0

    def _wait(self, database: Database, host: str, timeout: float) -> int:
        told = self.clock()
        until = told + timeout
        while True:
            now = self.clock()
            with database.read() as connection:
                if drains.is_handed_over(connection, host):
                    break
                left = drains.left(connection, host) if now - told >= _NEWS_SECONDS else None
            if left is not None:
                told = now
                self.warn(f"{host}: {left} nodes are left with it")
            if now >= until:
                self.warn(f"{host} still has nodes after {timeout:g} s; see: podium conductor list")
                return 1
            self.sleep(_POLL_SECONDS)
        self.say(f"{host}: nothing is left with it")
        return 0


class Undrain(_OfHost):
    """Put a conductor back into service that was drained."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        host = parsed_args.hostname
        with self.database() as database, database.write() as connection:
            roster.require(connection, host)
            changed = drains.undrain(connection, host)
        self.say(f"{host}: {'in service again' if changed else 'in service already'}")


class Forget(_OfHost):
    """End the workers of a conductor whose machine is off, without waiting for their leases.

    A conductor that is gone, none of whose workers is left, is removed from all lists.

    Make sure that the machine is off, or that its power cannot come back: whatever it was about to send to a
    node it may still send. A conductor that still gives signs of life is not forgotten.
    """

    #: To be replaced by tests.
    sleep = staticmethod(time.sleep)

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--yes", action="store_true", help="do not ask")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        host = parsed_args.hostname
        with self.database() as database:
            with database.read() as connection:
                roster.require(connection, host)
                its = [one for one in members.unended(connection) if one.host == host]
            if not its:
                return self._remove(database, host)
            seen = self._silent(database, its)
            if seen is None:
                return self._refuse(host)
            if not (parsed_args.yes or self._is_confirmed(host)):
                self.warn("nothing was changed")
                return 1
            with database.write() as connection:
                members.end(connection, seen, None, f"forgotten by {arguments.who()}")
                left = {one.id for one in members.unended(connection)} & {one.id for one in its}
        if left:
            return self._refuse(host)
        self.say(f"{host}: forgotten; workers ended: {len(its)}")
        return 0

    def _remove(self, database: Database, host: str) -> int:
        with database.read() as connection:
            avoided = [one.network for one in subnets.listed(connection) if one.host == host]
        for subnet in avoided:
            avoidances.unavoid(database, host, subnet)
        with database.write() as connection:
            if not removal.remove(connection, host):
                return self._refuse(host)
        self.say(f"{host}: removed from the lists")
        return 0

    def _refuse(self, host: str) -> int:
        self.warn(
            f"{host} lives: it gave a sign of life just now, and nothing was changed; to take it out of"
            f" service: podium conductor drain {host} --wait, then stop it"
        )
        return 1

    def _is_confirmed(self, host: str) -> bool:
        return self.confirms(
            f"{host} gives no sign of life; is its machine off, and is it to be forgotten",
            f"to forget {host} needs --yes, which says that its machine is off; nothing was changed",
        )

    def _silent(self, database: Database, its: Sequence[Member]) -> Mapping[int, int] | None:
        """Return the numbers at which the leases of members stood still for long; None if one was raised.

        :raises podium.errors.PodiumError: if the database is too slow to tell
        """
        numbers, pause = [one.id for one in its], max(one.interval for one in its)
        seen, found, begun = None, None, boottime()
        while True:
            before = boottime()
            with database.write() as connection:
                found = drains.observe(connection, numbers)
            now = boottime()
            if seen is None:
                seen, since, last = found, now, now
            if found != seen:
                return None
            if now - last > pause:
                since = now  # while the database does not answer, nobody can give a sign of life
            if before - since >= _HEARTBEATS * pause:
                return seen
            if now - begun > _PATIENCE * pause:
                raise errors.PodiumError("the database answers too slowly to tell who lives; try again later")
            last = now
            self.sleep(pause / 4)


def _pairs(pairs: list[Pair]) -> str:
    return ", ".join(map(roster.described, pairs))
