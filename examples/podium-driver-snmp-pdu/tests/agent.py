"""A real SNMP agent, Debian's snmpd, with the MIB of a PDU behind it.

snmpd runs this file as a program that answers for a part of the tree: see ``pass_persist`` in snmpd.conf(5).
The numbers are taken from the MIBs independently of the driver, so that the same error is not in both.
"""

import bisect
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

SNMPD: Final = shutil.which("snmpd", path="/usr/sbin:/usr/local/sbin:/sbin:/usr/bin")

Oid = tuple[int, ...]

#: For each kind: the columns of states and of commands, the numbers for on and off, and the state after each
#: command.
_APC: Final = "1.3.6.1.4.1.318.1.1"
_RARITAN: Final = "1.3.6.1.4.1.13742.6"
COLUMNS: Final = {
    "apc_masterswitch": (f"{_APC}.4.4.2.1.3", f"{_APC}.4.4.2.1.3", 1, 2, {1: 1, 2: 2, 3: 1}),
    "apc_rackpdu": (f"{_APC}.12.3.5.1.1.4", f"{_APC}.12.3.3.1.1.4", 1, 2, {1: 1, 2: 2, 3: 1}),
    "apc_rackpdu2": (f"{_APC}.26.9.2.3.1.5", f"{_APC}.26.9.2.4.1.5", 2, 1, {1: 2, 2: 1, 3: 2}),
    "raritan_pdu2": (f"{_RARITAN}.4.1.2.1.3.1", f"{_RARITAN}.4.1.2.1.2.1", 7, 8, {0: 8, 1: 7, 2: 7}),
}
LOADS: Final = {
    "apc_rackpdu": f"{_APC}.12.2.3.1.1.3.1",
    "apc_rackpdu2": f"{_APC}.26.4.3.1.4.1",
    "raritan_pdu2": f"{_RARITAN}.5.2.3.1.3.1.1.1",
}
POWERS: Final = {
    "apc_rackpdu2": f"{_APC}.26.9.4.3.1.7.{{}}",
    "raritan_pdu2": f"{_RARITAN}.5.4.3.1.4.1.{{}}.5",
}
DIGITS: Final = f"{_RARITAN}.3.5.4.1.7.1.{{}}.5"
#: snmpInPkts of SNMPv2-MIB: the messages that the agent received.
PACKETS: Final = (1, 3, 6, 1, 2, 1, 11, 1, 0)

READ, WRITE, AUTH_KEY, PRIV_KEY = "opensesame", "schibboléth", "auth-schwertfïsch", "priv-schwertfïsch"
#: The users of SNMP v3, named after their authentication protocols; with snmpd's names of the protocols.
USERS: Final = {
    "sha": "SHA",
    "sha224": "SHA-224",
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha512": "SHA-512",
}


class Agent:
    """An snmpd on its own address; ``with`` starts it and ends it.

    :param outlets: of each kind of PDU; one agent serves all kinds
    """

    def __init__(self, folder: Path, address: str, port: int, outlets: int) -> None:
        self.address, self.port = address, port
        self._folder = folder
        self._state = folder / "pdu.json"
        self._process: subprocess.Popen[bytes] | None = None
        self._outlets = outlets
        self.reset()
        serve = f"{sys.executable} -IS {Path(__file__).resolve()} {self._state}"
        lines = [
            f"rocommunity {READ}",
            f"rwcommunity {WRITE}",
            *(f'createUser {user} {name} "{AUTH_KEY}" AES "{PRIV_KEY}"' for user, name in USERS.items()),
            *(f"rwuser {user} priv" for user in USERS),
            *(f"pass_persist .{part} {serve} {part}" for part in (_APC, _RARITAN)),
        ]
        (folder / "snmpd.conf").write_text("".join(f"{line}\n" for line in lines))

    def __enter__(self) -> Self:
        assert SNMPD is not None
        log = self._folder / "snmpd.log"
        command = [
            SNMPD, "-f", f"-Lf{log}", "-C", f"-c{self._folder / 'snmpd.conf'}", f"-p{self._folder / 'pid'}",
            f"udp:{self.address}:{self.port}",
        ]  # fmt: skip
        environment = {**os.environ, "SNMP_PERSISTENT_DIR": str(self._folder), "MIBS": ""}
        self._process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + 60
        while "NET-SNMP version" not in (log.read_text() if log.exists() else ""):
            assert self._process.poll() is None and time.monotonic() < end, "snmpd does not start"
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def info(self, kind: str, outlet: int = 1, **more: object) -> dict[str, object]:
        """Return the driver_info of a node at an outlet."""
        info: dict[str, object] = {"snmp_driver": kind, "snmp_outlet": outlet}
        info |= {"snmp_address": self.address, "snmp_port": self.port}
        if more.get("snmp_version") == "3":
            keys = {"snmp_auth_key": AUTH_KEY, "snmp_priv_key": PRIV_KEY}
            return info | {"snmp_user": "sha256", "snmp_auth_protocol": "sha256", **keys} | more
        return info | {"snmp_community_read": READ, "snmp_community_write": WRITE} | more

    def reset(self) -> None:
        """Switch everything off, and remove values set by :meth:`put`."""
        self._write(dict(_new(self._outlets)))

    def is_on(self, kind: str, outlet: int) -> bool:
        """Return whether an outlet has power."""
        column, _, on, _, _ = COLUMNS[kind]
        return _read(self._state)[f"{column}.{outlet}"] == on

    def switch_on(self, kind: str, outlet: int) -> None:
        """Switch an outlet on at the PDU itself."""
        self.put(state_of(kind, outlet), COLUMNS[kind][2])

    def put(self, oid: str, value: object) -> None:
        """Change a value without a request. None removes it."""
        values = _read(self._state)
        if value is None:
            del values[oid]
        else:
            values[oid] = value
        self._write(values)

    def _write(self, values: dict[str, object]) -> None:
        _replace(self._state, values)


