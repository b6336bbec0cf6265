"""Commands answer quickly, because they import little: over podium-api, and on the database."""

import subprocess
import sys
from typing import Final

import pytest

from commands import Here, There, modules, needs_database
from podium.cli.app import LOCAL

#: What takes long to import, and is not needed where a podium-api is asked.
SLOW: Final = (
    "sqlalchemy",
    "alembic",
    "oslo_db",
    "oslo_config",
    "oslo_log",
    "podium.db",
    "podium.drivers",
    "podium.client.local",
    "podium.conf.loading",
    "asyncio",
    "click",
    "pygments",
)

#: And what a list from an SQLite database does not need either.
UNUSED: Final = (
    "sqlalchemy.orm",
    "sqlalchemy.dialects.mysql",
    "sqlalchemy.dialects.postgresql",
    "alembic",
    "cryptography",
    "httpx",
    "psutil",
    "rfc3986",
    "podium.conductor",
    "podium.drivers",
    "podium.db.selection",
    "click",
    "pygments",
)

SCRIPT: Final = """
import importlib, sys
from podium.cli.main import main
sys.argv[1:] = {arguments}
status = main()
for module in {modules}:
    importlib.import_module(module)
print([name for name in {slow} if name in sys.modules])
sys.exit(status)
"""


@pytest.mark.parametrize("name", sorted({name for name, _ in modules()} - LOCAL))
def test_a_command_that_asks_needs_no_database(name: str) -> None:
    assert not needs_database(dict(modules())[name])


def test_a_command_over_podium_api_imports_nothing_that_takes_long(podium_there: There) -> None:
    assert podium_there("node", "list").returncode == 0
    asking = sorted({module for name, module in modules() if name not in LOCAL})
    arguments = ["--url", podium_there.url, "node", "list", "-f", "json"]
    script = SCRIPT.format(arguments=arguments, modules=asking, slow=SLOW)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n[]\n", "")


def test_a_list_from_the_database_imports_nothing_that_it_does_not_need(podium_here: Here) -> None:
    arguments = ["--config-file", str(podium_here.config), "node", "list", "-f", "json"]
    script = SCRIPT.format(arguments=arguments, modules=[], slow=UNUSED)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n[]\n", "")
