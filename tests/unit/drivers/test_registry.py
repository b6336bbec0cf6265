"""Drivers of other packages: found by their entry points, and what is said of those that cannot be used."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from oslo_config import cfg

import podium
from podium import errors
from podium.drivers import base, registry
from podium.drivers.fake import FakeDriver

ACME = """
from oslo_config import cfg
from podium.drivers.fake import FakeDriver
class Acme(FakeDriver):
    options = [cfg.IntOpt("timeout", default=5, min=1)]
"""

Install = Callable[..., None]


@pytest.fixture
def conf(tmp_path: Path) -> cfg.ConfigOpts:
    return configured(tmp_path, "")


def configured(tmp_path: Path, text: str) -> cfg.ConfigOpts:
    file = tmp_path / "podium.conf"
    file.write_text(text)
    conf = cfg.ConfigOpts()
    conf(["--config-file", str(file)], project="podium")
    return conf


def fault(name: str = "acme") -> str:
    found = registry.available()[name]
    assert isinstance(found, errors.DriverLoadError)
    text = str(found)
    assert "\n" not in text
    return text


def test_the_drivers_of_podium_itself_are_found() -> None:
    assert registry.available()["fake"] is FakeDriver
    assert "ipmi" in registry.available()


def test_a_driver_of_another_package_is_found_beside_them(install: Install) -> None:
    install(ACME)
    assert {"acme", "fake", "ipmi"} <= set(registry.available())


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param("import acme_sdk", "ModuleNotFoundError: No module named 'acme_sdk'", id="dependency"),
        pytest.param("raise OSError('no\\nlicence')", "OSError: no licence", id="import raises"),
        pytest.param("acme = 1", "has no attribute 'Acme'", id="class is not there"),
        pytest.param("class Acme(:", "SyntaxError", id="syntax"),
    ],
)
def test_a_driver_that_cannot_be_imported_is_named_with_package_and_cause(
    install: Install, source: str, reason: str
) -> None:
    install(source)
    text = fault()
    assert text.startswith("driver acme (package acme-podium, entry point acme_podium:Acme) cannot be imp")
    assert reason in text


def test_a_driver_that_lacks_methods_is_told_which(install: Install) -> None:
    install("from podium.drivers import base\nclass Acme(base.Driver): pass")
    assert fault().endswith("lacks the method get_power_state, set_power_state")


@pytest.mark.parametrize("source", ["class Acme: pass", "def Acme(name, options): pass", "Acme = 1"])
def test_what_is_no_driver_is_told_what_it_ought_to_be(install: Install, source: str) -> None:
    install(source)
    assert "(package acme-podium, entry point acme_podium:Acme) is not a class that inherits" in fault()


def test_two_packages_with_one_driver_name_are_refused_rather_than_one_chosen(install: Install) -> None:
    install(ACME)
    install(ACME, package="better-acme")
    assert re.search("package acme-podium and better-acme, .* is not the only one of that name", fault())


def test_a_driver_may_not_take_the_name_of_a_config_group(install: Install) -> None:
    install(ACME, name="database")
    assert "podium.conf has an option or a group of that name" in fault("database")


def test_one_bad_driver_does_not_keep_another_from_being_loaded(
    install: Install, conf: cfg.ConfigOpts
) -> None:
    install("import acme_sdk")
    assert list(registry.load(["fake"], conf)) == ["fake"]


def test_a_bad_driver_that_is_enabled_is_the_reason_given(install: Install, conf: cfg.ConfigOpts) -> None:
    install("import acme_sdk")
    with pytest.raises(errors.DriverLoadError, match="No module named 'acme_sdk'"):
        registry.load(["fake", "acme"], conf)


def test_an_unknown_driver_is_told_with_those_there_are_and_the_nearest(conf: cfg.ConfigOpts) -> None:
    told = r"enabled_drivers = fake,impi: there is no driver impi, only .*, ipmi, .*; did you mean ipmi\?"
    with pytest.raises(errors.ConfigError, match=told):
        registry.load(["fake", "impi"], conf)


def test_a_driver_that_resembles_none_may_not_be_installed(conf: cfg.ConfigOpts) -> None:
    with pytest.raises(errors.ConfigError, match="is its package installed"):
        registry.load(["snmp"], conf)


def test_no_driver_at_all_is_told_with_those_there_are(conf: cfg.ConfigOpts) -> None:
    with pytest.raises(errors.ConfigError, match="enabled_drivers is empty; there are .*fake-hardware, ipmi"):
        registry.load([], conf)


def test_a_driver_that_is_named_twice_is_loaded_once(conf: cfg.ConfigOpts) -> None:
    assert list(registry.load(["fake", "fake"], conf)) == ["fake"]


def test_a_driver_knows_its_name_and_its_options(install: Install, tmp_path: Path) -> None:
    install(ACME)
    driver = registry.load(["acme"], configured(tmp_path, "[acme]\ntimeout = 9\n"))["acme"]
    assert (driver.name, driver.options.timeout) == ("acme", 9)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("def __init__(self, name, options): raise ValueError('no\\nkey')", "ValueError: no key"),
        ("def __init__(self): pass", "TypeError: .*positional argument"),
    ],
)
def test_a_driver_that_cannot_be_made_is_named_with_the_cause(
    install: Install, conf: cfg.ConfigOpts, body: str, reason: str
) -> None:
    install(f"from podium.drivers.fake import FakeDriver\nclass Acme(FakeDriver):\n    {body}\n")
    told = rf"driver acme \(package acme-podium, entry point acme_podium:Acme\) cannot be made: {reason}"
    with pytest.raises(errors.DriverLoadError, match=told) as caught:
        registry.load(["acme"], conf)
    assert "\n" not in str(caught.value)


def test_a_driver_with_a_method_that_cannot_be_called_is_refused(
    install: Install, conf: cfg.ConfigOpts
) -> None:
    body = "def start(self, manager, port): pass\n"
    install(f"from podium.drivers.fake import FakeDriver\nclass Acme(FakeDriver):\n    {body}")
    told = r"acme_podium:Acme\): start cannot be called: .*\(self, manager\)"
    with pytest.raises(errors.DriverLoadError, match=told):
        registry.load(["acme"], conf)


def test_the_options_of_drivers_are_there_for_the_sample_config(install: Install) -> None:
    install(ACME)
    assert [option.name for option in dict(registry.list_opts())["acme"]] == ["timeout", "interval"]


PLAIN = """
from podium.drivers import base
class Acme(base.Driver):
    def get_power_state(self, node): return "power on"
    def set_power_state(self, node, target): pass
