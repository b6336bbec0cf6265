"""How long the drivers of BMCs wait, and the options for it that all of them have."""

from dataclasses import dataclass
from typing import Final

from oslo_config import cfg

#: Options of every driver that logs in to BMCs; the values belong to :class:`Timing`.
OPTIONS: Final = (
    cfg.FloatOpt(
        "authentication_retry_interval",
        default=600,
        min=0,
        help="Seconds for which a BMC that refused two logins in a row is left alone, unless "
        "the driver_info of its node changes. BMCs lock accounts.",
    ),
    cfg.FloatOpt(
        "session_close_timeout",
        default=15,
        min=0.1,
        help="Seconds that closing all BMC sessions may take at shutdown.",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long a client of BMCs waits, in seconds.

    :param command: how long one command may take, including all that it needs
    :param authentication_retry: how long no login is tried after a BMC refused two in a row
    :param close: how long closing the client may take
    """

    command: float
    authentication_retry: float = 600
    close: float = 15
