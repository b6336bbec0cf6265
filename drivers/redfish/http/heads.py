"""Repairs heads of answers that llhttp rejects although they can be read in one way only (RFC 9112).

For example names of headers with spaces or bytes other than ASCII, lines without a colon, the same length
twice, a status line in lower case.
"""

import re
from typing import Final

_LONGEST: Final = 16 << 10  # bytes
_END: Final = re.compile(rb"\r?\n\r?\n")
_STATUS: Final = re.compile(rb"[\s\0]*HTTP/1(\.[01])?[ \t]+(\d{3})(?!\d)[^\r\n]*", re.IGNORECASE)
_LINE: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*(.*)", re.DOTALL)
_LENGTH: Final = re.compile(rb"\+?(\d{1,15})(?:[ \t]*,[ \t]*\+?\1)*")


def mended(data: bytes) -> bytes | None:
    """Return the beginning of an answer in a form that llhttp accepts; None while the head is incomplete.

    :param data: the head and the received part of the body
    :raises ValueError: the meaning of the head is not clear, or it is not a head
    """
    end = _END.search(data)
    if end is None:
        if len(data) > _LONGEST or (b"\n" in data.lstrip() and not _STATUS.match(data)):
            raise ValueError("no head of an answer")
        return None
    first, *lines = data[: end.start()].lstrip(b"\r\n").split(b"\n")
    status = _STATUS.fullmatch(first.rstrip(b"\r"))
    if status is None:
        raise ValueError("no status line")
    kept, lengths = [b"HTTP/1%s %s X" % (status[1] or b".1", status[2])], set()
    for line in lines:
        field = _LINE.fullmatch(line.rstrip(b"\r"))
        if field is None:
            continue
        name, value = field[1], field[2].strip()
        if name.lower() != b"content-length":
            kept.append(b"%s: %s" % (name, value))
        elif value:
            length = _LENGTH.fullmatch(value)
            if length is None:
                raise ValueError("a length that is none")
            lengths.add(int(length[1]))
    if len(lengths) > 1:
        raise ValueError("two lengths")
    kept += [b"Content-Length: %d" % length for length in lengths]
    return b"\r\n".join(kept) + b"\r\n\r\n" + data[end.end() :]
