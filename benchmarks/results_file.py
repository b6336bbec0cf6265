"""The file of results. It has a section for each part, which is replaced when measured again."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_HEAD: Final = (
    "# What a sweep takes\n\n"
    "[docs/performance.md](../docs/performance.md) explains what was measured, and how.\n"
)
_SECTION: Final = re.compile(r"^## (.+)$", re.MULTILINE)


def rewrite(file: Path, titles: Sequence[str], reports: Mapping[str, str]) -> None:
    """Replace the reports of the given sections. Other sections stay.

    :param titles: of the sections that come first, in order
    :param reports: by title; each begins with its heading, ``## TITLE``
    """
    sections = _read(file) if file.exists() else {}
    sections |= reports
    order = [*titles, *(title for title in sections if title not in titles)]
    parts = (f"\n{sections[title]}\n" for title in order if title in sections)
    file.write_text(_HEAD + "".join(parts))


def _read(file: Path) -> dict[str, str]:
    text = file.read_text()
    headings = list(_SECTION.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    return {
        heading[1]: text[heading.start() : end].strip() for heading, end in zip(headings, ends, strict=True)
    }
