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
        default=120,
        min=1,
        help="Seconds in which a node must reach the power state that was asked for; past that the change "
        "counts as failed and the node says so in last_error.",
    ),
    cfg.BoolOpt(
        "force_power_state_during_sync",
        default=False,
        mutable=True,
        help="What is done about nodes whose power is another than the one that was last asked for: with "
        "true the wanted state is restored, with false what was found is recorded. podium node set "
        "--power-policy says otherwise for single nodes.",
    ),
    cfg.IntOpt(
        "power_state_sync_max_retries",
        default=3,
        min=0,
        mutable=True,
        help="Failed reads of a node's power in a row, over as many intervals at least, after which the node "
        "is put into maintenance with the fault power failure, until it answers again; 0 for never.",
    ),
    cfg.BoolOpt(
        "sync_in_maintenance",
        default=False,
        mutable=True,
        help="Whether nodes in maintenance are read too; nothing is done about what is found.",
    ),
    cfg.IntOpt(
        "soft_power_off_timeout",
        default=600,
        min=1,
        help="Seconds that a node's operating system has to shut down when a soft power off or soft reboot "
        "is asked for without a timeout of its own.",
    ),
    cfg.IntOpt(
        "confirm_above",
        default=50,
        min=0,
        help="Nodes above which podium node power asks before it switches them.",
    ),
    cfg.Opt(
        "power_on_limits",
        type=types.Dict(
            types.String(regex=r"^[1-9][0-9]*/[1-9][0-9]*$", type_name="COUNT/SECONDS"),
            type_name="DOMAIN:COUNT/SECONDS, ...",
        ),
        default={},
        sample_default="rack7:2/1,hall2:10/60",
        help="Nodes of a power domain that are switched on within some seconds at the most. The domains of a "
        "node are the power_domain and the rack in its extra. Every worker keeps the limits for itself.",
    ),
    cfg.BoolOpt(
        "enforce_dry_run",
        default=False,
        mutable=True,
        help="Whether nodes are only told, by podium node list --would-enforce, that would be switched back.",
    ),
    cfg.IntOpt(
        "enforce_flap_changes",
        default=3,
        min=1,
        mutable=True,
        help="Changes of a node that nobody asked for within enforce_flap_window that are still undone. A "
        "node that changes more often is marked and left alone until it was quiet for as long.",
    ),
    cfg.IntOpt(
        "enforce_flap_window",
        default=3600,
        min=1,
        mutable=True,
        help="Seconds, see enforce_flap_changes.",
    ),
    cfg.FloatOpt(
        "enforce_correlated_share",
        default=0.1,
        min=0.0,
        max=1.0,
        mutable=True,
        help="Share of the nodes of the conductor, of a driver or of a subnet above which changes that "
        "nobody asked for, and nodes that stop to answer, within enforce_correlated_window count as one "
        "outage: nothing is enforced then until it is over.",
    ),
    cfg.IntOpt(
        "enforce_correlated_window",
        default=300,
        min=10,
        mutable=True,
        help="Seconds, see enforce_correlated_share.",
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
    cfg.IntOpt(
        "power_events_max_count",
        default=1_000_000,
        min=1000,
        mutable=True,
        help="Power events that are kept at the most, over all conductors; the oldest are deleted first.",
    ),
]


def power_on_limits(conf: cfg.ConfigOpts) -> dict[str, tuple[int, float]]:
    """How many nodes of a power domain may be switched on within how many seconds, by domain."""
    limits = {domain: text.split("/") for domain, text in conf.conductor.power_on_limits.items()}
    return {domain: (int(count), float(seconds)) for domain, (count, seconds) in limits.items()}


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
