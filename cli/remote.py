"""Connects to a podium-api."""

import time
from collections.abc import Callable

from podium import errors
from podium.cli.known_fleets import KnownFleets, place
from podium.cli.ways import Way
from podium.client.podium import Podium
from podium.client.remote.credentials import Credentials
from podium.client.remote.remote import Remote
from podium.client.remote.server import Server


def connect(way: Way, warn: Callable[[str], None], sleep: Callable[[float], None] = time.sleep) -> Podium:
    """Return the client of the podium-api that a way names.

    :param sleep: waits for so many seconds before another attempt
    :raises podium.errors.NotUnderstood: if the address of --url cannot be used
    :raises podium.errors.ConfigError: if its address, the credentials or the certificates cannot be used
    """
    credentials = None if way.credentials is None else Credentials.read(way.credentials)
    if way.source == "--url":
        try:
            Server(url=str(way.url))
        except errors.ConfigError as fault:
            raise errors.NotUnderstood(f"argument --url: {fault}") from None
    server = Server(url=str(way.url), credentials=credentials, cafile=way.cafile, timeout=way.timeout)
    return Remote(server, warn=warn, fleets=KnownFleets(place()), sleep=sleep)
