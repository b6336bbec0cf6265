"""Operations on the page: how far they are, their results, and their end before time."""

from collections.abc import Callable

from playwright.sync_api import expect

from chromium import Windows
from watched import PASSWORD, Site


def test_an_operation_is_followed_to_its_end(site: Site, look: Windows) -> None:
    site.conductor.kill()
    number = site.ask("power off", "r1n[01-12]", "the rack is moved")
    page = look(site.url, "#/operations")
    row = page.get_by_role("row").filter(has_text="the rack is moved")
    expect(row).to_contain_text("0 of 12 done, 12 not begun")
    row.get_by_role("link", name=str(number), exact=True).click()
    facts = page.get_by_role("table", name="What was asked for")
    expect(facts).to_contain_text("waits for")
    expect(page.get_by_role("heading", name=f"Operation {number}").last).to_be_visible()
    results = page.get_by_role("table", name="Results")
    expect(results).to_contain_text("r1n[01-12]")
    expect(results).to_contain_text("not begun yet")
    site.conductor.failures["r1n02"] = "BMC does not answer"
    site.conductor.start()
    expect(page.get_by_role("progressbar")).to_have_js_property("value", 12)
    expect(page.get_by_role("progressbar")).to_have_attribute("data-severity", "critical")
    expect(facts).to_contain_text("ago, after ")
    expect(facts).not_to_contain_text("waits for")
    rows = results.get_by_role("row")
    expect(rows.nth(1)).to_have_text("r1n021failed: BMC does not answer")
    expect(rows.nth(2)).to_have_text("r1n[01,03-12]11power off")
    rows.nth(1).get_by_role("link").click()
    expect(page.locator("podium-node")).to_have_attribute("data-node", "r1n02")


def test_an_operator_cancels_what_has_not_begun(serve: Callable[..., Site], look: Windows) -> None:
    site = serve(users=True)
    site.conductor.kill()
    number = site.ask("power off", "r1n[01-12]", "by mistake")
    reader = look(site.url, "#/operations", user="reader", password=PASSWORD)
    page = look(site.url, "#/operations", user="operator", password=PASSWORD)
    page.get_by_role("button", name=f"cancel operation {number}").press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("12 nodes not begun yet")
    expect(page.locator("tbody tr")).to_contain_text("12 not begun yet")
    dialog.get_by_role("button", name="cancel", exact=True).click()
    said = page.get_by_text(f"operation {number}: 12 cancelled, 0 under way, 0 had ended")
    expect(said).to_be_visible()
    expect(page.get_by_role("link", name=str(number), exact=True)).to_be_focused()
    page.get_by_role("button", name="Dismiss").click()
    expect(said).to_have_count(0)
    expect(page.get_by_role("row").filter(has_text="by mistake")).to_contain_text("12 cancelled")
    expect(page.locator("main [data-action=cancel]")).to_have_count(0)
    expect(reader.get_by_role("row").filter(has_text="by mistake")).to_contain_text("12 cancelled")
    expect(reader.locator("main [data-action]")).to_have_count(0)
    page.goto(f"/#/operations/{number}")
    expect(page.get_by_role("table", name="Results")).to_contain_text("cancelled by operator")


def test_the_newest_operations_come_first(site: Site, look: Windows) -> None:
    for _ in range(11):
        site.ask("rebooting", "r1n04")
    page = look(site.url, "#/operations")
    rows = page.get_by_role("table", name="Operations").get_by_role("row")
    expect(rows).to_have_count(12)
    expect(rows.nth(1).get_by_role("rowheader")).to_have_text("11")
    expect(rows.nth(1)).to_contain_text("reboot")


def test_a_row_stays_under_the_pointer_while_others_ask_for_more(site: Site, look: Windows) -> None:
    site.conductor.kill()
    first = site.ask("power off", "r1n01", "the first")
    page = look(site.url, "#/operations")
    page.get_by_role("button", name=f"cancel operation {first}").hover()
    second = site.ask("power off", "r1n02", "the second")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("the first")
    page.mouse.move(0, 0)
    expect(rows.nth(0)).to_contain_text("the second")
    assert second > first


def test_an_operation_that_is_not_there_is_said_to_be_missing(site: Site, look: Windows) -> None:
    look.expect("status of 404")
    page = look(site.url, "#/operations/77")
    expect(page.get_by_role("alert")).to_contain_text("77")
