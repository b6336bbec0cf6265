"""The record of a node's power reads: when it last answered, or for how long it has been failing."""


class Failing:
    """Failed reads in a row.

    :param count: their number, including those of earlier runs of the conductor
    """

    __slots__ = ("count", "is_reported", "since")

    def __init__(self, count: int) -> None:
        self.count = count
        #: The time of the first failure that counts towards a fault, in seconds of the monotonic clock.
        self.since: float | None = None
        #: Whether the resulting fault was handed over to be written.
        self.is_reported = False


class Reads:
    """The record of one node's reads.

    It belongs to the room of the node's driver. Only the room's loop changes it, where the sweep processes
    its reads; a driver that reports a state on its own, from any of its threads, changes only ``checked`` and
    ``reported``. Any thread may read it. The fleet makes a new record for each new version of the node, and
    changes none.

    :param checked: when the power was last read, by :func:`podium.clocks.boottime`; None if it never was, or
        if that is unknown because the database's clock was set back
    :param failures: failed reads in a row, as recorded in the database
    """

    __slots__ = ("checked", "failing", "reported")

    def __init__(self, checked: float | None = None, failures: int = 0) -> None:
        self.checked = checked
        #: When the driver last reported the power on its own, by the same clock; None if it never did.
        self.reported: float | None = None
        #: None while the node answers: most nodes do, and there may be 100,000.
        self.failing = Failing(failures) if failures else None

    @property
    def failures(self) -> int:
        """Failed reads in a row."""
        failing = self.failing
        return 0 if failing is None else failing.count

    def note_failure(self) -> Failing:
        """Count one more failed read."""
        if self.failing is None:
            self.failing = Failing(0)
        self.failing.count += 1
        return self.failing

    def following(self, old: "Reads", *, is_forgiven: bool) -> "Reads":
        """Make the record for a new entry of a node with the same hardware: reads may not be written yet.

        :param is_forgiven: whether the time for which the node has failed starts again
        """
        # Negative for reads from before this machine was started.
        checked = max((one for one in (self.checked, old.checked) if one is not None), default=None)
        following = Reads(checked, old.failures)
        known = old.failing
        if following.failing is not None and known is not None and not (is_forgiven or known.is_reported):
            following.failing.since = known.since
        return following
