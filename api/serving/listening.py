"""The sockets at which podium-api listens, created before the fork of the workers, which share them."""

import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from podium import errors

#: The most connections that wait to be accepted.
BACKLOG: Final = 1024
#: Seconds for another program to accept a connection to a socket's file.
_PATIENCE: Final = 2.0


class Listeners:
    """Every socket at which one podium-api listens.

    :param host: an address, or a name of which all addresses are used
    :param port: 0 for a free port
    :param path: of the Unix socket, if there is to be one
    :param mode: of the Unix socket's file
    :raises podium.errors.ConfigError: a socket cannot be opened
    """

    def __init__(self, host: str, port: int, path: Path | None, mode: int) -> None:
        self.tcp: list[socket.socket] = []
        self.unix: socket.socket | None = None
        self._path = path
        self._file: tuple[int, int] | None = None
        try:
            for family, address in _addresses(host):
                self.tcp.append(_listen_tcp(family, address, self.port if self.tcp else port))
            if self._path is not None:
                self.unix = _listen_unix(self._path, mode)
                self._file = _identity(self._path)
        except BaseException:
            self.close()
            raise

    @property
    def port(self) -> int:
        """The TCP port."""
        port: int = self.tcp[0].getsockname()[1]
        return port

    def close(self) -> None:
        """Close the sockets in the master process; workers close theirs when they are stopped."""
        if self._path is not None and self._file is not None and self._file == _identity(self._path):
            self._path.unlink(missing_ok=True)
        for one in [*self.tcp, *([self.unix] if self.unix else [])]:
            one.close()


def _addresses(host: str) -> list[tuple[int, str]]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise errors.ConfigError(
            f"[api] host_ip = {host} is not an address of this host: {error.strerror}"
        ) from None
    return list(dict.fromkeys((int(family), str(address[0])) for family, _, _, _, address in found))


def _listen_tcp(family: int, address: str, port: int) -> socket.socket:
    # asyncio sends without delay only if the protocol is named; a head and its body are two packets.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # :: is all of this host
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address != "::"))
        listener.bind((address, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise errors.ConfigError(_tcp_fault(address, port, error)) from None
    return listener


def _tcp_fault(address: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"[api] port = {port} at {address} is in use by another program; end that or set another"
        case errno.EADDRNOTAVAIL:
            return f"[api] host_ip = {address} is not an address of this host"
        case errno.EACCES:
            return f"[api] port = {port} needs a privilege; set one above 1023"
    return f"podium-api cannot listen at {address}, port {port}: {error.strerror}"


def _listen_unix(path: Path, mode: int) -> socket.socket:
    label = f"[api] unix_socket = {path}"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear(path, label)
        with _created_with(mode):
            listener.bind(str(path))
        path.chmod(mode)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise errors.ConfigError(
            f"{label} cannot be made: {reason}; its folder must exist, and this user write to it"
        ) from None
    except BaseException:
        listener.close()
        raise
    return listener


def _clear(path: Path, label: str) -> None:
    """Remove a socket's file that a program left behind."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise errors.ConfigError(f"{label} is there and is no socket; remove it or set another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PATIENCE)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except TimeoutError:
            pass  # it is busy
    raise errors.ConfigError(f"{label} is in use by another program; end that or set another path")


@contextmanager
def _created_with(mode: int) -> Iterator[None]:
    before = os.umask(0o777 & ~mode)
    try:
        yield
    finally:
        os.umask(before)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
