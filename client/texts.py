"""The rule for all texts: no null character, anywhere in a request or a call.

PostgreSQL does not accept one as a value, and fails to search a JSON document that contains one.
"""

import re
from typing import Any, Final

import msgspec

from podium import errors
from podium.client.calls.call import LONGEST_LINE, Call

NULL: Final = "a text has a null character, which no text may have"
NO_UTF8: Final = "a text is not in UTF-8"
#: The escape, after an even number of backslashes: an odd number makes it six plain characters.
_NULL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
#: Values that JSON does not have contain no text that could be sent.
_ENCODER: Final = msgspec.json.Encoder(enc_hook=str)


def has_null(json: bytes) -> bool:
    """Return whether a text or a key of a JSON document has a null character."""
    return b"\\u0000" in json and _NULL.search(json) is not None


def has_null_in(value: Any) -> bool:
    """Return whether a text or a key in a value, which JSON can write, has a null character."""
    return has_null(_ENCODER.encode(value))


def check(call: Call[Any]) -> None:
    """Check that the texts of a call follow the rule.

    :raises podium.errors.BadRequest: a text does not
    """
    try:
        json = _ENCODER.encode(call)
    except UnicodeEncodeError:
        raise errors.BadRequest(NO_UTF8) from None
    except ValueError:
        raise errors.BadRequest("a number has too many digits") from None
    if has_null(json):
        raise errors.BadRequest(NULL)


def as_reason(text: str) -> str | None:
    """Return a text as a reason, which is one line; None if nothing is left."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.split())[:LONGEST_LINE] or None


def check_reason(reason: str | None) -> str | None:
    """Return the reason that somebody gives, which is one line.

    :raises podium.errors.BadRequest: it is not one line
    """
    if reason is None:
        return None
    if not 1 <= len(reason) <= LONGEST_LINE:
        raise errors.BadRequest(f"reason has 1 to {LONGEST_LINE} characters")
    if not reason.isprintable():
        raise errors.BadRequest("reason contains characters that cannot be printed")
    return reason
