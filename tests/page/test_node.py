"""What the page says of one node, what can be asked of it there, and who may."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from playwright.sync_api import Locator, Page, Route, expect

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


def asked(site: Site) -> dict[str, Any]:
    """Return the newest operation."""
    found: dict[str, Any] = site.door.http.get("/podium/v1/operations").json()["items"][0]
    return found


def table(page: Page, name: str) -> Locator:
    return page.get_by_role("table", name=name).get_by_role("row")


def entry(number: int, **values: Any) -> dict[str, Any]:
    at = f"2026-03-01T10:{number:02}:00+00:00"
    of_all = {"id": str(number), "at": at, "clock_at": at, "sensor": None, "raw": None}
    return {**of_all, "severity": "OK", "message": f"event {number}", **values}


def serve_log(page: Page, entries: list[dict[str, Any]], at_once: int, offset: float | None = 7200.0) -> None:
    """Have the hardware say these entries, the oldest first, so many in an answer."""

    def answer(route: Route) -> None:
        before = (route.request.post_data_json or {}).get("before")
        older = [one for one in entries if before is None or int(one["id"]) < int(before)]
        said = {"node": "r1n01", "node_uuid": "", "read_at": "2026-03-01T12:00:00+00:00", "conductor": "c1"}
        route.fulfill(
            json={
                **said,
                "entries": older[len(older) - min(at_once, len(older)) :],
                "more": len(older) > at_once,
                "clock_offset": offset,
            }
        )

    page.route("**/nodes/r1n01/log", answer)


def test_a_reader_reads_the_log_and_what_a_machine_boots_from(
    serve: Callable[..., Site], look: Windows
) -> None:
    page = look(serve(users=True).url, "#/nodes/r1n01", user="reader", password=PASSWORD)
    page.get_by_role("button", name="read boot device").click()
    expect(page.get_by_text("Boot device: pxe")).to_contain_text("read by c1")
    page.get_by_role("button", name="read log").click()
    rows = table(page, "Log of the hardware")
    expect(rows).to_have_count(13)
    expect(rows.nth(1)).to_contain_text("upper critical going high")
    expect(page.get_by_text("its clock is 30 min ahead")).to_be_visible()
    expect(page.locator("main [data-action]:visible")).to_have_count(0)


def test_a_log_is_shown_from_its_newest_entry_on(site: Site, look: Windows) -> None:
    page = look(site.url, "#/nodes/r1n01")
    first = [entry(1, at=None, clock_at=None, raw="0500dfdc"), entry(2, at=None, severity="Critical")]
    serve_log(page, [*first, entry(3), entry(4, severity="Warning", sensor="Inlet")], 2)
    page.get_by_role("button", name="read log").click()
    rows = table(page, "Log of the hardware")
    expect(rows.nth(1)).to_contain_text("event 4")
    expect(rows.nth(1).locator("[data-health=Warning]")).to_have_text("Warning")
    expect(rows.nth(1).locator("time")).to_have_attribute("datetime", "2026-03-01T10:04:00+00:00")
    expect(page.get_by_text("its clock is 2 h ahead, and times are corrected by that")).to_be_visible()
    page.get_by_role("button", name="older entries").click()
    expect(rows).to_have_count(5)
    expect(rows.nth(3)).to_contain_text("by its own clock")
    expect(rows.nth(4)).to_contain_text("unknown")
    rows.nth(4).get_by_text("show").click()
    expect(rows.nth(4).get_by_text("0500dfdc")).to_be_visible()
    expect(page.get_by_role("button", name="older entries")).to_be_hidden()


def test_a_log_is_cleared_once_a_copy_of_all_of_it_is_saved(
    site: Site, look: Windows, tmp_path: Path
) -> None:
    page = look(site.url, "#/nodes/r1n01")
    serve_log(page, [entry(number) for number in range(1, 8)], 3, None)
    page.get_by_role("button", name="read log").click()
    expect(page.get_by_text("nobody knows how far its clock is off")).to_be_visible()
    page.locator("[data-action='clear log']").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("it is full")
    with page.expect_download() as saving:
        page.locator("dialog [data-action='clear log']").click()
    assert re.fullmatch(r"r1n01-log-.*\.jsonl", saving.value.suggested_filename)
    saving.value.save_as(tmp_path / "log")
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["id"] for line in lines] == ["1", "2", "3", "4", "5", "6", "7"]
    expect(page.get_by_text(re.compile("saved, and cleared by operation"))).to_be_visible()
    found = asked(site)
    assert (found["action"], found["what"], found["reason"]) == ("clear log", "up to 7", "it is full")
    assert found["arguments"]["log"]["message"] == "event 7"
    assert found["arguments"]["log"]["clock_at"].startswith("2026-03-01T10:07:00")


def test_a_log_of_which_the_hardware_keeps_back_entries_is_not_cleared(site: Site, look: Windows) -> None:
    page = look(site.url, "#/nodes/r1n01")
    serve_log(page, [entry(1)], 2)
    page.get_by_role("button", name="read log").click()
    page.locator("[data-action='clear log']").click()
    serve_log(page, [entry(1)], 0)
    page.locator("dialog [data-action='clear log']").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("does not give its older entries")
    assert site.door.http.get("/podium/v1/operations").json()["items"] == []


def test_sensors_have_their_thresholds(site: Site, look: Windows) -> None:
    page = look(site.url, "#/nodes/r1n01")
    none = dict.fromkeys(
        f"{side}_{level}" for side in ("lower", "upper") for level in ("caution", "critical")
    )
    fan = {"kind": "fan", "value": 4200.0, "unit": "rpm", "status": "OK"}
    sensors = [
        {**fan, "name": "Fan 1", "thresholds": {**none, "lower_fatal": None, "upper_fatal": None}},
        {
            **fan,
            "name": "Fan 2",
            "thresholds": {
                **none, "lower_fatal": None, "upper_fatal": None,
                "lower_caution": 5.0, "upper_caution": 38.0, "upper_critical": 42.0,
            },
        },
    ]  # fmt: skip
    said = {"node": "r1n01", "node_uuid": "", "read_at": "2026-03-01T12:00:00+00:00", "conductor": "c1"}
    page.route("**/sensors", lambda route: route.fulfill(json={**said, "sensors": sensors}))
    page.get_by_role("button", name="read sensors").click()
    expect(table(page, "Sensors").nth(2)).to_contain_text("Warning <5 >38, Critical >42")
    expect(table(page, "Sensors").nth(1)).not_to_contain_text("Warning")


def test_a_clock_that_is_off_is_shown_and_set(site: Site, look: Windows) -> None:
    site.change(["r1n01"], {"clock_offset": -10_800.0})
    site.change(["r1n02"], {"clock_offset": 59.0})
    page = look(site.url, "#/nodes/r1n01")
    expect(fact(page, "State", "clock of the hardware")).to_have_text("3 h behind")
    page.locator("[data-action='set clock']").click()
    page.locator("dialog [data-action='set clock']").click()
    expect(page.get_by_text("1 requested")).to_be_visible()
    expect(page.get_by_role("table", name="History")).to_contain_text("set clock")
    page = look(site.url, "#/nodes/r1n02")
    expect(fact(page, "State", "power")).to_have_text("power on")
    expect(fact(page, "State", "clock of the hardware")).to_have_count(0)


def test_an_action_of_the_drivers_own_is_asked_for_with_its_arguments(site: Site, look: Windows) -> None:
    site.conductor.head.results["driver action"] = "blinked green 5 times"
    page = look(site.url, "#/nodes/r1n01")
    page.locator("[data-action='fake.blink']").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("Blink a light that nobody sees")
    question.get_by_label("colour").select_option("green")
    expect(question.get_by_label("times")).to_have_value("1")
    question.get_by_label("times").fill("often")
    look.expect("400")
    question.locator("[data-action='fake.blink']").click()
    expect(question.get_by_role("alert")).to_contain_text("times is a whole number, not 'often'")
    question.get_by_label("times").fill("5")
    question.locator("[data-action='fake.blink']").click()
    page.get_by_role("link", name="operation 1").click()
    expect(page.get_by_role("table", name="What was asked for")).to_contain_text(
        "driver action, fake.blink colour=green times=5"
    )
    expect(page.get_by_role("table", name="Results")).to_contain_text("blinked green 5 times")


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
