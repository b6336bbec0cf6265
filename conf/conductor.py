"""The group [conductor]: how often the conductor looks, and how long it waits."""

from oslo_config import cfg, types

from podium import errors

opts = [
    cfg.IntOpt(
        "sync_power_state_interval",
        default=60,
        min=1,
        mutable=True,
        help="Seconds from one sweep over the power states of all nodes to the next. The reads of one sweep "
        "are spread over this time.",
    ),
    cfg.IntOpt(
        "power_state_change_timeout",
        default=60,
        min=1,
        help="Seconds in which a node must reach the power state that was asked for; past that the change "
        "counts as failed and the node says so in last_error.",
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
