"""Talks to the hardware; no other module knows its protocol.

This is a stand-in with machines in memory. Replace it with the real protocol: open connections when they are
needed, and close them in ``close``. The driver needs nothing more than these methods.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass


@dataclass
class Machine:
    """A machine in memory. Without a password it accepts any; a silent one never answers."""

    on: bool = False
    fans: str = "ok"
    password: str = ""
    silent: bool = False


class Client:
    """The controllers by their addresses."""

    def __init__(self) -> None:
        self.machines: dict[str, Machine] = {}

    async def ask(self, address: str, password: str, request: str) -> str:
        """Send one request and wait for the answer, however long it takes.

        :param request: ``power?``, ``fans?``, ``on``, ``off`` or ``cycle``
        :returns: ``on`` or ``off``; for ``fans?`` ``ok``, or the fault
        :raises PermissionError: if the controller refuses the password
        :raises OSError: if it cannot be reached
        """
        machine = self.machines.setdefault(address, Machine())
        if machine.silent:
            await asyncio.Event().wait()
        if machine.password not in ("", password):
            raise PermissionError(f"{address} refused the password")
        if request == "fans?":
            return machine.fans
        if request != "power?":
            machine.on = request != "off"
        return "on" if machine.on else "off"

    def keep(self, addresses: Collection[str]) -> None:
        """Forget every controller but these."""
        for address in self.machines.keys() - set(addresses):
            del self.machines[address]

    async def close(self) -> None:
        """Forget all controllers."""
        self.keep(())
