"""The Python client of Podium, for scripts, notebooks and the command line.

    from podium import client

    with client.connect("https://podium.example.org", credentials="~/.podium-token") as podium:
        for node in podium.nodes("r1n[01-40]", power_state="power off"):
            print(node.name, node.power_state_age)

:func:`connect` uses a podium-api, or without an address the database of this host's configuration;
:func:`connect_async` does the same for an event loop. Every method is a call of :mod:`podium.client.calls`,
every error one of :mod:`podium.errors`.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from podium import errors
from podium.client.podium import AsyncPodium, Podium

if TYPE_CHECKING:
    from podium.client.remote.server import Server

__all__ = ["AsyncPodium", "Podium", "connect", "connect_async"]


def connect(
    url: str | None = None, *, credentials: str | Path | None = None, cafile: str | Path | None = None
) -> Podium:
    """Return a client.

    :param url: ``https://HOST[:PORT]`` or ``unix:/PATH`` of a podium-api; None for the configured database
    :param credentials: a file of mode 0600 whose first line is ``USER:PASSWORD`` or a token
    :param cafile: certificates, in PEM, that the server's certificate must lead to
    :raises podium.errors.ConfigError: an argument cannot be used
    """
    if url is None:
        _check_no_login(credentials)
        from podium.client.local.local import Local  # database libraries take long to import

        return Local()
    from podium.client.remote.remote import Remote

    return Remote(_server(url, credentials, cafile))


def connect_async(
    url: str | None = None, *, credentials: str | Path | None = None, cafile: str | Path | None = None
) -> AsyncPodium:
    """As :func:`connect`, for an event loop."""
    if url is None:
        _check_no_login(credentials)
        from podium.client.local.asynchronous import AsyncLocal

        return AsyncLocal()
    from podium.client.remote.remote import AsyncRemote

    return AsyncRemote(_server(url, credentials, cafile))


def _check_no_login(credentials: str | Path | None) -> None:
    if credentials is not None:
        raise errors.ConfigError(
            "credentials are for a podium-api; without a url the database is used, which asks nobody"
        )


def _server(url: str, credentials: str | Path | None, cafile: str | Path | None) -> "Server":
    from podium.client.remote.credentials import Credentials
    from podium.client.remote.server import Server

    who = None if credentials is None else Credentials.read(Path(credentials).expanduser())
    return Server(url=url, credentials=who, cafile=None if cafile is None else Path(cafile).expanduser())
