"""The account that a driver logs in with: its place in ``driver_info``, and the result of a login."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Login:
    """The properties of ``driver_info`` that hold the account that the driver logs in with.

    :param password: the property with the password
    :param username: the property with the user's name; None if there is none
    :param longest: maximum bytes of a password, so that a generated one fits
    """

    password: str
    username: str | None = None
    longest: int = 16


@dataclass(frozen=True, slots=True)
class LoginReport:
    """The result of a login; texts for people, without secrets.

    :param username: the user who logged in, as the hardware knows it; None where there are no users
    :param privilege: what the hardware lets this user do, in its own words; None if it does not report that
    :param power_state: ``power on``, ``power off`` or ``error``, as read after the login
    :param protocol: the protocol used, such as ``IPMI 2.0, cipher suite 17``
    :param remarks: what works only in part, or is about to end, a line each; for example an expiring account
    """

    username: str | None
    privilege: str | None
    power_state: str
    protocol: str | None = None
    remarks: tuple[str, ...] = ()
