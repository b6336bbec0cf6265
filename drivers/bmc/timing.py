"""How patient the drivers of BMCs are, and the options in which all of them say so."""

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
    """How patient a client of BMCs is, in seconds.

    :param command: how long one command may take, with all that it needs
    :param authentication_retry: how long a BMC that refused two logins in a row is left alone
    :param close: how long closing the client may take
    """

    command: float
    authentication_retry: float = 600
    close: float = 15
