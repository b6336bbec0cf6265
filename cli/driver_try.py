"""``podium driver try``: a driver on real hardware, without a conductor and a database."""

import argparse
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Final

from podium import errors, states
from podium.cli import command, converters, entries
from podium.cli.trials import subject
from podium.cli.trials.abilities import QUESTIONS
from podium.cli.trials.transcript import Transcript
from podium.cli.trials.trial import Trial
from podium.client.enrolling import identities
from podium.client.enrolling.catalog import Catalog
from podium.drivers import base, registry

_EPILOG: Final = (
    "The conductor's timeouts and intervals, and the driver's options, come from the config file if there is"
    " one. The exit status is 1 if anything failed. "
)
#: The options of [conductor] with the timeouts of changes that take longer than most.
_TIMEOUTS: Final = {
    states.SOFT_POWER_OFF: "soft_power_off_timeout",
    states.SOFT_REBOOTING: "soft_power_off_timeout",
}
#: The options that change the machine, and need confirmation first.
_CHANGES: Final = ("set", "set_password", "boot", "set_clock", "clear_log", "do")
_NOBODY: Final = "changes of the machine need --yes where nobody can be asked; nothing was sent"


class Try(command.Command):
    """Try a driver on a machine, without a conductor and a database.

    Reads the machine's power, and carries out the options. Prints everything that a conductor would record,
    what the driver logs, and how long each call took.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("driver", metavar="DRIVER", type=converters.filled, help="see podium driver list")
        for option, text in (
            ("--driver-info", "a setting of the machine, see podium driver show"),
            ("--option", "an option of the driver, in place of the config file's value"),
        ):
            parser.add_argument(
                option, action="append", default=[], metavar="KEY=VALUE", type=entries.key_value, help=text
            )
        parser.add_argument(
            "--name", default="trial", type=converters.filled, help="the node's name (default: trial)"
        )
        parser.add_argument(
            "--read", action="store_true", help="only read the power, as without --task, --set and --watch"
        )
        parser.add_argument(
            "--check-login",
            action="store_true",
            help="then try the login once, with a session of its own, as podium node check does",
        )
        parser.add_argument(
            "--task",
            action="append",
            default=[],
            metavar="TASK",
            help="then run this periodic task of the driver, whether or not it is due or enabled",
        )
        parser.add_argument(
            "--set",
            metavar="ACTION",
            help="send a power change once, and read until it shows: 'power on', 'power off', rebooting ...",
        )
        parser.add_argument(
            "--set-password",
            metavar="@FILE",
            help="give the account another password, a file's first line, prove it, and give its own back",
        )
        parser.add_argument(
            "--ask",
            action="append",
            default=[],
            choices=QUESTIONS,
            help="then read this beside the power, as podium node boot, log, clock and sensors do",
        )
        parser.add_argument(
            "--boot",
            choices=base.BOOT_DEVICES,
            help="have the machine boot from this the next time, prove it, and undo it",
        )
        parser.add_argument(
            "--identify",
            metavar="SECONDS",
            type=converters.seconds,
            help="have the LED of the machine blink; 0 ends it",
        )
        parser.add_argument(
            "--set-clock", action="store_true", help="set the controller's clock, and read it"
        )
        parser.add_argument(
            "--clear-log", action="store_true", help="print the newest 1,000 entries of the log, and clear it"
        )
        parser.add_argument("--do", metavar="ACTION", help="carry out an action of the driver's own, once")
        parser.add_argument(
            "--argument",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            type=entries.key_value,
            help="what that is given",
        )
        parser.add_argument("--yes", action="store_true", help="do not ask before the machine is changed")
        parser.add_argument(
            "--watch",
            action="store_true",
            help="read and run tasks as often as a conductor does, until Ctrl-C, and show what the driver"
            " reports by itself: all tasks that are enabled, those of --task, or none with --read",
        )
        return parser

    def get_epilog(self) -> str:
        return _EPILOG + entries.SECRETS

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        if parsed_args.argument and parsed_args.do is None:
            self.parser.error("argument --argument: goes with --do")
        try:
            driver, node, other = self._subject(parsed_args)
        except errors.InvalidNode as wrong:
            for fault in wrong.faults:
                self.warn(fault)
            return 1
        tasks = subject.task_names(driver, parsed_args.task)
        transcript = self._transcript(driver, node, other, parsed_args)
        self.say(registry.described(driver.name))
        subject.introduce(driver, node, transcript)
        with transcript.logs():
            self._carry_out(Trial(driver, node, transcript, self.config), tasks, other, parsed_args)
        return int(transcript.has_failed)

    def _check(self, driver: base.Driver, parsed_args: argparse.Namespace) -> None:
        """Check that the driver supports all options, and that somebody can be asked about changes.

        :raises podium.errors.PodiumError: if that is not so
        """
        subject.task_names(driver, parsed_args.task)
        if parsed_args.check_login and not base.checks_login(driver):
            raise errors.BadRequest(f"the driver {driver.name} cannot try a login: it has no check_login")
        if parsed_args.set_password is not None and not base.sets_password(driver):
            raise errors.BadRequest(
                f"the driver {driver.name} cannot change a password: it has no login, or no set_password"
            )
        if parsed_args.set is not None:
            subject.check_action(driver, parsed_args.set)
        for ability in (*parsed_args.ask, *_abilities(parsed_args)):
            subject.check_ability(driver, ability)
        if parsed_args.do is not None:
            subject.action(driver, parsed_args.do, parsed_args.argument)
        changes = any(getattr(parsed_args, name) not in (None, False) for name in _CHANGES)
        if changes and not (parsed_args.yes or self.app.stdin.isatty()):
            raise errors.PodiumError(_NOBODY)

    def _subject(self, parsed_args: argparse.Namespace) -> tuple[base.Driver, base.Node, base.Node]:
        """Return the driver, the node, and the node with the password of --set-password, if that is given."""
        catalog = Catalog(self.config, self.warn)
        driver = catalog.driver(parsed_args.driver)
        self._check(driver, parsed_args)
        if parsed_args.option:
            is_secret = subject.secret_options(driver).__contains__
            given = entries.read_values(parsed_args.option, self.app.stdin, self.warn, is_secret)
            subject.set_options(self.config, driver, given)
            catalog = Catalog(self.config, self.warn)
            driver = catalog.driver(parsed_args.driver)
        info = entries.read_values(
            parsed_args.driver_info,
            self.app.stdin,
            self.warn,
            lambda key: catalog.is_secret(key, [driver.name]),
        )
        node = subject.new_node(catalog, driver, parsed_args.name, info)
        if parsed_args.set_password is None or driver.login is None:
            return driver, node, node
        name = driver.login.password
        word = [(name, parsed_args.set_password)]
        info |= entries.read_values(word, self.app.stdin, self.warn, lambda _: True)
        other = subject.new_node(catalog, driver, parsed_args.name, info)
        if other.driver_info[name] == node.driver_info.get(name):
            raise errors.BadRequest(f"--set-password is the {name} of --driver-info: give another one")
        return driver, node, dataclasses.replace(node, driver_info=other.driver_info)

    def _transcript(
        self, driver: base.Driver, node: base.Node, other: base.Node, parsed_args: argparse.Namespace
    ) -> Transcript:
        return Transcript(
            driver.name,
            self.say,
            {
                "driver_info": node.driver_info,
                "others": other.driver_info,
                "options": subject.option_values(driver),
            },
            identities.secrets(driver) | subject.secret_options(driver),
            with_time=parsed_args.watch,
            with_tracebacks=bool(self.app.options.debug),
        )

    def _carry_out(
        self, trial: Trial, tasks: Sequence[str], other: base.Node, parsed_args: argparse.Namespace
    ) -> None:
        """Start the driver, carry out the options, and close the driver, whatever happens."""
        action, repeats = parsed_args.set, parsed_args.watch
        try:
            if not trial.open():
                return
            if action is not None:
                seconds = getattr(self.config.conductor, _TIMEOUTS.get(action, "power_state_change_timeout"))
                trial.switch(action, seconds, lambda state: parsed_args.yes or self._agrees(action, state))
            readings = trial.readings()
            calls = readings[:1] if repeats else readings if action is None else []
            if parsed_args.check_login:
                trial.caller.once(trial.login())
            if parsed_args.set_password is not None and (parsed_args.yes or self._agrees_to_password()):
                trial.set_password(other)
            self._try_abilities(trial, parsed_args)
            calls += trial.tasks(tasks) if tasks or (repeats and not parsed_args.read) else []
            if repeats:
                trial.caller.repeat(calls)
            for call in calls:
                trial.caller.once(call)
        except KeyboardInterrupt:
            if not repeats:
                raise
        finally:
            trial.close()

    def _try_abilities(self, trial: Trial, parsed_args: argparse.Namespace) -> None:
        abilities = trial.abilities(lambda what: parsed_args.yes or self.confirms(what, _NOBODY, None))
        for word in dict.fromkeys(parsed_args.ask):
            abilities.ask(word)
        if parsed_args.boot is not None:
            abilities.boot(parsed_args.boot)
        if parsed_args.identify is not None:
            abilities.identify(parsed_args.identify)
        if parsed_args.set_clock:
            abilities.set_clock()
        if parsed_args.do is not None:
            abilities.act(parsed_args.do, parsed_args.argument)
        if parsed_args.clear_log:
            abilities.clear_log()

    def _agrees_to_password(self) -> bool:
        return self.confirms(
            "give the machine another password, and then the present one back", _NOBODY, None
        )

    def _agrees(self, action: str, state: str) -> bool:
        return self.confirms(f"the machine is {state}: send {action}", _NOBODY, None)


def _abilities(parsed_args: argparse.Namespace) -> Iterator[str]:
    """Yield the abilities that a trial needs, besides those of --ask."""
    if parsed_args.boot is not None:
        yield "boot device"
    if parsed_args.identify is not None:
        yield "identify"
    if parsed_args.set_clock:
        yield "set clock"
    if parsed_args.clear_log:
        yield "clear log"
