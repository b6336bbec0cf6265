"""The sample config file matches the code.

The libraries' parts of the file are left out of the comparison: their wording follows their versions.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from podium import library_internals
from podium.conf import opts
from podium.drivers import registry

ROOT = Path(__file__).parents[3]


def own_options() -> set[tuple[str, str]]:
    """Section and name of every option that Podium itself defines."""
    return {
        (section, option.dest)
        for section, options in [*opts.list_opts(), *registry.list_opts()]
        for option in options
        if option not in library_internals.SERVICE_OPTIONS
    }


def entries(sample: str) -> dict[tuple[str, str], str]:
    """Return the text of a sample file about each option, by section and name."""
    found = {}
    section = ""
    for paragraph in filter(None, (text.strip() for text in sample.split("\n\n"))):
        if paragraph.startswith("["):
            section = paragraph.strip("[]")
        else:
            name = paragraph.splitlines()[-1].partition("=")[0].strip("# ")
            found[section, name] = paragraph
    return found


@pytest.fixture
def kept() -> dict[tuple[str, str], str]:
    return entries((ROOT / "etc/podium/podium.conf.sample").read_text())


def test_every_option_of_podium_is_in_the_sample_file(kept: dict[tuple[str, str], str]) -> None:
    assert own_options() - set(kept) == set()


def test_the_sample_file_is_what_make_genconfig_makes_of_the_code(
    kept: dict[tuple[str, str], str], tmp_path: Path
) -> None:
    made = tmp_path / "podium.conf.sample"
    generator = Path(sys.executable).with_name("oslo-config-generator")
    settings = ROOT / "etc/podium/config-generator.conf"
    command = [generator, "--config-file", settings, "--output-file", made]
    subprocess.run(command, check=True, timeout=60)
    fresh = entries(made.read_text())
    assert {option: kept.get(option) for option in own_options()} == {
        option: fresh.get(option) for option in own_options()
    }
