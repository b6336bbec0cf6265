"""The kit for authors of drivers: a manager in memory, the contract as tests, and faults to inject.

It needs nothing but Podium itself. pytest runs the tests of :class:`DriverContract`.
"""

from podium.testing.contract import DriverContract
from podium.testing.faults import Faults
from podium.testing.making import make_driver, make_node
from podium.testing.manager import FakeManager
from podium.testing.nodes import TaskFailure

#: The earlier name of :class:`FakeManager`, for drivers of the first edition.
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
