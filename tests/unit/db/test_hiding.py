"""No value of a database is in the log, whatever is turned on there."""

import logging
from pathlib import Path

import pytest
import sqlalchemy as sa

from podium.db.engine import Database

SECRET = "correct-horse"


def test_no_value_is_logged_at_any_level(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        database = Database(f"sqlite:///{tmp_path}/x.sqlite", connection_debug=100)
        with database.engine.connect() as connection:
            found = connection.execute(sa.text("SELECT :secret AS password"), {"secret": SECRET}).all()
            assert found == [(SECRET,)]
    assert "SELECT ? AS password" in caplog.text
    assert SECRET not in caplog.text
