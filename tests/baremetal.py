"""OpenStack's ``baremetal`` command for tests."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Final, Self

import peers

_SHELL: Final = Path(__file__).with_name("openstack_shell.py")


class Baremetal:
    """The ``baremetal`` command; ``with`` starts a process that runs all of its commands.

    :param folder: the current folder of the process, which reads ``clouds.yaml`` there
    :param options: before each command, such as ``--os-endpoint``
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self._options = options
        python = peers.require_in("openstack", "python")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        self._process = subprocess.Popen(
            [python, _SHELL],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=environment,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=peers.PATIENCE)

    def _ask(self, *arguments: str) -> tuple[int, str, str]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([*self._options, *arguments]) + "\n")
        self._process.stdin.flush()
        status, out, err = json.loads(self._process.stdout.readline())
        return status, out, err

    def run(self, *arguments: str) -> str:
        """Run a command that succeeds, and return its output."""
        status, out, err = self._ask(*arguments)
        assert status == 0, (arguments, out, err)
        return out

    def json(self, *arguments: str) -> Any:
        """Run a command that succeeds, and return its parsed JSON output."""
        return json.loads(self.run(*arguments, "-f", "json"))

    def refused(self, *arguments: str) -> str:
        """Run a command that fails, and return the error."""
        status, out, err = self._ask(*arguments)
        assert status == 1, (arguments, out, err)
        return err.strip()
