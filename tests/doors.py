"""podium-api and a conductor with one database."""

import os
import signal
from pathlib import Path
from typing import Self

import httpx

from apis import Api
from daemons import Daemon
from peers import PATIENCE, free_port


class Door:
    """A ``podium-api`` at a fixed port; ``with`` starts it and ensures that it ends.

    :param settings: lines of ``[api]``
    :param strategy: how it authenticates clients
    :param conductor: the configuration of the conductor
    :param database: its URL, by default of a new database with the schema
    :ivar conductor: with the same database; not started
    :ivar url: for clients
    :ivar http: a client, with the highest version of Ironic's API
    """

    def __init__(
        self,
        folder: Path,
        settings: str = "",
        *,
        strategy: str = "auth_strategy = noauth",
        conductor: str = "",
        database: str | None = None,
    ) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.conductor = Daemon(folder, conductor, url=database)
        settings = f"{settings}\n"
        self.api = Api(folder, settings, default=strategy, url=self.conductor.url)
        self.api.config.write_text(self.api.config.read_text().replace("port = 0", f"port = {port}"))
        headers = {"X-OpenStack-Ironic-API-Version": "latest"}
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE, verify=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.http.close()
        self.api.__exit__(*exc_info)

    def start(self) -> None:
        """Start podium-api, also after a kill, and return once it serves."""
        self.api.log.unlink(missing_ok=True)  # it says that podium-api served before
        self.api.start()

    def kill(self) -> None:
        """kill -9 of all its processes."""
        process = self.api.process
        assert process is not None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)
