"""The program ``podium-api`` with one serving process."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from databases import Database, free_port
from processes import Program, run
from rack import BIN

_IMPORT: Final = 300.0


@contextlib.contextmanager
def served(
    folder: Path, database: Database, nodes: list[dict[str, Any]] | None = None
) -> Iterator[tuple[Program, int]]:
    """Start the program. Yields it and its port.

    :param folder: created for its files
    :param nodes: to enrol first in a new database; None for a database that is already filled
    """
    folder.mkdir()
    port = free_port()
    config = folder / "podium.conf"
    config.write_text(
        f"[DEFAULT]\nstate_path = {folder}\nuse_stderr = true\nauth_strategy = noauth\n"
        f"[database]\nconnection = {database.url}\n[api]\nport = {port}\n"
    )
    if nodes is not None:
        fill(config, folder, nodes)
    with Program([BIN / "podium-api", "--config-file", config], folder / "log") as api:
        yield api, port


def fill(config: Path, folder: Path, nodes: list[dict[str, Any]]) -> None:
    """Create the schema of a database, and enrol nodes."""
    file = folder / "nodes.json"
    file.write_text(json.dumps({"nodes": nodes}))
    run([BIN / "podium", "--config-file", config, "db", "upgrade"], _IMPORT)
    run([BIN / "podium", "--config-file", config, "node", "import", file], _IMPORT)
