"""Writes nodes into Ironic's database with Ironic's own objects:

    .venv-ironic/bin/python benchmarks/ironic_enrol.py ironic.conf NODES.json

Runs in Ironic's own environment. NODES.json is a list of {"driver": ..., "driver_info": {...}}. The nodes
have a power state and a vendor, as after their first round, so that a normal round is measured.
"""

import json
import sys
from pathlib import Path

from ironic import objects
from ironic.common import context, service, states
from oslo_utils import uuidutils


def main() -> None:
    config, file = sys.argv[1:]
    service.prepare_service("ironic", ["ironic", "--config-file", config])
    admin = context.get_admin_context()
    for number, node in enumerate(json.loads(Path(file).read_text())):
        objects.Node(
            admin,
            uuid=uuidutils.generate_uuid(),
            name=f"node-{number}",
            driver=node["driver"],
            driver_info=node["driver_info"],
            properties={"vendor": "unknown"},
            provision_state=states.AVAILABLE,
            power_state=states.POWER_OFF,
        ).create()


if __name__ == "__main__":
    main()
