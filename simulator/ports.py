"""The port that all BMCs of a protocol share."""

import contextlib
import errno
import socket

from podium import errors


def bind(opened: socket.socket, port: int, *, loopback: bool) -> None:
    """Bind a socket to a port at all addresses. Closes the socket on failure.

    :param port: 0 for a free one
    :param loopback: whether only this host may reach the port
    :raises podium.errors.ConfigError: if the port cannot be used
    """
    protocol = "TCP" if opened.type == socket.SOCK_STREAM else "UDP"
    try:
        if loopback:
            # Keeps other hosts out. Without this permission, they still cannot reach a served address.
            with contextlib.suppress(PermissionError):
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
        opened.bind(("0.0.0.0", port))
    except OSError as wrong:
        opened.close()
        reason = "is in use" if wrong.errno == errno.EADDRINUSE else f"cannot be used ({wrong.strerror})"
        raise errors.ConfigError(f"{protocol} port {port} {reason}: give another one") from None
    except OverflowError:
        opened.close()
        raise errors.ConfigError(f"{port} is no {protocol} port: give one from 1 to 65535") from None
