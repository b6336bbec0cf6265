"""Several conductors on one database, each as on its own host, and faults to inflict on them."""

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

import sqlalchemy as sa

from daemons import Daemon, eventually
from podium.db import api, clock, members, models, operations, slots
from podium.db.api import NodeRecord
from podium.db.engine import Database
from podium.db.keyring import Keyring
from podium.db.members import Member
from podium.db.sealed import Sealing
from proxies import Proxy
from servers import Server

#: Seconds for which the conductors' leases are valid. Long enough for a busy machine.
TIMEOUT: Final = 10
CONFIG: Final = f"""
[conductor]
heartbeat_interval = 1
heartbeat_timeout = {TIMEOUT}
sync_power_state_interval = 5
power_state_change_timeout = 30
"""


class Host:
    """One host with its conductor, and the cable between it and the database.

    :param environment: of the daemon's processes
    """

    def __init__(
        self, folder: Path, name: str, server: Server, database: str, text: str, **options: Any
    ) -> None:
        folder.mkdir()
        self.name = name
        self.proxy = Proxy((server.host, server.port))
        url = sa.make_url(server.url(database)).set(host=self.proxy.host, port=self.proxy.port)
        self.daemon = Daemon(
            folder,
            CONFIG + text,
            default="enabled_drivers = ipmi",
            url=url.render_as_string(hide_password=False),
            host=name,
            **options,
        )

    def start(self) -> Self:
        self.daemon.start()
        return self

    def stopped(self) -> None:
        """SIGSTOP of all its processes, as if the machine were suspended."""
        for pid in self.pids():
            os.kill(pid, signal.SIGSTOP)

    def resumed(self) -> None:
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):  # its master may have ended it just before
                os.kill(pid, signal.SIGCONT)

    def pids(self) -> list[int]:
        """The master and the workers."""
        process = self.daemon.process
        if process is None or process.poll() is not None:
            return []
        return [process.pid, *self.daemon.children()]


class Cluster:
    """Conductors with one fleet; ``with`` ensures that all end.

    :param server: the server for a new empty database
    """

    def __init__(self, folder: Path, server: Server, count: int, text: str = "", **options: Any) -> None:
        self._folder = folder
        self._server = server
        self._name = server.create_migrated_database()
        self._text, self._options = text, options
        self._database = Database(server.url(self._name))
        self._stack = ExitStack()
        self.hosts: list[Host] = []
        for _ in range(count):
            self.add()

    def add(self, **options: Any) -> Host:
        """Add a host. Its conductor is not started yet."""
        name, options = f"c{len(self.hosts) + 1}", self._options | options
        host = Host(self._folder / name, name, self._server, self._name, self._text, **options)
        self.hosts.append(host)
        self._stack.enter_context(host.proxy)
        self._stack.callback(self._end, host)
        return host

    def move_to(self, server: Server) -> None:
        """Switch all proxies to another server, such as a promoted standby."""
        self._server = server
        self._database.dispose()
        self._database = Database(server.url(self._name))
        for host in self.hosts:
            host.proxy.upstream = server.host, server.port
            host.proxy.reset()

    def hold(self, keyring: Keyring) -> None:
        """Decrypt secrets in reads that bypass the proxies."""
        self._database.dispose()
        self._database = Database(
            self._server.url(self._name), sealing=Sealing(keyring, secret_names=frozenset)
        )

    @staticmethod
    def _end(host: Host) -> None:
        with contextlib.suppress(ProcessLookupError):
            host.resumed()
        host.daemon.__exit__()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._database.dispose()

    def start(self) -> Self:
        """Start all conductors at once, and wait until each owns its share."""
        for host in self.hosts:
            host.daemon.launch()
        eventually(self.is_settled, "every conductor has entered, and the generations have settled")
        eventually(
            lambda: all(" owns " in host.daemon.text() for host in self.hosts), "every conductor is ready"
        )
        return self

    def podium(self, *arguments: str, expect: int = 0) -> Any:
        """Run a user's command on the first host."""
        return self.hosts[0].daemon.podium(*arguments, expect=expect)

    def rows(self, query: sa.Executable) -> list[Any]:
        """Query the database, bypassing the proxies."""
        with self._database.read() as connection:
            return list(connection.execute(query))

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Open a transaction that bypasses the proxies."""
        with self._database.write() as connection:
            yield connection

    def nodes(self) -> list[NodeRecord]:
        with self._database.read() as connection:
            return api.list_nodes(connection)

    def now(self) -> datetime:
        """Return the database's time."""
        with self._database.read() as connection:
            return clock.now(connection)

    def owners(self) -> dict[str, int]:
        """Return how many nodes each host has."""
        query = (
            sa.select(models.members.c.host, sa.func.count())
            .select_from(models.nodes.join(models.slots, slots.OF_NODE))
            .join(models.members, models.members.c.id == models.slots.c.owner)
            .group_by(models.members.c.host)
        )
        return {row[0]: row[1] for row in self.rows(query)}

    def members(self) -> list[Member]:
        """Return the members that have not ended."""
        with self._database.read() as connection:
            return members.unended(connection)

    def is_settled(self, hosts: Sequence[Host] | None = None) -> bool:
        """Return whether only the conductors of these hosts are members, and share all slots."""
        wanted = {host.name for host in (self.hosts if hosts is None else hosts)}
        there = self.members()
        if {member.host for member in there} != wanted:
            return False
        with self._database.read() as connection:
            newest = connection.scalars(sa.select(models.change_counter.c.generation)).one()
            if not newest or members.settled(connection) != newest:
                return False
            owners = set(connection.scalars(sa.select(models.slots.c.owner).distinct()))
        return owners == {member.id for member in there}

    def is_at_rest(self) -> bool:
        """Return whether every request has ended and nothing is reserved."""
        requests, nodes = models.power_requests, models.nodes
        going = sa.select(requests.c.id).where(requests.c.state.in_(operations.UNFINISHED))
        held = sa.select(nodes.c.id).where(nodes.c.reservation.is_not(None))
        return not (self.rows(going.limit(1)) or self.rows(held.limit(1)))
