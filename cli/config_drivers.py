"""The installed drivers as the config files see them: options, tasks, and drivers that fail."""

import contextlib
import difflib
from collections.abc import Collection, Iterable

from oslo_config import cfg

from podium import conf, errors
from podium.conductor.tasks.own import OWN_TASKS
from podium.conf import periodic_tasks
from podium.drivers import base, registry


class Drivers:
    """The installed drivers, none of which is started.

    :param config: the configuration, in which the options of all of them are registered
    :param all_enabled: treat all as enabled, because not all config files are known
    """

    def __init__(self, config: conf.Config, *, all_enabled: bool) -> None:
        self._config = config
        self._classes: dict[str, type[base.Driver]] = {}
        self._broken: dict[str, str] = {}
        for name, found in registry.available().items():
            try:
                config.register_opts(registry.options(name, found), group=name)
            except errors.DriverLoadError as fault:
                self._broken[name] = str(fault)
            if not isinstance(found, errors.DriverLoadError):
                self._classes[name] = found
        self.enabled: list[str] = list(self._classes)
        if not all_enabled:
            # A wrong value is reported as the option's fault.
            with contextlib.suppress(cfg.Error, RecursionError, ValueError):
                self.enabled = list(dict.fromkeys(config.enabled_drivers))
        # Of a driver that is misspelt there, section and tasks are no faults of their own.
        meant = [self._near(name) for name in self.enabled if name not in self._classes]
        self.enabled += [near for near in meant if near and near not in self.enabled]

    def of_section(self, section: str) -> str | None:
        """Return the driver whose options a section contains; the section's name is in lower case."""
        return next((name for name in (*self._classes, *self._broken) if name.lower() == section), None)

    def is_broken(self, name: str | None) -> bool:
        """Return whether a driver cannot be used, so that its options and tasks are not known."""
        return name in self._broken

    def faults(self, names: Iterable[str]) -> list[str]:
        """Return a line for each driver that is not installed or cannot be used."""
        return [line for name in dict.fromkeys(names) if (line := self._fault(name))]

    def make(self, faulty: Collection[str | None]) -> set[str]:
        """Create the enabled drivers, as the daemon would, and return the names of all tasks.

        :param faulty: the groups in which an option is wrong
        """
        tasks = set(OWN_TASKS)
        for name in self.enabled:
            found = self._classes.get(name)
            if found is None or name in self._broken:
                continue
            # If an option is wrong, use the defaults: the tasks are the same.
            config = conf.Config() if name in faulty else self._config
            try:
                driver = registry.instance(name, found, config)
                tasks |= {f"{name}.{task.name}" for task, _ in base.periodic_tasks(driver)}
            except errors.DriverLoadError as fault:
                self._broken[name] = str(fault)
        return tasks

    def no_such_task(self, task: str, known: Collection[str]) -> str | None:
        """Return the fault of a task's name; None if it is right, or its driver is reported as unusable."""
        driver = task.partition(".")[0]
        if task in known or driver in self._broken:
            return None
        if driver in self._classes and driver not in self.enabled:
            return f"no task {task} runs: [DEFAULT] enabled_drivers lacks {driver}; add it there"
        return periodic_tasks.no_such_task(task, known)

    def _fault(self, name: str) -> str | None:
        if name in self._broken:
            return f"{self._broken[name]}; repair its package or leave it out"
        if name in self._classes:
            return None
        near = self._near(name)
        hint = f"did you mean {near}?" if near else "is its package installed?"
        return f"there is no driver {name}, only {', '.join(sorted({*self._classes, *self._broken}))}; {hint}"

    def _near(self, name: str) -> str | None:
        return next(iter(difflib.get_close_matches(name, self._classes, 1)), None)
