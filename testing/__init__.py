"""The kit for those who write drivers: a conductor in memory, the contract as tests, faults to inject.

Nothing in here needs more than Podium itself; the tests of :class:`DriverContract` are run by pytest.
"""

from podium.testing.contract import DriverContract
from podium.testing.faults import Faults
from podium.testing.making import make_driver, make_node
from podium.testing.manager import FakeManager, TaskFailure

#: The earlier name of :class:`FakeManager`, kept until 0.2.
FakeConductor = FakeManager

__all__ = [
    "DriverContract",
    "FakeConductor",
    "FakeManager",
    "Faults",
    "TaskFailure",
    "make_driver",
    "make_node",
]
