"""Options that drivers have without declaring them."""

from typing import Any

import pytest
from oslo_config import cfg

from podium import errors, states
from podium.drivers import base, class_options, registry
from podium.drivers.fake import FakeDriver
from podium.testing import make_driver


class Plain(base.Driver):
    threads = 3

    def get_power_state(self, node: base.Node) -> str:
        return states.POWER_OFF

    def set_power_state(self, node: base.Node, target: str) -> None: ...


class Async(base.Driver):
    async def get_power_state(self, node: base.Node) -> str:
        return states.POWER_OFF

    async def set_power_state(self, node: base.Node, target: str) -> None: ...


class Mixed(Async):
    endpoint_calls = 2

    @base.node_periodic_task(spacing=60)
    def look(self, node: base.Node, manager: base.Manager, context: Any) -> None: ...


class Asked(Async):
    def get_log(self, node: base.Node, before: str | None, after: str | None, limit: int) -> base.Log:
        return base.Log([])


class Acting(Async):
    @base.action(help="Blink")
    def blink(self, node: base.Node) -> None: ...


class Limited(Async):
    endpoint_calls = 4


class Own(Plain):
    options = (cfg.StrOpt("threads", default="of wool"),)


def names(driver: type[base.Driver]) -> list[str]:
    return [option.name for option in registry.options("acme", driver)]


@pytest.mark.parametrize(
    ("driver", "expected"),
    [
        (Plain, ["threads", "endpoint_calls", "interval"]),
        (Mixed, ["threads", "endpoint_calls", "interval"]),
        (Asked, ["threads", "endpoint_calls", "interval"]),
        (Acting, ["threads", "endpoint_calls", "interval"]),
        (Limited, ["endpoint_calls", "interval"]),
        (Async, ["interval"]),
    ],
)
def test_drivers_with_plain_methods_have_options_for_their_threads(
    driver: type[base.Driver], expected: list[str]
) -> None:
    assert names(driver) == expected


def test_an_async_driver_has_no_options_for_threads() -> None:
    assert names(FakeDriver) == [*(option.name for option in FakeDriver.options), "interval"]


def test_the_config_file_overrules_the_class() -> None:
    assert class_options.value(make_driver(Plain), "threads") == 3
    assert class_options.value(make_driver(Plain, threads=9), "threads") == 9
    assert class_options.value(make_driver(Mixed), "endpoint_calls") == 2
    assert class_options.value(make_driver(Plain), "endpoint_calls") is None
    assert class_options.value(make_driver(Async), "interval") is None
    assert class_options.value(make_driver(Async, interval=600), "interval") == 600


def test_an_option_of_the_drivers_own_keeps_its_name_and_its_meaning() -> None:
    driver = make_driver(Own)
    assert driver.options.threads == "of wool"
    assert class_options.value(driver, "threads") == 3


def test_what_an_instance_keeps_by_the_name_of_an_option_of_the_class_is_its_own() -> None:
    class Keeping(Plain):
        options = (cfg.StrOpt("interval", default="5m"), cfg.StrOpt("threads", default="of wool"))

        def __init__(self, name: str, options: Any) -> None:
            super().__init__(name, options)
            self.interval, self.threads = options.interval, options.threads  # type: ignore[misc]
            self.endpoint_calls = "many"  # type: ignore[assignment, misc]

    driver = make_driver(Keeping)
    found = [class_options.value(driver, name) for name in ("interval", "threads", "endpoint_calls")]
    assert found == [None, 3, None]


@pytest.mark.parametrize("threads", [0, "many", 1000])
def test_a_number_of_threads_that_cannot_be_is_a_fault_of_the_driver(threads: Any) -> None:
    wrong = type("Wrong", (Plain,), {"threads": threads, "needs_api": (2, 0)})
    with pytest.raises(errors.DriverLoadError, match="driver acme: threads is .*, not a whole"):
        make_driver(wrong)


@pytest.mark.parametrize("interval", [0, "often", float("inf")])
def test_an_interval_that_cannot_be_is_a_fault_of_the_driver(interval: Any) -> None:
    wrong = type("Wrong", (Async,), {"interval": interval, "needs_api": (2, 0)})
    with pytest.raises(errors.DriverLoadError, match="driver acme: interval is .*, not a number"):
        make_driver(wrong)
