"""The way that a command takes to Podium: a podium-api, or the database."""

import argparse
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from podium import errors
from podium.cli import known_fleets
from podium.deferred import deferred

#: The value of --url and PODIUM_URL for the database itself.
DATABASE: Final = "database"
#: The environment variable that names the podium-api to ask.
VARIABLE: Final = "PODIUM_URL"
#: Below XDG_CONFIG_HOME.
_CREDENTIALS: Final = "podium/credentials"
_TIMEOUT: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way to Podium.

    :param url: the URL of a podium-api; None for the database
    :param source: what selected this way
    :param credentials: None for none
    :param is_given: whether somebody wants exactly this podium-api, so that nothing else will do
    :param is_only: whether this user has no other way
    """

    url: str | None
    source: str
    credentials: Path | None = None
    cafile: Path | None = None
    timeout: float = _TIMEOUT
    is_given: bool = False
    is_only: bool = False

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Add to the errors of podium-api what the client can do about them."""
        try:
            yield
        except errors.OtherFleet as fault:
            raise errors.OtherFleet(
                f"{fault}; {self._chosen}; if it is meant, remove the address from {known_fleets.place()}"
            ) from None
        except errors.LoginRefused as fault:
            raise errors.LoginRefused(f"{fault}; {self._login()}") from None
        except errors.NotAllowed as fault:
            raise errors.NotAllowed(f"{fault}{self._instead}") from None
        except errors.ApiUnavailable as fault:
            raise errors.ApiUnavailable(f"{fault}{self._instead}") from None

    def _login(self) -> str:
        if self.credentials is not None:
            return f"the user and the password, or the token, are from {self.credentials}"
        return (
            "write USER:PASSWORD, or a token of podium token create, into a file of mode 0600 and name it"
            " with --credentials-file"
        )

    @property
    def _chosen(self) -> str:
        return f"podium asks there because of {self.source}"

    @property
    def _instead(self) -> str:
        if self.is_only:
            return ""
        return f"; {self._chosen}" + ("" if self.is_given else f"; --url {DATABASE} uses the database")


def choose(options: argparse.Namespace, prog: str, environment: Mapping[str, str] = os.environ) -> Way:
    """Return the way that the command line, the environment or the configuration selects.

    The configuration's credentials and certificates are used only for an address that it names.

    :raises podium.errors.ConfigError: if the configuration cannot be read, or any user could have made the
        socket
    """
    way = _named(options, environment) or _configured(options, prog)
    if options.cafile and not str(way.url).lower().startswith("https:"):
        raise errors.ConfigError(
            f"--cafile is for a podium-api at https://HOST, which is not asked because of {way.source}"
        )
    if way.url is not None:
        return _with_options(way, options, environment)
    if options.credentials_file:
        raise errors.ConfigError(
            f"--credentials-file is for a podium-api, and because of {way.source} this uses the database,"
            " which asks nobody who they are"
        )
    return way


def _named(options: argparse.Namespace, environment: Mapping[str, str]) -> Way | None:
    for source, url in (("--url", options.url), (VARIABLE, environment.get(VARIABLE))):
        if url:
            is_given = url != DATABASE
            return Way(url=url if is_given else None, source=source, is_given=is_given)
    return None


def _configured(options: argparse.Namespace, prog: str) -> Way:
    # oslo.config takes long to import, a third of that for a type of option that is rarely used.
    with deferred("rfc3986"):
        from podium.conf import client
        from podium.conf.files import is_there
        from podium.conf.sockets import open_folder

    its = client.read(["--config-file", options.config_file] if options.config_file else [], prog=prog)
    way = Way(
        url=its.url,
        source="[client] url",
        credentials=its.credentials_file,
        cafile=its.cafile,
        timeout=its.timeout,
        is_given=True,
    )
    if its.url is not None:
        return way
    if its.unix_socket is not None and is_there(its.unix_socket):
        source = f"[api] unix_socket = {its.unix_socket}"
        if (folder := open_folder(its.unix_socket)) is not None:
            raise errors.ConfigError(
                f"{source}: every user may write in {folder}, and could have made the socket; use a folder of"
                " podium-api's user, or name the way with --url"
            )
        return Way(
            url=f"unix:{its.unix_socket}",
            source=source,
            timeout=its.timeout,
            is_given=its.needs_socket,
            is_only=its.needs_socket,
        )
    return Way(url=None, source="the configuration")


def _with_options(way: Way, options: argparse.Namespace, environment: Mapping[str, str]) -> Way:
    given = options.credentials_file or environment.get("PODIUM_CREDENTIALS_FILE")
    cafile = options.cafile or environment.get("PODIUM_CAFILE")
    if given:
        way = replace(way, credentials=Path(given).expanduser())
    elif way.credentials is None and not str(way.url).startswith("unix:"):
        way = replace(way, credentials=_default_credentials(environment))
    return replace(way, cafile=Path(cafile).expanduser()) if cafile else way


def _default_credentials(environment: Mapping[str, str]) -> Path | None:
    home = environment.get("XDG_CONFIG_HOME") or "~/.config"
    path = Path(home, _CREDENTIALS).expanduser()
    return path if path.exists() else None
