"""The pages: the tutorial's driver runs; options and links on the pages exist."""

import os
import re
import socketserver
import subprocess
import sys
import textwrap
import threading
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

import pytest

from podium.conf import opts
from podium.drivers import base, registry

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")])
_BLOCK: Final = re.compile(r"^```python\n(.*?)^```$|^`(\w+\.py)`:$", re.M | re.S)


def tutorial_files(text: str) -> dict[str, str]:
    """Return the Python blocks of a page, in order, by the file that the page names before them.

    A block that begins with a decorator belongs to the class before it, as the page says.
    """
    files: defaultdict[str, str] = defaultdict(str)
    name = ""
    for found in _BLOCK.finditer(text):
        if found[2]:
            name = found[2]
        else:
            files[name] += f"\n{textwrap.indent(found[1], '    ')}" if found[1][0] == "@" else found[1]
    return files


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the package that a reader of the tutorial ends up with."""
    folder = tmp_path_factory.mktemp("tutorial")
    text = (ROOT / "docs/drivers.md").read_text()
    for name, content in tutorial_files(text).items():
        (folder / name).write_text(content)
    project = re.search(r"^```toml\n(.*?)^```$", text, re.M | re.S)
    assert project is not None
    points = tomllib.loads(project[1])["project"]["entry-points"]["podium.drivers"]
    info = folder / "podium_acme-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: podium-acme\nVersion: 1\n")
    lines = "\n".join(f"{name} = {target}" for name, target in points.items())
    (info / "entry_points.txt").write_text(f"[podium.drivers]\n{lines}\n")
    return folder


def run(folder: Path, *argv: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program where the tutorial's package is installed."""
    environment = os.environ | {
        "PYTHONPATH": str(folder),
        "PYTEST_ADDOPTS": "",
        "XDG_CACHE_HOME": str(folder / "cache"),  # stevedore's cache, which no other test may see
    }
    return subprocess.run(
        argv,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
    )


def test_the_tutorials_own_tests_pass(tutorial: Path) -> None:
    done = run(tutorial, sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tutorials_driver_is_found_by_its_entry_point(tutorial: Path) -> None:
    done = run(tutorial, Path(sys.executable).with_name("podium"), "driver", "show", "acme", "-f", "json")
    assert done.returncode == 0, done.stderr
    for task in ("check_fans", "read_model", "save_settings", "watch_racks"):
        assert f'"acme.{task}"' in done.stdout


class Controller(socketserver.StreamRequestHandler):
    """The tutorial's rack controller, for one question."""

    def handle(self) -> None:
        question = self.rfile.readline().decode().split()[-1]
        self.wfile.write({"power?": b"on\n", "slots?": b"1=on 2=off\n", "fans?": b"slow\n"}[question])


def test_the_page_shows_what_a_trial_of_the_tutorials_driver_prints(tutorial: Path) -> None:
    shown = re.search(r"^    driver acme .*?\n\n", (ROOT / "docs/drivers.md").read_text(), re.M | re.S)
    assert shown is not None
    (tutorial / "password").write_text("secret\n")
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Controller) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        info = ["acme_address=127.0.0.1", "acme_slot=1", "acme_password=@password", f"acme_port={port}"]
        values = [word for one in info for word in ("--driver-info", one)]
        podium = Path(sys.executable).with_name("podium")
        done = run(tutorial, podium, "driver", "try", "acme", *values, "--task", "check_fans")
        server.shutdown()
    printed = done.stdout.replace("127.0.0.1", "192.0.2.1").replace(f', "acme_port": {port}', "")
    printed = printed.replace(f":{port}", ":4005")
    assert untimed(printed) == untimed(textwrap.dedent(shown[0]).rstrip()), done.stderr


def untimed(text: str) -> list[str]:
    return re.sub(r"\d+\.\d+ s$", "N s", text, flags=re.M).splitlines()


def links(page: Path) -> Iterator[tuple[Path, str]]:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            yield (page.parent / path if path else page), anchor


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_the_pages_lead_somewhere(page: Path) -> None:
    for path, anchor in links(page):
        assert path.exists(), f"{page.name} links to {path}"
        assert not anchor or anchor in anchors(path), f"{page.name} links to {path.name}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_that_a_page_names_exists(page: Path) -> None:
    known = {(group, option.name) for group, options in opts.list_opts() for option in options}
    known |= {(group, option.name) for group, options in registry.list_opts() for option in options}
    (log,) = entry_points(group="oslo.config.opts", name="oslo.log")
    known |= {("DEFAULT", option.name) for _, options in log.load()() for option in options}
    known.add(("acme", "timeout"))
    known |= {(group, name) for group in ("acme", "DRIVER") for name in ("threads", "endpoint_calls")}
    text = page.read_text()
    if page.name == "ironic.md":  # the first column has Ironic's own options
        text = re.sub(r"^\|.*?\|", "", text, flags=re.M)
    for group, option in re.findall(r"`\[(\w+)\] (\w+)", text):
        assert (group, option) in known, f"there is no option [{group}] {option}"


def test_the_page_on_tasks_explains_every_column(tmp_path: Path) -> None:
    (tmp_path / "podium.conf").write_text(f"[DEFAULT]\nstate_path = {tmp_path}\n")
    podium = (Path(sys.executable).with_name("podium"), "--config-file", "podium.conf")
    run(tmp_path, *podium, "db", "upgrade")
    shown = run(tmp_path, *podium, "task", "list", "-f", "csv").stdout.replace('"', "").split(",")
    _, _, section = (ROOT / "docs/tasks.md").read_text().partition("## Columns")
    explained = re.findall(r"^\| `(\w+)` \|", section, re.M)
    assert explained == [column.strip() for column in shown]


def test_the_tutorial_shows_all_that_a_driver_may_ask_of_the_conductor() -> None:
    text = (ROOT / "docs/drivers.md").read_text()
    methods = {name for name in vars(base.Manager) if not name.startswith("_")}
    assert {name for name in methods if f"manager.{name}(" not in text} == set()


def test_the_readmes_table_has_every_folder_and_module_of_the_root() -> None:
    _, _, table = (ROOT / "README.md").read_text().partition("| path | contents |")
    named = set(re.findall(r"`(\w+(?:/|\.py))`", "".join(re.findall(r"^(\|.*?\|)", table, re.M))))
    files = {file.name for file in ROOT.glob("*.py")} - {"__init__.py"}
    folders = {f"{file.parent.name}/" for file in ROOT.glob("*/__init__.py")}
    assert files | folders <= named
    assert all((ROOT / name).exists() for name in named)
