"""The clocks of nodes' controllers: ``podium node clock``, and a line of ``podium node show``."""

import json
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from commands import Here, Run
from podium import states
from podium.db import hardware_reads, models
from podium.db.engine import Database
from podium.db.hardware_reads import HardwareRead
from podium.db.worker import Worker
from readers import answering


def test_a_clock_that_is_off_is_shown_in_words_and_to_programs_in_seconds(
    podium: Run, database: Database, owner: Worker
) -> None:
    def reads(connection: sa.Connection, read: HardwareRead) -> None:
        hardware_reads.answer(connection, read.id, {"offset": -11.5})

    with answering(database, owner, reads):
        done = podium("node", "clock", "show", "n1", "-f", "json")
        assert "12 s behind" in podium("node", "clock", "show", "n1").stdout
    (found,) = json.loads(done.stdout)
    assert (found["node"], found["offset"]) == ("n1", -11.5)
    assert datetime.fromisoformat(found["read_at"]) <= datetime.now(UTC)


@pytest.mark.usefixtures("owner")
def test_a_clock_is_set_with_a_reason(podium: Run) -> None:
    done = podium("node", "clock", "set", "n1", "--reason", "its log is of 1970")
    assert (done.returncode, done.stdout) == (0, "operation 1: 1 requested\n")
    asked = json.loads(podium("operation", "show", "1", "-f", "json").stdout)
    assert (asked["action"], asked["reason"]) == (states.SET_CLOCK, "its log is of 1970")


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize(
    ("offset", "words"),
    [(None, None), (0.0, None), (-60.0, None), (61.0, "61 s ahead"), (-1_794_000_000.0, "not set (1970)")],
)
def test_a_clock_by_which_a_log_cannot_be_read_is_shown_with_its_node(
    podium_here: Here, database: Database, offset: float | None, words: str | None
) -> None:
    with database.write() as connection:
        connection.execute(
            sa.update(models.nodes).values(clock_offset=offset, clock_checked_at=datetime.now(UTC))
        )
    shown = podium_here("node", "show", "n1").stdout
    assert ("clock_" in shown) is (words is not None)
    assert words is None or words in shown
    assert json.loads(podium_here("node", "show", "n1", "-f", "json").stdout)["clock_offset"] == offset
