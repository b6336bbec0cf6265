"""No line that a driver logs while it is called for a node shows a secret of that node."""

import asyncio
import gc
import logging
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg
from oslo_log import formatters
from oslo_log import log as oslo_log

from fakes import PATIENCE, Clock, StillDriver, happened, pieces
from podium import masking
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms import hiding
from podium.conductor.rooms.room import DriverRoom
from podium.drivers import base
from rude import Rude
from stage import conducted

#: A secret by its name, one that the driver declares, and one that is too short to be looked for in texts.
# None of them is in a line of code of a traceback.
PASSWORD, PIN = "hunter2", "xyzzy-17"
INFO = {"acme_password": PASSWORD, "acme_pin": PIN, "acme_token": "ab", "acme_address": "bmc1"}
NODE = base.Node("u1", "n1", "still", driver_info=INFO)


def with_oslo() -> logging.Formatter:
    conf = cfg.ConfigOpts()
    oslo_log.register_options(conf)
    conf([])
    formatter: logging.Formatter = formatters.ContextFormatter(config=conf)
    return formatter


class Lines(logging.Handler):
    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.records: list[logging.LogRecord] = []
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.lines.append(self.format(record))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@pytest.fixture(params=[logging.Formatter, with_oslo], ids=["stdlib", "oslo.log"])
def shown(request: pytest.FixtureRequest) -> Iterator[Lines]:
    """What a handler of the root logger shows."""
    handler = Lines(request.param())
    root = logging.getLogger()
    root.addHandler(handler)
    before = [(one, list(one.filters)) for one in root.handlers]
    contexts.install()
    hiding.install()
    yield handler
    for one, filters in before:
        one.filters = filters
    root.removeHandler(handler)


def chained() -> None:
    try:
        raise ValueError(f"{PASSWORD} of bmc1")
    except ValueError as cause:
        error = OSError(f"refused: {PIN}")
        error.add_note(f"asked with {PASSWORD}")
        raise error from cause


def log_of_an_error(log: Any) -> None:
    try:
        chained()
    except OSError:
        log.exception("no way in with %s", PASSWORD)


def log_of_a_rude_error(log: Any) -> None:
    try:
        raise Rude(RuntimeError(PASSWORD))
    except Rude as error:
        log.warning("odd: %s", "bmc1", exc_info=error)


