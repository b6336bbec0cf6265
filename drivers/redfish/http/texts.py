"""Parses the JSON of BMCs whose firmware does not quite follow RFC 8259.

Firmware in C prints what it finds in a machine's flash: serial numbers of bytes that are not text, names with
control characters, ``nan`` for a missing sensor. Such a value becomes a damaged text or null, and everything
around it is unchanged. Ambiguous input is refused.
"""

import json
import re
from typing import Any, Final

_DAMAGE: Final = "\ufffd"
# Characters without meaning: space and controls, byte order marks, bytes that are not text.
_BLANK: Final = "".join(map(chr, (*range(0x21), *range(0x7F, 0xA1)))) + "\ufeff" + _DAMAGE
_LONGEST: Final = 256 << 10  # maximum bytes that are mended token by token, which takes time
# A string, also without an end; a comma with nothing after it; a colon with nothing after it; a word.
_TOKEN: Final = re.compile(
    rf"""
    "(?:[^"\\]|\\.)*+"? | ,(?=\s*[}}\],]) | :(?=\s*[,}}]) | [^{re.escape(_BLANK)}"{{}}\[\],:]+
    """,
    re.DOTALL | re.VERBOSE,
)
_ESCAPE: Final = re.compile(r'\\(?:(["\\/bfnrt]|u[0-9A-Fa-f]{4})|.?)', re.DOTALL)
_SCALAR: Final = re.compile(r"true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_DECODER: Final = json.JSONDecoder(strict=False)  # accepts control characters in strings


def loads(body: bytes) -> Any:
    """Return the JSON value in a body.

    :raises ValueError: there is no value, or more than one
    :raises RecursionError: it is nested too deeply
    """
    try:
        return json.loads(body)
    except ValueError:
        text = body.decode(errors="replace")
    text = text.lstrip(_BLANK)
    try:
        return _whole(text)
    except ValueError:
        if len(body) > _LONGEST or not text.startswith(("{", "[")):
            raise
        return _whole(_TOKEN.sub(_mended, text))


def _whole(text: str) -> Any:
    value, end = _DECODER.raw_decode(text)
    # Data after a NUL is left over from the buffer that a C string was sent from.
    if text[end:].partition("\0")[0].strip(_BLANK):
        raise ValueError("something comes behind the JSON")
    return value


def _mended(found: re.Match[str]) -> str:
    token = found[0]
    if token == ",":
        return ""
    if token == ":":
        return ":null"
    if token.startswith('"'):
        return _ESCAPE.sub(lambda escape: escape[0] if escape[1] else _DAMAGE, token)
    return token if _SCALAR.fullmatch(token) else "null"
