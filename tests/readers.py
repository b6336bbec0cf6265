"""A conductor, as the database sees it, that answers hardware reads."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import sqlalchemy as sa

from entries import enter
from fakes import give_slots
from peers import PATIENCE
from podium.db import hardware_reads
from podium.db.engine import Database
from podium.db.hardware_reads import HardwareRead
from podium.db.worker import Worker

Answer = Callable[[sa.Connection, HardwareRead], None]

INLET: Final = {"name": "Inlet", "kind": "temperature", "value": 21.5, "unit": "celsius", "status": "OK"}

#: A conductor's answer about a machine's boot device.
BOOT: Final = {"device": "pxe", "persistent": False, "mode": "uefi", "supported": ["pxe", "disk"]}

#: A conductor's answer about a machine's log.
LOG: Final = {
    "entries": [
        {
            "id": "7",
            "clock_at": "2026-03-01T11:00:00+00:00",
            "severity": "Critical",
            "message": "lower critical",
            "sensor": "Fan 1",
            "raw": "00ff",
        },
        {
            "id": "8",
            "clock_at": None,
            "severity": "OK",
            "message": "cleared",
            "sensor": None,
            "raw": None,
        },
    ],
    "more": True,
    "clock_offset": 30.5,
}

#: A conductor's answer about a login that works.
LOGIN: Final = {
    "username": "ada",
    "privilege": "OPERATOR",
    "protocol": "IPMI 2.0",
    "power_state": "power on",
    "remarks": ["the password expires"],
}


def owner(database: Database) -> Worker:
    """Enter a conductor that owns all nodes with the driver ``fake``."""
    with database.write() as connection:
        (found,) = enter(connection, "c1")
        give_slots(connection, found, ["fake"])
    return found


def reads(connection: sa.Connection, read: HardwareRead) -> None:
    """Answer with one sensor."""
    hardware_reads.answer(connection, read.id, {"sensors": [INLET]})


def drawing(watts: float) -> Answer:
    """Answer like an outlet that delivers this power."""
    outlet = {"name": "Outlet", "kind": "power", "value": watts, "unit": "watts", "status": "OK"}
    return lambda connection, read: hardware_reads.answer(connection, read.id, {"sensors": [INLET, outlet]})


@contextmanager
def answering(database: Database, reader: Worker, answer: Answer = reads) -> Iterator[None]:
    """Let a conductor answer each read in a thread."""
    end = threading.Event()

    def serve() -> None:
        while not end.wait(0.02):
            with database.write() as connection:
                for read in hardware_reads.unanswered(connection, reader):
                    answer(connection, read)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join(PATIENCE)
