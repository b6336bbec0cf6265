"""The ``systemctl`` of a scratch root: starts a service according to its unit, without systemd.

It applies the settings that a service needs to work there: user, folders, umask, and readiness.
"""

import configparser
import os
import pwd
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

UNITS: Final = Path("/etc/systemd/system")
STATE: Final = Path("/run/scratch-systemd")
PATIENCE: Final = 90.0
FOLDERS: Final = {"State": "/var/lib", "Logs": "/var/log", "Runtime": "/run"}


def service_of(name: str) -> configparser.SectionProxy:
    """Return the section [Service] of a unit."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read([UNITS / f"{name}.service", *sorted(UNITS.glob(f"{name}.service.d/*.conf"))])
    return parser["Service"]


def make_folders(service: configparser.SectionProxy) -> dict[str, str]:
    """Create a service's folders, owned by its user, and return the environment variables for them."""
    variables = {}
    for kind, parent in FOLDERS.items():
        if name := service.get(f"{kind}Directory"):
            folder = Path(parent, name)
            folder.mkdir(exist_ok=True)
            subprocess.run(["chown", f"{service['User']}:{service['User']}", folder], check=True)
            folder.chmod(int(service.get(f"{kind}DirectoryMode", "0755"), 8))
            variables[f"{kind.upper()}_DIRECTORY"] = str(folder)
    return variables


def start(name: str) -> None:
    """Start a service and wait until it is ready."""
    service = service_of(name)
    user = pwd.getpwnam(service["User"])
    STATE.mkdir(exist_ok=True)
    notify = STATE / f"{name}.notify"
    notify.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard, (STATE / f"{name}.log").open("ab") as log:
        heard.bind(str(notify))
        notify.chmod(0o666)
        heard.settimeout(0.2)
        process = subprocess.Popen(
            shlex.split(service["ExecStart"]),
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            umask=int(service["UMask"], 8),
            env={"PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": str(notify), **make_folders(service)},
            start_new_session=True,
        )
        (STATE / f"{name}.pid").write_text(f"{process.pid}\n")
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and process.poll() is None:
            try:
                if b"READY=1" in heard.recv(4096):
                    return
            except TimeoutError:
                continue
    sys.exit(f"{name} is not ready: {(STATE / f'{name}.log').read_text()}")


def stop(name: str) -> None:
    """Stop a service and wait for its end."""
    file = STATE / f"{name}.pid"
    pid = int(file.read_text())
    end = time.monotonic() + PATIENCE
    os.kill(pid, signal.SIGTERM)
    while lives(pid):
        if time.monotonic() > end:
            sys.exit(f"{name} does not end")
        time.sleep(0.02)
    if folder := service_of(name).get("RuntimeDirectory"):
        subprocess.run(["rm", "-rf", f"/run/{folder}"], check=True)
    file.unlink()


def lives(pid: int) -> bool:
    """Return whether a process has not ended. A zombie has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def main() -> None:
    """Run the command."""
    match [word for word in sys.argv[1:] if word != "--now"]:
        case ["daemon-reload"]:
            pass
        case ["enable" | "start", *names]:
            for name in names:
                start(name)
        case ["disable" | "stop", *names]:
            for name in names:
                stop(name)
        case ["restart", *names]:
            for name in names:
                stop(name)
                start(name)
        case words:
            sys.exit(f"this stand-in for systemctl does not know {words}")


main()
