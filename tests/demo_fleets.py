"""Fleets in the state after some months of work, and a conductor that carries out requests."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

import entries
from fakes import give_slots
from heads import Head
from peers import PATIENCE
from podium.db import api, conductors, figures, hardware_reads, members, models, task_commands, tokens
from podium.db.conductors import TaskReport
from podium.db.engine import Database
from podium.db.models import utcnow
from podium.db.worker import Worker
from readers import BOOT, LOGIN

#: Seconds between two signs of life of the conductors.
_PULSE: Final = 1.0
DRIVERS: Final = ("ipmi", "redfish", "fake")
#: Texts by a BMC, and by users who do not write ASCII: wide, combining, right to left, terminal controls.
ERROR: Final = (
    "BMC {address} does not answer within 9.75 s: it was asked three times (gaps 0.5 s, 0.7 s, 0.98 s),"
    " and never said a word; see the driver's page\nand the log of the switch"
)
REASON: Final = (
    "機器が応答しません、Cafe\u0301 Zoë \x1b[31mrot\x1b[0m עברית 👩‍🔬"
    ": the whole rack is moved to the other room"
)
#: A name as long as at some sites.
LONG: Final = "physics-gpu-node-with-8-accelerators-slot-{}.cluster.theory.example.org"
_HOSTS: Final = ("c1", "c10", "c2", "conductor-of-the-second-room.example.org")
_STATES: Final = ("power on", "power off", "power on", None)


def fill(database: Database, racks: int, each: int) -> Head:
    """Enrol nodes ``r1n01`` and so on in all sorts of states, and return the conductor of all."""
    now = utcnow()
    with database.write() as connection:
        head, *others = (
            one for host in _HOSTS for one in entries.enter(connection, host, DRIVERS, workers=1)
        )
        conductors.begin(connection, "gone", 1)
        give_slots(connection, head, DRIVERS)
        api.create_nodes(connection, list(_nodes(racks, each)))
        _note_readings(connection, now)
        for one in (head, *others):
            conductors.save_tasks(connection, one, _tasks(now))
            conductors.save_figures(connection, one, _FIGURES)
        conductors.save_tasks(connection, head, [_OF_ONE])
        _ask(connection, head, now)
        _tell(connection, head, now)
        _keep(connection, now)
    return Head(database, head, DRIVERS)


def _nodes(racks: int, each: int) -> Iterator[dict[str, Any]]:
    for rack in range(1, racks + 1):
        for place in range(1, each + 1):
            yield _node(rack, place)
    for number, name in enumerate((LONG.format(10), LONG.format(2), "n7", "n9", "web1"), start=1):
        yield {**_node(999, number), "name": name, "driver": "redfish"}


def _node(rack: int, place: int) -> dict[str, Any]:
    number, address = rack * 100 + place, f"10.{rack // 250}.{rack % 250}.{place}"
    fails, has_fault = number % 10 == 3, number % 24 == 5
    return {
        "name": f"r{rack}n{place:02}",
        "driver": "ipmi",
        "driver_info": {"ipmi_address": address, "ipmi_username": "podium", "ipmi_password": "s3cret"},
        "endpoint": f"{address}:623",
        "power_state": _STATES[number % 4],
        "power_failures": 7 if fails else 0,
        "last_error": ERROR.format(address=address) if fails else None,
        "maintenance": has_fault,
        "maintenance_reason": REASON if has_fault else None,
        "fault": "power failure" if has_fault else None,
        "target_power_state": "power on" if number % 17 == 2 else None,
        "wanted_power_state": "power on",
        "enforcement": "waits: 3 % of the nodes changed unasked" if number % 4 == 1 else None,
        "health": {"status": "Critical", "reasons": [f"FAN{n}: 0 rpm, 冷却" for n in range(9)]}
        if number % 13 == 4
        else {"status": "OK", "reasons": []},
        "health_checked_at": utcnow(),
        "health_lasts": 900.0,
        "owner": ("化学", "physics", None)[rack % 3],
        "description": REASON if place == 7 else None,
        "resource_class": "baremetal",
        "extra": {"rack": f"r{rack}", "note": REASON},
        "properties": {"manufacturer": "Exampletronics GmbH & Co. KG", "cpus": 128, "model": REASON},
    }


def _note_readings(connection: sa.Connection, now: datetime) -> None:
    """Mark nodes as read 3 seconds ago, and some as read hours ago or never."""
    number = models.power_readings.c.node_id
    for odd, at in ((1, now - timedelta(seconds=3)), (0, now - timedelta(hours=3))):
        some = number % 11 != 0 if odd else number % 11 == 0
        connection.execute(sa.update(models.power_readings).where(some).values(checked_at=at))
    never = sa.update(models.power_readings).where(number % 40 == 0)
    connection.execute(never.values(checked_at=None))


def _tasks(now: datetime) -> list[TaskReport]:
    error = ERROR.format(address="10.0.0.7")
    long = "a-driver-of-the-vendors.collect_the_inventory_of_all_machines"
    return [
        TaskReport("conductor.sync_power_status", "late", 60.0, now, 71.23456, 123456, 1, 99, 3, None),
        TaskReport("ipmi.check_status", "failing", 300.0, now, 0.62937, 4711, 12, 0, 0, error),
        TaskReport("ipmi.collect_sensors", "disabled", 60.0, None, None, 0, 0, 0, 0, None),
        TaskReport("redfish.collect_inventory", "running", 300.0, now, 5.1, 7, 0, 0, 0, None),
        TaskReport(long, "slowed", 86400.0, now - timedelta(days=3), 1234.5, 5, 5, 0, 0, REASON),
    ]


#: A task that only one conductor has.
_OF_ONE: Final = TaskReport("acme.check_fans", "idle", 30.0, utcnow(), 0.3, 5, 0, 0, 0, None)


_READS: Final = figures.DriverFigures(
    nodes=48,
    reads=123456,
    reads_per_second=83.3,
    sweep_duration=57.8,
    sweep_nodes=48,
    queued=17,
    late=True,
    failures={"unreachable": 1234, "authentication refused": 5},
    counters={"logins": 48.0, "sessions": 48.0, "datagrams_sent": 337312345.0, "receive_overflows": 0.0},
)
_FIGURES: Final = figures.Figures(
    nodes=48,
    failing=5,
    max_age=120.0,
    fresh_share=0.98765,
    ages=figures.Ages(median=4.084, p99=9.917, max=10_800.5),
    age_buckets={"5": 30, "10": 48, "15": 48, "30": 48, "60": 48, "120": 48, "300": 48, "inf": 48},
    drivers={"ipmi": _READS, "redfish": figures.DriverFigures(), "fake": figures.DriverFigures()},
    notifications={
        "https://hooks.example.org/services/monitoring": figures.SinkFigures(
            delivered=1234, pending=7, failing=True, failing_since=utcnow(), last_error=REASON
        )
    },
    enforcement=figures.EnforcementFigures(is_frozen=False, enforced=3, waiting=2),
    queues=dict.fromkeys(("outcomes", "readings", "checked", "health", "columns"), 0),
    load={"cpu": 0.019, "reads": 0.25},
)


def _ask(connection: sa.Connection, head: Worker, now: datetime) -> None:
    """Record past operations, the first on all nodes, some of which failed."""
    found = connection.execute(sa.select(models.nodes.c["id", "uuid", "name"])).all()
    errors = {"failed": ERROR, "cancelled": "cancelled by ada@desk"}
    ended = {"done": "power on", "failed": "power off", "cancelled": None, "replaced": None, "waiting": None}
    for number in range(1, 45):
        its = found if number == 1 else found[number % 30 : number % 30 + 7]
        asked = {
            "action": ("power on", "rebooting", "soft power off", "power cycle")[number % 4],
            "requested_by": "ada.lovelace@analytical-engine-desk.example.org",
            "requested_at": now - timedelta(hours=50 - number),
            "reason": REASON if number % 2 else None,
            "then_off": False,
            "timeout": None,
        }
        row = {**asked, "id": number, "nodes": len(its)}
        connection.execute(sa.insert(models.operations).values(row))
        rows = []
        for place, (node, uuid, name) in enumerate(its):
            state = [*ended][0 if place % 3 else place % 4]
            if number == 44 and place == 1:
                state = "waiting"
            rows.append(
                {
                    **asked,
                    "operation_id": number,
                    "node_id": node,
                    "node_uuid": uuid,
                    "node_name": name,
                    "state": state,
                    "not_before": asked["requested_at"],
                    "holder": head,
                    "begun_at": asked["requested_at"],
                    "sent_at": asked["requested_at"],
                    "finished_at": None if state == "waiting" else now - timedelta(hours=49 - number),
                    "power_state": ended[state],
                    "error": errors[state].format(address=f"10.0.1.{place % 250}")
                    if state in errors
                    else None,
                }
            )
        connection.execute(sa.insert(models.power_requests), rows)


def _tell(connection: sa.Connection, head: Worker, now: datetime) -> None:
    """Record power events of each node."""
    causes = ("first reading", "request", "out-of-band", "fault", "recovery", "enforced")
    found = connection.execute(sa.select(models.nodes.c["uuid", "name"])).all()
    rows = [
        {
            "node_uuid": uuid,
            "node_name": name,
            "at": now - timedelta(hours=9, seconds=-place),
            "from_state": "soft power off" if at else None,
            "to_state": "power off",
            "cause": cause,
            "who": "ada.lovelace@analytical-engine-desk.example.org" if cause == "request" else None,
            "reason": REASON if at % 2 else ERROR.format(address="10.0.0.7"),
            "operation_id": 1 if cause == "request" else None,
            "writer": head,
        }
        for at, cause in enumerate(causes)
        for place, (uuid, name) in enumerate(found)
    ]
    connection.execute(sa.insert(models.power_events), rows)


def _keep(connection: sa.Connection, now: datetime) -> None:
    """Record tokens, an avoided subnet, and daemons that have left."""
    for number, name in enumerate(("grafana", "robot10", "robot2", "the-monitoring-of-the-computing-centre")):
        tokens.create(
            connection, name, "reader", f"secret {name}", who="ada@desk.example.org", seconds=86400.0 * number
        )
        tokens.note_use(connection, number + 1, "2001:db8:1234:5678:9abc:def0:1234:5678")
    tokens.revoke(connection, "robot10", "ada@desk.example.org")
    connection.execute(
        sa.insert(models.avoidances),
        [{"subnet": f"10.0.{n}.0/24", "host": "c10", "number": n} for n in (9, 70)],
    )
    (gone,) = entries.enter(connection, "conductor-10.example.org", DRIVERS)
    members.leave(connection, gone)


def renew(database: Database) -> None:
    """Renew the conductors' signs of life."""
    with database.write() as connection:
        connection.execute(sa.update(models.leases).values(renewed_at=utcnow()))


