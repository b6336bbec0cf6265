"""A real conductor over simulated machines, and what somebody who looks sees of what happens to them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from playwright.sync_api import Locator, Page, expect

from chromium import UNREACHABLE, Windows
from daemons import Rack, eventually
from doors import Door
from podium.db import clock
from podium.db.engine import Database
from podium.db.models import leases

MACHINES = 8
CONDUCTOR = "[conductor]\nsync_power_state_interval = 1\n"


class Room(NamedTuple):
    """Machines ``r1n01`` and so on, which are off at first, and who conducts and serves them."""

    rack: Rack
    door: Door


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with (
        Rack(tmp_path, MACHINES) as rack,
        Door(tmp_path, conductor=CONDUCTOR) as door,
        door.conductor as conductor,
    ):
        conductor.podium("node", "import", str(rack.nodes))
        eventually(
            lambda: {one["power_state"] for one in conductor.nodes().values()} == {"power off"},
            "all machines were read",
        )
        yield Room(rack, door)


def row(page: Page, name: str, state: str | None = None) -> Locator:
    """The row of a node, in a state or any."""
    return page.locator(f'[data-node="{name}"]' + (f'[data-state="{state}"]' if state else ""))


def attention(door: Door) -> list[str]:
    """What needs attention, in the server's words."""
    found: Any = door.http.get("/podium/v1/status").json()["attention"]
    return [one["text"] for one in found]


def is_told(page: Page, texts: list[str]) -> bool:
    """Whether the page says one of these, which may become others: of one node after the other."""
    return any(page.get_by_text(text).first.is_visible() for text in texts)


def test_a_machine_that_is_switched_behind_podiums_back_changes_before_ones_eyes(
    room: Room, look: Windows
) -> None:
    page = look(room.door.url)
    expect(row(page, "r1n02", "power off")).to_be_visible()
    room.rack.ctl("power", "on", "127.20.0.2")
    expect(row(page, "r1n02", "power on")).to_be_visible()
    expect(row(page, "r1n03", "power off")).to_be_visible()
    room.rack.ctl("power", "off", "127.20.0.2")
    expect(row(page, "r1n02", "power off")).to_be_visible()


def test_a_rack_that_dies_keeps_its_last_states_and_says_that_it_fails(room: Room, look: Windows) -> None:
    page = look(room.door.url)
    expect(row(page, "r1n01")).to_be_visible()
    room.rack.ctl("fault", "dead", "100%")
    for number in range(1, MACHINES + 1):
        its = row(page, f"r1n{number:02}", "power off")
        expect(its).to_contain_text("not answer")
    eventually(lambda: is_told(page, attention(room.door)), "the page says what is wrong as the status does")
    room.rack.ctl("fault", "clear", "dead", "100%")
    expect(row(page, "r1n01")).not_to_contain_text("not answer")


def test_a_conductor_that_is_killed_is_missed(room: Room, look: Windows) -> None:
    page = look(room.door.url, "#/conductors")
    expect(page.get_by_text("here").first).to_be_visible()
    fleet = look(room.door.url)
    expect(row(fleet, "r1n01")).to_be_visible()
    room.door.conductor.kill()
    database = Database(room.door.conductor.url)
    with database.write() as connection:  # as after minutes
        connection.execute(sa.update(leases).values(renewed_at=clock.later(clock.now(connection), -999)))
    database.dispose()
    eventually(
        lambda: is_told(fleet, [text for text in attention(room.door) if "here" in text]),
        "the page misses the conductor as the status does",
    )


