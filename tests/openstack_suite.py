"""Runs openstacksdk's functional tests of bare metal, unchanged but for shorter pauses between their polls:

    OS_CLOUD=... .venv-openstack/bin/python tests/openstack_suite.py FILE

Runs in the environment of OpenStack's clients. FILE gets a line of JSON for each test: its name, its outcome,
and the traceback.
"""

import json
import sys
import time
import types
import unittest
from pathlib import Path
from typing import Any, Final

import openstack.utils

_SUITE: Final = "openstack.tests.functional.baremetal.v1"
_PAUSE: Final = 0.1


class Result(unittest.TestResult):
    """Writes the outcome of each test."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file.open("w")

    def _write(self, test: unittest.TestCase, outcome: str, text: str = "") -> None:
        line = [test.id().removeprefix(f"{_SUITE}."), outcome, text]
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def addSuccess(self, test: unittest.TestCase) -> None:
        self._write(test, "passed")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self._write(test, "skipped", reason)

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        self._write(test, "failed", str(err[1]))

    addError = addFailure


def _sleep(seconds: float) -> None:
    time.sleep(min(seconds, _PAUSE))


def main() -> None:
    openstack.utils.time = types.SimpleNamespace(time=time.time, sleep=_sleep)
    tests = unittest.defaultTestLoader.discover(_SUITE)
    tests.run(Result(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
