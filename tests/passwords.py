"""Racks whose BMCs misbehave during password changes, and records of their passwords."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlsplit

import sqlalchemy as sa

from daemons import Rack, eventually
from peers import free_port
from podium import errors
from podium.db import api
from podium.db.credential_changes import ASKED, IN_FORCE, SENT, UNKNOWN
from podium.db.engine import Database
from podium.db.models import credential_changes, nodes, operations, power_requests
from podium.db.operations import UNFINISHED

#: The initial password.
FIRST: Final = "enrolled-with-it"
#: The number of machines behind each BMC of the second rack.
SYSTEMS: Final = 3
_SHARED: Final = (
    "password-silent",
    "password-lost",
    "password-lies",
    "password-refused=history",
    "password-reboots=3",
    "password-ends-sessions",
)
_REDFISH: Final = (*_SHARED, "password-truncates", "demands-etags", "password-refused=complexity")
_IPMI: Final = (
    *_SHARED,
    "password-truncates",
    "password-refused=length",
    "password-refused=D5",
    "password-form=16",
    "password-form=20",
)
#: Faults with which a BMC silently keeps the old password: Podium tries the new one, which is wrong.
_KEEPERS: Final = ("password-lost", "password-lies")


def _placed(kinds: Sequence[str], last: int, each: int) -> dict[str, str]:
    """Return the BMCs for each kind of fault. The last BMC with a fault has the number ``last``."""
    if not each:
        return {}
    begin = last - each * len(kinds) + 1
    return {kind: f"{begin + each * n}-{begin + each * (n + 1) - 1}" for n, kind in enumerate(kinds)}


class Racks:
    """IPMI and Redfish BMCs with one machine each, and Redfish BMCs with several; ``with`` starts them.

    The first BMCs of each group have no fault. Three wrong logins in a row lock an account for good.

    :param each: the number of BMCs with each fault
    :param more: faults of further IPMI BMCs
    :param spread: an additional fault of BMCs, as for podium-sim
    :ivar keepers: the BMCs that silently keep the old password
    """

    def __init__(
        self,
        folder: Path,
        ipmi: int,
        redfish: int,
        shared: int,
        each: int = 0,
        *more: str,
        spread: str | None = None,
    ) -> None:
        password = folder / "first"
        password.write_text(FIRST)
        own = _placed((*_IPMI, *more), ipmi, each).items(), _placed(_REDFISH, ipmi + redfish, each).items()
        faults = [[*own[0], *own[1]], [*_placed(_SHARED, shared, min(each, 1)).items()]]
        common = ["--password-file", str(password), "--sessions", "64", "--fault", "lockout=3/3600:100%"]
        if spread is not None:
            common += ["--fault", spread]
        own_port = "--redfish-port", str(free_port())
        options = ("--redfish", str(redfish), *own_port), ("--systems", str(SYSTEMS))
        self._counts = ipmi + redfish, shared
        self._kept = [[where for kind, where in its if kind in _KEEPERS] for its in faults]
        self._racks = []
        for number, count in enumerate((ipmi, shared)):
            its = folder / f"rack{number}"
            its.mkdir()
            words = [word for kind, where in faults[number] for word in ("--fault", f"{kind}:{where}")]
            protocol = ("ipmi", "redfish")[number]
            self._racks.append(Rack(its, count, *common, *options[number], *words, protocol=protocol))
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for rack in self._racks:
            self._stack.enter_context(rack)
        kept = zip(self._racks, self._kept, strict=True)
        found = ((number, place) for number, (rack, its) in enumerate(kept) for place in self._at(rack, its))
        self.keepers = {f"{number} {place}" for number, place in found}
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @staticmethod
    def _at(rack: Rack, where: Iterable[str]) -> Iterator[str]:
        for some in where:
            yield from rack.accounts(some)

    def write_nodes(self, file: Path) -> None:
        """Write a file for ``podium node import``. The names of the second rack begin with s."""
        every = []
        for number, rack in enumerate(self._racks):
            lines = rack.nodes.read_text().splitlines()
            for node in (json.loads(line[2:]) for line in lines if line.startswith("- ")):
                every.append({**node, "name": f"{'rs'[number]}{node['name'][1:]}"})
        file.touch(0o600)
        file.write_text(json.dumps({"nodes": every}))

    def give(self, password: str) -> None:
        """Set the password of all BMCs, like a person on their web pages."""
        for rack in self._racks:
            rack.set_password(password, "100%")

    def accounts(self) -> dict[str, dict[str, Any]]:
        """Return counts of logins and password changes, by BMC."""
        return {
            f"{number} {address}": report
            for number, (rack, count) in enumerate(zip(self._racks, self._counts, strict=True))
            for address, report in rack.accounts(f"1-{count}").items()
        }


def bmc_of(name: str, info: Mapping[str, Any]) -> str:
    """Return the BMC of a node."""
    address = info.get("ipmi_address") or urlsplit(info["redfish_address"]).hostname
    return f"{int(name.startswith('s'))} {address}"


def password_of(info: Mapping[str, Any]) -> str:
    found = info.get("ipmi_password") or info.get("redfish_password")
    assert isinstance(found, str)
    return found


def hashed(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


class Owner(NamedTuple):
    """A node, with the password that Podium uses and all passwords that it keeps.

    :param state: of the newest password change
    """

    id: int
    bmc: str
    password: str
    kept: frozenset[str]
    state: str | None


class Books:
    """Compares the passwords of Podium and of the BMCs.

    :ivar seen: all passwords so far
    """

    def __init__(self, database: Database, racks: Racks) -> None:
        self._database = database
        self._racks = racks
        self.seen = {FIRST}

    def read(self, query: sa.Executable) -> list[Any]:
        """Query the database, and wait until it answers."""

        def rows() -> list[Any] | None:
            try:
                with self._database.read() as connection:
                    return [list(connection.execute(query))]
            except (errors.DatabaseUnavailable, errors.DatabaseBusy):
                return None

        found: list[Any] = eventually(rows, "the database answers")[0]
        return found

    def owners(self) -> dict[str, Owner]:
        """Return all nodes by name."""
        table = credential_changes.c
        kept: dict[int, set[str]] = {}
        newest: dict[int, str] = {}
        query = sa.select(table.node_id, table.state, table.new, table.old).order_by(table.request_id)
        for change in self.read(query):
            kept.setdefault(change.node_id, set()).update(map(password_of, (change.new, change.old)))
            newest[change.node_id] = change.state
        found = {
            row.name: Owner(
                row.id,
                bmc_of(row.name, row.driver_info),
                password_of(row.driver_info),
                frozenset(kept.get(row.id, ())),
                newest.get(row.id),
            )
            for row in self.read(sa.select(nodes.c.id, nodes.c.name, nodes.c.driver_info))
        }
        self.seen.update(*(owner.kept for owner in found.values()))
        return found

    def check_kept(self) -> None:
        """Check that each BMC's password is in the database, which must hold at any time."""
        accounts = self._racks.accounts()  # read before the database, which learns each password first
        for name, owner in self.owners().items():
            has = accounts[owner.bmc]["password_sha256"]
            assert has in map(hashed, {owner.password, *owner.kept}), f"{name}: its password is lost"

    def check_known(self) -> list[str]:
        """Check at the end that each node has its BMC's password. Returns nodes with unknown passwords."""
        accounts, owners = self._racks.accounts(), self.owners()
        for name, owner in owners.items():
            has = accounts[owner.bmc]["password_sha256"]
            if owner.state == UNKNOWN:
                assert has in map(hashed, owner.kept), f"{name}: its password is lost"
            else:
                assert has == hashed(owner.password), f"{name}: {owner.state}, and its BMC has another one"
        return [name for name, owner in owners.items() if owner.state == UNKNOWN]

    def wrong_logins(self) -> Counter[str]:
        """Return the number of wrong logins at each BMC so far. None must have locked an account."""
        accounts = self._racks.accounts()
        locked = [
            bmc for bmc, report in accounts.items() if report["locked"] or report["refused_while_locked"]
        ]
        assert not locked, "accounts are locked"
        return Counter({bmc: report["wrong_logins"] for bmc, report in accounts.items()})

    def changed(self) -> int:
        """Return how often BMCs got a new password."""
        return sum(report["password_changes"] for report in self._racks.accounts().values())

    def is_over(self) -> bool:
        """Return whether every request has ended, and nothing is left behind."""
        table = power_requests.c
        going = sa.select(table.id).where(table.state.in_(UNFINISHED)).limit(1)
        its = nodes.c.reservation.is_not(None), nodes.c.target_power_state.is_not(None)
        held = sa.select(nodes.c.id).where(sa.or_(*its, nodes.c.power_request_id.is_not(None))).limit(1)
        if self.read(going) or self.read(held):
            return False
        of_changes = credential_changes.c.state
        left = self.read(sa.select(of_changes).where(of_changes.in_((ASKED, SENT))))
        assert not left, "changes are left behind whose requests have ended"
        return True

    def going(self) -> list[Any]:
        """Return some of the requests that have not ended."""
        table = power_requests.c
        columns = table.operation_id, table.node_name, table.action, table.state, table.holder, table.sent_at
        return self.read(sa.select(*columns).where(table.state.in_(UNFINISHED)).limit(5))

    def all_read_since(self, moment: Any) -> bool:
        """Return whether every node was read after a moment."""
        with self._database.read() as connection:
            rows = api.list_nodes(connection)
        return all(row.power_checked_at is not None and row.power_checked_at > moment for row in rows)

    def count_operations(self) -> int:
        return int(self.read(sa.select(sa.func.count()).select_from(operations))[0][0])

    def last_operation(self) -> int:
        return int(self.read(sa.select(sa.func.max(operations.c.id)))[0][0])

    def check_operations(self) -> None:
        """Check that no operation lacks requests."""
        table = power_requests.c
        counted = self.read(sa.select(table.operation_id, sa.func.count()).group_by(table.operation_id))
        found = self.read(sa.select(operations.c.id, operations.c.nodes))
        assert dict(map(tuple, found)) == dict(map(tuple, counted)), "an operation lacks requests"

    def newest(self) -> tuple[int, dict[str, str]]:
        """Return the last operation that set passwords still in force, and its nodes' previous passwords."""
        table = credential_changes.c
        query = sa.select(table.operation_id, power_requests.c.node_name, table.old)
        query = query.join_from(credential_changes, power_requests, power_requests.c.id == table.request_id)
        rows = self.read(query.where(table.state == IN_FORCE))
        number = max(row.operation_id for row in rows)
        return number, {row.node_name: password_of(row.old) for row in rows if row.operation_id == number}

    def outcomes(self) -> dict[str, int]:
        table = credential_changes.c
        counted = sa.select(table.state, sa.func.count()).group_by(table.state).order_by(table.state)
        return dict(map(tuple, self.read(counted)))
