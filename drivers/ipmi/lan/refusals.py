"""Why a BMC refuses a session, and in which other manner it may open one.

If a refusal may have another reason than the password, the BMC is asked once more accordingly before the
refusal counts. Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from podium import errors
from podium.drivers.ipmi.lan import crypto, handshake, packet
from podium.drivers.ipmi.lan.session import SuiteRefused, Target

# Statuses, table 13-15. Any other status has no meaning that helps.
_LEVEL: Final = frozenset({0x09, 0x0A, 0x0B})
_AUTHENTICATION: Final = frozenset({0x09, 0x0A, 0x0C, 0x0D, 0x0E, 0x0F})
_RESOURCES: Final = frozenset({0x01, 0x0B})
_SUITE: Final = frozenset({0x03, 0x04, 0x05, 0x06, 0x07, 0x10, 0x11, 0x12})
_LOST: Final = frozenset({0x02, 0x08})
_INVALID_INTEGRITY_CHECK: Final = 0x0F


@dataclass(frozen=True, slots=True)
class Manner:
    """The form of a session request; nearly all BMCs of a fleet share one.

    :param privilege: one of packet.PRIVILEGE_*
    :param flips_lookup: whether the code in RAKP message 3 has the other lookup bit than message 1
    """

    suite: crypto.CipherSuite
    privilege: int
    flips_lookup: bool = False


@functools.lru_cache(maxsize=64)
def usual(suite: int | None, privilege: int) -> Manner:
    """Return the manner that is tried first.

    :param suite: as in :class:`Target`
    """
    return Manner(crypto.SUITES[suite or crypto.SUITE_17.number], privilege)


class Refused(Exception):
    """No session in this manner.

    :param error: the error to raise if no other manner helps
    :param others: manners that may help
    :param costly: whether the BMC counts the attempt, or logs it, as one with a wrong user or password
    """

    def __init__(
        self, error: errors.DriverError, others: tuple[Manner, ...] = (), *, costly: bool = False
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.others = others
        self.costly = costly


class CutOff(errors.DriverError):
    """A refusal that may have another reason, with no time left to find out.

    :param manner: in which the BMC was asked last
    """

    def __init__(self, refusal: errors.DriverError, manner: Manner) -> None:
        super().__init__(f"{refusal}; asked in another way, it did not answer in time")
        self.manner = manner


def by_status(target: Target, manner: Manner, request: int, status: int, *, ambiguous: bool) -> Refused:
    """Return the refusal for a status other than 0.

    :param request: the payload type of the message that was refused
    :param ambiguous: whether RAKP message 1 was sent more than once
    """
    meaning = handshake.STATUS_MEANINGS.get(status, "a reserved status")
    reason = f"{meaning} (status {status:02X}h)"
    if status in _SUITE:
        return without_suite(target, manner, reason)
    if status in _RESOURCES:
        full = (
            f"BMC {target} has no free session: {reason}; close other sessions with it, or wait a minute"
            " for it to drop logins that were not finished, as Podium's own may be"
        )
        return Refused(errors.DriverError(full), _one_level_less(manner) if status in _LEVEL else ())
    if status not in _AUTHENTICATION:
        error = errors.DriverError(f"BMC {target} does not open a session: {reason}")
        same = (manner,) if status in _LOST else ()  # it may have forgotten the set-up halfway
        return Refused(error, same + _in_other_suite(target, manner))
    error = errors.AuthenticationRefused(
        f"BMC {target} refused the login: {reason}; check ipmi_username, ipmi_password and ipmi_priv_level"
    )
    if status in _LEVEL:
        # The first message has no user yet: the level is too high for the suite.
        less, other = _one_level_less(manner), _in_other_suite(target, manner)
        if request == packet.OPEN_SESSION_REQUEST:
            return Refused(error, other + less)
        return Refused(error, less + other, costly=True)
    if request == packet.RAKP_3 and status == _INVALID_INTEGRITY_CHECK and not manner.flips_lookup:
        # The password is right, as RAKP message 2 was. The BMC leaves out the lookup bit here (FreeIPMI's
        # intel20, ipmitool's intelplus), or drew another number for a message 1 that was sent again.
        same = (manner,) if ambiguous else ()
        return Refused(error, (*same, replace(manner, flips_lookup=True)), costly=True)
    return Refused(error)


def without_suite(target: Target, manner: Manner, reason: str) -> Refused:
    """Return the refusal for a cipher suite that does not work, which shows nothing about the password."""
    error = SuiteRefused(target, {manner.suite.number: reason})
    return Refused(error, _in_other_suite(target, manner))


def verdict(target: Target, failures: Sequence[errors.DriverError]) -> errors.DriverError:
    """Return the error after several manners have failed; a missing cipher suite is the least informative."""
    logins = [one for one in failures if isinstance(one, errors.AuthenticationRefused)]
    if logins:
        return logins[-1]
    reasons: dict[int, str] = {}
    for one in failures:
        if not isinstance(one, SuiteRefused):
            return one
        reasons |= one.reasons
    return SuiteRefused(target, reasons)


def _in_other_suite(target: Target, manner: Manner) -> tuple[Manner, ...]:
    """Return the manner in suite 17, or in suite 3 if that was learned before."""
    if target.suite is not None:
        return ()
    other = crypto.SUITE_3 if manner.suite is crypto.SUITE_17 else crypto.SUITE_17
    return (replace(manner, suite=other),)


def _one_level_less(manner: Manner) -> tuple[Manner, ...]:
    """Return the manner with one level less: a user with less may still read, and perhaps switch."""
    level = manner.privilege
    return (replace(manner, privilege=level - 1),) if level > packet.PRIVILEGE_USER else ()