"""


@pytest.mark.parametrize("needed", [(1, 0), (1, 99), (2, 0), base.API])
def test_a_driver_for_this_interface_or_an_older_one_is_loaded(install: Install, needed: object) -> None:
    install(f"{PLAIN}    needs_api = {needed}\n")
    assert isinstance(registry.find("acme"), type)


@pytest.mark.parametrize("needed", [(base.API[0], base.API[1] + 1), (99, 0)])
def test_a_driver_for_a_newer_interface_is_told_so(install: Install, needed: tuple[int, int]) -> None:
    install(f"{PLAIN}    needs_api = {needed}\n")
    has = f"{base.API[0]}.{base.API[1]}"
    assert fault() == (
        "driver acme (package acme-podium, entry point acme_podium:Acme)"
        f": it needs API {needed[0]}.{needed[1]}; Podium {podium.__version__} has API {has}:"
        " upgrade Podium"
    )


@pytest.mark.parametrize("needed", ["2.0", "'2.0'", "(2,)", "(2, 0, 1)", "('2', 0)", "None"])
def test_an_api_that_is_no_pair_of_numbers_is_named(install: Install, needed: str) -> None:
    install(f"{PLAIN}    needs_api = {needed}\n")
    assert f": needs_api is {needed}, not two whole numbers such as {base.API}" in fault()


@pytest.mark.parametrize(
    "source",
    ["from podium.drivers.base import teleport", "import podium.drivers.teleport", "base.teleport()"],
)
def test_a_driver_that_uses_names_of_a_newer_podium_is_told_what_this_one_has(
    install: Install, source: str
) -> None:
    install(f"{PLAIN}{source}\n")
    assert "cannot be imported: " in fault()
    has = f"{base.API[0]}.{base.API[1]}"
    assert f"; Podium {podium.__version__} has API {has}, and the driver may need a newer one" in fault()


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (
            "@base.node_periodic_task()\n    def look(self, manager, context): pass",
            "cannot be called with (node, manager, context): too many positional arguments",
        ),
        (
            "@base.driver_periodic_task()\n    async def look(self, manager): pass",
            "cannot be called with (manager, context): too many positional arguments",
        ),
        (
            "@base.driver_periodic_task()\n    async def look(self, node, manager, context): pass",
            "cannot be called with (manager, context): missing a required argument: 'context'",
        ),
    ],
)
def test_a_task_with_a_wrong_number_of_arguments_is_named_when_the_driver_is_made(
    install: Install, conf: cfg.ConfigOpts, task: str, words: str
) -> None:
    install(f"{PLAIN}    {task}\n")
    with pytest.raises(errors.DriverLoadError) as caught:
        registry.load(["acme"], conf)
    assert str(caught.value) == (
        f"driver acme (package acme-podium, entry point acme_podium:Acme): periodic task look {words}"
    )


def test_a_task_may_take_its_arguments_as_it_likes(install: Install, conf: cfg.ConfigOpts) -> None:
    install(
        f"{PLAIN}    @base.node_periodic_task()\n    def look(self, *given, more=None): pass\n"
        "    @base.driver_periodic_task()\n    def watch(self, manager, context, last=None): pass\n"
    )
    assert list(registry.load(["acme"], conf)) == ["acme"]
