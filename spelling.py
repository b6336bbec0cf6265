"""Finds secrets in texts in any spelling: quoted, escaped, in addresses, on pages and in headers."""

import base64
import functools
import html
import re
from collections.abc import Callable, Iterable
from typing import Final

#: Characters that no quoting or escaping changes.
_RUN: Final = re.compile(r"[A-Za-z0-9]+")
#: Possible base64, in either alphabet, of a name and a password.
_ENCODED: Final = re.compile(r"[A-Za-z0-9+/_-]{12,}")
#: Minimum characters of a secret that is looked for: shorter ones occur in too many words.
_SHORTEST: Final = 3
#: A backslash, which may itself be escaped in an address.
_ESCAPE: Final = r"(?:\\|%(?:25)*5[Cc])"
_SHORT: Final = {"\n": "n", "\r": "r", "\t": "t"}


def hider(secrets: Iterable[str], mask: str) -> Callable[[str], str]:
    """Return a function that replaces secrets in texts; its cost grows with the length of a text only.

    Each secret is found by its longest run of letters and digits, which is the same in every spelling.
    """
    by_length: dict[int, dict[str, list[str]]] = {}
    for secret in {one for one in secrets if len(one) >= _SHORTEST}:
        run = max(_RUN.findall(secret), key=len, default="")
        by_length.setdefault(len(run), {}).setdefault(run, []).append(secret)

    def plain(text: str) -> str:
        found: list[str] = []
        for length, by_run in by_length.items():
            if len(by_run) <= len(text):
                runs = [run for run in by_run if run in text]
            else:
                runs = [*(by_run.keys() & {text[at : at + length] for at in range(len(text) - length + 1)})]
            found += [secret for run in runs for secret in by_run[run]]
        # The longest first: otherwise the rest of a secret that contains another would remain.
        for secret in sorted(found, key=len, reverse=True):
            text = _pattern(secret).sub(mask, text)
        return text

    def hidden(text: str) -> str:
        if not by_length:
            return text
        text = plain(text)
        decoded = {token: _decoded(token) for token in _ENCODED.findall(text)}
        together = "\n".join(decoded.values())
        if plain(together) != together:
            for token, content in decoded.items():
                if plain(content) != content:
                    text = text.replace(token, mask)
        return text

    return hidden


def _decoded(token: str) -> str:
    whole = token[: len(token) - (len(token) % 4 == 1)].translate({ord("-"): "+", ord("_"): "/"})
    return base64.b64decode(whole + "=" * (-len(whole) % 4)).decode(errors="replace")


@functools.lru_cache(maxsize=4096)
def _pattern(secret: str) -> re.Pattern[str]:
    return re.compile("".join(map(_sign, secret)))


def _sign(sign: str) -> str:
    """Return a pattern for the spellings of a character; each quotation doubles backslashes before it."""
    if sign.isascii() and sign.isalnum():
        return sign
    number, data = ord(sign), sign.encode(errors="surrogatepass")
    units = sign.encode("utf-16-be", "surrogatepass")
    ways = [re.escape(sign), re.escape(html.escape(sign)), rf"&\#(?:x0*{number:x}|{number});"]
    ways.append("".join(rf"%(?:25)*{byte:02x}" for byte in data))
    ways.append("".join(rf"{_ESCAPE}+x{byte:02x}" for byte in data))
    ways.append("".join(rf"{_ESCAPE}+u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)))
    ways += [rf"{_ESCAPE}+U{number:08x}", rf"{_ESCAPE}+x{number:02x}"]
    if sign in _SHORT:
        ways.append(rf"{_ESCAPE}+{_SHORT[sign]}")
    if sign == " ":
        ways.append(r"\+")
    if sign.isspace() or not sign.isprintable():
        ways.append(r"\s+")
    return rf"{_ESCAPE}*(?i:{'|'.join(dict.fromkeys(ways))})"
