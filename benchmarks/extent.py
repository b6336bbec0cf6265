"""The sizes and numbers of a run."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Extent:
    """The sizes and numbers of one run.

    :param sizes: of fleets, in BMCs
    :param sweeps: sweeps over held sessions; the median counts
    :param interval: seconds from one paced sweep to the next
    :param settle: seconds for a change to take effect before ages are sampled
    :param watch: seconds for which ages are sampled
    :param few: BMCs for programs that start a process for each read
    :param sessions: BMCs for pyghmi
    :param seconds: for which sushy reads, and pyghmi in each of its two modes
    :param redfish: BMCs that speak Redfish, at least two
    :param redfish_few: how many of them sushy and Ironic's hardware type redfish read
    :param rounds: rounds of Ironic; the last counts
    :param round_interval: seconds from one round to the next
    :param api: sizes of fleets for the API; Ironic has the first
    :param api_reads: requests for single nodes
    :param api_switches: power requests to the API
    :param api_streams: change streams that are open at the same time
    """

    sizes: tuple[int, ...]
    sweeps: int
    interval: int
    settle: float
    watch: float
    few: int
    sessions: int
    seconds: float
    redfish: int
    redfish_few: int
    rounds: int
    round_interval: int
    api: tuple[int, ...]
    api_reads: int
    api_switches: int
    api_streams: int

    @property
    def redfish_base(self) -> int:
        """Return the number of BMCs of the daemon whose memory is the baseline."""
        return max(1, self.redfish // 100)


FULL: Final = Extent(
    sizes=(1000, 10_000, 100_000),
    sweeps=3,
    interval=30,
    settle=40.0,
    watch=60.0,
    few=400,
    sessions=1000,
    seconds=8.0,
    redfish=5000,
    redfish_few=100,
    rounds=2,
    round_interval=15,
    api=(10_000, 100_000),
    api_reads=5000,
    api_switches=40,
    api_streams=1000,
)
QUICK: Final = Extent(
    sizes=(1000,),
    sweeps=1,
    interval=2,
    settle=2.0,
    watch=4.0,
    few=40,
    sessions=100,
    seconds=2.0,
    redfish=500,
    redfish_few=10,
    rounds=1,
    round_interval=6,
    api=(1000,),
    api_reads=500,
    api_switches=5,
    api_streams=100,
)
