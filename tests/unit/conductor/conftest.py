"""The clock of the conductor's tests."""

import pytest
from oslo_service import periodic_task

from fakes import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of PeriodicTasks: the inherited class reads it from its module and takes no other."""
    clock = Clock()
    monkeypatch.setattr(periodic_task, "now", clock)
    return clock
