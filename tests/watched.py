"""A fleet for tests in a browser: podium-api as a process, and a conductor that carries out requests."""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

import bcrypt
import sqlalchemy as sa

import demo_fleets
import entries
from daemons import eventually
from doors import Door
from heads import Head
from peers import PATIENCE
from podium.db import api, readings
from podium.db.engine import Database
from podium.db.models import nodes, power_readings, utcnow
from podium.db.models import power_requests as requests
from podium.db.readings import Reading
from templates import prepared

#: Every user's password. Users are named after their roles: ``reader``, ``operator``, ``admin``, ``nobody``.
PASSWORD: Final = "correct horse battery staple"
USERS: Final = ("reader", "operator", "admin", "nobody")
#: Lines of [api] that give each user the role of its name.
ROLES: Final = "readers = reader\noperators = operator\nadmins = admin"
#: Seconds between two renewals of the conductor's lease, and between two checks for requests.
_PULSE: Final = 1.0
_STEP: Final = 0.05


def fleet(racks: int, each: int, now: datetime | None = None) -> Iterator[dict[str, Any]]:
    """Yield the columns of the nodes ``r1n01`` and so on.

    In each rack every fourth node is off and the others are on, except that ``n05`` was never read, ``n06``
    is in error, ``n07`` was on and no longer answers, ``n09`` has a critical fan, ``n10`` is in maintenance.
    """
    now = now or utcnow()
    special = {
        5: {"power_state": None},
        6: {"power_state": "error"},
        7: {"power_failures": 7, "last_error": "BMC does not answer within 9.75 s"},
        9: {"health": {"status": "Critical", "reasons": ["FAN3: 0 rpm"]}},
        10: {"maintenance": True, "maintenance_reason": "a new board", "wanted_power_state": None},
    }
    for rack in range(1, racks + 1):
        for place in range(1, each + 1):
            state = "power on" if place % 4 else "power off"
            yield {
                "name": f"r{rack}n{place:02}",
                "driver": "fake",
                "power_state": state,
                "wanted_power_state": state,
                "health": {"status": "OK", "reasons": []},
                "health_checked_at": now,
                "health_lasts": 900.0,
                "resource_class": "baremetal",
                "extra": {"rack": f"r{rack}", "zone": "north" if rack % 2 else "south"},
                "properties": {"cpus": 64, "model": "X12"},
                **special.get(place, {}),
            }


