"""From nothing to a driver that runs in a daemon, by the steps of the tutorial."""

from pathlib import Path

import pytest

from daemons import Daemon
from environments import Environment
from rounds import only_long


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("environment"))


@pytest.fixture(scope="module")
def package(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a new driver, which is installed."""
    folder = tmp_path_factory.mktemp("new")
    environment.podium("driver", "new", "acme", "--dir", folder, cwd=folder)
    environment.install(folder / "acme")
    return folder / "acme"


@only_long
def test_the_tests_of_a_new_driver_pass(environment: Environment, package: Path) -> None:
    environment.python("-m", "pytest", "-p", "no:cacheprovider", cwd=package)


@only_long
def test_the_types_of_a_new_driver_are_right(environment: Environment, package: Path, tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed (make lint does)")
    environment.python("-m", "mypy", "--cache-dir", tmp_path, cwd=package)


def test_the_check_of_installed_drivers_finds_nothing_in_a_new_one(
    environment: Environment, package: Path
) -> None:
    environment.podium("driver", "check", "acme", cwd=package)


def test_a_new_driver_can_be_tried_at_once(environment: Environment, package: Path) -> None:
    address = ("--driver-info", "acme_address=192.0.2.1")
    environment.podium("driver", "try", "acme", *address, "--set", "power on", "--yes", cwd=package)


@only_long
def test_a_new_driver_runs_in_a_daemon_and_switches_its_nodes(
    environment: Environment, package: Path, tmp_path: Path
) -> None:
    with Daemon(tmp_path, default="enabled_drivers = fake, acme", bin=environment.bin) as daemon:
        listed = daemon.rows("driver", "list")["acme"]
        assert (listed["description"], listed["enabled"], listed["error"]) == ("Acme machines.", True, None)
        assert {"acme.check_fans", "acme.forget_gone"} <= daemon.rows("task", "list").keys()

        address = ("--driver-info", "acme_address=192.0.2.1")
        daemon.podium("node", "create", "--driver", "acme", "--name", "m1", *address)
        done = daemon.podium("node", "power", "on", "m1", "--wait")
        assert "m1: power on" in done.stdout
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.text()
