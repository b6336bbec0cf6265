"""A request to a simulated Redfish BMC."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Request:
    """One HTTP request.

    :param target: path and query
    :param headers: the headers used here, with names in lower case
    :param secure: whether it came over TLS
    """

    method: bytes
    target: bytes
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    secure: bool = True

    @property
    def path(self) -> str:
        """Return the path without the query."""
        return self.target.partition(b"?")[0].decode("ascii", "replace")

    @property
    def origin(self) -> str:
        """Return the URL of the BMC as the client wrote it."""
        host = self.headers.get(b"host", b"").decode("latin-1")
        return f"{'https' if self.secure else 'http'}://{host}"
