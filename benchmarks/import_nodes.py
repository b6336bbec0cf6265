"""Measures ``podium node import``: python benchmarks/import_nodes.py [NODES], by default 10,000.

Prints the seconds for the whole process, with a new SQLite database, from YAML and from JSON.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml


def _nodes(count: int) -> dict[str, list[dict[str, object]]]:
    info = {"ipmi_username": "admin", "ipmi_password": "secret", "ipmi_port": 6230}
    return {
        "nodes": [
            {
                "name": f"r{number // 40}n{number % 40:02}",
                "driver": "ipmi",
                "driver_info": info | {"ipmi_address": f"127.20.{number // 250}.{number % 250 + 1}"},
                "properties": {"serial": f"S{number:08}"},
            }
            for number in range(count)
        ]
    }


def _measure(folder: Path, text: str) -> float:
    config = folder / "podium.conf"
    config.write_text(f"[DEFAULT]\nstate_path = {folder}\n")
    nodes = folder / "nodes"
    nodes.write_text(text)
    podium = [Path(sys.executable).with_name("podium"), "--config-file", config]
    subprocess.run([*podium, "db", "upgrade"], check=True, stdout=subprocess.DEVNULL)
    started = time.monotonic()
    subprocess.run([*podium, "node", "import", nodes], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    nodes = _nodes(count)
    # Every value is written out, because PyYAML would turn shared values into anchors.
    yaml.SafeDumper.ignore_aliases = lambda *_: True  # type: ignore[method-assign]
    for form, text in (("YAML", yaml.safe_dump(nodes)), ("JSON", json.dumps(nodes))):
        with tempfile.TemporaryDirectory() as folder:
            seconds = _measure(Path(folder), text)
        sys.stdout.write(f"{count} nodes from {form}: {seconds:.1f} s\n")


if __name__ == "__main__":
    main()
