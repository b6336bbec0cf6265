"""The private names of libraries that Podium depends on; no other module uses private names.

A new version of a library may rename them without notice. ``tests/unit/test_library_internals.py`` uses each
of them and says what to do when it is gone. They were last seen in oslo.config 10.7.0, oslo.log 8.3.2,
oslo.service 4.8.0, cotyledon 2.2.0 and futurist 3.5.0.
"""

import contextlib
import math
import os
import signal
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from oslo_config import cfg, iniparser
from oslo_log import formatters
from oslo_service import _options, periodic_task

#: The values that oslo.config read from the config files and the command line at one time.
Values: TypeAlias = cfg._Namespace


class OpenOptions(cfg.ConfigOpts):
    """oslo.config's options, which can also be listed, checked and looked up in the config files."""

    def registered(self) -> Iterator[tuple[cfg.Opt, str | None]]:
        """Yield every registered option with the name of its group."""
        for info, group in list(self._all_opt_infos()):
            yield info["opt"], group.name if group else None

    def group_names(self) -> list[str]:
        """Return the registered groups, without DEFAULT."""
        return list(self._groups)

    def names_of(self, section: str) -> set[str]:
        """Return every name that is read from a section, also deprecated ones; none for an unknown section.

        :param section: in lower case, except DEFAULT
        """
        names = set(self._deprecated_opts.get(section, ()))
        if section == "DEFAULT":
            return names | set(self._opts)
        for name, group in self._groups.items():
            if name.lower() == section:
                names |= set(group._opts)
        return names

    @property
    def in_force(self) -> Values | None:
        """The values in force; None before any were read."""
        return self._mutable_ns or self._namespace

    @property
    def arguments(self) -> Sequence[str]:
        """The command line."""
        return self._args or ()

    def value(self, option: cfg.Opt, group: str | None, values: Values | None = None) -> Any:
        """Return the converted value of an option, by default from the values in force.

        :raises ValueError, TypeError, RecursionError, oslo_config.cfg.Error: when it cannot be converted
        """
        return self._do_get(option.dest, group, values)[0]

    def convert(self, option: cfg.Opt, group: str | None, text: str) -> Any:
        """Return the value of an option for a text in a config file; raises as :meth:`value`."""
        substituted = self._substitute([text] if option.multi else text, group)
        return self._convert_value(substituted, option)

    def mutate_config_files(self) -> dict[tuple[str | None, str], tuple[Any, Any]]:
        """As the inherited method, but the values in force stay when it raises."""
        before = self._mutable_ns
        try:
            return super().mutate_config_files()
        except BaseException:
            self._mutable_ns = before
            self.forget_cached()
            raise

    def pending(self, name: str, group: str | None, values: Values) -> Any:
        """Return an option's value once a reload puts these values into force; raises as :meth:`value`."""
        is_mutable = self._get_opt_info(name, group)["opt"].mutable
        return self._do_get(name, group, values if is_mutable else None)[0]

    def vet(self, values: Values) -> None:
        """Raise if values must not replace those in force at a reload."""

    def forget_cached(self) -> None:
        """Empty the cache of converted values.

        oslo.config also puts candidate values there, see :meth:`vet`.
        """
        self.unregister_opts([])  # the public call without other effects

    def _reload_config_files(self) -> Values:
        # Called before the new values replace the old ones: the last opportunity to refuse them.
        values = super()._reload_config_files()
        try:
            self.vet(values)
        finally:
            self.forget_cached()
        return values

    def _validate_cli_options(self, namespace: Values) -> None:
        # The inherited method prints a line without the option's place and exits. Config.check() does better.
        pass


class FilesAlone:
    """Mixed into :class:`OpenOptions`: config files are the only source, and the network is not used."""

    def _load_alternative_sources(self) -> None:
        # The inherited method opens what [DEFAULT] config_source names.
        pass


def written(option: cfg.Opt, group: str | None, values: Values) -> tuple[Any, cfg.LocationInfo | None]:
    """Return the text of an option in values, or what argparse made of it, and its place.

    :raises KeyError: when the values do not have the option
    """
    return option._get_from_namespace(values, group)


def sections(values: Values) -> Sequence[Mapping[str, Mapping[str, Any]]]:
    """Return the names in each config file, by section; the sections in lower case, except DEFAULT."""
    return values._normalized


