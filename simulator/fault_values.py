"""The values of faults, as people write them: functions return fields of Faults, or raise ValueError."""

from collections.abc import Callable
from typing import Any, Final

#: What a Redfish BMC may answer instead of 401 to whoever it does not know.
NOBODY: Final = ("400", "403", "404", "440", "500", "page", "redirect", "error", "nothing")
#: Why a BMC does not take a password.
REASONS: Final = ("length", "history", "complexity")
#: What a BMC may have no commands for.
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
    """Return what reads seconds into a field."""
    return lambda value: {field: seconds(value)}


def lossy(value: str) -> dict[str, Any]:
    """A probability."""
    probability = float(value)
    if not 0 < probability <= 1:
        raise ValueError
    return {"lossy": probability}


def busy(value: str) -> dict[str, Any]:
    """Whole seconds, as Retry-After has them."""
    seconds = int(value.removesuffix("s"))  # as Retry-After has it
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
    """Commands, or seconds with their unit."""
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
    """Wrong logins, and for how long they lock an account: ``3`` or ``3/60s``."""
    count, slash, span = value.partition("/")
    if not 1 <= int(count) <= 100:
        raise ValueError
    return {"lockout": int(count), "lockout_seconds": seconds(span) if slash else _LOCKED}


def form(value: str) -> dict[str, Any]:
    """The one form of a password that is taken, in bytes."""
    if value not in ("16", "20"):
        raise ValueError
    return {"password_form": int(value)}


def boot_parameters(value: str) -> dict[str, Any]:
    """Numbers of boot option parameters."""
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
    """Seconds, which may be negative; up to 20 years."""
    return {"clock_off": _signed_seconds(value, _YEARS)}


def clock_drifts(value: str) -> dict[str, Any]:
    """Seconds in an hour, which may be negative."""
    return {"clock_drifts": _signed_seconds(value, 3600)}


def _signed_seconds(value: str, limit: float) -> float:
    seconds = float(value.removesuffix("s"))
    if not 0 < abs(seconds) <= limit:
        raise ValueError
    return seconds
