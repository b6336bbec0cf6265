"""User and password, or a token, from a file that nobody else can read."""

import os
import stat
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from podium import errors

_TOKEN: Final = "podium_"
_LONGEST: Final = 4096


@dataclass(frozen=True, slots=True)
class Credentials:
    """What podium-api asks for.

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
        try:
            # Without O_NONBLOCK the opening of a named pipe would wait for somebody who writes.
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), encoding="utf-8") as file:
                _check(path, os.fstat(file.fileno()))
                line = file.readline(_LONGEST).rstrip("\r\n")
        except OSError as fault:
            raise errors.ConfigError(
                f"the credentials file {path} cannot be read: {fault.strerror}"
            ) from None
        except ValueError:
            raise errors.ConfigError(f"the credentials file {path} is not UTF-8 text") from None
        if line.startswith(_TOKEN) and ":" not in line:
            return cls(None, line)
        user, colon, password = line.partition(":")
        if not (user and colon and password):
            raise errors.ConfigError(
                f"the first line of {path} is neither USER:PASSWORD nor a token of podium token create"
            )
        return cls(user, password)

    def auth(self) -> httpx.Auth:
        """Return what httpx adds to each request."""
        if self.user is not None:
            return httpx.BasicAuth(self.user, self.secret)
        return _Bearer(self.secret)


def _check(path: Path, found: os.stat_result) -> None:
    """Check the file that was opened, whatever has become of its name since.

    :raises podium.errors.ConfigError: others may read it or could have written it, or it is no file
    """
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISREG(found.st_mode):
        raise errors.ConfigError(f"the credentials file {path} is not a regular file")
    if found.st_uid not in (os.geteuid(), 0):
        raise errors.ConfigError(
            f"{path} belongs to the user {found.st_uid}, who could have written it; it must be your own"
        )
    if mode & 0o077:
        raise errors.ConfigError(
            f"{path} has the mode {mode:o}, so that others can read it; run: chmod 600 {path}"
        )


class _Bearer(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = self._header
        yield request
