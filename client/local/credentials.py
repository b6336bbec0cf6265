"""Answers about the credentials of nodes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias

import msgspec
import sqlalchemy as sa

from podium import errors, masking
from podium.client import texts
from podium.client.calls import wire
from podium.client.calls.call import Page
from podium.client.calls.credentials import (
    Credential,
    CredentialsAsked,
    CredentialState,
    ListCredentials,
    SetCredentials,
    SettleCredentials,
    UndoOperation,
)
from podium.client.enrolling.catalog import Catalog
from podium.client.local import passwords, unserved
from podium.client.local.backend import Answers, Backend
from podium.client.local.nodes import chosen_names
from podium.client.local.operations import check_number, chosen, find
from podium.db import (
    api,
    clock,
    credential_changes,
    credential_list,
    credential_requests,
    credential_sequels,
    credentials,
    name_keys,
    node_list,
    operations,
)
from podium.db.accounts import Account
from podium.db.api import NodeKey
from podium.db.credential_changes import ASKED, SENT, UNKNOWN
from podium.drivers import driver_info
from podium.drivers.base import Login

#: Minimum characters of a password that is masked wherever it occurs, see podium.spelling.
_SHORTEST_PASSWORD: Final = 3
_SHORTEST_KEY: Final = 16
#: Maximum characters of a generated password, if the hardware accepts many more.
_MADE: Final = 32
_STATES: Final[Mapping[str | None, CredentialState]] = {
    ASKED: "changing",
    SENT: "changing",
    UNKNOWN: "unknown",
}
_Work: TypeAlias = Callable[[sa.Connection], CredentialsAsked]


class _Tried(errors.PodiumError):
    """Ends the transaction of a dry run; the connection is kept, as after other errors of Podium.

    :param answer: what would have been done
    """

    def __init__(self, answer: CredentialsAsked) -> None:
        super().__init__("only tried out")
        self.answer = answer


def set_credentials(backend: Backend, call: SetCredentials) -> CredentialsAsked:
    """Request other credentials for nodes: for all of them, or for those that are free.

    :raises podium.errors.BadRequest: for a request that makes no sense
    :raises podium.errors.InvalidNode: for values that a driver does not accept
    :raises podium.errors.NeedsConfirmation: for this many nodes
    """
    _check(backend, call)
    return _done(backend, call, lambda connection: _set(backend, connection, call), is_trial=call.dry_run)


def _check(backend: Backend, call: SetCredentials) -> None:
    wire.made(SetCredentials, msgspec.to_builtins(call), texts=False)  # as over HTTP
    texts.check_reason(call.reason)
    if backend.key is not None and len(backend.key.text) < _SHORTEST_KEY:
        raise errors.BadRequest(
            f"the idempotency key of a change of credentials has at least {_SHORTEST_KEY} random characters:"
            " it protects what is kept of the request"
        )
    if call.generate == (call.password is not None):
        raise errors.BadRequest("give a password, or generate = true, and not both")
    if call.generate and not call.on_bmc:
        raise errors.BadRequest("generate goes with on_bmc: no BMC has a password that nobody knows")
    if call.on_bmc and call.password is not None and len(call.password) < _SHORTEST_PASSWORD:
        raise errors.BadRequest(
            f"a password for the BMC has at least {_SHORTEST_PASSWORD} characters: a shorter one could not be"
            " hidden in what the BMC answers"
        )
    if call.length is not None and not call.generate:
        raise errors.BadRequest("length goes with generate")
    for name, text in (("password", call.password), ("username", call.username)):
        if text is not None and not text.isprintable():
            raise errors.BadRequest(f"{name} contains characters that cannot be printed")


def _set(backend: Backend, connection: sa.Connection, call: SetCredentials) -> CredentialsAsked:
    nodes = chosen(backend, connection, call.nodes, call.where)
    drivers = sorted({node.driver for node in nodes})
    logins = _logins(backend.catalog, drivers)
    if call.password is not None:
        _check_values(backend.catalog, drivers, call)
    asked = credentials.ask(
        connection,
        nodes,
        who=backend.who,
        passwords=call.password or _made(connection, nodes, logins, call.length),
        login=_accounts(backend.catalog, drivers),
        username=call.username,
        settable=[driver for driver in drivers if backend.catalog.sets_password(driver)],
        on_bmc=call.on_bmc,
        canaries=call.canaries,
        expire_after=call.expires_in,
        timeout=call.timeout,
        reason=call.reason,
    )
    return _answer(backend, connection, asked, call)


def _logins(catalog: Catalog, drivers: Iterable[str]) -> dict[str, Login]:
    return {driver: login for driver in drivers if (login := catalog.login(driver)) is not None}


def _accounts(catalog: Catalog, drivers: Iterable[str]) -> dict[str, Account]:
    """Return the accounts of drivers, and the default user of each."""
    found = {}
    for driver, login in _logins(catalog, drivers).items():
        user = None if login.username is None else catalog.driver(driver).properties[login.username].default
        found[driver] = Account(login.password, login.username, "" if user is None else str(user))
    return found


def _check_values(catalog: Catalog, drivers: Sequence[str], call: SetCredentials) -> None:
    """Check that drivers accept the new values, as far as that is known without the hardware.

    :raises podium.errors.InvalidNode: with each fault, and never with a secret value
    """
    faults = []
    for driver in drivers:
        login = catalog.login(driver)
        if login is None:
            continue
        given = {login.password: call.password}
        if login.username is not None and call.username is not None:
            given[login.username] = call.username
        declared = catalog.driver(driver).properties
        faults += driver_info.faults({name: declared[name] for name in given}, given)
    if faults:
        raise errors.InvalidNode(faults)


def _made(
    connection: sa.Connection,
    nodes: Sequence[NodeKey],
    logins: Mapping[str, Login],
    length: int | None,
) -> dict[int, str]:
    """Generate a password for each node; nodes behind one BMC get the same.

    :raises podium.errors.BadRequest: they would be too long for a driver's hardware
    """
    lengths = {}
    for driver, login in logins.items():
        lengths[driver] = length or min(login.longest, _MADE)
        if lengths[driver] > login.longest:
            raise errors.BadRequest(
                f"length is {length}, and the hardware of the driver {driver} takes passwords of up to"
                f" {login.longest} bytes"
            )
    wanted = [node.name for node in nodes if node.driver in logins]
    rows = node_list.select_nodes(connection, ["id", "driver", "endpoint"], wanted=wanted) if wanted else []
    made: dict[tuple[str, str | int], str] = {}
    return {
        row["id"]: made.setdefault(
            (row["driver"], row["endpoint"] or row["id"]), passwords.make(lengths[row["driver"]])
        )
        for row in rows
    }


def undo_operation(backend: Backend, call: UndoOperation) -> CredentialsAsked:
    """Request the credentials that nodes had before an operation.

    :raises podium.errors.NotFound: there is no such operation
    :raises podium.errors.BadRequest: it cannot be undone
    :raises podium.errors.NeedsConfirmation: for this many nodes
    """

    def undo(connection: sa.Connection) -> CredentialsAsked:
        find(connection, call.operation)
        drivers = credential_changes.drivers(connection, call.operation)
        login = _accounts(backend.catalog, drivers)
        asked = credential_sequels.undo(connection, call.operation, backend.who, login)
        return _answer(backend, connection, asked, call)

    return _done(backend, call, undo, is_trial=call.dry_run)


def settle_credentials(backend: Backend, call: SettleCredentials) -> CredentialsAsked:
    """Request an operation that finds out which credentials nodes have."""

    def settle(connection: sa.Connection) -> CredentialsAsked:
        nodes = chosen(backend, connection, call.nodes, call.where)
        login = _accounts(backend.catalog, {node.driver for node in nodes})
        asked = credential_sequels.settle(connection, nodes, backend.who, login, call.timeout)
        return _answer(backend, connection, asked, call)

    return backend.write(call, settle)


def _answer(
    backend: Backend,
    connection: sa.Connection,
    asked: credential_requests.Asked,
    call: SetCredentials | UndoOperation | SettleCredentials,
) -> CredentialsAsked:
    """Return the answer to a request that was written.

    :raises podium.errors.NeedsConfirmation: it concerns this many nodes
    """
    if not (isinstance(call, SettleCredentials) or call.confirmed or call.dry_run):
        check_number(backend, len(asked.accepted))
    number = asked.operation_id
    requests = [] if number is None else operations.requests_of(connection, number)
    nodes = api.find_keys(connection, [one.node_uuid for one in requests])
    timeout = float(backend.config.conductor.heartbeat_timeout)
    return CredentialsAsked(
        operation=number,
        requested=len(requests),
        refused=asked.refused,
        already=list(asked.already),
        accounts=0 if number is None else credential_changes.accounts(connection, number),
        further=asked.also,
        canaries=[one.node_name for one in requests if asked.held and one.state == operations.WAITING],
        warnings=unserved.warnings(connection, nodes, timeout),
    )


def _done(
    backend: Backend, call: SetCredentials | UndoOperation, work: _Work, *, is_trial: bool
) -> CredentialsAsked:
    """Run ``work`` and return its result; in a dry run, roll it back."""
    if not is_trial:
        return backend.write(call, work)

    def tried(connection: sa.Connection) -> CredentialsAsked:
        raise _Tried(work(connection))

    try:
        return backend.step(tried)
    except _Tried as end:
        return msgspec.structs.replace(end.answer, operation=None)


def list_credentials(backend: Backend, call: ListCredentials) -> Page[Credential]:
    """Return the credentials of nodes, without the passwords; all of them if the call has no limit."""
    with backend.database.read() as connection:
        names = chosen_names(backend, connection, call.nodes, call.where)
        now = clock.now(connection)
        found = credential_list.list_credentials(
            connection,
            numbers=None if names is None else [node.id for node in api.find_keys(connection, names)],
            changed_before=None if call.older is None else clock.later(now, -call.older),
            expire_before=now if call.expired else None,
            unsettled=call.unknown,
            lost=call.lost,
            limit=None if call.limit is None else call.limit + 1,
            after=call.marker,
        )
        page = found[: call.limit]
        marker = name_keys.place(connection, page[-1].name) if len(found) > len(page) else None
    shown = [_shown(one, backend.catalog, now) for one in page]
    chosen = {state for state, wanted in (("unknown", call.unknown), ("lost", call.lost)) if wanted}
    return Page(
        items=[one for one in shown if not chosen or one.state in chosen],
        next=marker,
    )


def _user(catalog: Catalog, found: credential_list.Credentials) -> str | None:
    """Return the name of the user that logs in to a node."""
    login = catalog.login(found.driver)
    if login is None or login.username is None:
        return None
    info = catalog.masked({"driver": found.driver, "driver_info": found.info})["driver_info"]
    user = info.get(login.username)
    return None if user is None else str(user)


def _state(catalog: Catalog, found: credential_list.Credentials) -> CredentialState:
    if found.state is None and any(masking.masked_places(found.info, catalog.secrets(found.driver))):
        return "lost"
    return _STATES.get(found.state, "known")


def _shown(found: credential_list.Credentials, catalog: Catalog, now: datetime) -> Credential:
    age = None if found.changed_at is None else clock.age(found.changed_at, now)
    return Credential(
        node_uuid=found.uuid,
        node=found.name,
        driver=found.driver,
        username=_user(catalog, found),
        state=_state(catalog, found),
        changed_at=found.changed_at,
        age=age,
        expires_at=found.expire_at,
        expired=found.expire_at is not None and found.expire_at <= now,
        operation=found.operation_id,
    )


ANSWERS: Final[Answers] = {
    SetCredentials: set_credentials,
    UndoOperation: undo_operation,
    SettleCredentials: settle_credentials,
    ListCredentials: list_credentials,
}
