"""Credentials of the hardware: changing them for many nodes, and listing their age."""

from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from podium.client.calls.call import Call, Limit, Line, Nodes, Page, Place, Positive, Record, Seconds, Where
from podium.client.calls.nodes import Filter

#: Maximum characters of a password: more than any hardware accepts.
LONGEST_PASSWORD: Final = 256
#: Minimum characters of a password that Podium generates.
SHORTEST_MADE: Final = 8
LONGEST_MADE: Final = 64
#: How many nodes are tried first by default.
CANARIES: Final = 3

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
_Password = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=LONGEST_PASSWORD,
        extra_json_schema={"format": "password", "writeOnly": True},
    ),
]
_Length = Annotated[int, msgspec.Meta(ge=SHORTEST_MADE, le=LONGEST_MADE)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=999_999)]
_Lifetime = Annotated[float, msgspec.Meta(gt=0, le=86_400 * 99_999)]
_Age = Annotated[float, msgspec.Meta(ge=0, le=315_360_000)]

CredentialState: TypeAlias = Literal["known", "changing", "unknown", "lost"]


class CredentialsAsked(Record, frozen=True, kw_only=True):
    """The result of a request to change credentials.

    :param operation: its number; None if no node accepted the request, or for a dry run
    :param requested: how many nodes accepted it, including ``further``
    :param refused: a line ``NAME: REASON`` for each that cannot
    :param already: nodes that already have these credentials, so that nothing was requested for them
    :param accounts: how many accounts are changed: nodes behind one BMC share one
    :param further: nodes that were not named, but are changed too because they are behind the same BMC
    :param canaries: nodes that are tried first; the others wait for them, unless there are no others
    :param warnings: about nodes that are not changed for now, because no conductor serves them
    """

    operation: int | None
    requested: int
    refused: list[str]
    already: list[str]
    accounts: int
    further: list[str]
    canaries: list[str]
    warnings: list[str]


class SetCredentials(Call[CredentialsAsked], frozen=True):
    """Change the password of nodes, as one operation; the conductors that own them carry it out.

    Each password is proved by a login before anything is changed in Podium, and the old one is kept until
    then. For nodes that already have the password, only the expiry is recorded.

    :param nodes: the nodes, by name, UUID or range
    :param where: conditions that the nodes meet, as a text or as the fields of a list; applied to the named
        nodes, or to all if none is named
    :param username: the new user; None keeps the user of each node
    :param password: the new password of all nodes
    :param generate: generate a password instead, a different one for each BMC, which no answer shows
    :param length: characters of generated passwords; by default as many as the driver's hardware accepts
    :param canaries: how many BMCs are tried first; if one of them fails, nothing is changed for the others
    :param on_bmc: also change it on the hardware; otherwise the hardware must already have it
    :param expires_in: seconds after which it is listed as expired
    :param reason: shown to other people
    :param timeout: seconds that each node may take; by default as configured in the conductor
    :param confirmed: needed for more nodes than ``[conductor] confirm_above``
    :param dry_run: only report what would be done
    """

    method = "POST"
    path = "/podium/v1/credentials"
    role = "admin"
    status = 202
    has_secrets = True

    nodes: Nodes | None = None
    where: Filter | Where | None = None
    username: _Name | None = None
    password: _Password | None = None
    generate: bool = False
    length: _Length | None = None
    canaries: _Count = CANARIES
    on_bmc: bool = False
    expires_in: _Lifetime | None = None
    reason: Line | None = None
    timeout: Seconds | None = None
    confirmed: bool = False
    dry_run: bool = False


class UndoOperation(Call[CredentialsAsked], frozen=True):
    """Restore the credentials of nodes that an operation has replaced within the last days.

    It is an operation like the first one, with as many canaries, for the nodes that still have the
    credentials that the first one gave them.

    :param operation: its number
    :param confirmed: needed for more nodes than ``[conductor] confirm_above``
    :param dry_run: only report what would be done
    """

    method = "POST"
    path = "/podium/v1/operations/{operation}/undo"
    role = "admin"
    status = 202

    operation: Positive
    confirmed: bool = False
    dry_run: bool = False


class SettleCredentials(Call[CredentialsAsked], frozen=True):
    """Find out which credentials nodes have whose last change ended without a proof.

    Both are tried, the new ones first. The operation ends at once if the BMC refuses both.

    :param nodes: the nodes, by name, UUID or range
    :param where: conditions that the nodes meet, as a text or as the fields of a list; applied to the named
        nodes, or to all if none is named
    :param timeout: seconds that each node may take; by default as configured in the conductor
    """

    method = "POST"
    path = "/podium/v1/credentials/settle"
    role = "admin"
    status = 202

    nodes: Nodes | None = None
    where: Filter | Where | None = None
    timeout: Seconds | None = None


class Credential(Record, frozen=True, kw_only=True):
    """What is known about a node's credentials; never the password.

    :param node: its name
    :param username: None where the driver has none
    :param state: ``unknown`` if the node may have one of two, neither of which was proved; ``lost`` if a
        secret of its ``driver_info`` was lost with the key that encrypted it
    :param changed_at: when they were last set, by enrolment or later; None if not known
    :param age: seconds since then
    :param expires_at: by when a person wants them changed
    :param operation: the operation that changes them, or changed them in the last days
    """

    node_uuid: str
    node: str
    driver: str
    username: str | None
    state: CredentialState
    changed_at: datetime | None
    age: float | None
    expires_at: datetime | None
    expired: bool
    operation: int | None


class ListCredentials(Call[Page[Credential]], frozen=True):
    """List when the credentials of nodes were set, in natural order of the nodes' names.

    :param nodes: only these
    :param older: only those that were set more than this many seconds ago, or at an unknown time
    :param expired: only those that have expired
    :param unknown: only those that were changed without a proof
    :param lost: only those with a secret that was lost with its key
    :param where: conditions that the nodes meet
    :param limit: greatest number on this page; the server has a limit of its own
    :param marker: ``next`` of the page before
    """

    method = "GET"
    path = "/podium/v1/credentials"
    role = "reader"

    nodes: Nodes | None = None
    older: _Age | None = None
    expired: bool = False
    unknown: bool = False
    lost: bool = False
    limit: Limit = None
    marker: Place | None = None
    where: Where | None = None
