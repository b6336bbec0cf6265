"""A trial of a driver: one node is read, switched and watched, and everything is printed."""

import concurrent.futures
import dataclasses
from collections.abc import Callable, Collection
from typing import Any, Final

from oslo_config import cfg

from podium import errors, states
from podium.cli.trials.abilities import Abilities
from podium.cli.trials.caller import Call, Caller
from podium.cli.trials.manager import TrialManager
from podium.cli.trials.passwords import Passwords
from podium.cli.trials.room import TrialRoom
from podium.cli.trials.transcript import Transcript
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.power.sending import LONGEST_CALL, PAUSES
from podium.conductor.sweep import batches
from podium.conductor.tasks.kinds import DriverTask
from podium.conductor.tasks.node_task import NodeTask
from podium.conductor.tasks.schedule import Schedule
from podium.db.worker import Worker
from podium.drivers import base, class_options
from podium.wording import safe_repr

_START_TIMEOUT: Final = 30.0
#: Longer than the room lets ``node_added`` take.
_TOLD_TIMEOUT: Final = 15.0
_CLOSE_TIMEOUT: Final = 10.0
#: Actions that the conductor does not send to a machine that is in this state already.
_SWITCHES: Final = frozenset({states.POWER_ON, states.POWER_OFF})


class Trial:
    """One driver and one node. For the main thread.

    :param config: the options, for spacings and deadlines
    :param timing: the clock and the pause of :class:`podium.cli.trials.caller.Caller`
    """

    def __init__(
        self,
        driver: base.Driver,
        node: base.Node,
        transcript: Transcript,
        config: cfg.ConfigOpts,
        **timing: Callable[..., Any],
    ) -> None:
        self._driver = driver
        self._transcript = transcript
        self._schedule = Schedule.read(config)
        self._room = TrialRoom(driver, transcript)
        self._manager = TrialManager(node, transcript, self._room)
        self._is_open = False
        self.caller = Caller(self._room, transcript, **timing)

    def open(self) -> bool:
        """Start the driver, and tell it about the node; return whether it started."""
        begun, name = self.caller.clock(), f"{self._driver.name}.start"
        try:
            with self._manager.starting(self._driver):
                self._room.open(_START_TIMEOUT, self._manager)
        except errors.DriverLoadError as error:
            self._transcript.failure(error, self.caller.clock() - begun, name)
            return False
        self._is_open = True
        self._transcript.line(f"done, in {self.caller.clock() - begun:.3f} s", name)
        self._manager.tell()
        concurrent.futures.wait([self._room.told], _TOLD_TIMEOUT)
        return True

    def close(self) -> None:
        """Print the driver's own statistics, and close it."""
        if self._is_open:
            self._show_statistics()
        begun, name = self.caller.clock(), f"{self._driver.name}.close"
        has_ended = self._room.close(_CLOSE_TIMEOUT)
        seconds = self.caller.clock() - begun
        if has_ended:
            self._transcript.line(f"ended, in {seconds:.3f} s", name)
        else:
            self._transcript.failure(TimeoutError("it has not ended, and is left behind"), seconds, name)

    def _show_statistics(self) -> None:
        begun, name = self.caller.clock(), f"{self._driver.name}.statistics"
        try:
            figures = [f"{key}={value:.15g}" for key, value in self._driver.statistics().items()]
        except Exception as error:
            self._transcript.failure(error, self.caller.clock() - begun, name)
            return
        if figures:
            self._transcript.line(" ".join(figures), name)

    def readings(self) -> list[Call]:
        """Return the reads of the power: that of sweeps, and that of power changes if it differs."""
        reading = self._reading()
        if not base.reads_together(self._driver):
            return [reading]
        together = dataclasses.replace(
            reading,
            name=f"{self._driver.name}.get_power_states",
            make=lambda _: self._command(LONGEST_CALL, self._together),
        )
        return [together, reading]

    def _reading(self) -> Call:
        return Call(
            name=f"{self._driver.name}.get_power_state",
            make=lambda _: self._command(LONGEST_CALL, self._driver.get_power_state),
            deadline=LONGEST_CALL,
            spacing=max(self._schedule.sync_interval, class_options.value(self._driver, "interval") or 0.0),
            words=self._power,
        )

    def login(self, node: base.Node | None = None) -> Call:
        """Return the call that tries the login of the trial's node, or of ``node`` if it is given."""
        return Call(
            name=f"{self._driver.name}.check_login",
            make=lambda _: self._command(LONGEST_CALL, self._driver.check_login, node=node),
            deadline=LONGEST_CALL,
            words=_login,
        )

    def giving(self, node: base.Node, method: Callable[[base.Node], Any]) -> Call:
        """Return the call that gives a node's machine another password."""
        return Call(
            name=f"{self._driver.name}.set_password",
            make=lambda _: self._command(LONGEST_CALL, method, node=node),
            deadline=LONGEST_CALL,
            words=lambda _: "accepted",
        )

    def set_password(self, other: base.Node) -> None:
        """Give the machine the password of another node, prove it, and restore the present one."""
        Passwords(self._driver, self, self.caller, self._transcript, self._manager.subject, other).run()

    def abilities(self, agrees: Callable[[str], bool]) -> Abilities:
        """Return the trial of the driver's abilities besides power.

        :param agrees: returns whether something may be done; its argument says in words what
        """
        return Abilities(self._driver, self._command, self.caller, self._transcript, agrees)

    async def _together(self, node: base.Node) -> Any:
        answers = batches.checked(await self._room.call(self._driver.get_power_states, [node]))
        answer = answers.get(node.uuid, errors.DriverError(batches.MISSING))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def tasks(self, names: Collection[str]) -> list[Call]:
        """Return the calls of the tasks with these names; without names, of all enabled tasks."""
        calls = []
        for task, method in base.periodic_tasks(self._driver):
            given = self._room, Fleet(Worker("trial", 0)), task, method, self._schedule
            kind = NodeTask(*given) if task.per_node else DriverTask(*given)
            if task.name in names if names else kind.enabled:
                calls.append(self._task(kind, method))
        return calls

    def _task(self, kind: DriverTask, method: Callable[..., Any]) -> Call:
        if not isinstance(kind, NodeTask):
            return Call(
                name=kind.name,
                make=lambda request: self._room.call(method, self._manager, request),
                deadline=kind.deadline,
                spacing=kind.spacing,
            )
        return Call(
            name=kind.name,
            make=lambda request: self._command(kind.call_deadline, method, self._manager, request),
            deadline=kind.call_deadline,
            spacing=kind.spacing,
            is_wanted=lambda: kind.is_for(self._manager.subject),
        )

    async def _command(
        self, seconds: float, method: Callable[..., Any], *args: Any, node: base.Node | None = None
    ) -> Any:
        return await self._room.command(seconds, node or self._manager.subject, method, *args, urgent=True)

    def _power(self, answer: Any) -> str:
        if not (isinstance(answer, str) and answer in states.READINGS):
            raise errors.DriverError(f"{safe_repr(answer)} is none of {', '.join(sorted(states.READINGS))}")
        self._manager.note_power(answer)
        return answer

    def switch(self, target: str, seconds: float, agrees: Callable[[str], bool]) -> None:
        """Send a power change once, and read until the new state shows.

        :param target: one of the driver's actions
        :param seconds: until the new state must show
        :param agrees: returns whether it may be sent to a machine in this state
        """
        name, reading = f"{self._driver.name}.set_power_state", self._reading()
        if not self.caller.once(reading):
            self._transcript.line(f"{target} is not sent, because the power cannot be read", name)
            return
        state = self._manager.subject.power_state or ""
        if target in _SWITCHES and state == target:
            self._transcript.line(f"it is {state} already, and nothing is sent", name)
            return
        if not agrees(state):
            self._transcript.has_failed = True
            self._transcript.line("nothing was sent", name)
            return
        with self._manager.switching(target):
            begun = self.caller.clock()
            if self.caller.once(self._sending(target)) and target in states.REACHED:
                self._read_until(states.REACHED[target], begun, seconds)
            else:
                self.caller.once(reading)

    def _sending(self, target: str) -> Call:
        driver = self._driver
        method: Callable[..., Any] = driver.set_power_state
        args: tuple[str, ...] = (target,)
        if target == states.INJECT_NMI:
            method, args = driver.inject_nmi, ()
        return Call(
            name=f"{driver.name}.{method.__name__}",
            make=lambda _: self._command(LONGEST_CALL, method, *args),
            deadline=LONGEST_CALL,
            words=lambda _: f"{target} accepted",
        )

    def _read_until(self, wanted: str, begun: float, seconds: float) -> None:
        """Print each new answer until it is the wanted one, or the time is over."""
        reading, pauses, shown = self._reading(), iter(PAUSES), ""
        while True:
            outcome = self.caller.made(reading)
            passed = self.caller.clock() - begun
            words = outcome.words if outcome.error is None else errors.one_line(outcome.error)
            if words != shown:
                shown = words
                self.caller.show(reading, outcome, counts=False)
            if words == wanted:
                self._transcript.line(f"{wanted} {passed:.1f} s after the command", reading.name)
                return
            if passed >= seconds:
                self._transcript.failure(TimeoutError(f"it is not {wanted}"), passed, reading.name)
                return
            self.caller.pause(next(pauses))


def _login(answer: Any) -> str:
    if not isinstance(answer, base.LoginReport):
        raise errors.DriverError(f"{safe_repr(answer)} is no podium.drivers.base.LoginReport")
    who = "logged in (no user name)" if answer.username is None else f"user {answer.username!r} logged in"
    known = [who, answer.privilege, answer.protocol, answer.power_state, *answer.remarks]
    return ", ".join(str(one) for one in known if one)
