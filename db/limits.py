"""How long statements, locks and silence may last, and how each kind of server is told.

A program that is stopped in mid-transaction holds others up for :attr:`Limits.idle` at most, and a server
that says nothing keeps a program waiting for :attr:`Limits.silence`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds; whole ones, where MariaDB counts in those.

    :param connect: until a server has accepted a connection
    :param statement: for which a server works on one statement
    :param silence: after which a connection is given up whose server does not answer a statement
    :param lost: after which one is given up whose packets are not acknowledged
    :param lock: for which a statement waits for a lock; None for as long as it may take
    :param idle: between two statements of a transaction; None for as long as one likes
    """

    connect: int
    statement: int
    silence: int
    lost: int
    lock: int | None = None
    idle: int | None = None


#: Of commands: who waits for them can end them, and an import of 100,000 nodes is one transaction.
COMMAND: Final = Limits(connect=5, statement=60, silence=90, lost=30)
#: Of conductors. A lock is waited for a little longer than somebody who was stopped can hold it.
CONDUCTOR: Final = Limits(connect=5, statement=20, silence=25, lost=10, lock=10, idle=4)
#: Of podium-api, whose clients wait.
API: Final = Limits(connect=5, statement=20, silence=25, lost=10, lock=5, idle=4)
#: Of what has to be known within a lease, over a connection of its own.
HEARTBEAT: Final = Limits(connect=2, statement=2, silence=2, lost=2, lock=2, idle=2)


def apply(url: sa.URL, limits: Limits) -> sa.URL:
    """A URL with what keeps the limits as far as it can be said there; what it says itself stays."""
    kind = url.get_backend_name()
    if kind == "postgresql":
        return _postgresql(url, limits)
    if kind == "mysql":
        texts = {
            "connect_timeout": str(limits.connect),
            "read_timeout": str(limits.silence),
            "write_timeout": str(limits.silence),
        }
        return url.update_query_dict({**texts, **url.query})
    return url


def _postgresql(url: sa.URL, limits: Limits) -> sa.URL:
    hosts = len(url.query["host"]) if isinstance(url.query.get("host"), tuple) else _hosts(url.host)
    settings = {"statement_timeout": limits.statement}
    if limits.lock is not None:
        settings["lock_timeout"] = limits.lock
    if limits.idle is not None:
        settings["idle_in_transaction_session_timeout"] = limits.idle
    options = [f"-c {name}={seconds * 1000}" for name, seconds in settings.items()]
    mine = {
        # For each of the hosts, which are tried in turn; libpq takes no less than 2.
        "connect_timeout": str(max(limits.connect // hosts, 2)),
        "tcp_user_timeout": str(limits.lost * 1000),
        "keepalives_idle": str(limits.lost),
        "keepalives_interval": "2",
        "keepalives_count": "3",
    }
    if hosts > 1:
        mine["target_session_attrs"] = "read-write"  # otherwise a standby is as good as the primary
    # The last one counts, which is what the URL says.
    its = url.query.get("options", "")
    options.append(its if isinstance(its, str) else " ".join(its))
    return url.update_query_dict({**mine, **url.query, "options": " ".join(options).strip()})


def _hosts(host: str | None) -> int:
    return (host or "").count(",") + 1


def mariadb_settings(limits: Limits) -> Mapping[str, float]:
    """Variables of a session of MariaDB; those of them that a server does not have it does not need."""
    settings: dict[str, Any] = {
        "max_statement_time": limits.statement,
        "innodb_lock_wait_timeout": limits.lock,
        "lock_wait_timeout": limits.lock,  # of tables, which a migration changes
        "idle_transaction_timeout": limits.idle,
    }
    return {name: seconds for name, seconds in settings.items() if seconds is not None}
