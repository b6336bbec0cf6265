"""A separate root file system, in which a test runs the commands of a page unchanged.

It shows this machine's files, and keeps changes in memory. Its processes have their own network.
"""

import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Final, Self

from peers import PATIENCE

ROOT: Final = Path(__file__).parents[1]
PATH: Final = "/standins:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TOOLS: Final = (
    *("unshare", "nsenter", "mount", "chroot", "ip", "runuser"),
    *("useradd", "usermod", "userdel", "groupadd", "groupdel", "sqlite3", "tar", "systemd-analyze"),
)
_PROGRAMS: Final = ("podium", "podium-api", "podium-conductor", "podium-sim")
#: Files of a Podium that is installed on this machine, or just being installed there.
INSTALLED: Final = (
    *("opt/podium", "etc/podium", "var/lib/podium", "var/log/podium", "etc/logrotate.d/podium"),
    *(f"{folder}/{name}" for name in _PROGRAMS for folder in ("usr/bin", "usr/local/bin")),
    *(f"{folder}/systemd/system/{name}.service" for name in _PROGRAMS for folder in ("etc", "usr/lib")),
)
FORGOTTEN: Final = (
    *(f"userdel {name} 2>/dev/null" for name in ("podium", "podium-api", "alice", "bob")),
    "groupdel podium-admins 2>/dev/null",
)


def lacking() -> str | None:
    """Return why such a root is impossible here, or None if it is possible."""
    if os.geteuid() != 0:
        return "only root can make a root"
    missing = [name for name in TOOLS if shutil.which(name) is None]
    if missing:
        return f"there is no {', '.join(missing)}"
    probe = ["unshare", "--mount", "--net", "--pid", "--fork", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    done = subprocess.run(probe, capture_output=True, text=True, timeout=PATIENCE)
    return f"this machine does not let root mount anything: {done.stderr}" if done.returncode else None


def _mount_of(path: Path) -> Path:
    return next(one for one in [path, *path.parents] if os.path.ismount(one))


class ScratchRoot:
    """A root that exists during the ``with`` block.

    :param folder: an empty folder for its mounts
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._libraries = [Path(one) for one in sys.path if one.endswith("site-packages")]
        self._python = Path(sys.base_prefix) / "bin/python3"
        self._process: subprocess.Popen[bytes] | None = None
        self._init = 0

    def __enter__(self) -> Self:
        needed = [ROOT, Path(sys.prefix), Path(sys.base_prefix), *self._libraries]
        mounts = sorted({Path("/"), *(_mount_of(path) for path in needed)})
        self._write_standins()
        script = self._folder / "begin"
        script.write_text(self._script(mounts, needed))
        command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-eu", script]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"begun\n", "the scratch root cannot be made"
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        self._init = int(children.read_text())
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(PATIENCE)
        self._process.stdout.close()

    def run(self, script: str, user: str = "root") -> "subprocess.CompletedProcess[str]":
        """Run a shell script as root, or in the login shell of another user."""
        shell = ["sh", "-eu", "-c", script]
        if user != "root":
            shell = ["runuser", "--login", user, "--command", script]
        return subprocess.run(
            ["nsenter", f"--target={self._init}", "--mount", "--net", "--pid", "--root", "--wd", *shell],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env={"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8"},
        )

    def do(self, script: str, user: str = "root") -> str:
        """Run a script, which must succeed, and return its output."""
        done = self.run(script, user)
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def _script(self, mounts: list[Path], needed: list[Path]) -> str:
        root = self._folder / "root"
        lines = [f"mount -t tmpfs tmpfs {self._folder}/mounts", f"mkdir {self._folder}/mounts/root"]
        for number, path in enumerate(mounts):
            upper, work = (f"{self._folder}/mounts/{kind}{number}" for kind in ("upper", "work"))
            lines.append(f"mkdir {upper} {work}")
            if path == Path("/"):  # devices with this number hide the files below them
                lines += (
                    f"mkdir -p {upper}/{Path(one).parent}; mknod {upper}/{one} c 0 0" for one in INSTALLED
                )
            lines += [
                f"mount -t overlay -o lowerdir={path},upperdir={upper},workdir={work} overlay"
                f" {root}{'' if path == Path('/') else path}",
            ]
        in_tmp = any(path.is_relative_to("/tmp") for path in needed)
        # Other users than root need access to Python and its libraries here.
        closed = {parent for path in needed for parent in path.parents if not _is_open(parent)}
        lines += [f"chmod o+x {root}{path}" for path in sorted(closed)]
        lines += [
            f"mount --rbind /dev {root}/dev",
            f"mount -t proc proc {root}/proc",
            f"mount -t tmpfs -o mode=755 tmpfs {root}/run",
            *([] if in_tmp else [f"mount -t tmpfs tmpfs {root}/tmp", f"chmod 1777 {root}/tmp"]),
            f"cp -r {self._folder}/standins {root}/standins",
            *(f"chroot {root} {command} || true" for command in FORGOTTEN),
            "ip link set lo up",
            "echo begun",
            f"exec chroot {root} sleep infinity",
        ]
        return "\n".join(lines)

    def _write_standins(self) -> None:
        """Write replacements for systemctl, and for a venv and pip that would download available packages."""
        for name in ("mounts", "root", "standins"):
            (self._folder / name).mkdir()
        pip = self._folder / "standins/pip"
        pip.write_text(
            f'#!/bin/sh\nexec {sys.executable} -m pip --quiet --python /opt/podium/bin/python "$@"'
            " --no-compile --no-deps --no-build-isolation --no-index --disable-pip-version-check\n"
        )
        libraries = "\\n".join(map(str, self._libraries))
        packages = "lib/python{}.{}/site-packages".format(*sys.version_info)
        (self._folder / "standins/python3").write_text(
            f'#!/bin/sh -eu\n{self._python} "$1" "$2" --without-pip "$3"\n'
            f'cp /standins/pip "$3/bin/pip"\nprintf "{libraries}\\n" > "$3/{packages}/here.pth"\n'
        )
        (self._folder / "standins/systemctl").write_text(
            f"#!{self._python}\n{(ROOT / 'tests/scratch_systemctl.py').read_text()}"
        )
        for file in (self._folder / "standins").iterdir():
            file.chmod(0o755)


def _is_open(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)
