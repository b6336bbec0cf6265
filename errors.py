"""Every error that Podium raises on purpose.

    PodiumError
    ├── ConfigError               an option's value cannot be used
    ├── DatabaseError
    │   ├── DatabaseUnavailable   the server does not answer, or refuses the login
    │   │   └── DatabaseBusy      a deadlock, or a lock held by others: a retry may succeed
    │   └── SchemaMismatch        the schema is missing, older or newer than this program
    ├── ConductorAlreadyRunning   another daemon uses this host name
    ├── ConductorsAtWork          conductors run that must be stopped before this
    ├── MemberEnded               others have ended this worker, and given its nodes away
    ├── BadRequest                what was asked cannot be understood, or makes no sense
    │   ├── NotUnderstood         a condition, a range, an address or an argument is wrong in itself
    │   └── NeedsConfirmation     so many nodes are switched only when that was confirmed
    ├── NotFound                  there is no such thing: operation, conductor, task ...
    │   └── NodeNotFound
    ├── Conflict                  as things are now, this cannot be done: it may be later on
    │   ├── OtherUser             the page was loaded for somebody else than who is logged in now
    │   └── NodeConflict          the node is not in a state that allows this
    │       └── NodeProtected     somebody has protected the node from that
    ├── InvalidNode               the values for nodes cannot be accepted; lists every fault
    │   └── NodeExists            another node has that name or UUID
    ├── DriverLoadError           a driver cannot be found, imported or started
    ├── ApiError
    │   ├── ApiUnavailable        podium-api does not answer, or its database is away
    │   ├── LoginRefused          podium-api does not know who asks
    │   ├── NotAllowed            who asks has no role that may do this
    │   └── OtherFleet            the address leads to another fleet than before
    ├── DuplicateTask             two periodic tasks ask for one name
    ├── NotificationRefused       a webhook answered that it does not take an event
    └── DriverError               a driver could not do what was asked
        ├── BMCUnreachable        no answer
        ├── AuthenticationRefused the BMC answered, and refused user, password or key
        ├── PasswordRefused       the BMC does not take a new password: length, history, rules
        ├── InvalidDriverInfo     the node's driver_info is incomplete or wrong
        │   └── SecretUnreadable  a value is encrypted, and cannot be decrypted here
        ├── LogChanged            the log has entries that nobody has seen
        └── Unsupported           the driver or the hardware has no such thing
            └── UnsupportedPowerState the hardware cannot do that

Every other exception that a driver raises is a fault of the driver and is reported as such.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

from podium.wording import line

__all__ = [
    "ApiError",
    "ApiUnavailable",
    "AuthenticationRefused",
    "BMCUnreachable",
    "BadRequest",
    "ConductorAlreadyRunning",
    "ConductorsAtWork",
    "ConfigError",
    "Conflict",
    "DatabaseBusy",
    "DatabaseError",
    "DatabaseUnavailable",
    "DriverError",
    "DriverLoadError",
    "DuplicateTask",
    "InvalidDriverInfo",
    "InvalidNode",
    "LogChanged",
    "LoginRefused",
    "MemberEnded",
    "NeedsConfirmation",
    "NodeConflict",
    "NodeExists",
    "NodeNotFound",
    "NodeProtected",
    "NotAllowed",
    "NotFound",
    "NotUnderstood",
    "NotificationRefused",
    "OtherFleet",
    "OtherUser",
    "PasswordRefused",
    "PodiumError",
    "SchemaMismatch",
    "SecretUnreadable",
    "Unsupported",
    "UnsupportedPowerState",
    "one_line",
]


class PodiumError(Exception):
    """The root of the tree; its text is one line that can be shown to people."""


class ConfigError(PodiumError):
    """An option's value cannot be used; the text names option, value and remedy."""


class DatabaseError(PodiumError):
    """The database cannot be used."""


class DatabaseUnavailable(DatabaseError):
    """The database does not answer, or refuses the login."""


class DatabaseBusy(DatabaseUnavailable):
    """A deadlock, or a lock that others hold for too long; a retry may succeed."""


class SchemaMismatch(DatabaseError):
    """The schema is missing, or is not the one that this program was written for."""


class ConductorAlreadyRunning(PodiumError):
    """A conductor with this host name is alive on the same database."""


class ConductorsAtWork(PodiumError):
    """Conductors are running that must be stopped first; the text names them."""


class MemberEnded(PodiumError):
    """Others have ended this worker of a conductor, and given its nodes away; it has to register again."""


