"""Where a BMC keeps the log of a system, and what is known from reading it."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class LogPlace:
    """What is known of the log of one system.

    :param service: the path of its LogService; empty until it was found
    :param newest_first: the order of its entries; None until it was seen
    :param is_numbered: whether numbers of entries have shown the order, which is more reliable than times
    :param is_doubtful: whether times contradict each other, without numbers that would show the order
    :param are_doubled: whether there were different entries with one id
    :param skips: whether it can be read from anywhere; False once that failed
    :param oldest: the id of the oldest entry that was last read, and how many were older than that
    :param sensors: names of sensors that were in it, by their paths
    """

    service: str = ""
    newest_first: bool | None = None
    is_numbered: bool = False
    is_doubtful: bool = False
    are_doubled: bool = False
    skips: bool = True
    oldest: tuple[str, int] | None = None
    sensors: dict[str, str] = field(default_factory=dict)
