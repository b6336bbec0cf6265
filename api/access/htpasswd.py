"""The file of users and their bcrypt hashes, as written by ``htpasswd -B``; read again when it changes."""

import asyncio
import hashlib
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from oslo_log import log

from podium import errors

LOG = log.getLogger(__name__)

_HASH: Final = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
#: A name that fits in the options of roles, in the ledger, and in a line of the log.
_NAME: Final = re.compile(r"[^\s,:]{1,128}")
#: The costs of bcrypt that htpasswd accepts; a check with the highest takes seconds.
_COSTS: Final = range(4, 18)
#: The largest size of the file in bytes.
_LARGEST: Final = 1_048_576
#: Seconds between checks for changes of the file.
_LOOK_EVERY: Final = 1.0


def parse(text: str) -> tuple[dict[str, bytes], dict[int, str]]:
    """Return the hashes by user, and the faults by line number, without the contents of the lines."""
    users: dict[str, bytes] = {}
    faults: dict[int, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        line = line.rstrip("\r ")
        if not line or line.startswith("#"):
            continue
        name, _, its_hash = line.partition(":")
        found = _HASH.fullmatch(its_hash)
        if not (_NAME.fullmatch(name) and name.isprintable()):
            faults[number] = "it does not begin with USER: of at most 128 characters"
        elif found is None:
            faults[number] = "its hash is not one of bcrypt; htpasswd -B makes one"
        elif int(found[1]) not in _COSTS:
            faults[number] = f"the cost of its hash is not between {_COSTS[0]} and {_COSTS[-1]}"
        elif name in users:
            faults[number] = "its user has a line already"
        else:
            users[name] = its_hash.encode()
    return users, faults


def read(path: str) -> str:
    """Return the text of the file.

    :raises podium.errors.ConfigError: it cannot be read
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from None
    if len(content) > _LARGEST:
        raise _unusable(path, f"is larger than {_LARGEST} bytes")
    return content.decode(errors="replace")


def _unusable(path: str, why: str) -> errors.ConfigError:
    return errors.ConfigError(
        f"[DEFAULT] http_basic_auth_user_file = {path} {why}; make it with: htpasswd -B -c {path} USER"
    )


class UserFile:
    """The users of one process, used in its event loop."""

    def __init__(self, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._looked = -_LOOK_EVERY
        self._look: asyncio.Future[None] | None = None
        self._seen: tuple[int, ...] | None = None
        self._users: Mapping[str, bytes] = {}
        self._fault: errors.ConfigError | None = None
        self._logged: set[bytes] = set()

    async def users(self) -> Mapping[str, bytes]:
        """Return the hashes by user; they are at most a second old.

        :raises podium.errors.ConfigError: it cannot be read
        """
        if self._look is None or (self._look.done() and self._clock() - self._looked >= _LOOK_EVERY):
            self._looked = self._clock()
            self._look = asyncio.ensure_future(self._update())
        if not self._look.done():
            await asyncio.shield(self._look)
        if self._fault is not None:
            raise self._fault
        return self._users

    async def _update(self) -> None:
        try:
            text = await asyncio.to_thread(self._changed)
        except errors.ConfigError as fault:
            if self._fault is None:
                LOG.error("Nobody can log in with a password: %s", fault)
            self._fault, self._users, self._seen = fault, {}, None
            return
        if text is not None:
            self._users, faults = parse(text)
            self._log(text, faults)
        if self._fault is not None:
            LOG.info("The users of %s can log in again", self._path)
            self._fault = None

    def _changed(self) -> str | None:
        try:
            found = Path(self._path).stat()
        except OSError as error:
            raise _unusable(self._path, f"cannot be read: {error.strerror}") from None
        seen = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev)
        if seen == self._seen:
            return None
        text = read(self._path)
        self._seen = seen
        return text

    def _log(self, text: str, faults: Mapping[int, str]) -> None:
        """Log each wrong line once, however often the file is read."""
        lines, logged = text.split("\n"), set()
        for number, why in faults.items():
            key = hashlib.sha256(f"{number}:{lines[number - 1]}".encode()).digest()
            logged.add(key)
            if key not in self._logged:
                LOG.error("%s, line %d, is left out: %s", self._path, number, why)
        self._logged = logged
