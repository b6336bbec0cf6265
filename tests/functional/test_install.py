"""docs/install.md, followed to the letter in a root of its own: installed, used, backed up, removed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import scratch_root
from rounds import only_long
from scratch_root import INSTALLED, ROOT, ScratchRoot

PAGE: Final = (ROOT / "docs/install.md").read_text()


def commands(section: str) -> list[str]:
    """Return the blocks of commands in a section of the page."""
    (text,) = re.findall(rf"^## {section}$(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, re.M)
    return [re.sub("^    ", "", block, flags=re.M).replace("/path/to/podium", str(ROOT)) for block in blocks]


@pytest.fixture
def root(tmp_path: Path) -> Iterator[ScratchRoot]:
    if lack := scratch_root.lacking():
        pytest.skip(lack)
    with ScratchRoot(tmp_path) as made:
        yield made


def errors(root: ScratchRoot, command: str, user: str) -> list[str]:
    """Return what a command prints on standard error that must fail."""
    done = root.run(command, user)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr.splitlines()


@only_long
def test_an_installation_as_documented(root: ScratchRoot) -> None:
    (install,), (upgrade,), (start,) = (commands(one) for one in ("Install", "The database", "Start"))
    (groups, list_nodes), (backup, restore) = commands("People"), commands("Back up")
    stop, remove = commands("Remove")

    root.do(install)
    root.do("systemd-analyze verify /etc/systemd/system/podium-*.service")
    root.do(upgrade)
    assert set(root.do("stat --format %U:%G /var/lib/podium/*").split()) == {"podium:podium"}
    root.do("useradd --create-home alice; useradd --create-home bob")
    (line,) = errors(root, list_nodes, "alice")
    assert line == (
        "podium: this user may not read config file /etc/podium/podium.conf: run this as root, or start"
        " podium-api, which serves other users at /run/podium-api/podium.sock"
    )

    root.do(start)
    root.do(groups)
    root.do("podium node create --name n1 --driver fake && podium node power on n1 --wait", "alice")
    assert "n1" in root.do(list_nodes, "alice")
    assert "n1" in root.do(list_nodes)
    assert "alice@" in root.do("podium operation list -f value")
    (line,) = errors(root, list_nodes, "bob")
    assert "bob has no role, and this needs reader, which the option [api] readers gives" in line
    assert "as root: usermod -aG GROUP bob, where GROUP is podium-readers or podium-operators or" in line

    root.do("sed -i 's|^#log_dir = .*|log_dir = /var/log/podium|' /etc/podium/podium.conf")
    root.do(backup)
    root.do("podium node delete n1", "alice")
    root.do(restore)
    assert "n1" in root.do(list_nodes, "alice")

    rotate = "logrotate --force /etc/logrotate.d/podium"
    log, state = "/var/log/podium/podium-conductor.log", "/run/scratch-systemd/podium-conductor.pid"
    root.do(f"command -v logrotate && {rotate} || mv {log} {log}.1")
    root.do(f"kill -HUP $(cat {state}); until grep Reloaded {log} 2>&1; do sleep 0.1; done")

    root.do(stop)
    root.do(remove)
    assert root.do(f"cd /; ls -d {' '.join(INSTALLED)} 2>/dev/null || true") == ""
