"""The sinks of the config file: the program and the webhooks of [notifications], and the named sinks."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from oslo_config import cfg

from podium import errors
from podium.conductor.telling.sinks import ProgramSink, Sink, WebhookSink
from podium.conf import sinks
from podium.db import event_filters
from podium.db.event_filters import EventFilter

_OWN: Final = "notifications"
_LONGEST_NAME: Final = 255


class Subscription(NamedTuple):
    """A sink, and the events that it gets."""

    sink: Sink
    wanted: EventFilter


@dataclass(frozen=True, slots=True)
class SinkSettings:
    """A program or a webhook; see the options of the group [notifications] and of the groups of named sinks.

    :param name: the sink's name in the config file; empty if it has none
    """

    program: str = field(repr=False, default="")
    url: str = field(repr=False, default="")
    token: str = field(repr=False, default="")
    timeout: float = 10.0
    wanted: EventFilter = EventFilter()  # it is frozen
    name: str = ""

    def sink(self) -> Sink:
        """Make the sink."""
        if self.program:
            return ProgramSink(self.program, self.timeout)
        return WebhookSink(self.url, self.token, self.timeout)


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    """The sinks that are notified."""

    sinks: tuple[SinkSettings, ...] = ()

    @classmethod
    def read(cls, conf: cfg.ConfigOpts) -> "NotificationSettings":
        """Read the values of the config file.

        :raises podium.errors.ConfigError: a sink would get nothing, or a condition cannot be understood
        """
        return cls((*_unnamed(conf), *(_named(conf, name) for name in conf.notifications.sinks)))

    def subscriptions(self) -> dict[str, Subscription]:
        """The sinks by unique names, even if they differ in nothing but secrets."""
        found: dict[str, Subscription] = {}
        for one in self.sinks:
            sink = one.sink()
            short = one.name or sink.name[: _LONGEST_NAME - 10]
            alike = sum(name.partition(" #")[0] == short for name in found)
            found[f"{short} #{alike + 1}" if alike else short] = Subscription(sink, one.wanted)
        return found


def _unnamed(conf: cfg.ConfigOpts) -> Iterator[SinkSettings]:
    own = conf.notifications
    if not (own.exec or own.webhook_urls):
        return
    wanted = _wanted(conf, _OWN)
    if own.exec:
        yield SinkSettings(program=own.exec, timeout=float(own.timeout), wanted=wanted)
    for url in own.webhook_urls:
        yield SinkSettings(url=url, token=own.webhook_token, timeout=float(own.timeout), wanted=wanted)


def _named(conf: cfg.ConfigOpts, name: str) -> SinkSettings:
    group = sinks.group_of(name)
    its = conf[group]
    wanted = _wanted(conf, group)
    return SinkSettings(its.exec, its.url or "", its.token, float(its.timeout), wanted, name)


def _wanted(conf: cfg.ConfigOpts, group: str) -> EventFilter:
    its = conf[group]
    try:
        where = event_filters.where(its.where)
    except errors.BadRequest as fault:
        raise errors.ConfigError(f"[{group}] where = {its.where} cannot be used: {fault}") from None
    return EventFilter(sinks.causes(conf, group), where, conf.conductor.force_power_state_during_sync)
