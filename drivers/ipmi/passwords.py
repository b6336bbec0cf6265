"""Changes a user's password with Set User Password.

A command that was sent and not answered is not repeated in another session: the caller finds out with a login
which password is valid. Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

from typing import Final

from podium import errors
from podium.drivers.bmc.withheld import Withheld
from podium.drivers.ipmi.lan import commands, packet
from podium.drivers.ipmi.lan.client import Connection
from podium.drivers.ipmi.lan.commands import CommandFailed

_CHANNEL: Final = 0x0E  # the channel that the command comes through
_IDS: Final = 0x3F
_STATUS: Final = 0xC0  # the bits for whether a user is enabled (table 22-32)
_DISABLED: Final = 0x80
_SET: Final = 0x02  # the operation "set password" (table 22-36)
_SHORT: Final = 16  # bytes of a password of IPMI 1.5, and of a name
_LONG: Final = 20
_LONG_FORM: Final = 0x80

_WRONG_SIZE: Final = 0x81
#: Completion codes that reject the form of a password, or its length.
_OF_FORM: Final = frozenset({_WRONG_SIZE, 0xC6, 0xC7, 0xC8, 0xC9, commands.INVALID_DATA_FIELD})
#: The BMC does not know whether it carried out the command, or did so the first time.
_UNCERTAIN: Final = frozenset({0xC3, 0xCE, 0xCF, 0xFF})
#: This BMC never changes passwords over IPMI.
_NEVER: Final = frozenset({commands.INVALID_COMMAND, 0xC2, commands.NOT_IN_PRESENT_STATE, 0xD6})


async def set_password(connection: Connection, withheld: Withheld, password: bytes) -> None:
    """Change the password of the user that the connection logs in as.

    :param withheld: holds the account from then on, unless the BMC certainly still has the old password
    :param password: at most 20 bytes
    :raises podium.errors.PasswordRefused, podium.errors.BMCUnreachable, podium.errors.DriverError: as
        :meth:`podium.drivers.base.Driver.set_password`
    """
    target = connection.target
    if target.privilege < packet.PRIVILEGE_ADMINISTRATOR:
        raise errors.DriverError(
            f"BMC {target}: only administrators change passwords; set ipmi_priv_level to ADMINISTRATOR"
        )
    user = await _user_id(connection)
    withheld.hold(target.account)
    try:
        await _set(connection, user, password)
    except errors.BMCUnreachable:
        raise
    except errors.DriverError:
        withheld.free(target.account)
        raise


async def _user_id(connection: Connection) -> int:
    """Return the ID of the user; of several with the name, the enabled one (sections 22.27 and 22.29)."""
    wanted, disabled = connection.target.user, 0
    most = (await _access(connection, 1))[0] & _IDS
    for user in range(1, most + 1):
        if await _name(connection, user) != wanted:
            continue
        if (await _access(connection, user))[1] & _STATUS != _DISABLED:
            return user
        disabled = disabled or user
    if not disabled:
        name = wanted.decode(errors="replace")
        raise errors.DriverError(
            f"BMC {connection.target} has no user {name!r} among its {most} user IDs; over IPMI only its own "
            "users get other passwords, not those of a directory"
        )
    return disabled


async def _access(connection: Connection, user: int) -> bytes:
    """Return the answer to Get User Access, section 22.27."""
    data = bytes((_CHANNEL, user))
    access = await connection.command(packet.GET_USER_ACCESS, data, privilege=packet.PRIVILEGE_ADMINISTRATOR)
    if len(access) < 2:
        raise errors.DriverError(f"BMC {connection.target} gave too short an answer about user ID {user}")
    return access


async def _name(connection: Connection, user: int) -> bytes | None:
    """Return the name of a user ID, section 22.29; None if the BMC does not report it."""
    try:
        name = await connection.command(
            packet.GET_USER_NAME, bytes((user,)), privilege=packet.PRIVILEGE_ADMINISTRATOR
        )
    except CommandFailed as failure:
        if failure.code in (commands.INSUFFICIENT_PRIVILEGE, commands.INVALID_COMMAND):
            raise
        return None  # many BMCs answer so for an ID without a user
    return name[:_SHORT].partition(b"\0")[0]


async def _set(connection: Connection, user: int, password: bytes) -> None:
    """Section 22.30. Some BMCs accept only one of the two forms of a password that fits into both."""
    sizes = (_SHORT, _LONG) if len(password) <= _SHORT else (_LONG,)
    for size in sizes:
        form = _LONG_FORM if size == _LONG else 0
        data = bytes((form | user, _SET)) + password.ljust(size, b"\0")
        try:
            await connection.command(
                packet.SET_USER_PASSWORD,
                data,
                privilege=packet.PRIVILEGE_ADMINISTRATOR,
                repeatable=False,
            )
        except CommandFailed as refused:
            error = _meaning(refused, connection.was_repeated)
            if (
                size == sizes[-1]
                or refused.code not in _OF_FORM
                or not isinstance(error, errors.PasswordRefused)
            ):
                raise error from None
        else:
            return


def _meaning(refused: CommandFailed, was_repeated: bool) -> errors.DriverError:
    """Return the error for a completion code of Set User Password.

    :param was_repeated: whether the command was sent more than once: then the BMC may have carried out the
        first one, and refused the second because of the password that it had by then
    """
    if was_repeated or refused.code in _UNCERTAIN:
        return errors.BMCUnreachable(f"{refused}; whether it has the new password is unknown")
    if refused.code in _NEVER:
        return errors.DriverError(f"{refused}; it does not let passwords be changed over IPMI")
    if refused.code == commands.INSUFFICIENT_PRIVILEGE or refused.code in commands.NOT_NOW:
        return refused
    return errors.PasswordRefused(
        f"{refused}; its rules for the length, the characters or the history of passwords may forbid this one"
    )