@contextmanager
def at_work(database: Database, head: Head) -> Iterator[None]:
    """Let the conductor carry out requests and answer reads until the end of the block."""
    end = threading.Event()

    def serve() -> None:
        alive_until = 0.0
        while not end.wait(0.02):
            if time.monotonic() > alive_until:  # a busy machine may take longer than leases are good for
                renew(database)
                alive_until = time.monotonic() + _PULSE
            head.carry_out({"r1n03": ERROR.format(address="10.0.1.3"), "r1n05": REASON})
            with database.write() as connection:
                answer(connection, head.worker)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join(PATIENCE)


def answer(connection: sa.Connection, worker: Worker) -> None:
    for read in hardware_reads.unanswered(connection, worker):
        answers: Mapping[str, Any] = {
            "sensors": {"sensors": _SENSORS},
            "boot device": BOOT,
            "log": _LOG,
            "clock": {"offset": 41.5},
        }
        hardware_reads.answer(connection, read.id, answers.get(read.kind, LOGIN))
    its = models.task_commands.c
    for number in connection.scalars(sa.select(its.id).where(its.finished_at.is_(None))).all():
        task_commands.answer(connection, number, None, 0.3)


_SENSORS: Final = [
    {
        "name": name,
        "kind": "temperature",
        "value": value,
        "unit": "celsius",
        "status": "OK",
    }
    for name, value in (
        ("CPU2 Temp", None),
        ("CPU10 Temp", 21.5),
        ("Temperatur der Zuluft 機器 im oberen Einschub, links (Front Panel Board, Connector J17)", 1234.0),
    )
]

_LOG: Final = {
    "entries": [
        {
            "id": str(number),
            "at": None if number == 1 else f"2026-03-01T10:{number:02}:29.500000+00:00",
            "clock_at": None if number == 1 else f"2026-03-01T11:{number:02}:00.000000+00:00",
            "severity": ("OK", "Warning", "Critical")[number % 3],
            "message": f"{sensor['name']}: upper critical going high",
            "sensor": sensor["name"],
            "raw": "0500dfdc3a5201021122334455667788" if number == 2 else None,
        }
        for number, sensor in enumerate(_SENSORS * 4, 1)
    ],
    "more": False,
    "clock_offset": 1830.5,
}
