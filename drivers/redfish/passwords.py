"""Changes the password of an account, with a PATCH of its ManagerAccount (DMTF DSP2046).

A PATCH that was sent and not answered is not repeated, and after it no login uses the old password: the
caller finds out with a login which of the two is valid.
"""

from typing import Final

from podium import errors
from podium.drivers.bmc.withheld import Withheld
from podium.drivers.redfish import accounts, conditions, power
from podium.drivers.redfish.http import answers, requests
from podium.drivers.redfish.http.client import BMC, Refused, Response
from podium.drivers.redfish.http.doubts import NOBODY

_DEMAND: Final = "PasswordChangeRequired"  # a message of the registry Base (DSP8011)
_ANNOTATION: Final = "Password@Message.ExtendedInfo"
_MISSING: Final = frozenset({404, 405, 410, 501})
#: With these, the BMC reports what is wrong with the request, and has changed nothing.
_OF_VALUE: Final = frozenset({400, 409, 422})
_NOT_DONE: Final = frozenset({501, 503})
_NOT_ALLOWED: Final = frozenset({403, 405, 501})


async def set_password(bmc: BMC, withheld: Withheld, password: str) -> None:
    """Change the password of the account with which the BMC is used.

    :param withheld: holds the account from then on, unless the BMC certainly still has the old password
    :raises podium.errors.PasswordRefused, podium.errors.BMCUnreachable, podium.errors.DriverError: as
        :meth:`podium.drivers.base.Driver.set_password`
    """
    target = bmc.target
    if target.auth == "none":
        raise errors.DriverError(f"BMC {target} is used without a login, so there is no password to change")
    path, known = await _account(bmc)
    error: errors.DriverError | None = None
    for etag in known:
        error = await _change(bmc, withheld, path, password, etag)
        if not isinstance(error, Refused):
            break
    if error is not None:
        raise error


async def _change(
    bmc: BMC, withheld: Withheld, path: str, password: str, etag: str | None
) -> errors.DriverError | None:
    """Change the password once; return why the BMC did not, as :class:`Refused` if it demands another ETag.

    :raises podium.errors.BMCUnreachable: it is not known whether the password was changed
    """
    account, was_sent = bmc.target.account, False
    error: errors.DriverError | None

    def sending() -> None:
        nonlocal was_sent
        was_sent = True
        withheld.hold(account)

    try:
        response = await bmc.patch(path, {"Password": password}, secret=password, etag=etag, sending=sending)
    except errors.BMCUnreachable:
        raise
    except Refused as refused:
        error = _meaning(refused)
    except errors.DriverError as failure:
        if was_sent:
            raise _unknown(failure) from None
        raise
    else:
        error = _of_property(bmc, response)
    if error is not None:
        withheld.free(account)
    return error


def _of_property(bmc: BMC, response: Response) -> errors.PasswordRefused | None:
    """Return why this property was not changed, if an answer of success says so (DSP0266, "PATCH")."""
    note = {"@Message.ExtendedInfo": response.body.get(_ANNOTATION)}
    if _ANNOTATION not in response.body or not answers.is_failure(note):
        return None
    return errors.PasswordRefused(
        f"BMC {bmc.target} refuses the password: {answers.clean(answers.words(note))}"
    )


def _meaning(refused: Refused) -> errors.DriverError:
    """Return the error for a refusal, if it is certain that the BMC still has the old password.

    :raises podium.errors.BMCUnreachable: it is not certain
    """
    if power.is_conditional(refused.status, refused.messages):
        return refused
    names = {message.rpartition(".")[2] for message in refused.messages}
    if any(name.startswith("PropertyValue") for name in names) or refused.status in _OF_VALUE:
        return errors.PasswordRefused(str(refused))
    failed = refused.status >= 500 and refused.status not in _NOT_DONE
    # The answer "you are nobody" may be a consequence of the changed password.
    if failed or refused.status in NOBODY or refused.status < 300:
        raise _unknown(refused)
    hint = (
        "; the user may lack the privilege to change its password" if refused.status in _NOT_ALLOWED else ""
    )
    return errors.DriverError(f"{refused}{hint}")


def _unknown(failure: errors.DriverError) -> errors.BMCUnreachable:
    return errors.BMCUnreachable(f"{failure}; whether it has the new password is unknown")


async def _account(bmc: BMC) -> tuple[str, tuple[str | None, ...]]:
    """Return the account's path, and the ETags that a change of it may have to name, none first.

    :raises podium.errors.DriverError: the BMC does not show the account
    """
    try:
        return await _find(bmc)
    except Refused as refused:
        place = _demanded(refused)
        if place is None:
            raise
    try:
        return place, _conditions(await bmc.get(place))
    except Refused:
        return place, (None, "*")


def _conditions(account: Response) -> tuple[str | None, ...]:
    return None, *conditions.etags(account)


def _demanded(refused: Refused) -> str | None:
    """Return where the password must be changed before anything else, if that is why the BMC refuses.

    DSP0266, section "Password change required handling": the message has the account's URI.
    """
    if not any(message.rpartition(".")[2] == _DEMAND for message in refused.messages):
        return None
    return next(filter(None, map(requests.own_path, refused.arguments)), None)


async def _find(bmc: BMC) -> tuple[str, tuple[str | None, ...]]:
    try:
        found = await accounts.find(bmc, bmc.target.username)
    except Refused as refused:
        if refused.status not in _MISSING:
            raise
        raise errors.DriverError(f"BMC {bmc.target} has no account service: {refused}") from None
    if found is None:
        raise errors.DriverError(
            f"BMC {bmc.target} shows no account of user {bmc.target.username!r}; only its own accounts get "
            "other passwords, not those of a directory"
        )
    return found[0], _conditions(found[1])
