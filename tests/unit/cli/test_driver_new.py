import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fake", "a driver fake is installed already"),
        ("database", "podium.conf has options of that name"),
        ("enabled_drivers", "podium.conf has options of that name"),
    ],
)
def test_a_driver_cannot_take_a_name_that_means_something_else(
    bare_podium: Run, tmp_path: Path, name: str, words: str
) -> None:
    done = bare_podium("driver", "new", name, "--dir", str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["Acme", "9acme", "../acme", "acme-rack", "_acme", "acme_", "a" * 41])
def test_a_name_that_is_no_module_option_and_package_at_once_is_refused(bare_podium: Run, name: str) -> None:
    assert bare_podium("driver", "new", name).returncode == 2


def test_a_folder_that_is_there_already_is_left_as_it_is(bare_podium: Run, tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    done = bare_podium("driver", "new", "acme", "--dir", str(tmp_path))
    assert done.returncode == 1
    assert f"{tmp_path / 'acme'} exists already" in done.stderr
    assert list((tmp_path / "acme").iterdir()) == []


def test_a_folder_that_does_not_exist_is_named(bare_podium: Run, tmp_path: Path) -> None:
    done = bare_podium("driver", "new", "acme", "--dir", str(tmp_path / "nowhere"))
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert str(tmp_path / "nowhere") in done.stderr


def test_a_package_that_cannot_be_written_whole_leaves_nothing(bare_podium: Run, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1700, before[1]))
    try:
        done = bare_podium("driver", "new", "acme", "--dir", str(tmp_path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "acme cannot be written: File too large" in done.stderr
    assert not (tmp_path / "acme").exists()


def test_every_word_of_a_long_name_is_used_as_its_place_demands(bare_podium: Run, tmp_path: Path) -> None:
    assert bare_podium("driver", "new", "acme_rack2", "--dir", str(tmp_path)).returncode == 0
    pyproject = (tmp_path / "acme_rack2" / "pyproject.toml").read_text()
    assert 'name = "podium-driver-acme-rack2"' in pyproject
    assert 'acme_rack2 = "podium_driver_acme_rack2.driver:AcmeRack2Driver"' in pyproject
