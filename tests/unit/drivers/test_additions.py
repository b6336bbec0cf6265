"""Drivers of the first edition go on as before, whatever they mean by names that the second one added."""

from collections.abc import Callable
from typing import Any

import pytest
from oslo_config import cfg

from podium.conductor.rooms.room import DriverRoom
from podium.drivers import base, class_options, push, registry
from podium.testing import structure

HEAD = """
from oslo_config import cfg
from podium import states
from podium.drivers import base

class Acme(base.Driver):
    \"\"\"Acme machines.\"\"\"
    async def get_power_state(self, node): return states.POWER_ON
    async def set_power_state(self, node, target): pass
"""

OLD = f"""{HEAD}
    options = (cfg.StrOpt("interval", default="5m", help="How often."),)
    interval = "5m"
    threads = None
    def __init__(self, name, options):
        super().__init__(name, options)
        self.interval = options.interval
    async def start(self, timeout=5): pass
    def get_power_states(self): return ["of the chassis"]
    def get_sensors(self): return ["of the chassis"]
    def node_added(self): pass
    node_removed = None
    @property
    def endpoint_calls(self): return 1 / 0
    @property
    def node_changed(self): return 1 / 0
"""


@pytest.fixture
def acme(install: Callable[..., None]) -> base.Driver:
    install(OLD)
    return registry.load(["acme"], configured())["acme"]


def configured() -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    conf([], project="podium", default_config_files=[], default_config_dirs=[])
    return conf


def test_what_does_not_fit_is_left_alone(acme: Any) -> None:
    assert not base.reads_together(acme)
    assert not base.reads_sensors(acme)
    assert push.defined(acme) == {}
    assert acme.get_power_states() == ["of the chassis"]
    assert acme.options.interval == "5m"
    found = [class_options.value(acme, name) for name in ("threads", "endpoint_calls", "interval")]
    assert found == [8, None, None]
    assert [one.dest for one in class_options.declared(type(acme))] == ["interval"]
    assert DriverRoom(acme).size == 8


def test_one_line_at_load_names_package_and_remedy(
    acme: base.Driver, caplog: pytest.LogCaptureFixture
) -> None:
    (line,) = (record.getMessage() for record in caplog.get_records("setup"))
    assert line == (
        "driver acme (package acme-podium, entry point acme_podium:Acme) is of the first edition, and means"
        " by get_power_states, get_sensors, node_added, node_changed, node_removed, threads, endpoint_calls,"
        " interval something else than Podium has meant since: not used; rename it, or make it what"
        " docs/contract.md says, with needs_api = (2, 0)"
    )


def test_the_contract_finds_no_fault_in_it(acme: base.Driver) -> None:
    assert list(structure.findings(acme)) == []


def test_what_fits_works(install: Callable[..., None], caplog: pytest.LogCaptureFixture) -> None:
    install(
        f"""{HEAD}
    interval = 600
    async def get_power_states(self, nodes): return {{}}
    async def node_added(self, node): pass
    @staticmethod
    def node_removed(node): pass
    def endpoint(self, node): return "acme"
"""
    )
    driver = registry.load(["acme"], configured())["acme"]
    assert base.reads_together(driver)
    assert [*push.defined(driver)] == ["node_added", "node_removed"]
    assert class_options.value(driver, "interval") == 600
    assert caplog.messages == []
