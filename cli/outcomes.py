"""Waits for the end of power operations, and shows the results of many nodes in few lines.

A request ends when a conductor writes down how it went; the command looks at the database until then.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import sqlalchemy as sa
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from podium import conf, errors, node_ranges, states
from podium.cli import command
from podium.cli.owners import OwnersWatch
from podium.conf import conductor as conductor_options
from podium.db import operations
from podium.db.engine import Database
from podium.db.operations import PowerRequest

_POLL_SECONDS: Final = 0.2
#: Seconds past its own timeout after which a request counts as forgotten: conductors are restarted in less.
_GRACE: Final = 30.0
#: Lines of results, past which ``podium operation show`` has the rest.
_SHOWN: Final = 50

#: The states of requests in the order in which their nodes are shown.
STATES: Final = (
    operations.DONE,
    operations.REPLACED,
    operations.CANCELLED,
    operations.WAITING,
    operations.BEGUN,
    operations.FAILED,
)
_WORDS: Final = {
    operations.REPLACED: "replaced by a newer request",
    operations.WAITING: "not begun yet",
    operations.BEGUN: "under way",
}

_NOTHING_ENDED: Final = "no node has finished for a long time; the operation goes on"


def find(connection: sa.Connection, number: int) -> operations.Operation:
    """Return one operation.

    :raises podium.errors.PodiumError: if there is none with that number
    """
    found = operations.operation(connection, number)
    if found is None:
        raise errors.PodiumError(f"there is no operation {number}; see: podium operation list")
    return found


def words(request: PowerRequest) -> str:
    """Return the outcome of one request, or its state."""
    if request.state == operations.FAILED:
        return f"failed: {request.error}"
    if request.state == operations.CANCELLED:
        return str(request.error)
    if request.state != operations.DONE:
        return _WORDS[request.state]
    return str(request.power_state) if request.action in states.REACHED else f"{request.action} accepted"


def folded(requests: Iterable[PowerRequest]) -> dict[str, str]:
    """Return the outcomes of requests; outcomes that differ only in an address become one."""
    alike: dict[str, dict[str, str]] = {}
    for request in sorted(requests, key=lambda request: STATES.index(request.state)):
        outcome = words(request)
        alike.setdefault(_anonymous(outcome), {})[request.node_name] = outcome
    return {
        node_ranges.fold(members): anonymous if len({*members.values()}) > 1 else next(iter(members.values()))
        for anonymous, members in alike.items()
    }


def _anonymous(outcome: str) -> str:
    failed, words = outcome.startswith("failed: "), node_ranges.anonymous(outcome.removeprefix("failed: "))
    return f"failed: {words}" if failed else words


def folded_lines(lines: Iterable[str]) -> list[str]:
    """Return lines ``NAME: TEXT``, with the names that share a text folded."""
    alike: dict[str, list[str]] = {}
    for line in lines:
        name, _, text = line.partition(": ")
        alike.setdefault(text, []).append(name)
    return [f"{node_ranges.fold(names)}: {text}" for text, names in alike.items()]


class Waiting(command.Command):
    """A command that can wait for the end of an operation."""

    @contextmanager
    def going_on(self, number: int) -> Iterator[None]:
        """Print, at Ctrl-C inside the ``with``, that the operation continues."""
        try:
            yield
        except KeyboardInterrupt:
            self.warn(f"operation {number} goes on; {_see(number)}")
            raise

    def wait_for(self, database: Database, number: int) -> bool:
        """Wait until all of an operation has ended, and show the results.

        :returns: whether every node reached the requested state
        """
        verdict = self._watch(database, number)
        with database.read() as connection:
            requests = operations.requests_of(connection, number)
        lines = [f"{names}: {outcome}" for names, outcome in folded(requests).items()]
        for line in lines[:_SHOWN]:
            self.say(line)
        if len(lines) > _SHOWN:
            self.say(f"and {len(lines) - _SHOWN} more; see: podium operation show {number}")
        if any(request.state in (operations.WAITING, operations.BEGUN) for request in requests):
            reason = f"{verdict}; it stays requested" if verdict else _NOTHING_ENDED
            self.warn(f"operation {number}: {reason}; {_see(number)}")
        return all(request.state == operations.DONE for request in requests)

    def _watch(self, database: Database, number: int) -> str | None:
        """Wait; return why it ended early, if nobody lives who can do the rest."""
        with database.read() as connection:
            operation = find(connection, number)
            requests = operations.requests_of(connection, number)
        # Both times are of one clock, which may be another than this command's.
        stagger = max(((one.not_before - one.requested_at).total_seconds() for one in requests), default=0.0)
        patience = Patience(stagger + patience_for(self.config, operation))
        owners = OwnersWatch(number, self.config.conductor.heartbeat_timeout)
        with Progress(
            *Progress.get_default_columns(),
            MofNCompleteColumn(),
            console=Console(file=self.app.stderr),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            disable=not self.app.stderr.isatty(),
        ) as progress:
            bar = progress.add_task(f"operation {number}", total=operation.nodes)
            for found in _looks(database, number, owners, progress.console):
                progress.update(bar, completed=operation.nodes - found.unfinished)
                if not found.unfinished or owners.verdict or patience.ends(found.counts):
                    break
        return owners.verdict


def _looks(
    database: Database, number: int, owners: OwnersWatch, console: Console
) -> Iterator[operations.Operation]:
    """Yield an operation again and again; the last one while the database is away, which is shown once."""
    found, lost = None, False
    while True:
        try:
            with database.read() as connection:
                found = find(connection, number)
                owners.look(connection)
            lost = False
        except errors.DatabaseUnavailable as fault:
            if not lost:
                console.print(
                    f"podium: {fault}; waiting for it", markup=False, highlight=False, soft_wrap=True
                )
            lost = True
        if found is not None:
            yield found
        time.sleep(_POLL_SECONDS)


def _see(number: int) -> str:
    return (
        f"look: podium operation show {number}; cancel what has not begun: podium operation cancel {number}"
    )


def patience_for(config: conf.Config, operation: operations.Operation) -> float:
    """Return the seconds in which a part of an operation ends, if a conductor carries it out."""
    hard = operation.timeout or config.conductor.power_state_change_timeout
    soft = operation.timeout or config.conductor.soft_power_off_timeout
    is_soft = operation.action in (states.SOFT_POWER_OFF, states.SOFT_REBOOTING)
    pauses = [seconds for _, seconds in conductor_options.power_on_limits(config).values()]
    # Twice, for changes that are made of halves.
    seconds = float(2 * hard + (soft if is_soft else 0) + max(pauses, default=0.0))
    # Not before it shows whether a conductor lives, which is the better reason.
    return max(seconds, float(config.conductor.heartbeat_timeout)) + _GRACE


class Patience:
    """Decides when to give up waiting for progress.

    :param seconds: give up after this time without any progress
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._since = clock()
        self._seen: object = None

    def ends(self, seen: object) -> bool:
        """Return whether the state has been the same for too long."""
        if seen != self._seen:
            self._seen, self._since = seen, self._clock()
        return self._clock() - self._since >= self._seconds
