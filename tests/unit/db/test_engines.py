"""oslo.db without SQLAlchemy's ORM, for whoever does not use it."""

import subprocess
import sys
from typing import Final

import pytest

SCRIPT: Final = """
import sys
{before}
from podium.db.engine import Database
Database("sqlite:////nowhere/podium.sqlite").dispose()
assert {is_there} == ("sqlalchemy.orm" in sys.modules)
from oslo_db.sqlalchemy import models, utils
assert models.ModelBase is utils.models.ModelBase
assert models is sys.modules["oslo_db.sqlalchemy.models"]
"""


@pytest.mark.parametrize("before", ["", "import oslo_db.sqlalchemy.models"])
def test_the_orm_is_imported_by_who_uses_it_alone(before: str) -> None:
    script = SCRIPT.format(before=before, is_there=bool(before))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
