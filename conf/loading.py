"""Podium's configuration: every fault is found when a program starts, and reported in one line.

oslo.config evaluates an option when it is first read, and ignores names that it does not know, so a typing
error would show up hours after the start. Here every registered option is evaluated at start and at reload.
"""

import contextlib
import difflib
import logging
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Sized
from pathlib import Path
from typing import Any, Final

from oslo_config import cfg, iniparser
from oslo_log import log

from podium import __version__, errors, masking
from podium.conf import conductor, opts, sinks
from podium.conf.files import default_files, may_not_read, unreadable
from podium.conf.pending import Pending
from podium.library_internals import OpenOptions, Values, sections, written
from podium.wording import nearest

LOG = log.getLogger(__name__)

#: Python's message for a text that is not a number.
_NO_NUMBER: Final = re.compile(
    r"(?:invalid literal for int\(\) with base 10|could not convert string to float): (.*)"
)
#: oslo.config's message for a text that is not among the choices.
_NO_CHOICE: Final = re.compile(r"Valid values are \[(.*)\], but found '(.*)'")
#: Looks like a comment after a value.
_COMMENT: Final = re.compile(r"\s#")
#: What is shown instead of a secret: by Podium, by SQLAlchemy in a URL, and by oslo.config in a log.
_STARS: Final = re.compile(rf"{re.escape(masking.MASK)}|:\*{{3,}}@|^\*{{3,}}$")
#: Where oslo.config logs which options a reload changes.
_OSLO_LOG: Final = logging.getLogger("oslo_config.cfg")


class _Masked(ValueError):
    """A secret that consists of stars, copied from the output of a program."""


