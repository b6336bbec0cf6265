"""What ``make run`` runs, beside others who use the same ports."""

import json
import os
import re
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

from daemons import eventually
from environments import Environment
from peers import PATIENCE, free_port
from rounds import only_long

SCRIPT: Final = Path(__file__).parents[2] / "etc" / "demo" / "run.sh"
USUAL: Final = 6230


class Checkout:
    """A folder with an environment, as ``make`` leaves it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = Environment(folder / ".venv")
        self.log = folder / "log"

    def start(self, **environment: str) -> "subprocess.Popen[bytes]":
        with self.log.open("wb") as log:
            return subprocess.Popen(
                ["sh", SCRIPT],
                cwd=self._folder,
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def refusal(self, **environment: str) -> str:
        """Run it where it cannot start, and return what it says."""
        process = self.start(**environment)
        try:
            assert process.wait(PATIENCE) == 1
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
        return self.log.read_text()

    @contextmanager
    def running(self, **environment: str) -> Iterator[None]:
        """Run it, wait until the machines' power is known, and end it by Ctrl-C."""
        process = self.start(**environment)
        try:
            eventually(
                lambda: " owns 48 nodes" in self.log.read_text() or process.poll() is not None, "it runs"
            )
            assert process.poll() is None, self.log.read_text()
            yield
        finally:
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(PATIENCE) == 0

    def port(self) -> int:
        """Where the BMCs are, all of which were read without a failure."""
        command = [self._environment.bin / "podium", "node", "list", "-f", "json"]
        columns = ["-c", "power_state", "-c", "driver_info", "-c", "last_error"]

        def read() -> list[dict[str, object]]:
            rows = json.loads(subprocess.check_output([*command, *columns], cwd=self._folder))
            return rows if all(row["power_state"] and not row["last_error"] for row in rows) else []

        ports = {row["driver_info"]["ipmi_port"] for row in eventually(read, "all are read")}
        (found,) = ports
        return int(found)

    def nodes_over_http(self) -> list[object]:
        """Ask the API at the address that is printed."""
        (address,) = re.findall(r"curl (http://127\.0\.0\.1:\d+/v1/nodes)", self.log.read_text())
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            nodes: list[object] = json.load(answer)["nodes"]
        return nodes

    def page(self) -> str:
        """Ask for the page as a browser does, at the address that is printed for it."""
        (address,) = re.findall(r"In a browser: +(http://\S+)", self.log.read_text())
        asked = urllib.request.Request(address, headers={"Accept": "text/html"})
        with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
            return str(answer.read().decode())


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("checkout"))


@only_long
def test_it_takes_another_port_where_the_usual_one_is_taken_and_the_nodes_follow(checkout: Checkout) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as neighbour:
        with suppress(OSError):  # or somebody else has it, which will do as well
            neighbour.bind(("0.0.0.0", USUAL))
        with checkout.running():
            assert checkout.port() != USUAL
            assert len(checkout.nodes_over_http()) == 48
            assert 'src="page/main.js"' in checkout.page()
            assert "it is running already" in checkout.refusal()
    wanted = free_port(socket.SOCK_DGRAM)
    with checkout.running(PODIUM_PORT=str(wanted)):
        assert checkout.port() == wanted


def test_a_wanted_port_that_is_taken_is_told_with_the_variable(checkout: Checkout) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as neighbour:
        neighbour.bind(("0.0.0.0", 0))
        port = neighbour.getsockname()[1]
        refusal = checkout.refusal(PODIUM_PORT=str(port))
    assert f"UDP port {port} is in use" in refusal
    assert "PODIUM_PORT=" in refusal
