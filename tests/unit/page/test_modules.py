"""The page's modules that need no browser, each with tests for Node in ``NAME.test.js`` beside this file."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from peers import PATIENCE

FOLDER = Path(__file__).parent
#: Of the page's own code without comments, so that it stays small enough to be read.
MOST_LINES = 2_985
SITE = FOLDER.parents[2] / "api" / "page" / "site"


@pytest.mark.parametrize("script", sorted(path.name for path in FOLDER.glob("*.test.js")))
def test_the_tests_of_a_module_pass(script: str, require_peer: Callable[[str], str]) -> None:
    done = subprocess.run(
        [require_peer("node"), "--test", script], cwd=FOLDER, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_stays_small() -> None:
    lines = {path: _lines_of_code(path.read_text()) for path in SITE.rglob("*") if path.is_file()}
    assert sum(lines.values()) < MOST_LINES, sorted(lines.items(), key=lambda item: item[1], reverse=True)


def _lines_of_code(text: str) -> int:
    lines = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL).splitlines()
    return sum(not line.isspace() and line != "" and not line.strip().startswith("//") for line in lines)
