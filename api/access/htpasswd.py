"""The users of a file of passwords, as ``htpasswd -B`` writes it: ``USER:HASH``, with bcrypt."""

import re
import secrets
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import bcrypt
from oslo_log import log

from podium import errors

LOG = log.getLogger(__name__)

#: The forms of bcrypt that Ironic knows too.
_HASH: Final = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}")
#: Bytes of a password that bcrypt looks at; from version 5 on it refuses longer ones.
LONGEST: Final = 72
#: Rounds of bcrypt, as a power of two, where there are no users.
_COST: Final = 10
_LARGEST_FILE: Final = 4 * 1024 * 1024


class Users:
    """The users of one file, in any thread.

    :param path: read again when it changes
    :raises podium.errors.ConfigError: it cannot be read
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] = ()
        self._hashes: Mapping[str, bytes] = {}
        try:
            self.refresh()
        except OSError as fault:
            raise errors.ConfigError(
                f"[DEFAULT] http_basic_auth_user_file = {path}: {fault.strerror}; make it"
                f" with: htpasswd -B -c {path} USER"
            ) from None

    def refresh(self) -> None:
        """Read the file if it has changed.

        :raises OSError: it cannot be read
        """
        found = self._path.stat()
        seen = (found.st_mtime_ns, found.st_ino, found.st_size)
        with self._lock:
            if seen == self._seen:
                return
            with self._path.open(encoding="utf-8", errors="surrogateescape") as file:
                text = file.read(_LARGEST_FILE)
            self._hashes = self._parsed(text)
            # The hash of a password that nobody has: to ask for an unknown user takes as long as for others.
            cost = next((int(one[4:6]) for one in self._hashes.values()), _COST)
            self._nobody = bcrypt.hashpw(secrets.token_bytes(16), bcrypt.gensalt(cost))
            self._seen = seen
            LOG.info("%s has %d users", self._path, len(self._hashes))

    def _parsed(self, text: str) -> dict[str, bytes]:
        hashes = {}
        for number, line in enumerate(text.splitlines(), 1):
            name, colon, digest = line.strip().partition(":")
            if not line.strip() or line.startswith("#"):
                continue
            if not colon or not name or _HASH.fullmatch(digest) is None:
                LOG.error(
                    "%s, line %d: it is not USER:HASH with a hash of bcrypt (htpasswd -B), and is left out",
                    self._path,
                    number,
                )
                continue
            # The same algorithm: 2y is the name that PHP gave it.
            hashes[name] = digest.replace("$2y$", "$2b$", 1).encode()
        return hashes

    def hash_of(self, name: str) -> bytes | None:
        """Return the hash of a user's password."""
        return self._hashes.get(name)

    def check(self, name: str, password: bytes) -> bool:
        """Return whether this is the user's password. It takes a good part of a second, by design."""
        known = self._hashes.get(name)
        if len(password) > LONGEST or b"\0" in password:
            return False
        return bcrypt.checkpw(password, known or self._nobody) and known is not None
