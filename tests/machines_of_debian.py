"""A separate machine with Debian and systemd, in a systemd-nspawn container without a network."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Final, Self

from peers import PATIENCE

TOOLS: Final = ("debootstrap", "systemd-nspawn", "nsenter")
#: Seconds to install Debian, and to boot it.
LONG: Final = 1200.0
#: The package's dependencies, which the container cannot download.
PACKAGES: Final = "systemd,systemd-sysv,dbus,python3,ca-certificates,logrotate,man-db"
#: Folders whose files come and go by themselves.
RESTLESS: Final = (
    *("/dev", "/proc", "/run", "/sys", "/tmp"),
    *("/var/cache", "/var/lib/systemd", "/var/log/journal", "/var/tmp"),
)
ENVIRONMENT: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
}


def lacking() -> str | None:
    """Return why such a machine is impossible here, or None if it is possible."""
    if os.geteuid() != 0:
        return "only root can start a container"
    missing = [name for name in TOOLS if shutil.which(name) is None]
    return f"there is no {', '.join(missing)}" if missing else None


def install_debian(root: Path) -> None:
    """Install the same version of Debian as here."""
    names = dict(
        line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line
    )
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", names["VERSION_CODENAME"], root]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONG)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    (root / "etc/dpkg/dpkg.cfg.d/fast").write_text("force-unsafe-io\n")  # nothing there needs to be kept


class Machine:
    """A machine that runs during the ``with`` block.

    :param root: the folder with its files
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._init = 0

    def __enter__(self) -> Self:
        # Without --register and with --keep-unit, it needs no systemd outside.
        options = ("--quiet", "--boot", "--register=no", "--keep-unit", "--private-network", "--console=pipe")
        self._process = subprocess.Popen(
            ["systemd-nspawn", *options, "--directory", self._root],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        end = time.monotonic() + LONG
        while not self._is_up(children):
            assert self._process.poll() is None, "the container ended"
            assert time.monotonic() < end, "the container does not start"
            time.sleep(0.5)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)  # nspawn powers it off
        self._process.wait(LONG)

    def _is_up(self, children: Path) -> bool:
        self._init = int((children.read_text().split() or ["0"])[0])
        if not self._init:
            return False
        done = self.try_to("systemctl is-system-running")
        return done.stdout.strip() in ("running", "degraded")

    def try_to(self, script: str) -> "subprocess.CompletedProcess[str]":
        """Run a script as root."""
        enter = ["nsenter", "--target", str(self._init), *("--mount", "--uts", "--ipc", "--net", "--pid")]
        return subprocess.run(
            [*enter, "--cgroup", "sh", "-c", script],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE * 5,
        )

    def run(self, script: str) -> str:
        """Run a script as root, which must succeed, and return its output."""
        done = self.try_to(script)
        assert done.returncode == 0, (script, done.stdout, done.stderr)
        return done.stdout

    def files(self) -> set[str]:
        """Return the paths of all files and folders, except those that come and go by themselves."""
        pruned = " -o ".join(f"-path {path}" for path in RESTLESS)
        return set(self.run(f"find / -xdev \\( {pruned} \\) -prune -o -print").splitlines())
