"""Podium's configuration: every fault is found when a program starts, and reported in one line.

oslo.config evaluates an option when it is first read, and ignores names that it does not know. A typing error
would show hours after the start. Here every registered option is evaluated at start and at reload.
"""

import contextlib
import difflib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from oslo_config import cfg, iniparser
from oslo_log import log

from podium import errors
from podium.conf import conductor, default, opts

LOG = log.getLogger(__name__)


class Config(cfg.ConfigOpts):
    """The options of one program. Reading a value never fails once :meth:`check` has passed."""

    def check(self) -> None:
        """Evaluate every option registered so far.

        :raises podium.errors.ConfigError: for the first wrong value, with its name, value, place and remedy
        """
        self._check(None)

    def unknown_options(self) -> list[str]:
        """Return a line for each name in the files that nothing reads; call once all are registered."""
        namespace = self._mutable_ns or self._namespace
        lines: dict[str, None] = {}
        for sections in namespace._normalized if namespace else ():
            for section, values in sections.items():
                lines |= dict.fromkeys(line for name in values if (line := self.unknown(section, name)))
        return list(lines)

    def unknown(self, section: str, name: str) -> str | None:
        """Return what is wrong with a name in the config files that nothing reads, or None for a known name.

        :param section: in lower case, except DEFAULT
        """
        names = self._names(section)
        if not names:
            groups = ["DEFAULT", *self._groups]
            return f"[{section}] is not a section that is read{_hint(section, groups, '[{}]')}"
        return None if name in names else f"[{section}] {name} is not an option{_hint(name, names)}"

    def has_section(self, section: str) -> bool:
        """Return whether anything reads a section; its name is as in :meth:`unknown`."""
        return bool(self._names(section))

    def find_option(self, section: str, name: str) -> tuple[cfg.Opt, str | None] | None:
        """Return the option of a name in the config files, which may be a former name, and its group."""
        for info, group in self._all_opt_infos():
            option, own = info["opt"], group.name if group else None
            older = [(old.group or own, old.name or option.dest) for old in option.deprecated_opts]
            if (section, name) in [(_section(where), what) for where, what in [(own, option.dest), *older]]:
                return option, own
        return None

    def evaluate(self, option: cfg.Opt, group: str | None, text: str) -> Any:
        """Return the value of an option that has this text in a config file.

        :raises ValueError, TypeError, RecursionError, oslo_config.cfg.Error: see :func:`explain`
        """
        substituted = self._substitute([text] if option.multi else text, group)
        return _not_empty(option, self._convert_value(substituted, option))

    def mutate_config_files(self) -> dict[tuple[str | None, str], tuple[Any, Any]]:
        """Read the config files again and apply the mutable options: all of them, or none.

        :returns: by group and option the old and the new value, as written in the files; empty if a file or a
            value is wrong, which is logged
        """
        before = self._mutable_ns
        try:
            return super().mutate_config_files()
        except errors.ConfigError as fault:
            reason = str(fault)
        except Exception as fault:  # hooks may raise anything, and a reload must not end a daemon
            reason = _file_fault(fault)
        self._mutable_ns = before
        self._forget_values()
        LOG.error("The configuration is not reloaded, all values stay as they were: %s", reason)
        return {}

    def _reload_config_files(self) -> cfg._Namespace:
        # Called before the new values replace the old ones: the last moment to refuse them.
        namespace = super()._reload_config_files()
        try:
            self._check(namespace)
        finally:
            self._forget_values()
        return namespace

    def _validate_cli_options(self, namespace: cfg._Namespace) -> None:
        # Left to check(): the inherited one prints a line without the option's place and exits.
        pass

    def _forget_values(self) -> None:
        # oslo.config puts a value that was read from a candidate's files into the cache of values in force.
        # To unregister nothing is the public call that only empties that cache.
        self.unregister_opts([])

    def _check(self, namespace: cfg._Namespace | None) -> None:
        for info, group in list(self._all_opt_infos()):
            option, name = info["opt"], group.name if group else None
            try:
                _not_empty(option, self._do_get(option.dest, name, namespace)[0])
            except (ValueError, TypeError, RecursionError, cfg.Error) as fault:
                raise errors.ConfigError(self._value_fault(option, name, namespace, fault)) from None

    def _value_fault(
        self, option: cfg.Opt, group: str | None, namespace: cfg._Namespace | None, fault: Exception
    ) -> str:
        label = f"[{group or 'DEFAULT'}] {option.name}"
        if option.secret:
            return f"the value of {label}, a secret, cannot be used: {explain(option, fault, secret=True)}"
        value, place = self._raw_value(option, group, namespace or self._mutable_ns or self._namespace)
        # What a reference stands for may be a secret.
        return (
            f"{label} = {value} ({place}) cannot be used: {explain(option, fault, secret='$' in str(value))}"
        )

    def _raw_value(
        self, option: cfg.Opt, group: str | None, namespace: cfg._Namespace | None
    ) -> tuple[Any, str]:
        """Return the text of the value, and its place."""
        variable = f"OS_{(group or 'DEFAULT').upper()}__{option.dest.upper()}"
        with contextlib.suppress(KeyError):
            if namespace is not None:
                value, location = option._get_from_namespace(namespace, group)
                if location is not None and location.location is cfg.Locations.command_line:
                    return value, "command line"
                if variable not in os.environ:
                    return value, _file_of(namespace, group, location)
        return os.environ.get(variable, option.default), f"environment variable {variable}"

    def _names(self, section: str) -> set[str]:
        """Return every name that a section may contain, or nothing if there is no such section."""
        names = set(self._deprecated_opts.get(section, ()))
        if section == "DEFAULT":
            return names | set(self._opts)
        for name, group in self._groups.items():
            if name.lower() == section:
                names |= set(group._opts)
        return names


