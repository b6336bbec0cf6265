"""A configuration file to write, and the program's view of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from podium import conf

Load = Callable[..., conf.Config]


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    return tmp_path / "podium.conf"


@pytest.fixture
def load(config_file: Path, tmp_path: Path) -> Load:
    """``load("[conductor]", "heartbeat_interval = 5")`` writes these lines to a file and loads it."""
    folder = tmp_path / "podium.conf.d"  # empty, and instead of any that this machine has
    folder.mkdir()

    def write_and_load(*lines: str, argv: tuple[str, ...] = ()) -> conf.Config:
        config_file.write_text("\n".join(lines))
        where = ["--config-file", str(config_file), "--config-dir", str(folder)]
        return conf.load([*where, *argv], prog="podium-conductor")

    return write_and_load
