"""Third-party programs that the tests use, and loopback addresses and ports for tests."""

import os
import random
import shutil
import socket
from pathlib import Path
from typing import Final, NoReturn

import pytest

#: Seconds until a test gives up waiting for something that should happen soon. Allows for a busy machine.
PATIENCE: Final = 120.0

_ROOT: Final = Path(__file__).parent.parent
_PACKAGES: Final = {
    "cc": "gcc",
    "fence_dummy": "fence-agents",
    "initdb": "postgresql",
    "ipmi_sim": "openipmi",
    "ipmipower": "freeipmi-tools",
    "libvirtd": "libvirt-daemon",
    "mariadb-install-db": "mariadb-server",
    "mariadbd": "mariadb-server",
    "nginx": "nginx-light",
    "node": "nodejs",
    "setpriv": "util-linux",
    "snmpd": "snmpd",
}


def search_path() -> str:
    """Return PATH with Debian's folders of servers. PostgreSQL's newest version comes first."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    servers = ["/usr/sbin", "/sbin", *map(str, reversed(versions))]
    return os.pathsep.join([os.environ.get("PATH", os.defpath), *servers])


def require(program: str) -> str:
    """Return a program's path. Without it, skips the test, or fails if PODIUM_REQUIRE_PEERS is 1."""
    path = shutil.which(program, path=search_path())
    if path is None:
        do_without(f"{program} is not installed (Debian package {_PACKAGES.get(program, program)})")
    return path


def require_in(environment: str, program: str) -> Path:
    """Return the path of a program in an environment of ``make test-peers``, like :func:`require`."""
    path = _ROOT / f".venv-{environment}" / "bin" / program
    if not path.exists():
        do_without(f"{program} is not installed (make test-peers)")
    return path


def do_without(reason: str) -> NoReturn:
    """Skip the test, or fail it if PODIUM_REQUIRE_PEERS is 1."""
    if os.environ.get("PODIUM_REQUIRE_PEERS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def own_address() -> str:
    """Return an address in 127.64.0.0/10 that only this process uses, to keep test runs apart."""
    high, low = divmod(os.getpid(), 1 << 16)
    return f"127.{64 + high}.{low >> 8}.{low & 255}"


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port that is free at every address.

    It is below the range from which the kernel picks ports, so a stopped server finds it free again.
    Processes started just before or after this one pick other ports.
    """
    for port in random.sample(range(20000 + os.getpid() % 64, 32000, 64), 100):
        with socket.socket(type=kind) as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port found between 20000 and 32000")
