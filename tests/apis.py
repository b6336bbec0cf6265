"""``podium-api`` as a process of its own, with the config file of a daemon."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Self

import httpx

from daemons import BIN, Daemon, eventually
from peers import PATIENCE, free_port, own_address


class Api:
    """A ``podium-api``; ``with`` starts it and makes sure that it ends.

    :param settings: further lines of ``[api]``
    :param strategy: how it finds out who asks
    :ivar daemon: a conductor over the same database, which is not started
    :ivar http: asks it, with the highest version of Ironic's API
    """

    def __init__(
        self,
        folder: Path,
        text: str = "",
        *,
        settings: str = "",
        strategy: str = "noauth",
        url: str | None = None,
    ) -> None:
        self.port = free_port()
        self.url = f"http://{own_address()}:{self.port}"
        self._log = folder / "api.log"
        serving = f"[api]\nhost_ip = {own_address()}\nport = {self.port}\n{settings}\n"
        self.daemon = Daemon(folder, serving + text, default=f"auth_strategy = {strategy}", url=url)
        headers = {"X-OpenStack-Ironic-API-Version": "latest"}
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE)

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [BIN / "podium-api", "--config-file", self.daemon.config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        eventually(lambda: self._answers() or self.process.poll() is not None, "podium-api answers")
        assert self.process.poll() is None, self.text()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        if self.process.poll() is None:
            self.kill()

    def _answers(self) -> bool:
        try:
            return self.http.get("/healthcheck").is_success
        except httpx.TransportError:
            return False

    def text(self) -> str:
        return self._log.read_text()

    def kill(self) -> None:
        """kill -9, all of its processes."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
