"""Faults of requests, and the HTTP status of each error of Podium; statuses are assigned only here."""

from collections.abc import Mapping
from typing import Final

from podium import errors


class Fault(Exception):
    """A request that is answered with an error.

    :param status: of HTTP
    :param text: for the caller: what is wrong, and what to do
    :param headers: of the answer
    :param error: the underlying error of Podium, whose text and faults may be shown
    """

    def __init__(
        self,
        status: int,
        text: str,
        headers: Mapping[str, str] | None = None,
        error: errors.PodiumError | None = None,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = dict(headers or {})
        self.error = error


#: Seconds after which a client may try again when the database is unavailable.
_RETRY_AFTER: Final = 5

#: By class of the error; the first match counts. The statuses are Ironic's; its clients retry 409 and 503.
_STATUS: Final[tuple[tuple[type[errors.PodiumError], int], ...]] = (
    (errors.NodeProtected, 403),
    (errors.NotFound, 404),
    (errors.BadRequest, 400),
    (errors.Conflict, 409),
    (errors.NodeExists, 409),
    (errors.InvalidNode, 400),
    (errors.DriverLoadError, 400),
    (errors.SecretUnreadable, 500),
    (errors.DriverError, 400),
    (errors.DatabaseError, 503),
    (errors.ConductorsAtWork, 503),
)


def of_error(error: errors.PodiumError) -> Fault:
    """Return the fault that reports an error of Podium to the caller."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    if isinstance(error, errors.DatabaseError):  # its own text names the server and the server's answer
        headers = {"Retry-After": str(_RETRY_AFTER)}
        return Fault(status, "the database cannot be reached or is busy; try again later", headers)
    return Fault(status, "; ".join(str(error).splitlines()), {}, error)
