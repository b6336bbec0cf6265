"""What the page says of one node, what can be asked of it there, and who may."""

from collections.abc import Callable

import sqlalchemy as sa
from playwright.sync_api import Locator, Page, expect

from chromium import UNREACHABLE, Windows
from podium.db import clock
from podium.db.models import leases, utcnow
from watched import PASSWORD, Site


def fact(page: Page, table: str, name: str) -> Locator:
    """Return what a table of facts says."""
    row = page.get_by_role("rowheader", name=name, exact=True)
    rows = page.get_by_role("table", name=table).get_by_role("row")
    return rows.filter(has=row).get_by_role("cell")


def test_a_node_says_how_it_is_and_why(site: Site, look: Windows) -> None:
    page = look(site.url, "#/nodes/r1n09")
    expect(page.locator("podium-node[data-node='r1n09'][data-state='power on']")).to_be_visible()
    expect(fact(page, "State", "health")).to_have_text("Critical")
    expect(fact(page, "State", "because")).to_have_text("FAN3: 0 rpm")
    expect(fact(page, "State", "read")).to_contain_text("ago")
    expect(fact(page, "Place", "conductor")).to_contain_text("c1")
    expect(fact(page, "Properties", "properties.cpus")).to_have_text("64")
    expect(fact(page, "Properties", "extra.zone")).to_have_text("north")


def test_entries_are_shown_whatever_they_are(site: Site, look: Windows) -> None:
    site.change(["r1n01"], {"extra": {"spare": False, "fans": 0, "slots": [1, 2], "by": {"who": "ada"}}})
    page = look(site.url, "#/nodes/r1n01")
    expect(fact(page, "Properties", "extra.spare")).to_have_text("false")
    expect(fact(page, "Properties", "extra.fans")).to_have_text("0")
    expect(fact(page, "Properties", "extra.slots")).to_have_text("[1,2]")
    expect(fact(page, "Properties", "extra.by")).to_have_text('{"who":"ada"}')


def test_what_was_never_read_is_unknown(site: Site, look: Windows) -> None:
    page = look(site.url, "#/nodes/r1n05")
    expect(fact(page, "State", "power")).to_have_text("unknown")
    expect(fact(page, "State", "read")).to_have_text("never")


def test_a_node_is_shown_as_it_becomes(site: Site, look: Windows) -> None:
    page = look(site.url, "#/nodes/r1n10")
    expect(fact(page, "State", "maintenance")).to_have_text("a new board")
    site.switch(["r1n10"], "power off")
    expect(page.locator("podium-node")).to_have_attribute("data-state", "power off")
    expect(page.get_by_role("heading", name="r1n10: power off")).to_be_visible()
    site.change(["r1n10"], {"maintenance": False, "maintenance_reason": None})
    expect(fact(page, "State", "maintenance")).to_have_count(0)


def test_the_history_says_who_and_why(site: Site, look: Windows) -> None:
    page = look(site.url, "#/nodes/r2n01")
    history = page.get_by_role("table", name="History").get_by_role("row")
    number = site.ask("power off", "r2n01", "it smells of smoke")
    asked = history.filter(has_text="it smells of smoke").filter(has_text="power on → power off")
    expect(asked).to_contain_text("@127.0.0.1")
    expect(asked.get_by_role("link")).to_have_attribute("href", f"#/operations/{number}")
    site.switch(["r2n01"], "power on")
    expect(history.nth(1)).to_contain_text("out-of-band")


def test_those_who_may_ask_a_node_for_something_there(serve: Callable[..., Site], look: Windows) -> None:
    site = serve(users=True)
    page = look(site.url, "#/nodes/r1n01", user="operator", password=PASSWORD)
    page.get_by_role("button", name="power off", exact=True).click()
    page.get_by_role("dialog").get_by_label("Reason").fill("a new fan")
    page.get_by_role("dialog").get_by_role("button", name="power off").click()
    expect(page.locator("podium-node")).to_have_attribute("data-state", "power off")
    expect(page.get_by_role("table", name="History")).to_contain_text("a new fan")
    assert site.states()["r1n01"] == "power off"


def test_a_reader_asks_for_sensors_and_for_nothing_else(serve: Callable[..., Site], look: Windows) -> None:
    page = look(serve(users=True).url, "#/nodes/r1n01", user="reader", password=PASSWORD)
    page.get_by_role("button", name="read sensors").click()
    sensors = page.get_by_role("table", name="Sensors")
    expect(sensors.get_by_role("row").filter(has_text="CPU10 Temp")).to_contain_text("21.5 celsius")
    unread = sensors.get_by_role("row").filter(has_text="CPU2 Temp")
    expect(unread).to_contain_text("no reading")
    expect(unread).not_to_contain_text("OK")
    expect(page.locator("main [data-action]:visible")).to_have_count(0)


def test_a_conductor_that_is_silent_is_marked_at_its_nodes(site: Site, look: Windows) -> None:
    page = look(site.url, "#/nodes/r1n01")
    expect(fact(page, "Place", "conductor")).not_to_contain_text("silent")
    site.conductor.kill()
    with site.database.write() as connection:
        connection.execute(sa.update(leases).values(renewed_at=clock.later(utcnow(), -999)))
    expect(fact(page, "Place", "conductor")).to_contain_text("which is silent")
    expect(page.get_by_role("heading", name="r1n01: power on")).to_contain_text("which is silent")
    page.get_by_role("button", name="read sensors").click()
    expect(page.get_by_text("Nobody can ask the hardware")).to_be_visible()


def test_entries_are_readable_on_a_narrow_screen(site: Site, look: Windows) -> None:
    site.change(["r1n01"], {"extra": {"a_long_name_without_any_gap": "SN-0123456789-ABCDEF"}})
    page = look(site.url, "#/nodes/r1n01", width=360)
    value = fact(page, "Properties", "extra.a_long_name_without_any_gap")
    expect(value).to_have_text("SN-0123456789-ABCDEF")
    assert value.evaluate("cell => cell.getClientRects()[0].height") < 60


def test_secrets_are_masked(serve: Callable[..., Site], look: Windows) -> None:
    page = look(serve(worn=True).url, "#/nodes/r1n01")
    expect(fact(page, "Properties", "driver_info.ipmi_password")).to_have_text("******")


def test_a_node_that_is_not_there_is_said_to_be_missing(site: Site, look: Windows) -> None:
    look.expect("status of 404")
    page = look(site.url, "#/nodes/r9n99")
    expect(page.get_by_role("alert")).to_contain_text("r9n99")
    expect(page.get_by_role("alert")).not_to_contain_text("podium")
    expect(page.get_by_role("heading", name="r9n99").last).to_be_visible()
    expect(page.get_by_role("button", name="read sensors")).to_be_hidden()


def test_what_can_no_longer_be_loaded_stays_and_is_marked_as_old(site: Site, look: Windows) -> None:
    look.expect(UNREACHABLE)
    page = look(site.url, "#/nodes/r1n01")
    expect(page.get_by_role("heading", name="r1n01: power on")).to_be_visible()
    site.door.kill()
    expect(page.locator("podium-node > [role=alert]")).to_be_visible()
    expect(page.locator("podium-node[data-old]")).to_be_visible()
    expect(page.get_by_role("heading", name="r1n01: power on")).to_be_visible()
    site.door.start()
    expect(page.locator("podium-node[data-old]")).to_have_count(0)
