"""The commands for the users of a simulated IPMI BMC.

Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

from collections.abc import Callable
from typing import Final

from podium.drivers.ipmi.lan import packet
from podium.simulator import accounts
from podium.simulator.accounts import IDS, Account, Accounts
from podium.simulator.faults import Faults
from podium.simulator.ipmi import codes

_CHANNELS: Final = (1, 0x0E)
_NAME: Final = 16  # bytes
_DISABLE, _ENABLE, _SET, _TEST = range(4)
_SIZES: Final = {0: accounts.SHORT, 0x80: 20}  # of a password, by the bit for its form
_MISMATCH: Final = 0x80
_WRONG_SIZE: Final = 0x81
#: Completion codes of a refused password, by reason. Most reasons have no code of their own.
_REASONS: Final = {
    "length": codes.WRONG_LENGTH,
    "history": codes.INVALID_FIELD,
    "complexity": codes.INVALID_FIELD,
}


def answer(
    netfn: int, command: int, data: bytes, privilege: int, users: Accounts, faults: Faults
) -> codes.Answer | None:
    """Return the answer to a user command, or None for any other command."""
    known = _COMMANDS.get((netfn, command))
    if known is None:
        return None
    needed, carry_out = known
    return (codes.INSUFFICIENT_PRIVILEGE, b"") if privilege < needed else carry_out(users, data, faults)


def _get_access(users: Accounts, data: bytes, faults: Faults) -> codes.Answer:
    """Section 22.27: every enabled user may log in over LAN as administrator."""
    if len(data) != 2:
        return codes.WRONG_LENGTH, b""
    if data[0] & 0x0F not in _CHANNELS or data[1] & 0x3F not in IDS:
        return codes.INVALID_FIELD, b""
    user = users.find(data[1] & 0x3F) or Account()
    enabled = sum(one.enabled for one in users)
    status, access = (0x40, 0x34) if user.enabled else (0x80, 0x0F)
    return codes.OK, bytes((len(IDS), status | enabled, 0, access))


def _set_name(users: Accounts, data: bytes, faults: Faults) -> codes.Answer:
    """Section 22.28. The first user has no name."""
    if len(data) != 1 + _NAME:
        return codes.WRONG_LENGTH, b""
    if data[0] & 0x3F not in IDS[1:]:
        return codes.INVALID_FIELD, b""
    users.at(data[0] & 0x3F).name = data[1:].rstrip(b"\0")
    return codes.OK, b""


def _get_name(users: Accounts, data: bytes, faults: Faults) -> codes.Answer:
    """Section 22.29."""
    if len(data) != 1:
        return codes.WRONG_LENGTH, b""
    if data[0] & 0x3F not in IDS:
        return codes.INVALID_FIELD, b""
    user = users.find(data[0] & 0x3F) or Account()
    return codes.OK, user.name.ljust(_NAME, b"\0")


def _set_password(users: Accounts, data: bytes, faults: Faults) -> codes.Answer:
    """Section 22.30."""
    if len(data) < 2:
        return codes.WRONG_LENGTH, b""
    size, operation, password = _SIZES[data[0] & 0x80], data[1] & 0x03, data[2:]
    if data[0] & 0x3F not in IDS:
        return codes.INVALID_FIELD, b""
    wrong_form = faults.password_form not in (0, size)
    if operation in (_SET, _TEST) and (len(password) != size or wrong_form):
        return codes.WRONG_LENGTH, b""
    user = users.at(data[0] & 0x3F)
    if operation == _TEST:
        if user.is_long != (size > accounts.SHORT):
            return _WRONG_SIZE, b""
        return (codes.OK if password.rstrip(b"\0") == user.password else _MISMATCH), b""
    if operation in (_DISABLE, _ENABLE):
        user.enabled = operation == _ENABLE
        return codes.OK, b""
    if faults.password_refused:
        return _refusal(faults.password_refused), b""
    users.set_password(user, password.rstrip(b"\0"), faults)
    user.is_long = size > accounts.SHORT
    return (codes.SILENT if accounts.is_silent(faults) else codes.OK), b""


def _refusal(reason: str) -> int:
    return _REASONS[reason] if reason in _REASONS else int(reason, 16)


#: For each netFn and command: the privilege level that it needs (appendix G), and its function.
_COMMANDS: Final[dict[tuple[int, int], tuple[int, Callable[[Accounts, bytes, Faults], codes.Answer]]]] = {
    packet.GET_USER_ACCESS: (packet.PRIVILEGE_OPERATOR, _get_access),
    packet.SET_USER_NAME: (packet.PRIVILEGE_ADMINISTRATOR, _set_name),
    packet.GET_USER_NAME: (packet.PRIVILEGE_OPERATOR, _get_name),
    packet.SET_USER_PASSWORD: (packet.PRIVILEGE_ADMINISTRATOR, _set_password),
}
