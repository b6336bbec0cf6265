"""The group [conductor]: intervals, timeouts, limits and policies of the conductor."""

from collections.abc import Iterable
from typing import Final

from oslo_config import cfg, types

from podium import errors
from podium.conf.default import Word

MOST_WORKERS: Final = 64

#: Stands for nodes without a group: a list has no room for an empty name.
_NO_GROUP: Final = "(none)"
_GROUPS: Final = types.List(
    Word(r"[A-Za-z0-9_.-]{1,255}|\(none\)", "group"),
    type_name=f"GROUP, ..., each of up to 255 letters, digits, _, - and dots, or {_NO_GROUP}",
)

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
        help="Greatest number of nodes of one driver whose power is read at the same time, by driver; 256 by "
        "default. Nodes that do not answer at once do not count. Drivers with plain methods read at most 8.",
    ),
    cfg.Opt(
        "sync_power_state_rate",
        type=types.Dict(types.Integer(min=1), type_name="DRIVER:READS, ..."),
        default={},
        sample_default="ipmi:5000,acme:10",
        help="Greatest number of power reads of one driver's nodes a second, by driver. By default only "
        "sync_power_state_in_flight limits them.",
    ),
    cfg.IntOpt(
        "power_state_max_age",
        default=120,
        min=1,
        help="Age in seconds that the reading of a node's power should not exceed. podium conductor show and "
        "the metrics show the share of nodes that keep it.",
    ),
    cfg.IntOpt(
        "power_state_change_timeout",
        default=120,
        min=1,
        help="Seconds in which a node must reach the requested power state. After that the change counts as "
        "failed, and the node's last_error says so.",
    ),
    cfg.BoolOpt(
        "force_power_state_during_sync",
        default=False,
        mutable=True,
        help="What happens when a node's power differs from the last requested state: true restores the "
        "wanted state, false records the state that was found. podium node set --power-policy overrides this "
        "for single nodes.",
    ),
    cfg.IntOpt(
        "power_state_sync_max_retries",
        default=3,
        min=0,
        mutable=True,
        help="Number of failed reads of a node's power in a row, over at least as many intervals, after "
        "which the node is put into maintenance with the fault power failure until it answers again; 0 for "
        "never.",
    ),
    cfg.BoolOpt(
        "sync_in_maintenance",
        default=False,
        mutable=True,
        help="Whether nodes in maintenance are read too. The readings are recorded, and nothing else is done "
        "about them.",
    ),
    cfg.IntOpt(
        "soft_power_off_timeout",
        default=600,
        min=1,
        help="Seconds that a node's operating system has to shut down after a request for a soft power off "
        "or soft reboot without a timeout of its own.",
    ),
    cfg.IntOpt(
        "credentials_change_timeout",
        default=900,
        min=1,
        help="Seconds in which it must show whether a node has its new password, also where the BMC reboots "
        "after the change. After that the change counts as failed, and both passwords are kept.",
    ),
    cfg.IntOpt(
        "confirm_above",
        default=50,
        min=0,
        help="Number of nodes above which podium node power, podium node delete, podium credential set and "
        "podium operation undo ask for confirmation.",
    ),
    cfg.Opt(
        "power_on_limits",
        type=types.Dict(
            types.String(regex=r"^[1-9][0-9]*/[1-9][0-9]*$", type_name="COUNT/SECONDS"),
            type_name="DOMAIN:COUNT/SECONDS, ...",
        ),
        default={},
        sample_default="rack7:2/1,hall2:10/60",
        help="Greatest number of nodes of a power domain that are switched on within a number of seconds. "
        "The domains of a node are the power_domain and the rack in its extra. All conductors of a database "
        "count together, and should have the same limits.",
    ),
    cfg.BoolOpt(
        "enforce_dry_run",
        default=False,
        mutable=True,
        help="Whether enforcement switches nothing and only shows, in podium node list --would-enforce, "
        "which nodes it would switch back.",
    ),
    cfg.IntOpt(
        "enforce_flap_changes",
        default=3,
        min=1,
        mutable=True,
        help="Greatest number of unrequested changes of a node within enforce_flap_window that are still "
        "undone. A node that changes more often is marked, and left alone until it has been quiet for as "
        "long.",
    ),
    cfg.IntOpt(
        "enforce_flap_window",
        default=3600,
        min=1,
        mutable=True,
        help="Length in seconds of the window of enforce_flap_changes.",
    ),
    cfg.FloatOpt(
        "enforce_correlated_share",
        default=0.1,
        min=0.0,
        max=1.0,
        mutable=True,
        help="Share of the nodes of the conductor, of a driver or of a subnet. If more than this share "
        "change without a request, or stop answering, within enforce_correlated_window, that counts as one "
        "outage, and nothing is enforced until it is over.",
    ),
    cfg.IntOpt(
        "enforce_correlated_window",
        default=300,
        min=10,
        mutable=True,
        help="Length in seconds of the window of enforce_correlated_share.",
    ),
    cfg.IntOpt(
        "workers",
        default=1,
        min=1,
        max=MOST_WORKERS,
        help="Number of processes that share the nodes of this conductor, for fleets that one core cannot "
        "sweep. Commands and metrics show them as one conductor.",
    ),
    cfg.FloatOpt(
        "heartbeat_interval",
        min=0.1,
        sample_default=5,
        help="Seconds between two signs of life of a worker, with which it renews its lease. By default a "
        "sixth of heartbeat_timeout, and at most a third.",
    ),
    cfg.IntOpt(
        "heartbeat_timeout",
        default=30,
        min=2,
        help="Seconds after which a worker that gives no sign of life counts as gone, and others take its "
        "nodes over. Its lease is one heartbeat_interval shorter. A worker that cannot reach the database "
        "stops changing power states after four fifths of its lease.",
    ),
    cfg.Opt(
        "conductor_group",
        type=Word(
            r"[A-Za-z0-9_.-]{0,255}",
            "name of up to 255 letters, digits, _, - and dots",
            {_NO_GROUP: "leave it empty for the nodes without a group"},
        ),
        default="",
        help="The group of this conductor. It shares the nodes with the same conductor_group with the other "
        "conductors of the group; with the empty group, the nodes that have none.",
    ),
    cfg.Opt(
        "additional_conductor_groups",
        type=_GROUPS,
        default=[],
        sample_default="east,west",
        help=f"Further groups whose nodes this conductor shares; {_NO_GROUP} stands for the nodes without a "
        "group.",
    ),
    cfg.Opt(
        "fallback_conductor_groups",
        type=_GROUPS,
        default=[],
        sample_default="north",
        help="Groups whose nodes this conductor takes only while no conductor that serves them otherwise, by "
        "conductor_group or additional_conductor_groups, is there with their driver.",
    ),
    cfg.IntOpt(
        "power_events_max_age",
        default=90,
        min=1,
        mutable=True,
        help="Days for which power events are kept.",
    ),
    cfg.IntOpt(
        "power_events_max_count",
        default=1_000_000,
        min=1000,
        mutable=True,
        help="Greatest number of power events that are kept, over all conductors; the oldest are deleted "
        "first.",
    ),
]


