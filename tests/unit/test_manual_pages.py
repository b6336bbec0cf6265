"""The manual pages, which are made from the help of the programs."""

import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

from peers import PATIENCE
from podium.cli.app import COMMANDS
from rounds import ONLY_LONG

pytestmark = list(ONLY_LONG)

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The source of each page by its name, without what only sets the hyphens and minus signs apart."""
    pytest.importorskip("sphinx", reason="make lint installs Sphinx")
    folder = tmp_path_factory.mktemp("man")
    options = ("--quiet", "--fail-on-warning", "--builder", "man", "-D", "root_doc=podium", "-c", DOCS)
    command = [sys.executable, "-m", "sphinx", *options, DOCS / "man", folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return {page.name: page.read_text().replace("\\-", "-") for page in folder.glob("*.[1-8]")}


def test_every_program_has_a_page_with_its_options(pages: dict[str, str]) -> None:
    programs = distribution("podium").entry_points.select(group="console_scripts").names
    assert {name.rpartition(".")[0] for name in pages} == programs | {"podium.conf"}
    assert "--version" in pages["podium.1"]
    assert "--config-file" in pages["podium-conductor.8"]
    assert "--config-file" in pages["podium-api.8"]
    assert "--redfish" in pages["podium-sim.1"]


def test_every_command_and_every_group_of_options_has_its_place(pages: dict[str, str]) -> None:
    places = {name: re.findall(r"^\.SS (.*)$", page, re.M) for name, page in pages.items()}
    assert places["podium.1"] == sorted(name for name, _, _ in COMMANDS)
    sample = DOCS.parent / "etc/podium/podium.conf.sample"
    assert set(places["podium.conf.5"]) == set(re.findall(r"^\[(.*)\]$", sample.read_text(), re.M))
