"""The sample config file matches the code.

The libraries' parts of the file are left out of the comparison: their wording follows their versions.
"""

import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from podium import library_internals
from podium.conf import opts, sample
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
    kept: dict[tuple[str, str], str],
) -> None:
    fresh = entries(sample.text())
    assert {option: kept.get(option) for option in own_options()} == {
        option: fresh.get(option) for option in own_options()
    }


def test_the_sample_file_is_in_the_order_in_which_it_is_made() -> None:
    kept = (ROOT / "etc/podium/podium.conf.sample").read_text()
    assert headings(kept) == headings(sample.text())


def test_what_is_edited_most_comes_first_and_logging_last() -> None:
    made = headings(sample.text())
    assert made[:4] == ["[conductor]", "# From podium", "[DEFAULT]", "# From podium"]
    assert made[-2:] == ["[DEFAULT]", "# From oslo.log"]


def test_no_option_gets_lost_when_the_sections_are_sorted() -> None:
    (logging,) = entry_points(group="oslo.config.opts", name="oslo.log")
    wanted = {("DEFAULT", option.dest) for _, options in logging.load()() for option in options}
    assert (own_options() | wanted) - set(entries(sample.text())) == set()


def headings(text: str) -> list[str]:
    return re.findall(r"^(?:\[.+\]|# From .+)$", text, re.MULTILINE)
