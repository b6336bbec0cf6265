"""Which clocks Podium reads: one that nobody sets, the database's, and the host's where it does no harm."""

import ast
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from podium.clocks import boottime

ROOT: Final = Path(__file__).parents[2]

#: Where the wall clock of a host is read, and why it may be.
WALL_CLOCKS: Final = {
    "db/models/kinds.py": "what is read in the next two",
    "db/clock.py": "SQLite's clock is that of its host",
    "conductor/rooms/clock.py": "until the database was asked first",
    "conductor/power/abilities.py": "whether the clock of hardware is that of this host, which it is set to",
    "drivers/base.py": "what the clock of a controller is compared with",
    "drivers/fake.py": "the clocks of its machines, which go as this one",
    "drivers/ipmi/log/clock.py": "what a BMC's clock is set to and compared with",
    "drivers/ipmi/tasks.py": "dates an inventory, which is collected once more where clocks differ by a day",
    "drivers/redfish/tasks.py": "the same",
    "conductor/tasks/periodic.py": "the default of a parameter that the manager gives",
    "cli/command.py": "ages for people at a terminal; programs have the stamps",
    "cli/showing/watched.py": "the same, while one looks",
    "cli/node_watch.py": "dates lines for programs by when they were printed",
    "cli/trials/transcript.py": "for people, beside what a trial says",
    "drivers/redfish/abilities/clock.py": "what a BMC's clock is set to",
    "drivers/redfish/abilities/log.py": "how far the clock of a BMC's log is off",
    "drivers/redfish/http/answers.py": "a BMC's date without its time, of which at most 600 s count",
}


def test_the_clock_that_nobody_sets_is_no_slower_than_the_monotonic_one() -> None:
    before, earlier = boottime(), time.monotonic()
    later, after = time.monotonic(), boottime()
    assert after - before >= later - earlier


def readers(folder: str) -> Iterator[str]:
    """The modules that read a clock that can be set."""
    for file in (ROOT / folder).rglob("*.py"):
        text = file.read_text()
        for item in (
            ast.walk(ast.parse(text)) if re.search(r"time\.time|from time|\.now|utcnow", text) else ()
        ):
            called = ast.unparse(item) if isinstance(item, ast.Attribute | ast.ImportFrom | ast.Name) else ""
            if called in ("time.time", "datetime.now", "datetime.utcnow", "utcnow", "models.utcnow"):
                yield str(file.relative_to(ROOT))


def test_no_other_module_reads_the_wall_clock_of_its_host() -> None:
    assert {name for folder in ("cli", "conductor", "db", "drivers") for name in readers(folder)} == set(
        WALL_CLOCKS
    )
