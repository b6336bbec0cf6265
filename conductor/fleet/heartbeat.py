"""The heartbeat of a member: a thread with its own connection, which nothing else can delay.

It renews the lease, reads the leases of all others, and ends the members whose leases are over.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Final

import sqlalchemy as sa
from oslo_log import log

from podium import errors
from podium.clocks import boottime
from podium.conductor.fleet.lease import Lease
from podium.conductor.fleet.observed import Observed
from podium.conductor.rooms.clock import DatabaseClock
from podium.db import members
from podium.db.engine import Database

LOG = log.getLogger(__name__)

#: Seconds between two heartbeats, at least.
_SHORTEST: Final = 0.05
_WHY: Final = "its lease ran out"


class Heartbeat:
    """Renews one lease until :meth:`stop`.

    :param database: used by the heartbeat only, with short timeouts
    :param interval: seconds between two heartbeats
    :param now: learns the database's time at each heartbeat
    :param works: whether this worker works; while it does not, its lease is not renewed
    :param ended: called once, from the thread, when the member has ended
    """

    def __init__(
        self,
        database: Database,
        lease: Lease,
        *,
        interval: float,
        now: DatabaseClock,
        works: Callable[[], bool],
        ended: Callable[[errors.MemberEnded], object],
        clock: Callable[[], float] = boottime,
    ) -> None:
        self._database = database
        self._lease = lease
        self._interval = interval
        self._now = now
        self._works = works
        self._ended = ended
        self._clock = clock
        self._number = 1  # the number that it entered with
        self._observed = Observed(interval, clock)
        self._lengths: dict[int, float] = {}
        self._is_safe = True
        self._is_connected_anew = False
        if not database.is_sqlite:  # SQLite reconnects for each transaction
            sa.event.listen(database.engine, "connect", self._note_connection)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Start renewing the lease."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the heartbeat under way, and leave, unless the member has ended."""
        self._stop.set()
        self._thread.join()
        try:
            if not self._lease.ended:
                with self._database.write() as connection:
                    members.leave(connection, self._lease.holder)
        except errors.DatabaseUnavailable:
            LOG.warning("The end of this conductor was not recorded; its missing heartbeat will show it")
        finally:
            self._database.dispose()

    def beat(self) -> None:
        """Renew the lease once, if the worker works and the database can be reached."""
        if not self._works():
            self._observed.restart()
            return
        began = self._clock()
        self._number += 1  # even if the previous renewal was not answered, as it may still be carried out
        try:
            with self._database.write() as connection:
                self._now.ask(connection)
                numbers = members.renew(connection, self._lease.holder, self._number)
                if numbers is None:
                    members.guard(connection, self._lease.holder)  # raises with the reason
                else:
                    self._learn_lengths(connection, numbers)
        except errors.DatabaseUnavailable as error:
            self._observed.restart()
            self._note_safety(error)
            return
        if numbers is None:
            raise errors.MemberEnded(f"the member {self._lease.holder} has lost its lease")
        self._lease.renew(began)
        self._note_safety(None)
        if self._is_connected_anew:  # perhaps to a server that replaced the previous one
            self._is_connected_anew = False
            self._observed.restart()
        others = {member: number for member, number in numbers.items() if member in self._lengths}
        others.pop(self._lease.holder.incarnation, None)
        over = self._observed.look(began, others, self._lengths)
        if over:
            self._end(over)

    def _note_connection(self, *_: object) -> None:
        self._is_connected_anew = True

    def _learn_lengths(self, connection: sa.Connection, numbers: Mapping[int, int]) -> None:
        if numbers.keys() != self._lengths.keys():
            self._lengths = {one.id: one.lease for one in members.unended(connection)}

    def _end(self, over: Mapping[int, int]) -> None:
        """End members whose leases are over; if that fails, the next heartbeat tries again."""
        try:
            with self._database.write() as connection:
                losses = members.losses(connection, over)
                ended = members.end(connection, over, self._lease.holder, _WHY)
        except errors.DatabaseUnavailable:
            return
        for loss in losses:
            if loss.member.incarnation in ended:
                LOG.warning(
                    "%s has ended the member %s, because its lease ran out: its nodes go to"
                    " others, and it had changes of %d nodes under way",
                    self._lease.holder,
                    loss.member,
                    loss.changes,
                )

    def _note_safety(self, error: Exception | None) -> None:
        is_safe = self._lease.is_safe()
        if is_safe != self._is_safe:
            self._is_safe = is_safe
            if is_safe:
                LOG.warning("%s switches nodes again: its lease is renewed", self._lease.holder)
            else:
                LOG.warning(
                    "%s switches no nodes until it can renew its lease: %s", self._lease.holder, error
                )

    def _pause(self) -> float:
        """Seconds until the next heartbeat, which comes early if a lease may be over before."""
        return min(self._interval, max(self._observed.due - self._clock(), _SHORTEST))

    def _run(self) -> None:
        while not self._stop.wait(self._pause()):
            try:
                self.beat()
            except errors.MemberEnded as error:
                self._lease.end()
                self._ended(error)
                return
            except Exception:
                LOG.exception("A heartbeat failed")
                self._observed.restart()
