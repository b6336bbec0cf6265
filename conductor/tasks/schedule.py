"""The options of the config file for periodic tasks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from oslo_config import cfg


@dataclass(frozen=True, slots=True)
class Schedule:
    """The options of periodic tasks, by the task's full name; times are in seconds.

    :param sync_interval: from one sweep to the next
    :param events_max_age: how long power events are kept
    :param events_max_count: the most power events that are kept
    """

    sync_interval: float
    events_max_age: timedelta
    events_max_count: int
    spacing: Mapping[str, float] = field(default_factory=dict)
    deadline: Mapping[str, float] = field(default_factory=dict)
    disabled: frozenset[str] = frozenset()
    enabled: frozenset[str] = frozenset()

    @classmethod
    def read(cls, conf: cfg.ConfigOpts) -> "Schedule":
        """The current values."""
        return cls(
            sync_interval=float(conf.conductor.sync_power_state_interval),
            events_max_age=timedelta(days=min(conf.conductor.power_events_max_age, timedelta.max.days)),
            events_max_count=conf.conductor.power_events_max_count,
            spacing=dict(conf.periodic_tasks.spacing),
            deadline=dict(conf.periodic_tasks.deadline),
            disabled=frozenset(conf.periodic_tasks.disabled),
            enabled=frozenset(conf.periodic_tasks.enabled),
        )

    @property
    def names(self) -> set[str]:
        """The names of all tasks that the config file mentions."""
        return {*self.spacing, *self.deadline, *self.disabled, *self.enabled}