class BadRequest(PodiumError):
    """The request cannot be understood, or makes no sense; the text says what is wrong."""


class NotUnderstood(BadRequest):
    """A condition, a range of nodes or an address is not written correctly; nothing was looked up."""


class NeedsConfirmation(BadRequest):
    """More nodes than ``[conductor] confirm_above`` are switched or deleted only after a confirmation.

    :param nodes: how many there are
    :param limit: the option's value
    """

    def __init__(self, text: str, nodes: int = 0, limit: int = 0) -> None:
        super().__init__(text)
        self.nodes = nodes
        self.limit = limit


class NotFound(PodiumError):
    """There is no such thing; the text names it, and where to look."""


class NodeNotFound(NotFound):
    """No node has that name or UUID."""


class Conflict(PodiumError):
    """The request is not possible in the present state; the text says what would have to change."""


class OtherUser(Conflict):
    """The page belongs to somebody else than the user who is logged in now."""


class NodeConflict(Conflict):
    """The node is not in a state that allows the request."""


class NodeProtected(NodeConflict):
    """Somebody has protected the node from the request."""


class InvalidNode(PodiumError):
    """The values for one or more nodes cannot be accepted.

    :param faults: one line for each fault
    """

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class NodeExists(InvalidNode):
    """Names or UUIDs are those of other nodes."""


class DriverLoadError(PodiumError):
    """A driver cannot be found, imported or started.

    :param faults: one line for each fault in its declarations, if that is the reason
    """

    def __init__(self, text: str, faults: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.faults = tuple(faults)


class ApiError(PodiumError):
    """A call to podium-api failed."""


class ApiUnavailable(ApiError):
    """podium-api does not answer, or cannot reach its database."""


class LoginRefused(ApiError):
    """podium-api does not know the user: user, password or token are missing or wrong."""


class NotAllowed(ApiError):
    """The user has no role that may do this."""


class OtherFleet(ApiError):
    """The address leads to another fleet than before."""


class DuplicateTask(PodiumError):
    """Two periodic tasks have the same name."""


class NotificationRefused(PodiumError):
    """A webhook answered that it does not accept an event; sending it again is likely to be in vain."""


class DriverError(PodiumError):
    """A driver could not carry out a request."""


class BMCUnreachable(DriverError):
    """The hardware does not answer; its state is unknown, not off."""


class AuthenticationRefused(DriverError):
    """The hardware answered, and refused user, password or key.

    :param wait: seconds until a login is tried again, if none was tried now because earlier ones were
        refused; 0 if this login was refused
    """

    def __init__(self, text: str, wait: float = 0.0) -> None:
        super().__init__(text)
        self.wait = wait


class PasswordRefused(DriverError):
    """The hardware does not accept a new password; the text says why, in the hardware's words."""


class InvalidDriverInfo(DriverError):
    """A node's driver_info is incomplete or wrong."""


class SecretUnreadable(InvalidDriverInfo):
    """A value is encrypted, and cannot be decrypted here: its key is missing, or it was changed."""


class Unsupported(DriverError):
    """The driver or its hardware does not have this, and never will; the text says what it has."""


class LogChanged(DriverError):
    """The hardware's log has entries that the requester has not seen; it was not cleared."""


class UnsupportedPowerState(Unsupported):
    """The hardware cannot be brought into that power state."""


#: Maximum characters of an error in which texts of libraries are looked for.
_LONGEST: Final = 2000
#: Texts that libraries add and that are useless in a log: SQLAlchemy's link and the class of its cause.
_LIBRARY_WORDS: Final = re.compile(r" ?\(Background on this error at: \S+\)|^\((?:\w+\.)+\w+\) ")
#: Repeated words: an error that was put into the text of another with its own name.
_TWICE: Final = re.compile(r"(?:^|(?<=: ))(\S.{3,}?): (?=\1(?:: |$))")


def one_line(error: BaseException, scrubbed: Callable[[str], str] = str) -> str:
    """Return an error's text for a column or a log line: printable, one line, at most 500 characters.

    :param scrubbed: returns a text without secrets, which would not be found after the text is changed and
        cut
    """
    words = _LIBRARY_WORDS.sub("", line(error, _LONGEST, scrubbed))
    text = words if isinstance(error, PodiumError) else f"{type(error).__name__}: {words}"
    text = _TWICE.sub("", text.removesuffix(": ")) or type(error).__name__
    return text if len(text) <= 500 else f"{text[:497]}..."
