"""A driver of the first edition of the kit, just as ``podium driver new`` wrote it then."""

from pathlib import Path
from typing import Final

import pytest

from daemons import Daemon
from environments import Environment
from rounds import only_long

PACKAGE: Final = Path(__file__).parents[1] / "first_edition" / "podium-driver-acme"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    made = Environment(tmp_path_factory.mktemp("environment"))
    made.install(PACKAGE)
    return made


@only_long
def test_its_own_tests_pass_without_a_warning(environment: Environment, tmp_path: Path) -> None:
    assert 'filterwarnings = ["error"]' in (PACKAGE / "pyproject.toml").read_text()
    environment.python("-m", "pytest", "-p", "no:cacheprovider", "--basetemp", tmp_path / "base", cwd=PACKAGE)


@only_long
def test_its_types_are_right(environment: Environment, tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed (make lint does)")
    environment.python("-m", "mypy", "--cache-dir", tmp_path, cwd=PACKAGE)


@only_long
def test_the_check_of_installed_drivers_finds_nothing_in_it(environment: Environment, tmp_path: Path) -> None:
    environment.podium("driver", "check", "acme", cwd=tmp_path)


@only_long
def test_it_runs_in_a_daemon_and_switches_its_nodes(environment: Environment, tmp_path: Path) -> None:
    with Daemon(tmp_path, default="enabled_drivers = acme", bin=environment.bin) as daemon:
        assert {"acme.check_fans", "acme.forget_gone"} <= daemon.rows("task", "list").keys()
        address = ("--driver-info", "acme_address=192.0.2.1")
        daemon.podium("node", "create", "--driver", "acme", "--name", "m1", *address)
        assert "m1: power on" in daemon.podium("node", "power", "on", "m1", "--wait").stdout
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.text()