def power_on_limits(conf: cfg.ConfigOpts) -> dict[str, tuple[int, float]]:
    """Return how many nodes may be switched on within how many seconds, by power domain."""
    limits = {domain: text.split("/") for domain, text in conf.conductor.power_on_limits.items()}
    return {domain: (int(count), float(seconds)) for domain, (count, seconds) in limits.items()}


def groups(conf: cfg.ConfigOpts) -> tuple[str, ...]:
    """Return the groups that this conductor serves, its own first."""
    return (conf.conductor.conductor_group, *_named(conf.conductor.additional_conductor_groups))


def fallback_groups(conf: cfg.ConfigOpts) -> tuple[str, ...]:
    """Return the groups that this conductor serves while no other conductor does."""
    return _named(conf.conductor.fallback_conductor_groups)


def _named(groups: Iterable[str]) -> tuple[str, ...]:
    return tuple("" if group == _NO_GROUP else group for group in groups)


def register(conf: cfg.ConfigOpts) -> None:
    """Register the options."""
    conf.register_opts(opts, group="conductor")


def heartbeat_interval(conf: cfg.ConfigOpts) -> float:
    """Return the seconds between two heartbeats."""
    interval = conf.conductor.heartbeat_interval
    return float(conf.conductor.heartbeat_timeout) / 6 if interval is None else float(interval)


def lease(conf: cfg.ConfigOpts) -> float:
    """Return the seconds for which a heartbeat promises that a worker lives.

    Others may see a heartbeat up to one interval late, and count from then.
    """
    return float(conf.conductor.heartbeat_timeout) - heartbeat_interval(conf)


def check(conf: cfg.ConfigOpts) -> None:
    """Check options that depend on each other.

    :raises podium.errors.ConfigError: if one failed heartbeat would make a conductor count as gone, or if a
        group is listed twice
    """
    interval, timeout = heartbeat_interval(conf), conf.conductor.heartbeat_timeout
    if timeout < 3 * interval:
        raise errors.ConfigError(
            f"[conductor] heartbeat_timeout = {timeout} must be at least three times as much as"
            f" heartbeat_interval = {interval:g}"
        )
    named = [*groups(conf), *fallback_groups(conf)]
    for group in named:
        if named.count(group) > 1:
            raise errors.ConfigError(
                f"the group {group or _NO_GROUP} is named twice in [conductor] conductor_group,"
                " additional_conductor_groups and fallback_conductor_groups; leave it in one of them"
                + ("" if group else f" (an empty conductor_group is the group {_NO_GROUP})")
            )
