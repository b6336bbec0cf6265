"""A change of a node's power in the modelled world, step by step; see model_members.py."""

from collections.abc import Generator
from typing import TYPE_CHECKING

from model_world import NO_CONFIRMATION, WAIT, Steps, clock_now
from podium import errors, states
from podium.conductor.rooms.places import NotAsked
from podium.db import beginning, outcomes
from podium.db.outcomes import Outcome

if TYPE_CHECKING:
    from model_members import Process


class Change:
    """A change of a node's power under way."""

    def __init__(self, process: "Process", begun: beginning.Begun) -> None:
        assert process.worker is not None
        self.process = process
        self.worker = process.worker
        self.begun = begun
        self.is_reading = True
        self.confirmed_at = 0.0
        self.timeline = 0
        self.steps = self._carry_out()

    def _carry_out(self) -> Steps:
        begun, process = self.begun, self.process
        machine = process.world.machines[begun.node.name]
        is_reboot = begun.action == states.REBOOTING
        target = states.POWER_OFF if begun.action == states.POWER_OFF else states.POWER_ON
        is_heard = begun.sent_at is not None or begun.requested_by in process.sent
        error = None
        while True:
            yield "reads"
            if is_reboot and not is_heard:
                is_heard = yield from self._send(states.REBOOTING)
                if not is_heard:
                    yield WAIT
                continue
            if machine.on == (target == states.POWER_ON):
                break
            yield from self._send(target)
            yield WAIT
        if is_reboot and begun.sent_at is not None:
            error = "it may have been carried out"
        self.is_reading = False
        state = states.POWER_ON if machine.on else states.POWER_OFF
        end = Outcome(begun.node.id, begun.request_id, self.worker, clock_now(), state, error)
        process.note_end(end)
        while True:
            yield "finishes"
            try:
                process.write(lambda connection: outcomes.finish(connection, [end]))
            except errors.DatabaseUnavailable:
                yield WAIT
            else:
                break
        process.sent.pop(begun.requested_by, None)

    def _send(self, command: str) -> Generator[str, None, bool]:
        """Send a command if allowed. Returns whether the machine may have received it."""
        process = self.process
        assert process.lease is not None
        yield "confirms"
        if NO_CONFIRMATION not in process.world.faults:
            try:
                numbers = [self.begun.request_id]
                confirmed = process.write(
                    lambda connection: beginning.mark_sent(connection, numbers, self.worker, clock_now())
                )
            except errors.DatabaseUnavailable:
                return False
            if not confirmed:
                raise errors.NodeConflict("no longer this member's")
        self.confirmed_at, self.timeline = process.world.now, process.timeline
        suspensions, stops = process.suspensions, -1
        yield "is allowed to send"
        try:
            with process.lease.calling():
                stops = process.stops
                yield "sends"
                process.sent[self.begun.requested_by] = self.begun
                while process.world.machines[self.begun.node.name].stuck:
                    yield WAIT
                    if not process.lease.is_safe():
                        return True  # cancelled
                is_excused = process.suspensions != suspensions or process.stops != stops
                process.world.send(self, command, is_excused)
        except NotAsked:
            return False
        return True
