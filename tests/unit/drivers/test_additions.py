"""Drivers go on as before, whatever they mean by names that were added after they had been written."""

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
    def check_login(self): return "of the chassis"
    def set_password(self, password): pass
    def login(self): pass
    def get_boot_device(self): return "the first"
    def identify(self): return "a chassis"
    def get_log(self, lines=20): return ["of the driver"]
    clear_log = get_clock = None
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
    assert not base.checks_login(acme)
    assert not base.sets_password(acme) and base.login_of(acme) is None
    assert not any(base.can(acme, word) for word in base.ABILITIES)
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
        "driver acme (package acme-podium, entry point acme_podium:Acme) was written for API 1.0, and means"
        " by get_power_states, get_sensors, node_added, node_changed, node_removed, check_login,"
        " set_password, get_boot_device, identify, get_log, clear_log, get_clock,"
        " threads, endpoint_calls, interval, login something else than Podium has meant since:"
        " not used; rename it, or make it what docs/contract.md says, with needs_api = (2, 2)"
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


SECOND = f"""{HEAD}
    needs_api = (2, 0)
    properties = {{"acme_key": base.Property("key", secret=True), "acme_zone": base.Property("zone")}}
"""


def test_a_driver_of_the_second_edition_may_mean_something_else_by_what_came_later(
    install: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    install(f"{SECOND}\n    def check_login(self): pass\n    def node_added(self, node): pass\n")
    driver = registry.load(["acme"], configured())["acme"]
    assert not base.checks_login(driver)
    (line,) = caplog.messages
    assert "was written for API 2.0, and means by check_login something else" in line


@pytest.mark.parametrize(
    ("declared", "fault"),
    [
        ("def check_login(self): pass", "check_login cannot be called with (node)"),
        ("def set_password(self, node): pass", "set_password cannot be called with (node, password)"),
        ("login = 'acme_key'", "login is a value of the type str, not a podium.drivers.base.Login"),
        ("login = base.Login('acme_pass')", "login names 'acme_pass', which is none of its properties"),
        ("login = base.Login('acme_key', 'acme_user')", "login names 'acme_user', which is none"),
        ("login = base.Login('acme_zone')", "login names acme_zone, which is not declared with secret"),
        ("login = base.Login('acme_key', longest=0)", "login has longest = 0, not a whole number from 1"),
    ],
)
def test_who_needs_them_has_them_as_they_are(install: Callable[..., None], declared: str, fault: str) -> None:
    install(f"{SECOND.replace('(2, 0)', '(2, 1)')}\n    {declared}\n")
    assert fault in str(registry.find("acme"))


def test_a_login_that_fits_is_one(install: Callable[..., None]) -> None:
    install(
        f"{SECOND}\n    login = base.Login('acme_key')\n    def set_password(self, node, password): pass\n"
    )
    driver = registry.load(["acme"], configured())["acme"]
    assert base.login_of(driver) == base.Login("acme_key") and base.sets_password(driver)
