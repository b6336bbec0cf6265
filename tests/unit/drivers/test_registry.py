"""Drivers of other packages: found by their entry points, and what is said of those that cannot be used."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from oslo_config import cfg

from podium import errors
from podium.drivers import registry
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
    told = r"enabled_drivers = fake,impi: there is no driver impi, only .*fake, ipmi.*; did you mean ipmi\?"
    with pytest.raises(errors.ConfigError, match=told):
        registry.load(["fake", "impi"], conf)


def test_a_driver_that_resembles_none_may_not_be_installed(conf: cfg.ConfigOpts) -> None:
    with pytest.raises(errors.ConfigError, match="is its package installed"):
        registry.load(["snmp"], conf)


def test_no_driver_at_all_is_told_with_those_there_are(conf: cfg.ConfigOpts) -> None:
    with pytest.raises(errors.ConfigError, match="enabled_drivers is empty; there are .*fake, ipmi"):
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


def test_the_options_of_drivers_are_there_for_the_sample_config(install: Install) -> None:
    install(ACME)
    assert [option.name for option in dict(registry.list_opts())["acme"]] == ["timeout"]
