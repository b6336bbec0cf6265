"""Parses the values of faults. The functions return fields of Faults, or raise ValueError."""

from collections.abc import Callable
from typing import Any, Final

#: The forms, other than 401, of a Redfish BMC's answer to an unknown client.
NOBODY: Final = ("400", "403", "404", "440", "500", "page", "redirect", "error", "nothing")
#: Why a BMC refuses a password.
REASONS: Final = ("length", "history", "complexity")
#: The parts for which a BMC may lack commands.
PARTS: Final = ("boot", "identify", "log", "clock", "sensors")
_LOCKED: Final = 600.0  # seconds
_YEARS: Final = 20 * 366 * 86400.0  # as seconds


def seconds(value: str) -> float:
    """Up to an hour."""
    seconds = float(value.removesuffix("s"))
    if not 0 < seconds <= 3600:
        raise ValueError
    return seconds


def in_seconds(field: str) -> Callable[[str], dict[str, Any]]:
    """Return a function that reads seconds into a field."""
    return lambda value: {field: seconds(value)}


def lossy(value: str) -> dict[str, Any]:
    """A probability."""
    probability = float(value)
    if not 0 < probability <= 1:
        raise ValueError
    return {"lossy": probability}


def busy(value: str) -> dict[str, Any]:
    """Whole seconds, as in Retry-After."""
    seconds = int(value.removesuffix("s"))  # as in Retry-After
    if not 0 < seconds <= 3600:
        raise ValueError
    return {"busy": seconds}


def nobody(value: str) -> dict[str, Any]:
    """One of NOBODY."""
    if value not in NOBODY:
        raise ValueError
    return {"says_nobody": value}


def redirects(value: str) -> dict[str, Any]:
    """The status of a redirect."""
    if value not in ("301", "302", "307", "308"):
        raise ValueError
    return {"redirects_posts": int(value)}


def forgets(value: str) -> dict[str, Any]:
    """A number of commands, or seconds with their unit."""
    if value.endswith("s"):
        return {"forgets_after_commands": None, "forgets_after_seconds": seconds(value)}
    if int(value) < 1:
        raise ValueError
    return {"forgets_after_commands": int(value), "forgets_after_seconds": None}


def status(value: str) -> dict[str, Any]:
    """A status of table 13-15, in hexadecimal."""
    status = int(value, 16)
    if not 0x01 <= status <= 0x12:  # table 13-15
        raise ValueError
    return {"no_suite_17": status}


def refusal(value: str) -> dict[str, Any]:
    """Why a password is refused: one of REASONS, or a completion code of IPMI in hexadecimal."""
    if value not in REASONS and not 0 < int(value, 16) <= 0xFF:
        raise ValueError
    return {"password_refused": value}


def lockout(value: str) -> dict[str, Any]:
    """The number of wrong logins that lock an account, and for how long: ``3`` or ``3/60s``."""
    count, slash, span = value.partition("/")
    if not 1 <= int(count) <= 100:
        raise ValueError
    return {"lockout": int(count), "lockout_seconds": seconds(span) if slash else _LOCKED}


def form(value: str) -> dict[str, Any]:
    """The only accepted form of a password, in bytes."""
    if value not in ("16", "20"):
        raise ValueError
    return {"password_form": int(value)}


def boot_parameters(value: str) -> dict[str, Any]:
    """The numbers of boot option parameters."""
    numbers = tuple(sorted({int(one) for one in value.split(",")}))
    if not set(numbers) <= set(range(7)):
        raise ValueError
    return {"no_boot_parameters": numbers}


def lacks(value: str) -> dict[str, Any]:
    """Some of PARTS."""
    parts = value.split(",")
    if not set(parts) <= set(PARTS):
        raise ValueError
    return {"lacks": tuple(sorted(set(parts)))}


def clock_off(value: str) -> dict[str, Any]:
    """Seconds, up to 20 years; may be negative."""
    return {"clock_off": _signed_seconds(value, _YEARS)}


def clock_drifts(value: str) -> dict[str, Any]:
    """Seconds an hour; may be negative."""
    return {"clock_drifts": _signed_seconds(value, 3600)}


def _signed_seconds(value: str, limit: float) -> float:
    seconds = float(value.removesuffix("s"))
    if not 0 < abs(seconds) <= limit:
        raise ValueError
    return seconds
