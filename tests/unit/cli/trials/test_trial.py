"""A trial with drivers that hang, lie, forget and report when they should not."""

import asyncio
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from daemons import eventually
from podium import conf, errors, states
from podium.cli.trials.caller import Call
from podium.cli.trials.transcript import Transcript
from podium.cli.trials.trial import Trial
from podium.drivers import base
from podium.testing import make_driver, make_node
from promises import Able


class Machine(base.Driver):
    """One machine in memory."""

    properties = {"password": base.Property("password", secret=True)}
    answers: list[Any]

    async def start(self) -> None:
        self.answers = [states.POWER_OFF]

    async def get_power_state(self, node: base.Node) -> str:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    async def set_power_state(self, node: base.Node, target: str) -> None:
        self.answers += [errors.BMCUnreachable("it starts"), states.POWER_OFF, states.POWER_OFF, target]
        del self.answers[0]


class Clock:
    """Moves when somebody waits for it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


@contextmanager
def trial_of(
    driver_class: type[base.Driver], folder: Path, **timing: Callable[..., Any]
) -> Iterator[tuple[Trial, base.Driver, list[str]]]:
    """A trial that is open, the driver, and the lines that are printed."""
    (folder / "podium.conf").write_text("")
    config = conf.load(["--config-file", str(folder / "podium.conf")], prog="podium")
    lines: list[str] = []
    node = make_node("acme", {"password": "hunter2"}, as_of=time.monotonic())
    driver = make_driver(driver_class, "acme")
    transcript = Transcript("acme", lines.append, node.driver_info, frozenset({"password"}))
    with transcript.logs():
        trial = Trial(driver, node, transcript, config, **timing)
        assert trial.open()
        assert lines.pop(0).startswith("acme.start: done, in ")
        try:
            yield trial, driver, lines
        finally:
            trial.close()
    lines.append(f"has failed: {transcript.has_failed}")


def named(lines: list[str]) -> list[str]:
    """The lines without the times."""
    return [line.partition(", in ")[0] for line in lines]


def test_while_a_change_takes_effect_only_new_answers_are_shown(tmp_path: Path) -> None:
    clock = Clock()
    with trial_of(Machine, tmp_path, clock=clock, pause=clock.pause) as (trial, _, lines):
        trial.switch(states.POWER_ON, 60.0, lambda state: state == states.POWER_OFF)
        assert named(lines) == [
            "acme.get_power_state: power off",
            "acme.set_power_state: power on accepted",
            "acme.get_power_state: failed after 0.000 s: it starts",
            "acme.get_power_state: power off",
            "acme.get_power_state: power on",
            "acme.get_power_state: power on 0.5 s after the command",
        ]
    assert lines[-1] == "has failed: False"


class Forgetful(Machine):
    """Accepts everything, and does nothing."""

    async def set_power_state(self, node: base.Node, target: str) -> None:
        pass


def test_a_change_that_never_shows_fails_after_the_conductors_timeout(tmp_path: Path) -> None:
    clock = Clock()
    with trial_of(Forgetful, tmp_path, clock=clock, pause=clock.pause) as (trial, _, lines):
        trial.switch(states.POWER_ON, 60.0, lambda state: True)
        assert lines[-1].startswith("acme.get_power_state: failed after 6")
        assert lines[-1].endswith(": it is not power on")
    assert lines[-1] == "has failed: True"


def test_an_answer_that_is_no_power_state_is_a_failure(tmp_path: Path) -> None:
    with trial_of(Machine, tmp_path) as (trial, driver, lines):
        driver.answers = ["On"]
        assert not trial.caller.once(trial.readings()[0])
        assert lines[0].endswith("s: 'On' is none of error, power off, power on")


class Blocks(Machine):
    """Blocks its own loop."""

    released = threading.Event()

    async def get_power_state(self, node: base.Node) -> str:
        self.released.wait(60)
        return states.POWER_OFF


def test_a_driver_that_blocks_its_loop_does_not_keep_the_trial(tmp_path: Path) -> None:
    clock = Clock()

    def passing() -> float:
        clock.now += 70.0
        return clock.now

    with trial_of(Blocks, tmp_path, clock=passing) as (trial, driver, lines):
        assert not trial.caller.once(trial.readings()[0])
        assert lines[-1].endswith(": no answer within 60 s")
        Blocks.released.set()


class Reporter(Machine):
    """Reports from a thread of its own while it is switched, and a health of a node that is not there."""

    async def set_power_state(self, node: base.Node, target: str) -> None:
        self.answers = [target]
        thread = threading.Thread(target=self.manager.report_power_state, args=(node, states.POWER_OFF))
        thread.start()
        thread.join()

    @base.driver_periodic_task(spacing=60)
    def remember(self, manager: base.Manager, context: object) -> None:
        self.manager = manager
        (node,) = manager.nodes(self)
        manager.report_health(make_node("acme", name="other"), base.Health("OK"))
        logging.getLogger("acme").info("the password is %s\x1b[2J", node.driver_info["password"])
        logging.getLogger("acme").info("%s", {"session_token": "t-17"})
        logging.getLogger("acme").info("%d", "no number")


def test_what_a_conductor_would_ignore_is_said_to_be_ignored(tmp_path: Path) -> None:
    with trial_of(Reporter, tmp_path) as (trial, _, lines):
        (remember,) = trial.tasks(["remember"])
        assert trial.caller.once(remember)
        trial.switch(states.POWER_ON, 60.0, lambda state: True)
    assert lines[0].startswith("acme.remember: health OK; ignored: ")
    reports = [line for line in lines if "reports" in line]
    assert [line.partition(";")[0] for line in reports] == ["acme: reports power off"]
    assert "; ignored: " in reports[0]


def test_log_lines_have_neither_secrets_nor_control_characters(tmp_path: Path) -> None:
    with trial_of(Reporter, tmp_path) as (trial, _, lines):
        trial.caller.once(trial.tasks(["remember"])[0])
    assert lines[1:4] == [
        "acme.remember: INFO acme: the password is ****** [2J",
        "acme.remember: INFO acme: {'session_token': '******'}",
        "acme.remember: INFO acme: '%d' cannot be formatted with its arguments",
    ]


class Mute(Machine):
    """Fails with an error that cannot be read, and logs it from a thread of its own."""

    async def get_power_state(self, node: base.Node) -> str:
        class Unreadable(Exception):
            def __str__(self) -> str:
                raise RuntimeError

        thread = threading.Thread(target=logging.getLogger("acme").info, args=("%s", Unreadable()))
        thread.start()
        thread.join()
        raise Unreadable


def test_an_error_whose_text_cannot_be_read_is_a_failure_like_others(tmp_path: Path) -> None:
    with trial_of(Mute, tmp_path) as (trial, _, lines):
        assert not trial.caller.once(trial.readings()[0])
    assert lines[0] == "acme: INFO acme: this line cannot be shown: RuntimeError"
    assert "fault of the driver: Unreadable" in lines[1]


class Together(Machine):
    """Answers for many nodes at once, and is not to be asked often."""

    interval = 3600.0
    together: object = None

    async def get_power_states(self, nodes: Sequence[base.Node]) -> Any:
        return {node.uuid: self.together for node in nodes} if self.together else self.answers


def test_both_ways_of_reading_are_tried(tmp_path: Path) -> None:
    with trial_of(Together, tmp_path) as (trial, driver, lines):
        driver.together = states.POWER_ON
        assert [trial.caller.once(reading) for reading in trial.readings()] == [True, True]
    assert named(lines)[:2] == ["acme.get_power_states: power on", "acme.get_power_state: power off"]


@pytest.mark.parametrize(
    ("together", "answers", "words"),
    [
        (errors.BMCUnreachable("outlet 3 is silent"), {}, "outlet 3 is silent"),
        (None, {}, "the driver did not answer for it"),
        (
            None,
            ["power on"],
            "fault of the driver: TypeError: get_power_states returned a list, not a mapping",
        ),
        ("on", {}, "'on' is none of error, power off, power on"),
    ],
)
def test_a_read_of_many_that_has_no_answer_for_the_node_fails(
    tmp_path: Path, together: object, answers: object, words: str
) -> None:
    with trial_of(Together, tmp_path) as (trial, driver, lines):
        driver.together, driver.answers = together, answers
        assert not trial.caller.once(trial.readings()[0])
    assert words in lines[0]


def test_a_watch_reads_at_the_drivers_own_interval(tmp_path: Path) -> None:
    with trial_of(Together, tmp_path) as (trial, _, _lines):
        assert [reading.spacing for reading in trial.readings()] == [3600.0, 3600.0]


class Pushes(Machine):
    """Hears of its node, and listens to it from then on."""

    async def start(self, manager: base.Manager) -> None:
        await super().start()
        self.manager, self.seen_at_start = manager, list(manager.nodes(self))

    async def node_added(self, node: base.Node) -> None:
        assert self.manager.node("node1") == node
        self.manager.spawn(self.listen(node))

    def node_changed(self, node: base.Node) -> None:
        assert node.maintenance

    async def listen(self, node: base.Node) -> None:
        self.manager.report_power_state(node, states.POWER_ON)
        self.manager.set_maintenance(node, "it burns")
        raise OSError(f"the stream of {node.driver_info['password']} has ended")


def test_a_driver_that_waits_for_events_is_told_of_the_node(tmp_path: Path) -> None:
    with trial_of(Pushes, tmp_path) as (_, driver, lines):
        assert driver.seen_at_start == []
        eventually(lambda: "acme.node_changed: done" in named(lines), "the driver learns of the maintenance")
    shown = named(lines)
    assert {"acme.node_added: done", "acme: reports power on", "acme: sets maintenance: it burns"} <= {*shown}
    (fault,) = [line for line in shown if "ERROR" in line]
    assert fault.endswith("listen failed: OSError: the stream of ****** has ended")
    assert lines[-1] == "has failed: True"


class Deaf(Machine):
    """Fails when it hears of its node."""

    def node_added(self, node: base.Node) -> None:
        raise errors.BMCUnreachable("no stream")


def test_a_node_added_that_fails_fails_the_trial(tmp_path: Path) -> None:
    with trial_of(Deaf, tmp_path) as (_, _, lines):
        pass
    assert any(line.endswith("node_added for node1 failed: no stream") for line in lines)
    assert lines[-1] == "has failed: True"


class Filtered(Machine):
    """Has a task for machines that are on."""

    @base.node_periodic_task(spacing=1, filters={"power_state": states.POWER_ON})
    async def greet(self, node: base.Node, manager: base.Manager, context: object) -> None:
        pass

    @base.node_periodic_task(spacing=1)
    async def stop(self, node: base.Node, manager: base.Manager, context: object) -> None:
        pass


def test_a_watch_runs_tasks_for_the_nodes_that_they_are_for(tmp_path: Path) -> None:
    clock = Clock()
    ends = iter(range(3))

    def pause(seconds: float) -> None:
        clock.pause(seconds)
        if next(ends, None) is None:
            raise KeyboardInterrupt

    with trial_of(Filtered, tmp_path, clock=clock, pause=pause) as (trial, _, lines):
        with pytest.raises(KeyboardInterrupt):
            trial.caller.repeat([*trial.readings(), *trial.tasks([])])
        assert "acme.stop: done" in named(lines)
        assert "acme.greet: done" not in named(lines)
        assert trial.caller.once(trial.tasks(["greet"])[0])  # as podium task run --node does


def test_a_call_that_is_due_while_it_is_under_way_is_not_made_twice(tmp_path: Path) -> None:
    begun = []

    async def endless(_: object) -> None:
        begun.append(1)
        await asyncio.Event().wait()

    rounds = iter(range(20))

    def words(_: object) -> str:
        if next(rounds, None) is None:
            raise KeyboardInterrupt
        return "done"

    with trial_of(Machine, tmp_path) as (trial, _, _lines):
        slow = Call(name="acme.slow", make=endless, deadline=1e9)
        quick = Call(name="acme.quick", make=trial.readings()[0].make, deadline=60.0, words=words)
        with pytest.raises(KeyboardInterrupt):
            trial.caller.repeat([slow, quick])
    assert begun == [1]


class Liar(Able):
    """Hardware that accepts what it does not do, and returns what is no answer."""

    async def start(self) -> None:
        pass

    async def get_power_state(self, node: base.Node) -> str:
        return states.POWER_OFF

    async def set_boot_device(self, node: base.Node, boot: base.BootDevice) -> None:
        pass

    async def set_clock(self, node: base.Node) -> None:
        pass

    async def get_log(self, node: base.Node, before: str | None, after: str | None, limit: int) -> Any:
        return ["hunter2"]

    @base.action(help="Blink")
    async def blink(self, node: base.Node) -> Any:
        return 7


def test_what_is_accepted_and_not_done_fails_the_trial(tmp_path: Path) -> None:
    clock = Clock()
    with trial_of(Liar, tmp_path, clock=clock, pause=clock.pause) as (trial, _, lines):
        abilities = trial.abilities(lambda what: True)
        abilities.boot("pxe")
        abilities.set_clock()
        abilities.ask("log")
        abilities.act("blink", [])
    assert lines.pop() == "has failed: True"
    assert [re.sub(r"[0-9.]+ s: ", "N s: ", line) for line in lines if "failed" in line] == [
        "acme.get_boot_device: failed after N s: TimeoutError: it is not pxe, once",
        "acme.get_clock: failed: it is wrong by more than 5 s",
        "acme.get_log: failed after N s: get_log returned ['******'], which is no podium.drivers.base.Log",
        "acme.blink: failed after N s: it returned neither a line nor None, but 7",
    ]
