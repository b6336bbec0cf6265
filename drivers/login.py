"""The account that a driver logs in with: where it stands in ``driver_info``, and what a login found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Login:
    """Which properties of ``driver_info`` are the account that the driver logs in with.

    :param password: the property that has the password
    :param username: the property that has the user's name; None where there is none
    :param longest: bytes that a password may have, so that one that Podium makes up fits
    """

    password: str
    username: str | None = None
    longest: int = 16


@dataclass(frozen=True, slots=True)
class LoginReport:
    """What a login found; texts for people, without secrets.

    :param username: who logged in, as the hardware knows it; None where there are no users
    :param privilege: what the hardware lets this user do, in its own words; None if it does not say
    :param power_state: ``power on``, ``power off`` or ``error``, as it was read after the login
    :param protocol: what was spoken, such as ``IPMI 2.0, cipher suite 17``
    :param remarks: what works only in part, or is about to end, a line each: an account that expires, say
    """

    username: str | None
    privilege: str | None
    power_state: str
    protocol: str | None = None
    remarks: tuple[str, ...] = ()
