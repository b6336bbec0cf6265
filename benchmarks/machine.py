"""The machine and the software versions of the figures."""

import importlib.metadata
import os
import platform
import shutil
import sqlite3
import subprocess
from pathlib import Path

import databases
import ironic_rounds
import tools


def description() -> str:
    """Return machine, kernel and versions as a Markdown list."""
    cores = os.cpu_count() or 0
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    buffer = Path("/proc/sys/net/core/rmem_max").read_text().strip()
    lines = [
        f"{cores} cores ({_processor()}), {memory:.0f} GB, with the simulator and the databases on them too",
        f"Linux {platform.release()}, net.core.rmem_max = {buffer}",
        f"Podium {importlib.metadata.version('podium')}{_commit()}, Python {platform.python_version()}",
    ]
    lines += [f"{name} {version}" for name, version in _others().items()]
    return "\n".join(f"- {line}" for line in lines)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    if shutil.which("git") is None:
        return ""
    said = subprocess.run(command, capture_output=True, text=True, timeout=30).stdout.strip()
    return f" ({said})" if said else ""


def _others() -> dict[str, str]:
    found = {"SQLite": sqlite3.sqlite_version}
    for name, program in (("PostgreSQL", "initdb"), ("MariaDB", "mariadbd")):
        if (path := databases.program(program)) is not None:
            found[name] = tools.version([path, "--version"])
    return found | tools.versions() | ironic_rounds.versions()