def load(argv: Sequence[str], *, prog: str, conf: Config | None = None) -> Config:
    """Read the configuration of one program: its command line, the environment, its config files.

    A program in a virtual environment reads ``etc/podium/podium.conf`` of the environment if it exists.
    Otherwise oslo.config looks for the files of the project ``podium``.

    :param argv: the command line's arguments, without the program's name
    :param prog: the program's name
    :param conf: with the program's own options registered
    :raises podium.errors.ConfigError: in one line, with the fault, its place and the remedy
    :raises SystemExit: for ``--help`` and for arguments that do not exist
    """
    conf = Config() if conf is None else conf
    opts.register(conf)
    files, folders = _default_files(prog)
    try:
        conf(argv, project="podium", prog=prog, default_config_files=files, default_config_dirs=folders)
    except (cfg.Error, OSError, UnicodeError) as fault:
        raise errors.ConfigError(_file_fault(fault)) from None
    conf.check()
    conductor.check(conf)
    if not (conf.log_file or conf.log_dir or conf.use_journal):
        conf.set_default("use_stderr", True)  # oslo.log would take standard output
    return conf


def files_read(prog: str, file: str | None = None) -> list[str]:
    """Return the config files that a program reads, in order: the last file that has an option decides.

    :param file: the argument of ``--config-file``, if any
    """
    files, folders = _default_files(prog)
    return [
        *([file] if file else files),
        *(str(one) for path in folders for one in sorted(Path(path).glob("*.conf"))),
    ]


def explain(option: cfg.Opt, fault: Exception, *, secret: bool) -> str:
    """Return why a value cannot be used, and what to write instead.

    :param fault: the error that its evaluation raised
    :param secret: leave out the reason, which may quote the value
    """
    if isinstance(fault, cfg.NoSuchOptError | cfg.NoSuchGroupError | cfg.TemplateSubstitutionError):
        remedy = "a $ begins the name of another option; write $$ for the sign itself"
    elif isinstance(fault, RecursionError):
        return "its $ leads back to itself; write $$ for the sign itself"
    else:
        remedy = f"expected: {getattr(option.type, 'type_name', 'value')}"
    reason = " ".join(str(fault).rpartition("is not valid: ")[2].split())
    return remedy if secret else f"{reason[:300]}; {remedy}"


def _not_empty(option: cfg.Opt, value: Any) -> Any:
    if value is None and option.default is not None:
        raise ValueError("it is empty")
    return value


def _section(group: str | None) -> str:
    return "DEFAULT" if group in (None, "DEFAULT") else str(group).lower()


def _default_files(prog: str) -> tuple[list[str], list[str]]:
    """Return the config files and their folders that are read if the command line names none."""
    environment = default.environment()
    if environment is not None:
        file = environment / "etc/podium/podium.conf"
        if file.exists():
            return [str(file)], [f"{file}.d"]
    return cfg.find_config_files("podium", prog), cfg.find_config_dirs("podium", prog)


def _file_of(namespace: cfg._Namespace, group: str | None, location: Any) -> str:
    # oslo.config remembers for each section the last file that has it, which need not be the option's.
    section = group.lower() if group else "DEFAULT"
    several = sum(section in sections for sections in namespace._normalized) > 1
    return "one of the config files" if several or not location else location.detail or "config file"


def _file_fault(fault: Exception) -> str:
    match fault:
        case cfg.ConfigFilesNotFoundError():
            return f"config file {', '.join(fault.config_files)} does not exist; --config-file names another"
        case cfg.ConfigFilesPermissionDeniedError():
            return f"this user may not read config file {', '.join(fault.config_files)}: change its mode"
        case cfg.ConfigDirNotFoundError():
            return f"config directory {fault.config_dir} does not exist; --config-dir names another"
        case cfg.ConfigFileParseError():
            line = fault.__context__  # its text is left out: it may contain a password
            where = f" line {line.lineno}: {line.msg}" if isinstance(line, iniparser.ParseError) else ""
            return f"config file {fault.config_file} cannot be understood:{where}"
        case OSError():
            return f"config file {fault.filename} cannot be read: {fault.strerror}"
        case UnicodeError():
            return f"a config file is not UTF-8 text: {fault}"
        case _:
            return " ".join(str(fault).split())


def _hint(name: str, known: Iterable[str], form: str = "{}") -> str:
    spelt = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name.lower(), spelt, 1)
    return (
        f"; did you mean {form.format(spelt[near[0]])}?" if near else "; podium config sample lists what is"
    )