WAYS: dict[str, Callable[[Any], object]] = {
    "a mapping": lambda log: log.warning("%s at bmc1", INFO),
    "a mapping as the message": lambda log: log.warning(INFO),
    "a mapping by its names": lambda log: log.warning("%(acme_address)s %(acme_token)s", INFO),
    "text": lambda log: log.warning(f"hunter2 and xyzzy-17 at {INFO['acme_address']}"),  # noqa: G004
    "arguments": lambda log: log.warning("%s of %r at %s", "hunter2", ["xyzzy-17"], "bmc1"),
    "an error as the message": lambda log: log.warning(OSError("hunter2 at bmc1")),
    "an error": log_of_an_error,
    "an error without words": log_of_a_rude_error,
    "too few arguments": lambda log: log.warning("hunter2 at bmc1: %s %s", "xyzzy-17"),
    "a rude argument": lambda log: log.warning("hunter2 at bmc1: %s", Rude()),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("get_log", [logging.getLogger, oslo_log.getLogger], ids=["logging", "oslo_log"])
@pytest.mark.parametrize("is_async", [True, False], ids=["async", "plain"])
def test_a_line_of_a_call_shows_no_secret_of_its_node(
    shown: Lines, capsys: pytest.CaptureFixture[str], way: str, get_log: Callable[[str], Any], is_async: bool
) -> None:
    class Talkative(StillDriver):
        properties = {"acme_pin": base.Property("the PIN", secret=True)}

        def read(self, node: base.Node) -> None:
            WAYS[way](get_log("acme"))

        async def read_async(self, node: base.Node) -> None:
            await asyncio.sleep(0)
            self.read(node)

    driver = Talkative()
    call(driver, driver.read_async if is_async else driver.read)
    assert "bmc1" in shown.text
    assert not re.search(r"\bab\b", shown.text)
    on_standard_error = capsys.readouterr().err  # where logging reports what it cannot format
    for secret in (PASSWORD, PIN):
        assert secret not in shown.text
        assert secret not in on_standard_error


def call(driver: base.Driver, method: Callable[..., Any]) -> None:
    room = DriverRoom(driver)
    room.open(PATIENCE)
    try:
        run = room.start(lambda: room.command(PATIENCE, NODE, method), contexts.new())
        run.future.result(PATIENCE)
    finally:
        assert room.close(PATIENCE)


def test_a_task_that_a_call_begins_shows_none_either(shown: Lines) -> None:
    class Beginning(StillDriver):
        async def read(self, node: base.Node) -> None:
            async def later() -> None:
                logging.getLogger("acme").warning("hunter2 at bmc1")

            await asyncio.create_task(later())

    driver = Beginning()
    call(driver, driver.read)
    assert "****** at bmc1" in shown.text


def test_a_task_that_is_spawned_in_a_call_hides_the_secrets_of_its_node(shown: Lines) -> None:
    done = threading.Event()

    class Spawning(StillDriver):
        async def node_added(self, node: base.Node) -> None:
            room.spawned.start(self.listen(), 10, str)

        async def listen(self) -> None:
            logging.getLogger("acme").warning("listens to bmc1 with hunter2")
            done.set()

    driver = Spawning()
    room = DriverRoom(driver)
    room.open(PATIENCE)
    try:
        run = room.start(lambda: room.command(PATIENCE, NODE, driver.node_added), contexts.new())
        run.future.result(PATIENCE)
        assert done.wait(PATIENCE)
    finally:
        assert room.close(PATIENCE)
    assert "listens to bmc1 with ******" in shown.text


class Whole(StillDriver):
    """Is called for no node in particular."""

    def __init__(self) -> None:
        super().__init__()
        self.done = threading.Event()

    @base.driver_periodic_task(spacing=60)
    async def watch(self, manager: base.Manager, context: Any) -> None:
        for node in manager.nodes(self):
            logging.getLogger("acme").warning("%s has %s", node.name, node.driver_info["password"])
        manager.spawn(self.listen())

    async def listen(self) -> None:
        logging.getLogger("acme").warning("listens with hunter2")
        self.done.set()


def test_a_call_for_no_node_in_particular_shows_no_secret_of_any_of_the_drivers(
    tmp_path: Path, shown: Lines, clock: Clock
) -> None:
    async def main() -> None:
        async with conducted(tmp_path, clock, driver := Whole()) as it:
            for name, password in (("n1", "hunter2"), ("n2", "swordfish")):
                it.parts.enrol({"name": name, "driver": "still", "driver_info": {"password": password}})
                await it.parts.fleet.refresh(it.parts.sql)
            it.manager.run_now("still.watch", None, lambda *_: None)
            await happened(driver.done)

    asyncio.run(main())
    said = [record.getMessage() for record in shown.records if record.name == "acme"]
    assert said == ["n1 has ******", "n2 has ******", "listens with ******"]


def test_what_names_the_endpoint_of_a_node_shows_no_secret_and_may_raise_anything(shown: Lines) -> None:
    class Talkative(StillDriver):
        def endpoint(self, node: base.Node) -> str:
            logging.getLogger("acme").warning("hunter2 at bmc1")
            raise SystemExit(3)

    assert DriverRoom(Talkative()).endpoint(NODE) == NODE.uuid
    assert "****** at bmc1" in shown.text


def test_a_call_for_several_nodes_shows_no_secret_of_any(shown: Lines) -> None:
    other = base.Node("u2", "n2", "still", driver_info={"password": "swordfish"})

    async def read(node: base.Node, nodes: list[base.Node]) -> None:
        logging.getLogger("acme").warning("hunter2 swordfish bmc1")

    room = DriverRoom(StillDriver())

    async def main() -> None:
        await room.call(read, NODE, [NODE, other])

    asyncio.run(main())
    assert "****** ****** bmc1" in shown.text


def test_reads_that_go_on_side_by_side_each_hide_the_secrets_of_their_own_node(
    tmp_path: Path, shown: Lines
) -> None:
    class Slow(StillDriver):
        under_way = 0
        all_are = asyncio.Event()

        async def get_power_state(self, node: base.Node) -> str:
            self.under_way += 1
            if self.under_way == 3:
                self.all_are.set()
            await self.all_are.wait()
            password = node.driver_info["password"]
            logging.getLogger("acme").warning("%s: my password is %s", node.name, password)
            return await super().get_power_state(node)

    async def main() -> None:
        async with pieces(f"sqlite:///{tmp_path}/p", driver := Slow()) as it:
            names = ("a", "b", "c")
            it.enrol(
                *(
                    {"name": name, "driver": driver.name, "driver_info": {"password": name * 10}}
                    for name in names
                )
            )
            await it.fleet.refresh(it.sql)
            await it.sync.sweep(0.0, contexts.new(), at_once=True)

    asyncio.run(main())
    lines = [record.getMessage() for record in shown.records if record.name == "acme"]
    assert sorted(lines) == [f"{name}: my password is ******" for name in ("a", "b", "c")]


def test_the_error_of_a_task_that_nobody_awaits_shows_no_secret_of_any_node(shown: Lines) -> None:
    secrets = hiding.Secrets(frozenset({"acme_pin"}))
    secrets.scrubbed = masking.scrubber(INFO, secrets.names)

    async def fail() -> None:
        raise OSError(f"{PASSWORD} and {PIN} at bmc1")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(secrets.log_fault)
        forgotten = asyncio.create_task(fail())
        await asyncio.wait([forgotten])

    asyncio.run(main())
    gc.collect()
    assert "OSError: ****** and ****** at bmc1" in shown.text
    assert "hunter2" not in shown.text


def test_a_line_of_nobodys_call_is_left_as_it_is(shown: Lines) -> None:
    error = OSError("hunter2")
    logging.getLogger("acme").warning("%s", INFO, exc_info=error)
    (record,) = shown.records
    assert (record.args, record.exc_info) == (INFO, (OSError, error, None))


def test_the_stack_of_a_line_shows_no_secret(shown: Lines) -> None:
    async def read(node: base.Node) -> None:
        record = logging.LogRecord("acme", logging.WARNING, "f", 1, "bmc1", (), None, sinfo="f(hunter2)")
        logging.getLogger("acme").handle(record)

    async def main() -> None:
        await DriverRoom(StillDriver()).call(read, NODE)

    asyncio.run(main())
    assert "f(******)" in shown.text
