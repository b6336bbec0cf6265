"""How long statements, locks and silence may last, and how each kind of server is configured.

A program that stops in mid-transaction blocks others for at most :attr:`Limits.idle`, and a server that does
not respond blocks a program for at most :attr:`Limits.silence`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds; whole numbers where MariaDB counts in those.

    :param connect: until a server has accepted a connection
    :param statement: for which a server works on one statement
    :param silence: after which a connection is given up if the server does not answer a statement
    :param lost: after which a connection is given up if its packets are not acknowledged
    :param lock: for which a statement waits for a lock; None for no limit
    :param idle: between two statements of a transaction; None for no limit
    """

    connect: int
    statement: int
    silence: int
    lost: int
    lock: int | None = None
    idle: int | None = None


#: For commands: their users can interrupt them, and an import of 100,000 nodes is one transaction.
COMMAND: Final = Limits(connect=5, statement=60, silence=90, lost=30)
#: For conductors. The wait for a lock is a little longer than a stopped program can hold it.
CONDUCTOR: Final = Limits(connect=5, statement=20, silence=25, lost=10, lock=10, idle=4)
#: For podium-api, whose clients wait.
API: Final = Limits(connect=5, statement=20, silence=25, lost=10, lock=5, idle=4)
#: For what must be known within a lease, over a separate connection.
HEARTBEAT: Final = Limits(connect=2, statement=2, silence=2, lost=2, lock=2, idle=2)


def apply(url: sa.URL, limits: Limits) -> sa.URL:
    """A URL with parameters that set the limits, as far as possible; parameters that it already has stay."""
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
        # For each of the hosts, which are tried in turn; libpq's minimum is 2.
        "connect_timeout": str(max(limits.connect // hosts, 2)),
        "tcp_user_timeout": str(limits.lost * 1000),
        "keepalives_idle": str(limits.lost),
        "keepalives_interval": "2",
        "keepalives_count": "3",
    }
    if hosts > 1:
        mine["target_session_attrs"] = "read-write"  # otherwise a standby would do, too
    # The last setting counts, which is that of the URL.
    its = url.query.get("options", "")
    options.append(its if isinstance(its, str) else " ".join(its))
    return url.update_query_dict({**mine, **url.query, "options": " ".join(options).strip()})


def _hosts(host: str | None) -> int:
    return (host or "").count(",") + 1


def mariadb_settings(limits: Limits) -> Mapping[str, float]:
    """Session variables for MariaDB; those that a server does not have are not needed there."""
    settings: dict[str, Any] = {
        "max_statement_time": limits.statement,
        "innodb_lock_wait_timeout": limits.lock,
        "lock_wait_timeout": limits.lock,  # for tables, which a migration changes
        "idle_transaction_timeout": limits.idle,
    }
    return {name: seconds for name, seconds in settings.items() if seconds is not None}
