"""How conductors keep up with their nodes: seconds, and numbers of nodes.

Figures that another version of Podium wrote, and that this one does not know, are missing.
"""

from datetime import datetime

from podium.client.calls.call import Record


class Ages(Record, frozen=True, kw_only=True):
    """Ages of readings, in seconds; None where nothing was read."""

    median: float | None = None
    p99: float | None = None
    max: float | None = None


class ReadFigures(Record, frozen=True, kw_only=True):
    """How the reads of one driver's nodes perform.

    :param interval: seconds from one read of a node to the next; None for the interval of all drivers
    :param sweep_duration: of the last sweep, in seconds
    :param late: whether the sweeps cannot keep their interval
    :param failures: failed reads by kind
    :param counters: the driver's own counters
    """

    nodes: int
    reads: int
    reads_per_second: float
    interval: float | None
    sweep_duration: float | None
    sweep_nodes: int
    in_flight: int
    lingering: int
    queued: int
    retrying: int
    late: bool
    failures: dict[str, int]
    counters: dict[str, float]


class SinkFigures(Record, frozen=True, kw_only=True):
    """The state of the notifications of one sink.

    :param delivered: events since the start
    :param left_out: events since the start that the sink is not to receive
    :param pending: events that the sink has not received yet
    :param set_aside: events that the sink refused for so long that they are not sent any more
    :param delivered_by: the worker that sends to it; None if there is none
    """

    delivered: int
    left_out: int = 0
    pending: int
    set_aside: int
    failing: bool
    failing_since: datetime | None
    last_error: str | None
    delivered_by: str | None


class EnforcementFigures(Record, frozen=True, kw_only=True):
    """How many nodes were switched back, and why others were not.

    :param is_frozen: whether enforcement is suspended at present
    :param disturbed: nodes that changed without a request or vanished recently
    """

    is_frozen: bool
    enforced: int
    waiting: int
    unreachable: int
    frozen: int
    flapping: int
    dry_run: int
    disturbed: int


class Figures(Record, frozen=True, kw_only=True):
    """What workers wrote last, added up; of ages, durations and lags the greatest. None was not written.

    :param failing: nodes whose last read failed
    :param unreadable: nodes in maintenance because they could not be read
    :param out_of_reach: networks in which nothing can be read, while other conductors can
    :param power_state_max_age: seconds that the age of a reading should not exceed
    :param fresh_share: the share of nodes whose reading is no older than that
    :param power_state_age_buckets: nodes whose reading is no older than so many seconds, or ``inf``
    :param power_reads: by driver
    :param notifications: by sink
    :param queues: records waiting to be written, by kind
    :param write_lag: how long the oldest reading has been waiting to be written
    :param load: how busy a worker was in the last minute: ``cpu`` is the part of a core that it used, and
        ``reads`` the part of the reads that are allowed at a time
    """

    nodes: int | None = None
    failing: int | None = None
    in_maintenance: int | None = None
    unreadable: int | None = None
    never_read: int | None = None
    out_of_reach: list[str] = []
    power_state_max_age: float | None = None
    fresh_share: float | None = None
    power_state_ages: Ages | None = None
    power_state_age_buckets: dict[str, int] | None = None
    power_reads: dict[str, ReadFigures] | None = None
    enforcement: EnforcementFigures | None = None
    notifications: dict[str, SinkFigures] | None = None
    queues: dict[str, int] | None = None
    write_lag: float | None = None
    load: dict[str, float] | None = None
