"""A conductor, as the database sees it, that carries out requests when the test asks for it."""

import copy
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Self

import entries
from fakes import give_slots
from podium import states
from podium.db import beginning, members
from podium.db.beginning import Begun
from podium.db.credential_changes import IN_FORCE, KEPT, UNKNOWN
from podium.db.engine import Database
from podium.db.models import utcnow
from podium.db.outcomes import Outcome, finish
from podium.db.worker import Worker

HEAD = Worker("head", 0, 77)


class Head:
    """A conductor, as the database sees it, with the driver ``fake`` or others."""

    def __init__(self, database: Database, worker: Worker = HEAD, drivers: Sequence[str] = ("fake",)) -> None:
        self.worker = worker
        #: The hardware's answer to each action.
        self.results: dict[str, str] = {}
        self._database = database
        self._drivers = drivers
        with database.write() as connection:
            give_slots(connection, worker, drivers)

    def on(self, database: Database) -> Self:
        """Return the same conductor on a copy of its database."""
        found = copy.copy(self)
        found._database = database
        return found

    def go_online(self, *drivers: str, group: str = "") -> None:
        with self._database.write() as connection:
            for one in members.unended(connection):
                members.leave(connection, one.name)
            entries.enter(connection, "head", drivers or ("fake",), group)

    def begin(self, count: int) -> None:
        """Begin the oldest requests."""
        with self._database.write() as connection:
            found = beginning.due(connection, self.worker, self._drivers, limit=9999)
            beginning.begin(connection, [row.request_id for row in found[:count]], self.worker, utcnow())

    def carry_out(self, failures: Mapping[str, str]) -> None:
        """Carry out all requests, except for failures, which are given by node name.

        Credentials are unknown afterwards if the failure says so.
        """
        with self._database.write() as connection:
            found = beginning.due(connection, self.worker, self._drivers, limit=9999)
            rows = beginning.begin(connection, [row.request_id for row in found], self.worker, utcnow())
            finish(connection, [one for row in rows for one in self._outcomes(row, failures)])

    @contextmanager
    def carrying_out(self, failures: Mapping[str, str]) -> Iterator[None]:
        """Call :meth:`carry_out` in a thread as requests arrive."""
        end, patience = threading.Event(), 30.0

        def serve() -> None:
            waited = 0.0
            while not end.wait(0.02) and waited < patience:
                self.carry_out(failures)
                waited += 0.02

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join(patience)

    def _outcomes(self, row: Begun, failures: Mapping[str, str]) -> list[Outcome]:
        """Return the outcomes of requests that end together."""
        every = [row, *row.others]
        error = next((failures[one.node.name] for one in every if one.node.name in failures), None)
        return [self._outcome(one, error) for one in every]

    def _outcome(self, row: Begun, error: str | None) -> Outcome:
        number, request, mine = row.node.id, row.request_id, self.worker
        if row.action == states.CHANGE_CREDENTIALS:
            proved = IN_FORCE if error is None else UNKNOWN if "unknown" in error else KEPT
            return Outcome(number, request, mine, utcnow(), None, error, credentials=proved)
        state = states.POWER_OFF if error else states.REACHED.get(row.action)
        result = None if error else self.results.get(row.action)
        return Outcome(number, request, mine, utcnow(), state, error, result=result)
