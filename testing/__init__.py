"""The kit for those who write drivers: a conductor in memory, the contract as tests, faults to inject.

Nothing in here needs more than Podium itself; the tests of :class:`DriverContract` are run by pytest.
"""

from podium.testing.conductor import FakeConductor, TaskFailure
from podium.testing.contract import DriverContract
from podium.testing.faults import Faults
from podium.testing.making import make_driver, make_node

__all__ = ["DriverContract", "FakeConductor", "Faults", "TaskFailure", "make_driver", "make_node"]
