"""The conductor of a trial: prints what a driver reports and saves, and does nothing else with it."""

import contextlib
import datetime
import shlex
import threading
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Any, Final

from podium import errors
from podium.cli.trials.transcript import Transcript
from podium.conductor.rooms.room import DriverRoom
from podium.drivers import base, command, push
from podium.testing import FakeManager

_IGNORED: Final = "; ignored: the node is not one that the conductor has with this driver_info"
_OUTDATED: Final = (
    "; ignored: it was observed before what is known now, or the node is reserved or being switched"
)


class TrialManager(FakeManager):
    """The test kit's manager in memory, which decides what counts, with one node. For any thread.

    :param transcript: where everything is printed
    :param room: the driver's room, for the coroutines that it spawns
    """

    def __init__(self, node: base.Node, transcript: Transcript, room: DriverRoom) -> None:
        super().__init__([node])
        self._room = room
        self._uuid = node.uuid
        self._transcript = transcript
        self._say = transcript.line
        self._changing = threading.RLock()

    @property
    def subject(self) -> base.Node:
        """The node as it is known now."""
        return self._nodes[self._uuid]

    def note_power(self, state: str) -> None:
        """Keep the power state that was read."""
        with self._changing:
            self._update(self.subject, power_state=state)

    @contextlib.contextmanager
    def switching(self, target: str) -> Iterator[None]:
        """Mark the node as being switched inside the ``with``: reports of its power are ignored meanwhile.

        :raises podium.errors.NodeConflict: if the driver has reserved it
        """
        with self._changing:
            if self._uuid in self._reserved:
                raise errors.NodeConflict(f"{self.subject.name} is reserved by its driver")
            self._update(self.subject, target_power_state=target)
        try:
            yield
        finally:
            with self._changing:
                self._update(self.subject, target_power_state=None)
                self.change_power(self.subject, self.subject.power_state or target)

    def tell(self) -> None:
        """Tell the driver, which has started, about the node."""
        self._tell(self.subject, is_here=True)

    def _tell(self, node: base.Node, *, is_here: bool) -> None:
        if self._room.following.is_wanted:
            self._room.following.note(node, is_here)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> base.Spawned:
        return self._room.spawned.start(coroutine, push.most_spawned(1), self._transcript.clean)

    def report_power_state(self, node: base.Node, state: str, *, observed_at: float | None = None) -> None:
        with self._changing:
            before = len(self.power_states.get(node.name, ()))
            super().report_power_state(node, state, observed_at=observed_at)
            counts = len(self.power_states.get(node.name, ())) > before
        self._say(f"reports {state}{'' if counts else _OUTDATED}")

    def report_health(self, node: base.Node, health: base.Health | None) -> None:
        super().report_health(node, health)
        reasons = "" if health is None or not health.reasons else f": {'; '.join(health.reasons)}"
        self._heard(node, f"health {'unknown' if health is None else health.status}{reasons}")

    def report_clock(self, node: base.Node, clock: datetime.datetime) -> None:
        super().report_clock(node, clock)
        self._heard(node, f"clock {base.clock_offset(clock):+.1f} s")

    def report_sensors(self, node: base.Node, sensors: Sequence[base.Sensor]) -> None:
        super().report_sensors(node, sensors)
        for one in sensors:
            value = "no reading" if one.value is None else f"{one.value:g} {base.SENSOR_KINDS[one.kind]}"
            self._heard(node, f"sensor {one.name}: {value}, {one.status}")

    def save_properties(self, node: base.Node, properties: Mapping[str, Any]) -> None:
        with self._changing:
            super().save_properties(node, properties)
        self._heard(node, f"saves properties {self._transcript.json(properties)}")

    def save_driver_internal_info(self, node: base.Node, info: Mapping[str, Any]) -> None:
        with self._changing:
            super().save_driver_internal_info(node, info)
        self._heard(node, f"saves driver_internal_info {self._transcript.json(info)}")

    def set_maintenance(self, node: base.Node, reason: str) -> None:
        with self._changing:
            super().set_maintenance(node, reason)
        self._heard(node, f"sets maintenance: {reason}")

    def clear_maintenance(self, node: base.Node) -> None:
        with self._changing:
            super().clear_maintenance(node)
        self._heard(node, "ends its own maintenance")

    def _heard(self, node: base.Node, text: str) -> None:
        self._say(text if self._current(node) is not None else text + _IGNORED)

    @contextlib.contextmanager
    def _reserve(self, node: base.Node, purpose: str) -> Iterator[None]:
        with super()._reserve(node, purpose):
            self._say(f"reserves the node: {purpose}")
            yield
        self._say("gives the node back")

    def run_command(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        input: str = "",
        env: Mapping[str, str] | None = None,
        max_output: int = 65536,
    ) -> command.Pending[command.CommandResult]:
        who, shown = self._transcript.who(), shlex.join(self._transcript.clean([str(one) for one in argv]))

        def work() -> command.CommandResult:
            begun = time.monotonic()
            try:
                done = command.run(argv, timeout=timeout, input=input, env=env, max_output=max_output)
            except Exception as error:
                self._say(f"ran {shown}: failed: {errors.one_line(error)}", who)
                raise
            self._say(f"ran {shown}: status {done.returncode}, in {time.monotonic() - begun:.3f} s", who)
            return done

        if any(self._transcript.hides(str(one)) for one in argv):
            self._say("warning: a secret is in the arguments of the program, where every user sees it")
        return command.in_thread(work, name="command")