class Site:
    """A fleet, its database, ``podium-api`` at a fixed port, and a conductor; ``with`` starts all.

    Without users there is no login, and everyone may do everything.

    :param users: whether users must log in: :data:`USERS`, with :data:`PASSWORD`
    :param worn: use a fleet after months of work (demo_fleets.py) instead of :func:`fleet`
    :param settings: lines of ``[api]``
    :ivar url: of the page, without a trailing slash
    :ivar door: has ``start()`` and ``kill()`` of the API, and its conductor's files
    :ivar conductor: see :class:`Conductor`
    :ivar passwords: the file of users
    """

    def __init__(
        self,
        folder: Path,
        racks: int = 4,
        each: int = 12,
        *,
        users: bool = False,
        worn: bool = False,
        settings: str = "",
    ) -> None:
        self.passwords = passwords = folder / "htpasswd"
        if users:
            code = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
            passwords.write_text("".join(f"{name}:{code}\n" for name in USERS))
        strategy = f"http_basic_auth_user_file = {passwords}" if users else "auth_strategy = noauth"
        roles = ROLES if users else ""
        self.door = Door(folder, f"{roles}\n{settings}", strategy=strategy)
        self.url = self.door.url
        self.database = prepared(self.door.conductor.url)
        head = demo_fleets.fill(self.database, racks, each) if worn else self._enrol(racks, each)
        self.conductor = Conductor(self.database, head)

    def __enter__(self) -> Self:
        self.conductor.start()
        try:
            self.door.start()
        except BaseException:
            self.conductor.kill()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.door.__exit__(*exc_info)
        self.conductor.kill()
        self.database.dispose()

    def switch(self, names: Iterable[str], state: str) -> None:
        """Switch nodes without Podium's knowledge, and let a sweep detect it."""
        self._read(names, state, None)

    def silence(self, names: Iterable[str], why: str = "BMC does not answer within 9.75 s") -> None:
        """Let nodes fail to answer reads."""
        self._read(names, None, why)

    def change(self, names: Iterable[str], values: Mapping[str, Any]) -> None:
        """Change columns of nodes, like a user or a conductor."""
        with self.database.write() as connection:
            numbers = [one.id for one in api.find_keys(connection, list(names))]
            api.update_nodes(connection, dict.fromkeys(numbers, values))

    def ask(self, action: str, nodes: str, reason: str | None = None, *, who: str = "admin") -> int:
        """Request a power change as a user elsewhere, and return the number of the operation."""
        said = {"action": action, "nodes": [nodes], "reason": reason, "confirmed": True}
        answer = self.door.http.post("/podium/v1/operations", json=said, auth=(who, PASSWORD))
        assert answer.status_code == 202, answer.text
        return int(answer.json()["operation"])

    def wait_for_operations(self) -> None:
        """Wait until all requests have ended."""

        def are_over() -> bool:
            with self.database.read() as connection:
                open_ones = sa.select(sa.func.count()).where(requests.c.finished_at.is_(None))
                return connection.scalar(open_ones) == 0

        eventually(are_over, "all operations have ended")

    def delete(self, names: Iterable[str]) -> None:
        with self.database.write() as connection:
            numbers = [one.id for one in api.find_keys(connection, list(names))]
            api.delete_nodes(connection, numbers)

    def states(self) -> dict[str, str | None]:
        """Return each node's power state in the database."""
        with self.database.read() as connection:
            found = connection.execute(sa.select(nodes.c["name", "power_state"])).all()
        return {row.name: row.power_state for row in found}

    def _enrol(self, racks: int, each: int) -> Head:
        now = utcnow()
        with self.database.write() as connection:
            (worker,) = entries.enter(connection, "c1", ["fake"])
            api.create_nodes(connection, list(fleet(racks, each, now)))
            was_read = sa.select(nodes.c.id).where(nodes.c.power_state.is_not(None))
            known = sa.update(power_readings).where(power_readings.c.node_id.in_(was_read))
            connection.execute(known.values(checked_at=now))
        return Head(self.database, worker)

    def _read(self, names: Iterable[str], state: str | None, failure: str | None) -> None:
        with self.database.write() as connection:
            chosen = sa.select(nodes.c["id", "version"]).where(nodes.c.name.in_(list(names)))
            rows = connection.execute(chosen).all()
            read = [Reading(row.id, row.version, utcnow(), state, failure) for row in rows]
            left = readings.record_readings(connection, read, self.conductor.head.worker)
        assert not left, "nodes have a change under way"


class Conductor:
    """Carries out requests and gives signs of life, in a thread, until it is killed.

    :ivar failures: the errors of future requests, by node name
    """

    def __init__(self, database: Database, head: Head) -> None:
        self.head = head
        self.failures: dict[str, str] = {}
        self._is_slow = False
        self._turn = threading.Lock()
        self._database = database
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def become_slow(self) -> None:
        """Begin what is asked from now on, and do not end it."""
        with self._turn:  # what is under way is done as before
            self._is_slow = True

    def start(self) -> None:
        """Start, also after a kill."""
        self._end.clear()
        self._thread = threading.Thread(target=self._live, name="conductor")
        self._thread.start()

    def kill(self) -> None:
        """Be gone without a word."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(PATIENCE)

    def _live(self) -> None:
        alive_until = 0.0
        while not self._end.wait(_STEP):
            if time.monotonic() > alive_until:
                demo_fleets.renew(self._database)
                alive_until = time.monotonic() + _PULSE
            with self._turn:
                self._take_turn()

    def _take_turn(self) -> None:
        if self._is_slow:
            self.head.begin(9999)
            return
        self.head.carry_out(self.failures)
        with self._database.write() as connection:
            demo_fleets.answer(connection, self.head.worker)
