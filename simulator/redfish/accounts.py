"""The AccountService of a simulated Redfish BMC, and changes of passwords (DSP2046, ManagerAccount)."""

from typing import Any, Final

from podium.simulator import accounts
from podium.simulator.redfish.answers import Message
from podium.simulator.redfish.bmc import BMC
from podium.simulator.redfish.documents import ROOT, Document, Routes, collection, head, link
from podium.simulator.redfish.health import status

ROUTES: Final = Routes()
SERVICE: Final = f"{ROOT}/AccountService"
_PATH: Final = "/AccountService/Accounts"
ACCOUNTS: Final = f"{ROOT}{_PATH}/"
#: The first account has no name, like the free slots of many BMCs.
_IDS: Final = (1, accounts.OWN)
_LENGTHS: Final = range(1, 65)  # of a password, in characters

_NO_EMPTY_PATCH: Final = Message(400, "NoOperation", "The request body has nothing to change.")
_REASONS: Final = {
    "history": "it was used before",
    "complexity": "it needs upper and lower case, a digit and a special character",
    "length": f"it needs {_LENGTHS[0]} to {_LENGTHS[-1]} characters",
}


@ROUTES.at("/AccountService")
def _service(bmc: BMC) -> Document | None:
    if bmc.faults.no_accounts:
        return None
    return {
        **head("AccountService", "1_15_1", "AccountService", "Account Service"),
        "ServiceEnabled": True,
        "Status": status(),
        "MinPasswordLength": _LENGTHS[0],
        "MaxPasswordLength": _LENGTHS[-1],
        "AccountLockoutThreshold": bmc.faults.lockout,
        "AccountLockoutDuration": int(bmc.faults.lockout_seconds),
        "Accounts": link(_PATH),
    }


@ROUTES.at(_PATH)
def _accounts(bmc: BMC) -> Document | None:
    if bmc.faults.no_accounts:
        return None
    return collection("ManagerAccount", _PATH, [str(id) for id in _IDS])


@ROUTES.at(f"{_PATH}/{{id}}")
def _account(bmc: BMC, id: str) -> Document | None:
    if bmc.faults.no_accounts or id not in map(str, _IDS):
        return None
    account = bmc.accounts.find(int(id)) or accounts.Account()
    return {
        **head("ManagerAccount", "1_12_1", id, f"Account {id}"),
        "UserName": account.name.decode(errors="replace"),
        "Password": None,
        "RoleId": "Administrator",
        "Enabled": account.enabled,
        "PasswordChangeRequired": account is bmc.accounts.own and must_change(bmc),
    }


def must_change(bmc: BMC) -> bool:
    """Whether the password must be changed before anything else is allowed."""
    return bmc.faults.password_expired and not bmc.accounts.changes


def demand(id: int = accounts.OWN) -> Message:
    """Return the message for that, for an error and for the answer to a login."""
    path = f"{ACCOUNTS}{id}"
    text = (
        "The password provided for this account must be changed before access is granted. PATCH the "
        f"Password property for this account located at the target URI '{path}' to complete this process."
    )
    return Message(403, "PasswordChangeRequired", text, (path,))


def is_allowed_before(path: str) -> bool:
    """Whether a path may be used while the password must be changed (DSP0266, "Password change required")."""
    return path.startswith((ACCOUNTS, f"{ROOT}/SessionService/Sessions")) or path in (ROOT, "/redfish")


def change(bmc: BMC, id: str, properties: dict[str, Any]) -> Message | None:
    """Carry out a PATCH of an existing account. Returns the reason if it is refused."""
    password = properties.get("Password")
    if password is None:
        return _NO_EMPTY_PATCH
    if not isinstance(password, str):
        text = "The value for the property Password is of a different type than the property can accept."
        return Message(400, "PropertyValueTypeError", text, ("******", "Password"))
    reason = bmc.faults.password_refused or ("" if len(password) in _LENGTHS else "length")
    if reason:
        why = _REASONS.get(reason, "the service does not like it")
        text = f"The value for the property Password is not acceptable: {why}."
        return Message(400, "PropertyValueFormatError", text, ("******", "Password"))
    bmc.accounts.set_password(bmc.accounts.at(int(id)), password.encode(), bmc.faults)
    return None
