"""Databases that Ironic 39 itself makes and fills, on each kind of server, are taken over.

Ironic is a peer of the benchmarks, and too large to be installed for this test alone. What it made of an
SQLite file is in tests/ironic_39.sql, for the tests that run everywhere.
"""

import importlib.util
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ironics import FILL, NODES, recorded
from peers import PATIENCE
from podium.db.ironic import IronicNode, read_nodes
from podium.db.urls import parse_url
from servers import Server

_IRONIC = Path(__file__).parents[2] / ".venv-ironic" / "bin"
#: Libraries of Podium's that Ironic needs for a server.
_LIBRARIES = ("psycopg*", "[pP]y[mM]y[sS][qQ][lL]*")


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def ironic_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that Ironic made, with the nodes of ironic_nodes.json."""
    if not (_IRONIC / "ironic-dbsync").exists():
        pytest.skip("Ironic is not installed (make .venv-ironic/.installed)")
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/made.sqlite"
    else:
        server: Server = request.getfixturevalue(f"{request.param}_server")
        url = str(server.url(server.create_database()))
    (tmp_path / "ironic.conf").write_text(f"[database]\nconnection = {url}\n")
    _run(tmp_path, "ironic-dbsync", "--config-file", "ironic.conf", "create_schema")
    _run(tmp_path, "python", str(FILL), "ironic.conf", str(NODES))
    return url


def _run(folder: Path, program: str, *arguments: str) -> None:
    libraries = folder / "libraries"
    libraries.mkdir(exist_ok=True)
    site = Path(str(importlib.util.find_spec("sqlalchemy").origin)).parents[1]  # type: ignore[union-attr]
    for one in (found for pattern in _LIBRARIES for found in site.glob(pattern)):
        if not (libraries / one.name).exists():
            (libraries / one.name).symlink_to(one)
    done = subprocess.run(
        [str(_IRONIC / program), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(libraries)},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _plain(nodes: list[IronicNode]) -> list[dict[str, Any]]:
    return [node._asdict() for node in nodes]


def test_what_ironic_made_is_read_as_what_was_recorded(ironic_url: str, tmp_path: Path) -> None:
    file = recorded(tmp_path)
    assert _plain(read_nodes(parse_url(ironic_url))) == _plain(read_nodes(parse_url(f"sqlite:///{file}")))
