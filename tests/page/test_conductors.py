"""Conductors on the page: who is there, how they keep up, and what admins ask of them."""

from collections.abc import Callable

from playwright.sync_api import expect

from chromium import Windows
from podium.db import enforcement
from podium.db.models import utcnow
from watched import PASSWORD, Site


def test_conductors_say_what_they_own_and_how_they_keep_up(serve: Callable[..., Site], look: Windows) -> None:
    page = look(serve(worn=True, users=True).url, "#/conductors", user="operator", password=PASSWORD)
    mine = page.locator("tr[data-key=c1]")
    expect(mine).to_contain_text("alive")
    expect(mine).to_contain_text("53")
    expect(mine).to_contain_text("100 %")
    expect(mine).to_contain_text("ago")
    expect(page.locator("tr[data-key=gone]")).to_contain_text("gone")
    sweep = page.get_by_role("table", name="Sweeps").get_by_role("row").nth(1)
    expect(sweep).to_contain_text("58 s")
    expect(sweep).to_contain_text("unreachable: 4936")
    expect(sweep).to_contain_text("late")
    expect(page.get_by_role("table", name="Freshness")).to_contain_text("fresh share")
    expect(page.get_by_role("table", name="Freshness")).to_contain_text("half up to")
    expect(page.locator("main [data-action]")).to_have_count(0)
    mine.get_by_role("link", name="53").click()
    expect(page.locator("[data-role=filter]")).to_have_value("conductor=c1")


def test_an_admin_drains_a_conductor_and_puts_it_back(site: Site, look: Windows) -> None:
    look.expect("status of 409")
    page = look(site.url, "#/conductors")
    page.get_by_role("button", name="drain c1").press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="drain").click()
    expect(dialog.get_by_role("alert")).to_contain_text("nobody else serves")
    dialog.get_by_role("checkbox").check()
    dialog.get_by_role("button", name="drain").click()
    expect(page.get_by_text("c1: drained from now on; warning: nobody else serves")).to_be_visible()
    expect(page.locator("tr[data-key=c1]")).to_contain_text("draining")
    page.get_by_role("button", name="undrain c1").click()
    dialog.get_by_role("button", name="undrain").click()
    expect(page.locator("tr[data-key=c1]")).to_contain_text("alive")


def test_who_thinks_better_of_it_changes_nothing(site: Site, look: Windows) -> None:
    page = look(site.url, "#/conductors")
    page.get_by_role("button", name="drain c1").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="drain c1")).to_be_focused()
    expect(page.locator("tr[data-key=c1]")).to_contain_text("alive")


def test_a_freeze_is_shown_and_ended(site: Site, look: Windows) -> None:
    with site.database.write() as connection:
        enforcement.freeze(connection, utcnow(), "30 of 48 nodes vanished")
    page = look(site.url, "#/conductors")
    expect(page.get_by_role("table", name="Enforcement")).to_contain_text("30 of 48 nodes vanished")
    page.get_by_role("button", name="thaw enforcement").click()
    page.get_by_role("dialog").get_by_role("button", name="thaw").click()
    expect(page.get_by_text("enforcement: goes on")).to_be_visible()
    expect(page.get_by_role("table", name="Enforcement")).to_be_hidden()