def state_of(kind: str, outlet: int) -> str:
    """Return the identifier of an outlet's state."""
    return f"{COLUMNS[kind][0]}.{outlet}"


def _new(outlets: int) -> Iterator[tuple[str, object]]:
    for states, commands, _, off, _ in COLUMNS.values():
        for outlet in range(1, outlets + 1):
            yield f"{commands}.{outlet}", 1
            yield f"{states}.{outlet}", off
    for oid in LOADS.values():
        yield oid, {_APC: 1, _RARITAN: 4}[_APC if oid.startswith(_APC) else _RARITAN]
    for outlet in range(1, outlets + 1):
        yield POWERS["apc_rackpdu2"].format(outlet), 100 + outlet
        yield POWERS["raritan_pdu2"].format(outlet), 1000 + outlet
        yield DIGITS.format(outlet), 1


def _read(path: Path) -> dict[str, object]:
    values: dict[str, object] = json.loads(path.read_text())
    return values


def _replace(path: Path, values: dict[str, object]) -> None:
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.write_text(json.dumps(values))
    new.replace(path)


def _key(oid: str) -> Oid:
    return tuple(map(int, oid.strip(".").split(".")))


class _Tree:
    """A part of the tree, read from the file when needed.

    The file is kept open, so that a replacement is sure to be a different file.
    """

    def __init__(self, path: Path, part: str) -> None:
        self._path = path
        self._part = _key(part)
        self._file: TextIO | None = None
        self._values: dict[Oid, object] = {}
        self._order: list[Oid] = []

    def get(self, oid: Oid) -> str:
        """Return the value at an identifier, in snmpd's format."""
        self._load()
        if oid not in self._values:
            return "NONE\n"
        value = self._values[oid]
        name, kind = ".".join(map(str, oid)), "integer" if isinstance(value, int) else "string"
        return f".{name}\n{kind}\n{value}\n"

    def get_next(self, oid: Oid) -> str:
        """Return the value at the next identifier."""
        self._load()
        place = bisect.bisect_right(self._order, oid)
        return self.get(self._order[place]) if place < len(self._order) else "NONE\n"

    def set(self, oid: Oid, given: str) -> str:
        """Carry out a command. ``given`` is a type and a value."""
        kind, _, text = given.partition(" ")
        for states, commands, _, _, effects in COLUMNS.values():
            *column, outlet = oid
            if tuple(column) == _key(commands) and not self.get(oid).startswith("NONE"):
                if kind != "integer":
                    return "wrong-type\n"
                if int(text) not in effects:
                    return "wrong-value\n"
                change = {f"{commands}.{outlet}": int(text), f"{states}.{outlet}": effects[int(text)]}
                _replace(self._path, _read(self._path) | change)
                return "DONE\n"
        return "not-writable\n"

    def _load(self) -> None:
        if self._file is not None and os.path.samestat(self._path.stat(), os.fstat(self._file.fileno())):
            return
        if self._file is not None:
            self._file.close()
        self._file = self._path.open()
        values = {_key(oid): value for oid, value in json.load(self._file).items()}
        self._values = {oid: value for oid, value in values.items() if oid[: len(self._part)] == self._part}
        self._order = sorted(self._values)


def serve(path: Path, part: str) -> None:
    """Answer snmpd's requests on standard input for a part of the tree."""
    tree = _Tree(path, part)
    for line in sys.stdin:
        command = line.strip()
        if not command:  # snmpd sends an empty line after a SET
            continue
        if command == "PING":
            answer = "PONG\n"
        else:
            oid = _key(sys.stdin.readline().strip())
            if command == "set":
                answer = tree.set(oid, sys.stdin.readline().strip())
            else:
                answer = tree.get(oid) if command == "get" else tree.get_next(oid)
        sys.stdout.write(answer)
        sys.stdout.flush()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2])
