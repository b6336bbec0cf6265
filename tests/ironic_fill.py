"""Writes nodes, ports and chassis into Ironic's database with Ironic's own objects:

    .venv-ironic/bin/python tests/ironic_fill.py ironic.conf tests/ironic_nodes.json

Runs in Ironic's own environment. It and ironic-dbsync created the contents of tests/ironic_39.sql.
"""

import json
import sys
from pathlib import Path
from typing import Any

from ironic import objects
from ironic.common import context, service


def main() -> None:
    config, file = sys.argv[1:]
    service.prepare_service("ironic", ["ironic", "--config-file", config])
    admin = context.get_admin_context()
    wanted = json.loads(Path(file).read_text())
    numbers = {}
    for one in wanted["chassis"]:
        chassis = objects.Chassis(admin, **one)
        chassis.create()
        numbers[one["uuid"]] = chassis.id
    for one in wanted["nodes"]:
        _create(admin, numbers, **one)


def _create(
    admin: Any,
    chassis: dict[str, int],
    *,
    traits: list[str] | None = None,
    ports: list[dict[str, Any]] | None = None,
    chassis_uuid: str | None = None,
    **values: Any,
) -> None:
    node = objects.Node(admin, chassis_id=chassis.get(chassis_uuid or ""), **values)
    node.create()
    if traits:
        objects.TraitList.create(admin, node.id, traits)
    for port in ports or ():
        objects.Port(admin, node_id=node.id, **port).create()


if __name__ == "__main__":
    main()
