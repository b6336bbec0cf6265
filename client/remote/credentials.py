"""User and password, or a token, from a file that nobody else can read."""

from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from podium import errors
from podium.client import secret_files

_TOKEN: Final = "podium_"
_LONGEST: Final = 4096


@dataclass(frozen=True, slots=True)
class Credentials:
    """The login for podium-api.

    :param user: None with a token
    :param secret: the password, or the token
    """

    user: str | None
    secret: str = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> "Credentials":
        """Return the first line of a file: ``USER:PASSWORD``, or a token.

        :raises podium.errors.ConfigError: it cannot be read, others may read it, or it is neither
        """
        text = secret_files.read(path, "credentials file", _LONGEST)
        line = text.partition("\n")[0].rstrip("\r")
        if line.startswith(_TOKEN) and ":" not in line:
            return cls(None, line)
        user, colon, password = line.partition(":")
        if not (user and colon and password):
            raise errors.ConfigError(
                f"the first line of {path} is neither USER:PASSWORD nor a token of podium token create"
            )
        return cls(user, password)

    def auth(self) -> httpx.Auth:
        """Return the authentication that httpx adds to each request."""
        if self.user is not None:
            return httpx.BasicAuth(self.user, self.secret)
        return _Bearer(self.secret)


class _Bearer(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = self._header
        yield request
