"""Finds everything that is wrong with config files before a daemon reads them.

The daemon stops at the first fault and reports the file, not the line. Here each assignment is judged where
it stands, against the options and tasks of the drivers that the files enable. Nothing is started, and no
connection is made. The key file is read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from oslo_config import cfg, types

from podium import conf, errors, library_internals, masking
from podium.cli import config_file
from podium.cli.config_drivers import Drivers
from podium.cli.config_file import Assignment
from podium.conf import api, conductor, opts, sinks
from podium.db import event_filters
from podium.db.keyring import Keyring
from podium.db.urls import parse_url

#: Characters; longer texts are cut.
_LONGEST_VALUE: Final = 80
_LONGEST_LINE: Final = 1000

#: Checks of options that depend on each other, with the sections and names of these options.
_TOGETHER: Final = (
    (conductor.check, ("conductor",), ("heartbeat_interval", "heartbeat_timeout")),
    (
        api.check,
        ("DEFAULT", "api"),
        ("auth_strategy", "host_ip", "insecure_noauth", "enable_ssl_api", "cert_file", "key_file"),
    ),
)

#: The errors that a wrong value of an option raises.
_FAULTS: Final = (cfg.Error, RecursionError, ValueError, TypeError)


def faults(files: Sequence[str]) -> list[str]:
    """Return a line for each fault, in the order of the files and their lines.

    :param files: the config files of one program, each once, in the order in which it reads them
    """
    return _Check(files).run()


@dataclass(frozen=True, slots=True)
class _Setting:
    """An assignment and its option."""

    assignment: Assignment
    option: cfg.Opt
    group: str | None

    @property
    def secret(self) -> bool:
        name = self.assignment.name
        return self.option.secret or (masking.is_secret(name) and not name.endswith("_file"))


class _FilesAlone(library_internals.FilesAlone, conf.Config):
    """The configuration without the sources of [DEFAULT] config_source, which may need the network."""


class _Check:
    def __init__(self, files: Sequence[str]) -> None:
        self._order = {file: index for index, file in enumerate(files)}
        self._found: dict[str, tuple[int, int]] = {}
        self._secrets: dict[str, str] = {}
        self._assignments: list[Assignment] = []
        readable = []
        for file in files:
            assignments, refusals = config_file.read(file)
            for fault in refusals:
                self._add(fault, (self._order[file], 0))
            if not refusals:
                self._assignments += assignments
                readable.append(file)
        # A refused file might enable other drivers, so the other files cannot be judged without it.
        self._whole = len(readable) == len(files)
        self._config = _read(readable)
        self._drivers = Drivers(
            self._config,
            sections={one.section for one in self._assignments},
            all_enabled=not self._whole,
        )
        self._faulty: set[str | None] = set()

    def run(self) -> list[str]:
        settings = [found for one in self._assignments if (found := self._recognise(one))]
        self._secrets = {str(index): one.assignment.value for index, one in enumerate(settings) if one.secret}
        self._judge_duplicates(settings)
        values = [(one, value) for one in settings if (value := self._evaluate(one)) is not None]
        if self._whole:
            self._judge_together()
        tasks = self._drivers.make(self._faulty)
        if self._whole and not any(
            one.group is None and one.option.dest == "enabled_drivers" for one in settings
        ):
            for fault in self._drivers.faults(self._drivers.enabled):
                self._add(f"by default [DEFAULT] enabled_drivers names what cannot be used: {fault}", (-1, 0))
        for setting, value in values:
            self._judge(setting, value)
        for setting in settings:
            self._judge_tasks(setting, tasks)
        return sorted(self._found, key=self._found.__getitem__)

    def _add(self, text: str, place: tuple[int, int]) -> None:
        # A secret may be in a driver's error, or in a value that refers to it.
        text = masking.scrub(text, self._secrets, frozenset(self._secrets))
        line = "".join(c if c.isprintable() else "?" for c in text)
        self._found.setdefault(_cut(line, _LONGEST_LINE), place)

    def _tell(self, assignment: Assignment, text: str, line: int | None = None) -> None:
        line = assignment.line if line is None else line
        self._add(f"{assignment.file}:{line}: {text}", (self._order[assignment.file], line))

    def _tell_value(self, setting: _Setting, what: str) -> None:
        one = setting.assignment
        shown = masking.MASK if setting.secret else _cut(" ".join(one.value.split()), _LONGEST_VALUE)
        self._tell(one, f"[{one.section}] {one.name} = {shown}: {what}")

    def _recognise(self, assignment: Assignment) -> _Setting | None:
        """Return the option of an assignment, and add a fault if nothing reads it."""
        section = assignment.section
        driver = self._drivers.of_section(section)
        if self._drivers.is_broken(driver):
            return None  # its options are not known, and the driver is reported where it is enabled
        has_options = self._config.has_section(section)
        unknown = self._config.unknown(section, assignment.name)
        if driver is not None and driver not in self._drivers.enabled:
            what = f"[{section}] is not read: [DEFAULT] enabled_drivers lacks {driver}; add it there"
            self._tell(assignment, what, assignment.section_line)
        elif not has_options:
            self._tell(assignment, str(unknown), assignment.section_line)
        elif unknown:
            self._tell(assignment, unknown)
        known = self._config.find_option(section, assignment.name)
        return _Setting(assignment, *known) if known else None

    def _judge_duplicates(self, settings: Iterable[_Setting]) -> None:
        first: dict[tuple[str, str | None, str], int] = {}
        for one in settings:
            line = one.assignment.line
            before = first.setdefault((one.assignment.file, one.group, one.option.dest), line)
            if before != line and not one.option.multi:
                self._tell_value(
                    one, f"line {before} has it too, and only the last counts; remove one of them"
                )

    def _evaluate(self, setting: _Setting) -> Any:
        """Return the value of a setting; for a wrong value, add the fault and return None."""
        text = setting.assignment.value
        try:
            return self._config.evaluate(setting.option, setting.group, text)
        except cfg.ConfigSourceValueError:
            self._faulty.add(setting.group)  # the fault is in a referenced option, and is reported there
        except _FAULTS as fault:
            self._faulty.add(setting.group)
            secret = setting.secret or "$" in text  # the referenced value may be a secret
            self._tell_value(setting, conf.explain(setting.option, fault, secret=secret))
        return None

    def _judge(self, setting: _Setting, value: Any) -> None:
        """Add the faults of a value that has the right type."""
        match setting.group, setting.option.dest:
            case None, "enabled_drivers":
                for fault in self._drivers.faults(value) if value else ["is empty; name at least one driver"]:
                    self._tell_value(setting, fault)
            case "database", "connection":
                try:
                    parse_url(value)
                except errors.ConfigError as fault:  # the error names the option, and hides the password
                    self._tell(setting.assignment, str(fault))
            case "secrets", "key_file":
                try:
                    Keyring.from_file(Path(value))
                except errors.ConfigError as fault:  # the error names the option, and shows no key
                    self._tell(setting.assignment, str(fault))
            case str(group), "where" if group.startswith("notifications"):
                try:
                    event_filters.where(value)
                except errors.BadRequest as fault:
                    self._tell_value(setting, str(fault))

    def _judge_tasks(self, setting: _Setting, tasks: set[str]) -> None:
        """Add a fault for each task that does not exist, even if the seconds beside its name are wrong."""
        text = setting.assignment.value
        with_seconds = isinstance(setting.option.type, types.Dict)
        named = (with_seconds or isinstance(setting.option.type, types.List)) and "$" not in text
        if setting.group == "periodic_tasks" and named:
            for one in text.split(","):
                name = one.partition(":")[0].strip()
                if not name or (with_seconds and ":" not in one):
                    continue
                if fault := self._drivers.no_such_task(name, tasks):
                    self._tell_value(setting, fault)

    def _judge_together(self) -> None:
        """Add the faults of options that depend on each other, at the last of them in a file."""
        self._judge_sinks()
        for check, sections, names in _TOGETHER:
            places = [one for one in self._assignments if one.section in sections and one.name in names]
            try:
                check(self._config)
            except errors.ConfigError as fault:
                self._tell(places[-1], str(fault))
            except _FAULTS:
                pass  # reported at their own lines

    def _judge_sinks(self) -> None:
        """Add the faults of sinks, at their sections or where they are named."""
        try:
            found = list(sinks.faults(self._config))
        except _FAULTS:
            return  # reported at their own lines
        for group, fault in found:
            places = [one for one in self._assignments if one.section == group]
            if places:
                self._tell(places[-1], fault, places[-1].section_line)
            else:
                named = ("notifications", "sinks")
                self._tell(next(one for one in self._assignments if (one.section, one.name) == named), fault)


def _read(files: Iterable[str]) -> conf.Config:
    """Return the configuration of these files alone, with no value evaluated."""
    config = _FilesAlone()
    opts.register(config)
    argv = [f"--config-file={Path(file).absolute()}" for file in files]
    config(
        argv,
        project="podium",
        prog="podium",
        default_config_files=[],
        default_config_dirs=[],
        use_env=False,
    )
    sinks.register(config)
    return config


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