def test_an_api_that_is_restarted_is_waited_for_and_what_happened_meanwhile_is_shown(
    room: Room, look: Windows
) -> None:
    look.expect(UNREACHABLE)
    page = look(room.door.url)
    expect(row(page, "r1n04", "power off")).to_be_visible()
    shell = page.locator("podium-page")
    room.door.kill()
    expect(shell).to_have_attribute("data-connection", "lost")
    expect(row(page, "r1n04", "power off")).to_be_visible()
    room.rack.ctl("power", "on", "127.20.0.4")
    conductor = room.door.conductor
    eventually(lambda: conductor.nodes()["r1n04"]["power_state"] == "power on", "the change is found")
    room.door.start()
    expect(shell).to_have_attribute("data-connection", "live")
    expect(row(page, "r1n04", "power on")).to_be_visible()


def test_machines_are_switched_from_the_page_to_the_wire(room: Room, look: Windows) -> None:
    page = look(room.door.url)
    page.locator("[data-role=filter]").fill("r1n[05-06]")
    expect(row(page, "r1n01")).to_have_count(0)
    row(page, "r1n05").click()
    row(page, "r1n06").click(modifiers=["Shift"])
    page.locator('[data-action="power on"]').first.click()
    question = page.locator("dialog[open]")
    expect(question).to_contain_text("r1n[05-06]")
    question.get_by_label("Reason").fill("to be tried")
    question.locator('[data-action="power on"]').click()
    for name in ("r1n05", "r1n06"):
        expect(row(page, name, "power on")).to_be_visible()
    log = room.rack.log("1-8")
    on = [address for address, bmc in log.items() if bmc["power_on"]]
    assert sorted(on) == ["127.20.0.5", "127.20.0.6"]


def test_what_is_beside_the_power_is_asked_for_from_the_page_to_the_wire(room: Room, look: Windows) -> None:
    page = look(room.door.url, "#/nodes/r1n01")

    def does(action: str, **chosen: str) -> None:
        page.locator(f"podium-node [data-action='{action}']").click()
        for label, value in chosen.items():
            page.get_by_role("dialog").get_by_label(label, exact=True).select_option(value)
        page.locator(f"dialog [data-action='{action}']").click()
        expect(page.get_by_role("dialog")).to_be_hidden()

    def becomes(words: str) -> None:
        eventually(lambda: words in room.rack.ctl("machines", "1"), f"the machine has {words}")
        # Until its operation has ended, the node is taken.
        nodes = room.door.conductor.nodes
        eventually(lambda: nodes()["r1n01"]["target_power_state"] is None, "nothing is under way")

    def ahead() -> float:
        found = re.search(r"clock_ahead ([-\d.]+)", room.rack.ctl("machines", "1"))
        assert found
        return float(found[1])

    does("set boot device", device="cdrom", mode="uefi")
    becomes("boot cdrom, once, uefi")
    page.get_by_role("button", name="read boot device").click()
    expect(page.get_by_text("Boot device: cdrom, once, uefi")).to_be_visible()
    does("identify", blink="until it is ended")
    becomes("identify on")
    does("identify", blink="no longer")
    becomes("identify off")

    room.rack.ctl("fault", "clock-off=-7500", "1")
    room.rack.ctl("event", "CPU1 Temp", "9", "1")
    room.rack.ctl("event", "0000e0a0a1a2a3a4a5a6a7a8a9aaabac", "1")
    page.get_by_role("button", name="read log").click()
    log = page.get_by_role("table", name="Log of the hardware").get_by_role("row")
    expect(log).to_have_count(3)
    expect(log.nth(2)).to_contain_text("CPU1 Temp")
    expect(page.get_by_text("2 entries; its clock is 2 h behind")).to_be_visible()
    with page.expect_download():
        does("clear log")
    becomes("log_entries 0")
    does("set clock")
    eventually(lambda: abs(ahead()) < 60, "the clock is right, but for the time that it takes to set it")
    page.get_by_role("button", name="read log").click()
    expect(page.get_by_text("The log of the hardware is empty.")).to_be_visible()
    page.get_by_role("button", name="read sensors").click()
    sensors = page.get_by_role("table", name="Sensors").get_by_role("row")
    expect(sensors.filter(has_text="Inlet Temp")).to_contain_text("Critical")
