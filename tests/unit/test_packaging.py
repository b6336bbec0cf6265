"""The installed files: the repository's root is the package, and only a list in setup.cfg names its parts."""

import configparser
import importlib.resources
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import podium

ROOT = Path(__file__).parents[2]
BESIDE_THE_PACKAGE = {"benchmarks", "build", "dist", "docs", "etc", "examples", "tests"}


def packages() -> set[str]:
    """The folders below the root that hold an ``__init__.py``, as names of packages."""
    found = {"podium"}
    for init in ROOT.glob("*/**/__init__.py"):
        parts = init.relative_to(ROOT).parent.parts
        if parts[0] not in BESIDE_THE_PACKAGE and not parts[0].startswith("."):
            found.add(".".join(["podium", *parts]))
    return found


def declared(section: str, option: str) -> list[str]:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser[section][option].split("\n")[1:]


def test_every_package_folder_is_listed_in_setup_cfg() -> None:
    assert declared("options", "packages") == sorted(packages())


def test_the_tests_run_against_the_installed_package() -> None:
    assert Path(podium.__file__).is_relative_to(sysconfig.get_path("purelib"))


def test_every_module_of_the_tree_is_installed_and_no_other() -> None:
    tree = {
        path.relative_to(ROOT)
        for name in packages()
        for path in ROOT.joinpath(*name.split(".")[1:]).glob("*.py")
    }
    installed = Path(podium.__file__).parent
    assert {path.relative_to(installed) for path in installed.rglob("*.py")} == tree


def test_type_checkers_are_told_that_the_package_is_typed() -> None:
    assert importlib.resources.files("podium").joinpath("py.typed").is_file()


@pytest.mark.parametrize("program", ["podium", "podium-conductor", "podium-sim"])
def test_the_installed_program_shows_its_help(program: str) -> None:
    command = [Path(sys.executable).with_name(program), "--help"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
