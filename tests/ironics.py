"""An Ironic database, as created by Ironic 39, with the nodes of ``ironic_nodes.json``."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
NODES: Final = _HERE / "ironic_nodes.json"
FILL: Final = _HERE / "ironic_fill.py"


def uuid(number: int) -> str:
    """Return the UUID of a node there."""
    return f"2b0f5a4e-0000-4000-8000-{number:012d}"


def recorded(folder: Path, *statements: str) -> Path:
    """Create an SQLite file from the recorded database, and change it.

    :param statements: run afterwards
    """
    file = folder / "ironic.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(";\n".join([(_HERE / "ironic_39.sql").read_text(), *statements, ""]))
    return file
