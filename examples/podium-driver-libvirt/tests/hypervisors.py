"""Hypervisors for tests: files of libvirt's test driver, and daemons that serve them and can hang."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

LIBVIRTD: Final = shutil.which("libvirtd", path="/usr/sbin:/usr/bin:/sbin:/bin")
_PATIENCE: Final = 60.0

_DISK: Final = "<disk type='file' device='{0}'><source file='/{0}'/><target dev='{1}'/>{2}</disk>"
_NIC: Final = "<interface type='network'><source network='default'/>{0}</interface>"
#: Devices of a domain that boots by device class.
DEVICES: Final = _DISK.format("disk", "vda", "") + _DISK.format("cdrom", "hdc", "") + _NIC.format("")
#: Devices of a domain with a boot order: first the disk, then the first of two network interfaces.
ORDERED: Final = (
    _DISK.format("disk", "vda", "<boot order='1'/>")
    + _DISK.format("cdrom", "hdc", "")
    + _NIC.format("<mac address='52:54:00:00:00:01'/>")
    + _NIC.format("<mac address='52:54:00:00:00:02'/><boot order='2'/>")
)


def domain(name: str, uuid: str = "", os: str = "<boot dev='hd'/>", devices: str = DEVICES) -> str:
    """Return the XML of a domain."""
    number = f"<uuid>{uuid}</uuid>" if uuid else ""
    return (
        f"<domain type='test'><name>{name}</name>{number}<memory>8192</memory>"
        f"<os><type>hvm</type>{os}</os><devices>{devices}</devices></domain>"
    )


def hypervisor(file: Path, domains: Sequence[str], users: str = "") -> str:
    """Write a file for libvirt's test driver, and return the hypervisor's URI. Its domains run."""
    file.write_text(f"<node>{users}{''.join(domains)}</node>")
    return f"test://{file}"


class Daemon:
    """libvirtd for one hypervisor, ``uri``, on its own socket. It can be suspended to simulate a hang."""

    def __init__(self, folder: Path, hypervisor: str) -> None:
        assert LIBVIRTD is not None
        config, self._socket = folder / "libvirtd.conf", folder / "libvirt-sock"
        config.write_text(
            f'unix_sock_dir = "{folder}"\nauth_unix_rw = "none"\nauth_unix_ro = "none"\nlog_outputs = "3:file:{folder}/log"\n'
        )
        self.uri = f"test+unix://{hypervisor.removeprefix('test://')}?socket={self._socket}"
        self._command = [LIBVIRTD, "--config", str(config), "--pid-file", str(folder / "pid")]
        homes = "HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"
        self._environment = os.environ | dict.fromkeys(homes, str(folder))
        self.start()

    def start(self) -> None:
        # For root it would be the system's daemon, which needs the system's users and folders.
        user = "nobody" if os.geteuid() == 0 else None
        self._process = subprocess.Popen(self._command, env=self._environment, user=user)
        end = time.monotonic() + _PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("libvirtd does not start")
            time.sleep(0.05)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGCONT)
        self._process.kill()
        self._process.wait()

    def hang(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self._socket)) == 0
