"""Checks passwords with bcrypt, a few at a time, in threads; correct ones are remembered for a while."""

import asyncio
import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import bcrypt
from oslo_log import log

from podium.api.access.htpasswd import UserFile
from podium.api.access.slowing import Slowing
from podium.api.faults import Fault

LOG = log.getLogger(__name__)

#: The number of bytes of a password that bcrypt uses.
LONGEST: Final = 72
#: The most concurrent and waiting checks; each takes a good part of a second of a core.
_THREADS, _MOST_WAITING = 2, 64
#: Seconds for which a correct password is remembered, and how many are remembered.
_FRESH, _MOST = 300.0, 1000
#: The hash, after its cost, that a password is compared with if its user does not exist.
_DECOY: Final = "WcOe0bhSnyPmvBUgRHPqHeK9fBk6GNB8Lm1ySuV3lhjPtAqcm7JvW"


@dataclass(frozen=True, slots=True)
class _Right:
    its_hash: bytes
    until: float


class Passwords:
    """Checks the passwords of a file's users, in the event loop of one process."""

    def __init__(
        self,
        file: UserFile,
        slowing: Slowing,
        *,
        check: Callable[[bytes, bytes], bool] = bcrypt.checkpw,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = file
        self._slowing = slowing
        self._check = check
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="bcrypt")
        self._waiting = 0
        self._right: OrderedDict[bytes, _Right] = OrderedDict()
        self._under_way: dict[tuple[bytes, str, bytes | None], asyncio.Task[bool]] = {}

    async def are_right(self, name: str, password: bytes, address: str) -> bool:
        """Return whether there is a user with this name and this password.

        :param address: the address of the caller
        :raises podium.api.faults.Fault: too many passwords are being checked, or were wrong
        :raises podium.errors.ConfigError: the file of users cannot be read
        """
        users = await self._file.users()
        its_hash = users.get(name)
        key = self._digest(name.encode() + b"\0" + password)
        right = self._right.get(key)
        if right is not None and right.its_hash == its_hash and self._clock() < right.until:
            return True
        shared = (key, address, its_hash)
        task = self._under_way.get(shared)
        if task is None:
            task = asyncio.ensure_future(self._try(name, password, address, users, key))
            self._under_way[shared] = task
            task.add_done_callback(lambda _: self._under_way.pop(shared, None))
        return await asyncio.shield(task)

    async def line(self, name: str) -> str | None:
        """Return a digest of a user's line in the file; None if there is none.

        :raises podium.errors.ConfigError: the file of users cannot be read
        """
        its_hash = (await self._file.users()).get(name)
        return None if its_hash is None else hashlib.sha256(name.encode() + b":" + its_hash).hexdigest()

    async def _try(
        self, name: str, password: bytes, address: str, users: Mapping[str, bytes], key: bytes
    ) -> bool:
        who = self._digest(name.encode())
        await self._slowing.turn(address, who)
        its_hash = users.get(name)
        try:
            is_right = await self._compare(password, its_hash or self._decoy(who, users))
        except Fault:
            self._slowing.take_back(address, who)
            raise
        if its_hash is None or not is_right:
            # An unknown name may be a password typed into the wrong field.
            whose = "an unknown user" if its_hash is None else name
            LOG.warning("A login of %s from %s failed", whose, address)
            return False
        self._slowing.succeed(address, who)
        self._right[key] = _Right(its_hash, self._clock() + _FRESH)
        self._right.move_to_end(key)
        while len(self._right) > _MOST:
            self._right.popitem(last=False)
        return True

    async def _compare(self, password: bytes, its_hash: bytes) -> bool:
        if self._waiting >= _MOST_WAITING:
            raise Fault(503, "too many passwords are being checked; try again later", {"Retry-After": "5"})
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._matches, password, its_hash)
        finally:
            self._waiting -= 1

    def _digest(self, text: bytes) -> bytes:
        return hashlib.blake2b(text, key=self._secret).digest()

    def _decoy(self, who: bytes, users: Mapping[str, bytes]) -> bytes:
        """Return a hash with the cost of some user's hash; the same name always gets the same cost."""
        costs = sorted(one[4:6] for one in users.values()) or [b"12"]
        return b"$2b$" + costs[int.from_bytes(who[:8]) % len(costs)] + b"$" + _DECOY.encode()

    def _matches(self, password: bytes, its_hash: bytes) -> bool:
        if len(password) > LONGEST or b"\0" in password:
            return False
        try:
            return self._check(password, its_hash)
        except ValueError:  # a hash with last characters that bcrypt never produces
            return False
