"""The group [conductor]: how often the conductor looks, and how long it waits."""

from typing import Final

from oslo_config import cfg, types

from podium import errors

MOST_WORKERS: Final = 64

opts = [
    cfg.IntOpt(
        "sync_power_state_interval",
        default=30,
        min=1,
        mutable=True,
        help="Seconds from one sweep over the power states of all nodes to the next. The reads of one sweep "
        "are spread over this time. Below 60 the sessions of IPMI BMCs stay open from one sweep to the next, "
        "which costs a BMC less than a login each time.",
    ),
    cfg.Opt(
        "sync_power_state_in_flight",
        type=types.Dict(types.Integer(min=1), type_name="DRIVER:COUNT, ..."),
        default={},
        sample_default="ipmi:512,acme:20",
        help="Nodes of one driver whose power is read at the same time, by driver; 256 where nothing is "
        "said. Nodes that do not answer at once are not counted. Drivers with plain methods read 8 at most.",
    ),
    cfg.Opt(
        "sync_power_state_rate",
        type=types.Dict(types.Integer(min=1), type_name="DRIVER:READS, ..."),
        default={},
        sample_default="ipmi:5000,acme:10",
        help="Reads of the power of one driver's nodes a second at the most, by driver; where nothing is "
        "said they are limited by sync_power_state_in_flight alone.",
    ),
    cfg.IntOpt(
        "power_state_max_age",
        default=120,
        min=1,
        help="Seconds that the reading of a node's power should be old at the most. The share of nodes that "
        "keep it is told by podium conductor show and the metrics.",
    ),
    cfg.IntOpt(
        "power_state_change_timeout",
        default=60,
        min=1,
        help="Seconds in which a node must reach the power state that was asked for; past that the change "
        "counts as failed and the node says so in last_error.",
    ),
    cfg.IntOpt(
        "workers",
        default=1,
        min=1,
        max=MOST_WORKERS,
        help="Processes that share the nodes of this conductor, each with a part of them, for fleets that "
        "one core cannot sweep. To everybody else they are one conductor.",
    ),
    cfg.IntOpt(
        "heartbeat_interval",
        default=10,
        min=1,
        help="Seconds between two signs of life that the conductor writes to the database.",
    ),
    cfg.IntOpt(
        "heartbeat_timeout",
        default=60,
        min=2,
        help="Seconds without a sign of life after which a conductor counts as gone. More than "
        "heartbeat_interval, and best several times as long.",
    ),
    cfg.Opt(
        "conductor_group",
        type=types.String(
            regex=r"^[A-Za-z0-9_.-]{0,255}$", type_name="name of up to 255 letters, digits, _, - and dots"
        ),
        default="",
        help="The group of this conductor, which owns only the nodes that have the same conductor_group; the "
        "empty one owns the nodes that have none.",
    ),
    cfg.IntOpt(
        "power_events_max_age",
        default=90,
        min=1,
        mutable=True,
        help="Days for which the history of power changes is kept.",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    """Register the options."""
    conf.register_opts(opts, group="conductor")


def check(conf: cfg.ConfigOpts) -> None:
    """Hold the options against each other.

    :raises podium.errors.ConfigError: when a conductor would count as gone between two signs of life
    """
    interval, timeout = conf.conductor.heartbeat_interval, conf.conductor.heartbeat_timeout
    if timeout <= interval:
        raise errors.ConfigError(
            f"[conductor] heartbeat_timeout = {timeout} must be more than heartbeat_interval = {interval}"
        )
