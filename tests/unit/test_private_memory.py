"""Who sees the memory of Podium's programs, and what the programs that they start are given."""

import subprocess
import sys
from typing import Final

import pytest

from podium.drivers import command

#: Prints whether another program of the same user, who is not root, may read this one's environment.
SCRIPT: Final = """
import ctypes, os, resource, subprocess
from podium import private_memory

LOOK = "cat /proc/$PPID/environ >/dev/null 2>&1 && echo shown || echo refused"
libc = ctypes.CDLL(None)
if os.geteuid() == 0:
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    libc.prctl(4, 1, 0, 0, 0)  # as it is after exec
subprocess.run(["sh", "-c", LOOK])
private_memory.keep()
subprocess.run(["sh", "-c", LOOK])
subprocess.run(["sh", "-c", "cat /proc/$PPID/task/*/children; ulimit -c"])
os.listdir("/proc/self/fd"), os.readlink("/proc/self/ns/pid"), open("/proc/self/stat").close()
assert libc.prctl(3, 0, 0, 0, 0) == 0
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_program_leaves_no_core_and_shows_its_memory_and_environment_to_nobody_but_root() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert not done.stderr
    before, after, child, limit = done.stdout.split()
    assert (before, after, limit) == ("shown", "refused", "0")
    assert int(child)  # what everybody may see is seen still


def test_a_program_that_a_driver_starts_is_given_no_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_DATABASE__CONNECTION", "postgresql://podium:hunter2@host/podium")
    assert "PATH=" in command.run(["/usr/bin/env"], timeout=30).stdout
    assert "hunter2" not in command.run(["/usr/bin/env"], timeout=30).stdout
