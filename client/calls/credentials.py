"""Credentials of the hardware: changing them for many nodes, and what is known of their age."""

from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from podium.client.calls.call import Call, Limit, Line, Nodes, Page, Place, Positive, Record, Seconds, Where
from podium.client.calls.nodes import Filter

#: Characters of a password: more than any hardware takes.
LONGEST_PASSWORD: Final = 256
#: Characters of a password that Podium makes up, at least.
SHORTEST_MADE: Final = 8
LONGEST_MADE: Final = 64
#: How many nodes are tried before all others, if nobody says how many.
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
    """What became of a request to change credentials.

    :param operation: its number; None if no node accepted the request, and for what was only tried out
    :param requested: how many nodes did, with those of ``further``
    :param refused: a line ``NAME: REASON`` for each that cannot
    :param already: nodes that have these credentials, so that nothing was requested for them
    :param accounts: how many accounts are changed: nodes behind one BMC have one
    :param further: nodes that nobody named, and that are changed too because they are behind the same BMC
    :param canaries: nodes that are tried first; the others wait for them, unless there are no others
    :param warnings: about nodes to which nothing happens for now, because no conductor serves them
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

    Each is proved by a login before anything is changed in Podium, and the old one is kept until then. For
    nodes that have the password already only the expiry is noted.

    :param nodes: the nodes, by name, UUID or range
    :param where: conditions that the nodes meet, as a text or as those of a list: of those named, or of all
        where none is named
    :param username: the user from now on; None for the one that a node has
    :param password: the password from now on, of all nodes
    :param generate: make up a password instead, a different one for each BMC, which no answer shows
    :param length: characters of those that are made up; by default as many as the driver's hardware takes
    :param canaries: how many BMCs are tried first; if one of them fails, nothing is changed for the others
    :param on_bmc: change it on the hardware, too; otherwise it must be there already
    :param expires_in: seconds after which it is listed as expired
    :param reason: for other people
    :param timeout: seconds that each node may take; by default what the conductor's configuration says
    :param confirmed: needed for more nodes than ``[conductor] confirm_above``
    :param dry_run: only say what would be done
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
    """Give nodes back the credentials that an operation has replaced within the last days.

    It is an operation as the first one was, with as many canaries, for those nodes whose credentials are
    still those that it gave them.

    :param operation: its number
    :param confirmed: needed for more nodes than ``[conductor] confirm_above``
    :param dry_run: only say what would be done
    """

    method = "POST"
    path = "/podium/v1/operations/{operation}/undo"
    role = "admin"
    status = 202

    operation: Positive
    confirmed: bool = False
    dry_run: bool = False


class SettleCredentials(Call[CredentialsAsked], frozen=True):
    """Find out which credentials nodes have, whose last change has ended without a proof.

    Both are tried, the new ones first. It ends at once where the BMC refuses both.

    :param nodes: the nodes, by name, UUID or range
    :param where: conditions that the nodes meet, as a text or as those of a list: of those named, or of all
        where none is named
    :param timeout: seconds that each node may take; by default what the conductor's configuration says
    """

    method = "POST"
    path = "/podium/v1/credentials/settle"
    role = "admin"
    status = 202

    nodes: Nodes | None = None
    where: Filter | Where | None = None
    timeout: Seconds | None = None


class Credential(Record, frozen=True, kw_only=True):
    """What is known of a node's credentials; never the password.

    :param node: its name
    :param username: None where the driver has none
    :param state: ``unknown`` if it may have one of two, of which neither was proved; ``lost`` if a secret of
        its ``driver_info`` was lost with the key that encrypted it
    :param changed_at: when they were last given, by enrolment or later; None if nobody knows
    :param age: seconds since then
    :param expires_at: by when a person wants them changed
    :param operation: that changes them, or has changed them in the last days
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
    """List since when nodes have their credentials, in natural order of the nodes' names.

    :param nodes: only these
    :param older: only those that were given longer ago than so many seconds, or nobody knows when
    :param expired: only those that are over
    :param unknown: only those that were changed without a proof
    :param lost: only those of which a secret was lost with its key
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
