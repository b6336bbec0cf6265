"""The conductor's part of the config file, read once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oslo_config import cfg

from podium import __version__
from podium.conductor.power.carrying import Timeouts
from podium.conductor.telling.sink_settings import NotificationSettings
from podium.conf import conductor, metrics
from podium.conf.fingerprint import fingerprint
from podium.db.members import Service


@dataclass(frozen=True, slots=True)
class Settings:
    """The options that a reload does not change; times in seconds.

    :param groups: the conductor groups that it serves, its own first
    :param fallback_groups: the groups that it serves while no other conductor does
    :param fingerprint: identifies the options that conductors should have in common
    :param lease: seconds for which a heartbeat promises that a worker lives
    :param shutdown_timeout: the longest time that an orderly shutdown may take
    :param metrics: the host and port at which metrics are served, if any
    :param skip_faulty: start without drivers that cannot be started
    :param max_age: the age that readings should not exceed
    :param in_flight: concurrent reads, by driver
    :param rate: reads per second, by driver
    :param power_on_limits: by domain, the most nodes that may be switched on, and in how many seconds
    :param notifications: where power events are reported
    """

    host: str
    group: str
    groups: tuple[str, ...]
    fallback_groups: tuple[str, ...]
    fingerprint: str
    workers: int
    timeouts: Timeouts
    power_on_limits: Mapping[str, tuple[int, float]]
    heartbeat_interval: float
    lease: float
    shutdown_timeout: float
    skip_faulty: bool
    metrics: tuple[str, int] | None
    max_age: float
    in_flight: Mapping[str, int]
    rate: Mapping[str, int]
    notifications: NotificationSettings

    def service(self, process: str, drivers: Sequence[str], keys: Sequence[str]) -> Service:
        """What a worker offers and promises.

        :param keys: the names of the keys that it holds
        """
        return Service(
            process,
            drivers,
            self.groups,
            self.fallback_groups,
            self.lease,
            self.heartbeat_interval,
            __version__,
            self.fingerprint,
            list(keys),
        )

    @classmethod
    def read(cls, conf: cfg.ConfigOpts) -> "Settings":
        """The values of the config file."""
        return cls(
            host=conf.host,
            group=conf.conductor.conductor_group,
            groups=conductor.groups(conf),
            fallback_groups=conductor.fallback_groups(conf),
            fingerprint=fingerprint(conf),
            workers=conf.conductor.workers,
            timeouts=Timeouts(
                float(conf.conductor.power_state_change_timeout),
                float(conf.conductor.soft_power_off_timeout),
                float(conf.conductor.credentials_change_timeout),
            ),
            power_on_limits=conductor.power_on_limits(conf),
            heartbeat_interval=conductor.heartbeat_interval(conf),
            lease=conductor.lease(conf),
            shutdown_timeout=float(conf.graceful_shutdown_timeout or 60),
            skip_faulty=conf.driver_startup_errors == "skip",
            metrics=metrics.address(conf.metrics.listen) if conf.metrics.listen else None,
            max_age=float(conf.conductor.power_state_max_age),
            in_flight=dict(conf.conductor.sync_power_state_in_flight),
            rate=dict(conf.conductor.sync_power_state_rate),
            notifications=NotificationSettings.read(conf),
        )
