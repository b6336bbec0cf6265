"""The installed drivers as the config files see them: options, tasks, and drivers that fail."""

import contextlib
import difflib
from collections.abc import Collection, Iterable

from oslo_config import cfg

from podium import conf, errors
from podium.conductor.tasks.own import OWN_TASKS
from podium.conf import periodic_tasks
from podium.drivers import base, declarations, registry


class Drivers:
    """The installed drivers. None is started, and only those that the files concern are imported.

    :param config: the configuration, in which the options of imported drivers are registered
    :param sections: the sections of the files, in lower case
    :param all_enabled: treat all as enabled, because not all config files are known
    """

    def __init__(self, config: conf.Config, *, sections: Collection[str], all_enabled: bool) -> None:
        self._config = config
        self._installed = registry.installed()
        self._classes: dict[str, type[base.Driver]] = {}
        self._broken: dict[str, str] = {}
        for name in self._installed:  # first, because enabled_drivers may refer to their options
            if name.lower() in sections:
                self._import(name)
        self.enabled = list(self._installed)
        if not all_enabled:
            # A wrong value is reported as the option's fault.
            with contextlib.suppress(cfg.Error, RecursionError, ValueError):
                self.enabled = list(dict.fromkeys(config.enabled_drivers))
        # If enabled_drivers misspells a driver, its section and tasks are not reported as well.
        meant = [self._near(name) for name in self.enabled if name not in self._installed]
        self.enabled += [near for near in meant if near and near not in self.enabled]
        for name in self.enabled:
            if name in self._installed and name not in self._classes and name not in self._broken:
                self._import(name)

    def _import(self, name: str) -> None:
        found = registry.find(name)
        if isinstance(found, errors.DriverLoadError):
            self._broken[name] = str(found)
        else:
            self._classes[name] = found
            self._config.register_opts(registry.options(name, found), group=name)

    def of_section(self, section: str) -> str | None:
        """Return the driver whose options a section contains; the section's name is in lower case."""
        if section in declarations.reserved_names():
            return None
        return next((name for name in self._installed if name.lower() == section), None)

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
            if (found := self._classes.get(name)) is None:
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
        if driver in self._installed and driver not in self.enabled:
            return f"no task {task} runs: [DEFAULT] enabled_drivers lacks {driver}; add it there"
        return periodic_tasks.no_such_task(task, known)

    def _fault(self, name: str) -> str | None:
        if name in self._broken:
            return f"{self._broken[name]}; repair its package or leave it out"
        if name in self._installed:
            return None
        near = self._near(name)
        hint = f"did you mean {near}?" if near else "is its package installed?"
        return f"there is no driver {name}, only {', '.join(self._installed)}; {hint}"

    def _near(self, name: str) -> str | None:
        return next(iter(difflib.get_close_matches(name, self._installed, 1)), None)