class Config(OpenOptions):
    """The options of one program. Reading a value never fails once :meth:`check` has passed."""

    #: Whether the program delivers events to sinks. Faults of sinks do not stop other programs.
    delivers = True
    #: Whether reloads are not logged, because another process of the program logs them.
    is_quiet = False
    #: Sections whose options are not known here; None if unknown names are not logged.
    _unread: Collection[str] | None = None
    #: The warnings logged last.
    _warned: frozenset[str] = frozenset()
    #: See :meth:`require`.
    _required: tuple[Callable[[Any], object], ...] = ()

    def check(self) -> None:
        """Evaluate every option registered so far.

        :raises podium.errors.ConfigError: for the first wrong value, with its name, value, place and remedy
        """
        self._check(None)

    def require(self, check: Callable[[Any], object]) -> None:
        """Register a check that goes beyond single values; it runs now and before each reload takes effect.

        :param check: is given the options, and raises podium.errors.ConfigError
        """
        check(self)
        self._required = (*self._required, check)

    def unknown_options(self) -> list[str]:
        """Return a line for each name in the files that nothing reads; call after registering all options."""
        lines: dict[str, None] = {}
        for file in sections(self.in_force) if self.in_force else ():
            for section, names in file.items():
                if section in (self._unread or ()):
                    continue
                lines |= dict.fromkeys(line for name in names if (line := self.unknown(section, name)))
        return list(lines)

    def warn_of_unknown_options(self, unread: Collection[str] = ()) -> None:
        """Log a warning for each name in the files that nothing reads, now and when a reload adds more.

        :param unread: sections in lower case that other programs read
        """
        self._unread = unread
        found = self.unknown_options()
        for line in found:
            if line not in self._warned:
                LOG.warning("%s", line)
        self._warned = frozenset(found)

    def unknown(self, section: str, name: str) -> str | None:
        """Return what is wrong with a name in the config files that nothing reads, or None for a known name.

        :param section: in lower case, except DEFAULT
        """
        names = self.names_of(section)
        if not names:
            if fault := sinks.unread(self, section):
                return fault
            groups = ["DEFAULT", *self.group_names()]
            return f"[{section}] is not a section that is read{_hint(section, groups, '[{}]')}"
        return None if name in names else f"[{section}] {name} is not an option{_hint(name, names)}"

    def has_section(self, section: str) -> bool:
        """Return whether anything reads a section; the name is given as in :meth:`unknown`."""
        return bool(self.names_of(section))

    def find_option(self, section: str, name: str) -> tuple[cfg.Opt, str | None] | None:
        """Return the option, and its group, for a name in the config files, which may be a former name."""
        for option, own in self.registered():
            older = [(old.group or own, old.name or option.dest) for old in option.deprecated_opts]
            if (section, name) in [(_section(where), what) for where, what in [(own, option.dest), *older]]:
                return option, own
        return None

    def evaluate(self, option: cfg.Opt, group: str | None, text: str) -> Any:
        """Return the value of an option whose text in a config file is given.

        :raises ValueError, TypeError, RecursionError, oslo_config.cfg.Error: see :func:`explain`
        """
        return _usable(option, self.convert(option, group, text))

    def mutate_config_files(self) -> dict[tuple[str | None, str], tuple[Any, Any]]:
        """Read the config files again and apply either all mutable options or none.

        :returns: the old and the new value by group and option, as written in the files; empty if a file or a
            value is wrong, which is logged
        """
        try:
            with _not_logged(_OSLO_LOG) if self.is_quiet else contextlib.nullcontext():
                changed = super().mutate_config_files()
            self._log_reload(changed)
            return changed
        except errors.ConfigError as fault:
            reason = str(fault)
        except Exception as fault:  # hooks may raise anything, and a reload must not end a daemon
            reason = _file_fault(fault)
        if not self.is_quiet:
            LOG.error("The configuration is not reloaded, all values stay as they were: %s", reason)
        return {}

    def _log_reload(self, changed: Sized) -> None:
        if self.is_quiet:
            return
        folders = self.config_dir or ()
        files = [
            *self.config_file,
            *(str(one) for path in folders for one in sorted(Path(path).glob("*.conf"))),
        ]
        if not files:
            LOG.info("There is no config file to reload, so all values stay as they were")
        elif changed:
            LOG.info("Reloaded %s: values changed: %d", ", ".join(files), len(changed))
        else:
            LOG.info("Reloaded %s: no value changed", ", ".join(files))
        if self._unread is not None:
            self.warn_of_unknown_options(self._unread)

    def vet(self, values: Values) -> None:
        """Check values that a reload would put into force; raises as :meth:`check`."""
        self._check(values)
        # Values that a reload leaves unchanged must not make the next start fail either.
        anew = load(self.arguments, prog=self.prog or "", delivers=self.delivers)
        for check in self._required:
            check(anew)
            check(Pending(self, values))

    def _check(self, values: Values | None) -> None:
        for option, group in self.registered():
            if not self.delivers and sinks.is_of_sinks(group):
                continue
            try:
                _usable(option, self.value(option, group, values))
            except (ValueError, TypeError, RecursionError, cfg.Error) as fault:
                raise errors.ConfigError(self._value_fault(option, group, values, fault)) from None

    def _value_fault(
        self, option: cfg.Opt, group: str | None, values: Values | None, fault: Exception
    ) -> str:
        label = f"[{group or 'DEFAULT'}] {option.name}"
        if option.secret:
            return f"the value of {label}, a secret, cannot be used: {explain(option, fault, secret=True)}"
        value, place = _raw_value(option, group, values or self.in_force)
        # A reference may stand for a secret.
        return (
            f"{label} = {value} ({place}) cannot be used: {explain(option, fault, secret='$' in str(value))}"
        )


def load(argv: Sequence[str], *, prog: str, conf: Config | None = None, delivers: bool = True) -> Config:
    """Read the configuration of one program: its command line, the environment, its config files.

    :param argv: the command line's arguments, without the program's name
    :param prog: the program's name
    :param conf: with the program's own options registered
    :param delivers: see :class:`Config`
    :raises podium.errors.ConfigError: in one line, with the fault, its place and the remedy
    :raises SystemExit: for ``--help`` and for arguments that do not exist
    """
    conf = Config() if conf is None else conf
    conf.delivers = delivers
    opts.register(conf)
    files, folders = default_files(prog)
    try:
        conf(
            argv,
            project="podium",
            prog=prog,
            version=f"{prog} {__version__}",
            usage=f"{prog} [--config-file FILE] [OPTIONS]; see: {prog} --help",
            default_config_files=files,
            default_config_dirs=folders,
        )
    except (cfg.Error, OSError, UnicodeError) as fault:
        raise errors.ConfigError(_file_fault(fault)) from None
    sinks.register(conf)
    conf.check()
    conductor.check(conf)
    if delivers:
        sinks.check(conf)
    if not (conf.log_file or conf.log_dir or conf.use_journal):
        conf.set_default("use_stderr", True)  # oslo.log would take standard output
    return conf


