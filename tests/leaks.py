"""Unmistakable secrets, and the search for them in programs' output and files."""

import base64
import functools
import random
import string
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

#: Letters and digits. Only the encodings below change them.
_SIGNS: Final = string.ascii_letters + string.digits
#: The length of a secret's core, and the length of its beginning or end that counts as a leak.
_LENGTH, _PART = 16, 9


def core(number: int) -> str:
    """Return the core of a secret: random, but the same in every run."""
    signs = random.Random(f"podium {number}")
    return signs.choice("XYZ") + "".join(signs.choices(_SIGNS, k=_LENGTH - 1))


class Secrets:
    """Secrets with their descriptions and cores."""

    def __init__(self) -> None:
        self._cores: dict[str, str] = {}

    def make(self, what: str, form: str = "{}") -> str:
        """Return a new secret.

        :param form: the text around its core
        """
        self._cores[what] = core(len(self._cores))
        return form.replace("{}", self._cores[what])

    def add(self, what: str, secret: str) -> None:
        """Also look for a secret that was made elsewhere, of letters, digits and few other characters."""
        self._cores[what] = secret

    def found_in(self, data: bytes, where: str) -> list[str]:
        """Return a line for each secret in some bytes: the secret, its encoding, and the place."""
        lines = []
        for what, its_core in self._cores.items():
            for spelling, needle in _needles(its_core):
                if (at := data.find(needle)) >= 0:
                    around = data[max(at - 80, 0) : at + 80]
                    lines.append(f"{what} ({spelling}) in {where}: ...{around!r}...")
                    break
        return lines

    def found_among(self, texts: Mapping[str, bytes | str]) -> list[str]:
        """Return the same for several texts by name."""
        given = ((where, text.encode() if isinstance(text, str) else text) for where, text in texts.items())
        return [line for where, data in given for line in self.found_in(data, where)]

    def found_below(self, folder: Path, but: Iterable[Path] = ()) -> list[str]:
        """Return the same for all files below a folder.

        :param but: files and folders that are supposed to contain the secrets
        """
        spared = set(but)
        lines = []
        for path in sorted(folder.rglob("*")):
            if spared.isdisjoint({path, *path.parents}) and path.is_file() and not path.is_symlink():
                lines += self.found_in(path.read_bytes(), str(path.relative_to(folder)))
        return lines


@functools.cache
def _needles(text: str) -> tuple[tuple[str, bytes], ...]:
    """Return the search patterns: beginning and end, in each encoding that hides letters and digits."""
    return tuple(needle for part in (text[:_PART], text[-_PART:]) for needle in _spelt(part.encode()))


def _spelt(part: bytes) -> Iterator[tuple[str, bytes]]:
    yield "as it is", part
    yield "hex", part.hex().encode()
    yield "hex", part.hex().upper().encode()
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le"):
        yield encoding, part.decode().encode(encoding)
    for before in range(3):  # three bytes are four characters, so the encoding depends on the position
        whole = base64.b64encode(b"\0" * before + part).rstrip(b"=")
        incomplete = (before + len(part)) % 3 != 0
        yield "base64", whole[(before * 8 + 5) // 6 : len(whole) - incomplete]
