"""What a type checker tells the author of a driver."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from peers import PATIENCE
from rounds import only_long

#: Each line that ends in ``# wrong`` is a mistake, and no other.
DRIVER: Final = """
import datetime
from typing import Literal, Protocol

from oslo_config import cfg
from podium import states
from podium.drivers import base
from podium.drivers.context import RunContext
from podium.testing import make_driver


class Options(Protocol):
    timeout: float


class AcmeDriver(base.Driver):
    options: Options = base.declare_options(cfg.FloatOpt("timeout", default=5))
    needs_api = (2, 0)

    async def get_power_state(self, node: base.Node) -> states.PowerState:
        if self.options.timeout > 5:
            return "power no"  # wrong
        if self.options.tiemout:  # wrong
            return states.REBOOTING  # wrong
        return states.POWER_ON if node.name else "power off"

    def set_power_state(self, node: base.Node, target: states.Target) -> None:
        assert target != "power onn"  # wrong

    @base.driver_periodic_task(spacing=5)
    async def watch(self, manager: base.Manager, context: RunContext) -> None: ...

    @base.driver_periodic_task(spacing=5)  # wrong
    async def watch_without_context(self, manager: base.Manager) -> None: ...

    @base.node_periodic_task()
    def look(self, node: base.Node, manager: base.Manager, context: RunContext) -> int:
        return context.on_demand

    @base.node_periodic_task()  # wrong
    def look_without_node(self, manager: base.Manager, context: RunContext) -> None: ...

    @base.node_periodic_task()  # wrong
    def look_by_name(self, node: str, manager: base.Manager, context: RunContext) -> None: ...

    @base.action(help="Blink")
    async def blink(self, node: base.Node, colour: Literal["red", "green"], times: int = 1) -> str:
        return f"blinked {colour}"

    async def get_clock(self, node: base.Node) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC)

    def get_log(self, node: base.Node, before: str | None, after: str | None, limit: int) -> base.Log:
        return base.Log([base.LogEntry("1", None, "OK", "it began")], more=False)

    def set_boot_device(self, node: base.Node, boot: str) -> None: ...  # wrong


class FirstEdition(base.Driver):
    def get_power_state(self, node: base.Node) -> str:
        return "power on"

    def set_power_state(self, node: base.Node, target: str) -> None: ...

    @base.driver_periodic_task()
    def watch(self, manager: base.Conductor, context: object) -> None:
        for node in manager.nodes(self):
            manager.report_power_state(node, str(node.power_state))


driver = make_driver(AcmeDriver, "acme", timeout=1)
seconds: float = driver.options.timeout
driver.look("node1", None, None)  # wrong
"""


@only_long
def test_a_type_checker_finds_mistakes_and_nothing_else(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed (make lint does)")
    (tmp_path / "acme.py").write_text(DRIVER)
    argv = (sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", "acme.py")
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=4 * PATIENCE)
    wrong = {number for number, line in enumerate(DRIVER.split("\n"), 1) if line.endswith("# wrong")}
    found = {int(number) for number in re.findall(r"^acme\.py:(\d+): error:", done.stdout, re.M)}
    assert found == wrong, done.stdout + done.stderr