def files_read(prog: str, file: str | None = None) -> list[str]:
    """Return the config files that a program reads, in order: the last file that sets an option decides.

    :param file: the argument of ``--config-file``, if any
    :raises podium.errors.ConfigError: this user may not read them
    """
    files, folders = default_files(prog)
    if file is None and not files and (hidden := unreadable(files)):
        raise errors.ConfigError(may_not_read(hidden))
    return [
        *([file] if file else files),
        *(str(one) for path in folders for one in sorted(Path(path).glob("*.conf"))),
    ]


def explain(option: cfg.Opt, fault: Exception, *, secret: bool) -> str:
    """Return why a value cannot be used, and what to write instead.

    :param fault: the error that evaluating the value raised
    :param secret: leave out the reason, which may quote the value
    """
    if isinstance(fault, cfg.NoSuchOptError | cfg.NoSuchGroupError | cfg.TemplateSubstitutionError):
        remedy = "a $ begins the name of another option; write $$ for the sign itself"
    elif isinstance(fault, _Masked):
        return "it has the stars that are shown instead of a secret; write the secret itself"
    elif isinstance(fault, RecursionError):
        return "its $ leads back to itself; write $$ for the sign itself"
    else:
        remedy = f"expected: {getattr(option.type, 'type_name', 'value')}"
    reason = " ".join(str(fault).rpartition("is not valid: ")[2].split())
    reason = _NO_NUMBER.sub(r"\1 is not a number", reason)
    if found := _NO_CHOICE.fullmatch(reason):
        near = nearest(found[2], found[1].split(", "))
        reason, remedy = f"it is none of {found[1]}", f"did you mean {near}?" if near else "write one of them"
    if not secret and _COMMENT.search(reason):
        remedy = f"{remedy}; a comment needs a line of its own"
    return remedy if secret else f"{reason[:300]}; {remedy}"


@contextlib.contextmanager
def _not_logged(logger: logging.Logger) -> Iterator[None]:
    logger.disabled, before = True, logger.disabled
    try:
        yield
    finally:
        logger.disabled = before


def _raw_value(option: cfg.Opt, group: str | None, values: Values | None) -> tuple[Any, str]:
    """Return the text of the value and its place."""
    variable = f"OS_{(group or 'DEFAULT').upper()}__{option.dest.upper()}"
    with contextlib.suppress(KeyError):
        if values is not None:
            value, location = written(option, group, values)
            if location is not None and location.location is cfg.Locations.command_line:
                return value, "command line"
            if variable not in os.environ:
                return value, _file_of(values, group, location)
    return os.environ.get(variable, option.default), f"environment variable {variable}"


def _usable(option: cfg.Opt, value: Any) -> Any:
    if value is None and option.default is not None:
        raise ValueError("it is empty")
    if option.secret:
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str) and _STARS.search(one):
                raise _Masked
    return value


def _section(group: str | None) -> str:
    return "DEFAULT" if group in (None, "DEFAULT") else str(group).lower()


def _file_of(values: Values, group: str | None, location: Any) -> str:
    # oslo.config remembers for each section only the last file that has it, which need not be the option's.
    section = group.lower() if group else "DEFAULT"
    several = sum(section in file for file in sections(values)) > 1
    return "one of the config files" if several or not location else location.detail or "config file"


def _file_fault(fault: Exception) -> str:
    match fault:
        case cfg.ConfigFilesNotFoundError():
            return (
                f"config file {', '.join(fault.config_files)} does not exist; give another with --config-file"
            )
        case cfg.ConfigFilesPermissionDeniedError():
            return may_not_read(", ".join(fault.config_files))
        case cfg.ConfigDirNotFoundError():
            return f"config directory {fault.config_dir} does not exist; give another with --config-dir"
        case cfg.ConfigFileParseError():
            line = fault.__context__  # the text is left out: it may contain a password
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
