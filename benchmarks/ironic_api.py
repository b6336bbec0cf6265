"""Ironic's API (the program ``ironic-api``) over nodes in its database, without a conductor."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from databases import Database, free_port
from ironic_rounds import BIN
from processes import Failed, Program, run

_PREPARE: Final = 120.0
_SLOW: Final = 50  # nodes a second, for the timeout of the enrolment


@contextlib.contextmanager
def served(folder: Path, database: Database, nodes: list[dict[str, Any]]) -> Iterator[tuple[Program, int]]:
    """Enrol nodes and start one process of the API. Yields the process and its port.

    :raises Failed: if Ironic is not installed, or cannot use the database
    """
    if not (BIN / "ironic-api").exists():
        raise Failed("not installed: make bench-peers")
    folder.mkdir()
    port = free_port()
    config = folder / "ironic.conf"
    # It only reads, so it needs no bus. With the transport "none" it refuses to run without a conductor.
    config.write_text(
        f"[DEFAULT]\nhost = benchmark\nstate_path = {folder}\nauth_strategy = noauth\nuse_stderr = true\n"
        "rpc_transport = json-rpc\nenabled_hardware_types = ipmi\n"
        "enabled_network_interfaces = noop\ndefault_network_interface = noop\n"
        f"[database]\nconnection = {_url(database)}\n"
        f"[api]\nhost_ip = 127.0.0.1\nport = {port}\napi_workers = 1\n"
    )
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    run([BIN / "ironic-dbsync", "--config-file", config, "create_schema"], _PREPARE, env=environment)
    enrolled = folder / "nodes.json"
    enrolled.write_text(json.dumps(nodes))
    enrol = [BIN / "python", Path(__file__).with_name("ironic_enrol.py"), config, enrolled]
    run(enrol, _PREPARE + len(nodes) / _SLOW, env=environment)
    with Program([BIN / "ironic-api", "--config-file", config], folder / "log", env=environment) as api:
        yield api, port


def _url(database: Database) -> str:
    url = database.url
    if database.kind == "postgresql":
        if not list(BIN.parent.glob("lib/python*/site-packages/psycopg2")):
            raise Failed("psycopg2 is not installed in .venv-ironic: rm -r .venv-ironic; make bench-peers")
        url = url.replace("+psycopg:", "+psycopg2:")
    return url
