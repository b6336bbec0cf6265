"""The address of a podium-api, and the login."""

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from podium import errors
from podium.client.remote.credentials import Credentials

#: The beginning of the address of a Unix socket.
UNIX: Final = "unix:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A podium-api.

    :param url: ``https://HOST[:PORT]``, ``http://HOST[:PORT]``, or ``unix:/PATH`` of its socket
    :param credentials: None for the Unix socket, where the kernel identifies the user
    :param cafile: the certificates that the server's must lead to, in PEM; by default those of this host
    :param timeout: seconds for each answer
    """

    url: str
    credentials: Credentials | None = None
    cafile: Path | None = None
    timeout: float = 60.0

    def __post_init__(self) -> None:
        if self.url.startswith(UNIX):
            if not self._socket.startswith("/"):
                raise errors.ConfigError(f"{self.url} is not {UNIX}/PATH")
            return
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            forms = f"https://HOST[:PORT], http://HOST[:PORT] or {UNIX}/PATH"
            raise errors.ConfigError(f"{self._shown} is not {forms}")
        if "@" in parts.netloc:
            raise errors.ConfigError(
                f"{self._shown} has a user or password in it; put them into a credentials file"
            )
        if self.credentials is not None:
            check_private(self.url)

    @property
    def _socket(self) -> str:
        return self.url.removeprefix(UNIX)

    @property
    def _shown(self) -> str:
        return self.url.rpartition("@")[2]

    @property
    def where(self) -> str:
        """The address, for people."""
        return self.url

    def options(self) -> dict[str, Any]:
        """Return the options of httpx's clients."""
        base = "http://podium" if self.url.startswith(UNIX) else self.url.rstrip("/")
        auth = None if self.credentials is None else self.credentials.auth()
        return {"base_url": base, "auth": auth, "timeout": self.timeout, "trust_env": False}

    def transport(self) -> httpx.HTTPTransport:
        """Return the transport for httpx."""
        return httpx.HTTPTransport(**self._how())

    def async_transport(self) -> httpx.AsyncHTTPTransport:
        """Return the transport for httpx in an event loop."""
        return httpx.AsyncHTTPTransport(**self._how())

    def _how(self) -> dict[str, Any]:
        if not self.url.startswith("https:"):
            # Nothing is encrypted, and reading the authorities' certificates takes 25 ms. This trusts nobody.
            bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            return {"verify": bare, **({"uds": self._socket} if self.url.startswith(UNIX) else {})}
        try:
            return {"verify": ssl.create_default_context(cafile=self.cafile)}
        except (OSError, ssl.SSLError) as fault:
            raise errors.ConfigError(f"the certificates {self.cafile} cannot be used: {fault}") from None


def check_private(url: str) -> None:
    """Check that nobody else can read what is sent to an address.

    :raises podium.errors.ConfigError: somebody can
    """
    parts = urlsplit(url)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise errors.ConfigError(
            f"{url} would carry the password or token where others can read it; use https://"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
