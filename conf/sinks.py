"""The groups of named sinks: [notifications_pager] for the sink pager of [notifications] sinks.

The groups are known only after the config files have been read.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Final

from oslo_config import cfg

from podium import errors
from podium.causes import of_severity
from podium.conf.notifications import PREFIX, RUN, SENT, TIMEOUT, TOKEN, Program, WebhookUrl, filters
from podium.wording import nearest

_OWN: Final = "notifications"
_FILTERS: Final = ("causes", "min_severity", "where")

#: The options of one sink.
opts: Final = [
    cfg.Opt(
        "exec",
        type=Program(),
        default="",
        sample_default="/usr/local/bin/page --team hardware",
        help=f"Program that is run for each event, with its arguments and without a shell. {RUN} A sink has "
        "either exec or url.",
    ),
    cfg.Opt(
        "url",
        type=WebhookUrl(),
        sample_default="https://pager.example.org/podium",
        secret=True,
        help=f"URL to which each event is sent with POST, as a CloudEvents 1.0 JSON document. {SENT} User "
        "and password in it are sent as basic authentication.",
    ),
    cfg.Opt(
        "token",
        type=TOKEN,
        default="",
        secret=True,
        help="Token that is sent to url, where that has no user in it, as the header Authorization: Bearer "
        "TOKEN. Use https with it.",
    ),
    TIMEOUT,
    *filters("the sink"),
]


def group_of(sink: str) -> str:
    """Return the group of a named sink."""
    return f"{PREFIX}{sink}"


def is_of_sinks(group: str | None) -> bool:
    """Return whether a group holds the options of sinks."""
    return group is not None and (group == _OWN or group.startswith(PREFIX))


def register(conf: cfg.ConfigOpts) -> None:
    """Register the options of the sinks that the config files name; none if that list is wrong."""
    for name in _names(conf):
        conf.register_opts(opts, group=group_of(name))


def _names(conf: cfg.ConfigOpts) -> Sequence[str]:
    with contextlib.suppress(cfg.Error, RecursionError, ValueError):  # reported elsewhere
        return list(conf.notifications.sinks)
    return []


def check(conf: cfg.ConfigOpts) -> None:
    """Check options that depend on each other.

    :raises podium.errors.ConfigError: for the first fault
    """
    for _, fault in faults(conf):
        raise errors.ConfigError(fault)


def faults(conf: cfg.ConfigOpts) -> Iterator[tuple[str, str]]:
    """Yield a line for each sink that cannot be delivered to, or receives nothing, with its group."""
    own = conf.notifications
    names = _names(conf)
    if own.exec or own.webhook_urls:
        yield from _nothing(conf, _OWN)
    elif given := [name for name in _FILTERS if _is_given(conf, name)]:
        where = f"[{group_of(names[0])}]" if names else "the section of a sink"
        yield (
            _OWN,
            f"[{_OWN}] {', '.join(given)}: without exec and webhook_urls this is for nothing; it belongs to"
            f" {where}",
        )
    for name in names:
        group = group_of(name)
        program, url = conf[group].exec, conf[group].url
        if program and url:
            yield group, f"[{group}] has both exec and url; make two sinks of it"
        if not program and not url:
            hint = f"give it one of them, or take {name} out of [{_OWN}] sinks"
            yield group, f"[{group}] has neither exec nor url; {hint}"
        yield from _nothing(conf, group)


def _is_given(conf: cfg.ConfigOpts, name: str) -> bool:
    place = conf.get_location(name, _OWN)
    return place is not None and place.location not in (cfg.Locations.opt_default, cfg.Locations.set_default)


def _nothing(conf: cfg.ConfigOpts, group: str) -> Iterator[tuple[str, str]]:
    try:
        causes(conf, group)
    except errors.ConfigError as fault:
        yield group, str(fault)


def causes(conf: cfg.ConfigOpts, group: str) -> frozenset[str]:
    """Return the causes of the events that the sinks of a group receive.

    :raises podium.errors.ConfigError: there are none
    """
    its = conf[group]
    severe = of_severity(its.min_severity)
    found = severe.intersection(its.causes)
    if not found:
        raise errors.ConfigError(
            f"[{group}] causes ({', '.join(its.causes)}) and min_severity = {its.min_severity} leave none;"
            f" events of severity {its.min_severity} or worse have the causes {', '.join(sorted(severe))}"
        )
    return found


def unread(conf: cfg.ConfigOpts, section: str) -> str | None:
    """Return what is wrong with the section of a sink that is not listed; None for any other section.

    :param section: in lower case
    """
    name = section.removeprefix(PREFIX)
    if name == section or not name:
        return None
    near = nearest(name, _names(conf))
    hint = f"did you mean [{group_of(near)}]?" if near else "add it there, and restart the daemon"
    return f"[{section}] is not read: [{_OWN}] sinks lacks {name}; {hint}"