class LineParser(iniparser.BaseParser):
    """oslo.config's parser of config files, which also reports an option before its value is read."""

    def option(self, line: str) -> None:
        """Handle the beginning of an option in this line, which is number ``lineno``."""

    def _split_key_value(self, line: str) -> tuple[str, list[str]]:
        self.option(line)
        return super()._split_key_value(line)


#: The options of oslo.service that Podium uses. The public list_opts adds a backdoor for eventlet.
SERVICE_OPTIONS: Final[Sequence[cfg.Opt]] = _options.service_opts


class OwnTask(ABC):
    """A task of :class:`OwnTasks`; a call starts a run and returns at once.

    :ivar first_run: when the first interval began, by ``periodic_task.now``; None to call at once
    """

    _periodic_external_ok = False  # otherwise PeriodicTasks reads an option

    first_run: float | None

    @property
    @abstractmethod
    def interval(self) -> float:
        """The seconds between two calls."""

    @abstractmethod
    def __call__(self, manager: Any, context: Any) -> None:
        """Start a run."""


class OwnTasks(periodic_task.PeriodicTasks):  # type: ignore[misc]  # oslo.service is untyped
    """PeriodicTasks whose tasks belong to the instance.

    PeriodicTasks keeps them on the class, by the bare names of functions, and with one spacing each. Here
    they have full names, can be exchanged at any time, and are asked for their interval at every tick.
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._periodic_tasks: list[tuple[str, OwnTask]] = []
        self._periodic_spacing = _Intervals({})
        super().__init__(conf)

    def call_when_due(self, tasks: Mapping[str, OwnTask]) -> None:
        """Call these tasks from now on, and no others. Tasks that were already called keep their rhythm."""
        self._periodic_spacing = _Intervals(tasks)
        for name, task in tasks.items():
            self._periodic_last_run.setdefault(name, task.first_run)
        self._periodic_tasks = list(tasks.items())

    def seconds_until_due(self) -> float:
        """Return the seconds until the next task is due.

        The result of ``run_periodic_tasks`` does not count the time that it took itself.
        """
        dues = ((self._periodic_last_run[name] or 0.0) + task.interval for name, task in self._periodic_tasks)
        return min(dues, default=math.inf) - float(periodic_task.now())


class _Intervals:
    """The mapping in which PeriodicTasks looks up the spacing of a task."""

    def __init__(self, tasks: Mapping[str, OwnTask]) -> None:
        self._tasks = tasks

    def __getitem__(self, name: str) -> float:
        return self._tasks[name].interval


def on_new_worker(launcher: Any, prepare: Callable[[Any, int], None]) -> None:
    """Prepare each worker process of oslo.service's launcher after its fork.

    The worker's service then reloads at SIGHUP, with its ``reset``. By default the signal ends the worker.

    :param prepare: called in the worker with the launched service and the worker's number, counted from 0
    """

    def hook(_service_id: object, number: int, worker: Any) -> None:
        prepare(worker.service_instance, number)
        worker.reload = worker.service_instance.reset

    launcher._manager.register_hooks(on_new_worker=hook)


def on_end(launcher: Any, prepare: Callable[[], None]) -> None:
    """Call something in the master process of oslo.service's launcher when SIGTERM ends it.

    :param prepare: called before the workers are sent the signal
    """
    launcher._manager.register_hooks(on_terminate=prepare)


def reload_one_by_one(launcher: Any) -> None:
    """Make the master process of oslo.service's launcher send SIGHUP to its workers only.

    By default it ignores SIGHUP for a moment and sends it to its whole process group. A second SIGHUP in that
    moment is a traceback on standard error, and a program that a driver runs is killed.
    """
    manager = launcher._manager

    def reload() -> None:
        manager._run_hooks("reload")
        for service in list(manager._running_services.values()):
            for process in list(service):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGHUP)

    manager._reload = reload


def log_errors_once() -> None:
    """Prevent oslo.log from adding the error that is being handled to a line that has it already."""
    formatters._get_error_summary = lambda record: ""


def import_without_eventlet() -> None:
    """Import futurist, which oslo.service uses, without eventlet, which both load if it is installed.

    eventlet costs 9 MB and a warning at every start. Nothing here uses it.
    """
    if "eventlet" in sys.modules:
        return
    sys.modules["eventlet"] = None  # type: ignore[assignment]  # the documented way to make an import fail
    try:
        import futurist  # noqa: F401
    finally:
        del sys.modules["eventlet"]
