"""Where a BMC keeps the log of a system, and what reading it has taught."""

from dataclasses import dataclass


@dataclass(slots=True)
class LogPlace:
    """What is known of the log of one system.

    :param service: the path of its LogService; empty until it was found
    :param newest_first: the order of its entries; None until it was seen
    :param skips: whether it can be read from anywhere; False once that failed
    :param oldest: the id of the oldest entry that was read last, and how many were older than that
    """

    service: str = ""
    newest_first: bool | None = None
    skips: bool = True
    oldest: tuple[str, int] | None = None
