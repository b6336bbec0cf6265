"""The installed files: the repository's root is the package, and only a list in setup.cfg names its parts."""

import configparser
import importlib.resources
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

import podium
from peers import PATIENCE
from rounds import only_long

ROOT = Path(__file__).parents[2]
BESIDE_THE_PACKAGE = {"benchmarks", "dist", "docs", "etc", "examples", "packaging", "tests"}


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
    } - {Path("setup.py")}
    installed = Path(podium.__file__).parent
    assert {path.relative_to(installed) for path in installed.rglob("*.py")} == tree


def test_type_checkers_are_told_that_the_package_is_typed() -> None:
    assert importlib.resources.files("podium").joinpath("py.typed").is_file()


@pytest.mark.parametrize("program", ["podium", "podium-conductor", "podium-sim"])
def test_the_installed_program_shows_its_help(program: str) -> None:
    command = [Path(sys.executable).with_name(program), "--help"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the tree as it would be committed."""
    command = ["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is no checkout of git")
    for name in listed.stdout.splitlines():
        copy = tmp_path / "tree" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy)
    return tmp_path / "tree"


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def build(what: str, tree: Path, into: Path) -> Path:
    """Build a ``sdist`` or a ``wheel`` as pip and build do, by a hook of PEP 517 in the tree."""
    into.mkdir()
    hook = f"from setuptools import build_meta; build_meta.build_{what}({str(into)!r})"
    command = [sys.executable, "-c", hook]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    (made,) = into.iterdir()
    return made


def unpack(sdist: Path, into: Path) -> Path:
    with tarfile.open(sdist) as opened:
        opened.extractall(into, filter="data")
    (tree,) = into.iterdir()
    return tree


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


@only_long
def test_a_wheel_has_the_package_and_nothing_that_is_beside_it(tree: Path, tmp_path: Path) -> None:
    before = files(tree)
    names = {name for name in contents(build("wheel", tree, tmp_path / "wheel")) if "dist-info" not in name}
    modules = {
        str(Path(*name.split("."), path.name))
        for name in packages()
        for path in ROOT.joinpath(*name.split(".")[1:]).glob("*.py")
    } - {"podium/setup.py"}
    data = {f"podium/cli/templates/{path.name}" for path in ROOT.glob("cli/templates/*.template")}
    data |= {f"podium/{path.relative_to(ROOT)}" for path in ROOT.glob("api/page/site/**/*.*")}
    assert names == modules | data | {"podium/py.typed"}
    assert files(tree) == before


@only_long
def test_a_wheel_of_the_source_distribution_which_has_all_files_is_that_of_the_tree(
    tree: Path, tmp_path: Path
) -> None:
    before = files(tree)
    unpacked = unpack(build("sdist", tree, tmp_path / "sdist"), tmp_path / "unpacked")
    assert files(unpacked) == before | {"PKG-INFO"}
    wheel = contents(build("wheel", tree, tmp_path / "wheel"))
    assert contents(build("wheel", unpacked, tmp_path / "again")) == wheel
    assert files(tree) == before
