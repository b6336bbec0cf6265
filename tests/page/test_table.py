"""The table of nodes: what it says, and choosing in it with the mouse and with the keyboard alone."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from chromium import UNREACHABLE, Windows, axe
from watched import PASSWORD, Site


@pytest.fixture
def page(site: Site, look: Windows) -> Page:
    """Show the 48 nodes of the site, all of them loaded."""
    found = look(site.url, "#/fleet")
    expect(table(found)).to_have_attribute("aria-rowcount", "49")
    return found


def table(page: Page) -> Locator:
    return page.get_by_role("grid", name="Nodes")


def row(page: Page, name: str) -> Locator:
    return page.locator(f'[data-node="{name}"]')


def chosen(page: Page, *names: str) -> None:
    """Wait until these are the chosen nodes among the rows that are there."""
    expect(page.locator('[data-node][aria-selected="true"] [role=rowheader]')).to_have_text(names)


def enter(page: Page) -> None:
    """Have the focus on the row that Tab leads to."""
    page.get_by_label("Choose all nodes that are shown").focus()
    page.keyboard.press("Tab")


def test_rows_say_what_is_known_of_each_node(page: Page, site: Site) -> None:
    for name, state in (
        ("r1n01", "power on"),
        ("r1n04", "power off"),
        ("r1n05", "unknown"),
        ("r1n06", "error"),
    ):
        expect(row(page, name)).to_have_attribute("data-state", state)
        expect(row(page, name)).to_contain_text(state)
    expect(row(page, "r1n05")).to_contain_text("never read")
    expect(row(page, "r1n07")).to_contain_text("BMC does not answer within 9.75 s")
    expect(row(page, "r1n09")).to_contain_text("Critical")
    expect(row(page, "r1n10").get_by_role("rowheader", name="maintenance")).to_be_visible()
    site.switch(["r1n01"], "power off")
    expect(row(page, "r1n01")).to_have_attribute("data-state", "power off")


def test_ages_grow_while_somebody_looks(page: Page) -> None:
    age = row(page, "r1n01").get_by_role("gridcell", name=" s ago")
    first = age.inner_text()
    expect(age).not_to_have_text(first)


def test_only_the_rows_in_view_are_elements_and_each_says_where_it_stands(page: Page) -> None:
    assert page.locator("[data-node]").count() < 48
    enter(page)
    page.keyboard.press("End")
    expect(row(page, "r4n12")).to_be_focused()
    expect(row(page, "r4n12")).to_have_attribute("aria-rowindex", "49")
    names = page.locator("[data-node]").evaluate_all("rows => rows.map(row => row.dataset.node)")
    assert names == sorted(names)
    page.keyboard.press("Home")
    expect(row(page, "r1n01")).to_be_focused()
    expect(row(page, "r1n01")).to_be_in_viewport()


def test_with_the_keyboard_alone_nodes_are_chosen_and_opened(page: Page) -> None:
    enter(page)
    page.keyboard.press("Space")
    chosen(page, "r1n01")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    chosen(page, "r1n01", "r1n03")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    chosen(page, "r1n03", "r1n04", "r1n05")
    page.keyboard.press("Shift+ArrowUp")
    chosen(page, "r1n03", "r1n04")
    page.keyboard.press("Control+a")
    expect(page.get_by_text("48 nodes chosen")).to_be_visible()
    page.keyboard.press("Escape")
    chosen(page)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#/nodes/r1n04$"))


def test_clicks_choose_one_node_or_a_range_or_one_more(page: Page) -> None:
    row(page, "r1n03").locator(".power").click()
    chosen(page, "r1n03")
    row(page, "r1n05").locator(".power").click(modifiers=["Shift"])
    chosen(page, "r1n03", "r1n04", "r1n05")
    row(page, "r1n04").locator(".power").click(modifiers=["Control"])
    row(page, "r1n08").locator(".choose").click()
    chosen(page, "r1n03", "r1n05", "r1n08")
    page.get_by_label("Choose all nodes that are shown").check()
    expect(page.get_by_text("48 nodes chosen")).to_be_visible()


def test_a_click_on_the_name_opens_the_node(page: Page) -> None:
    row(page, "r1n02").get_by_role("link").click()
    expect(page).to_have_url(re.compile("#/nodes/r1n02$"))


def test_the_focus_stays_with_its_node_when_others_go(page: Page, site: Site) -> None:
    enter(page)
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    site.delete(["r1n01", "r1n02"])
    expect(table(page)).to_have_attribute("aria-rowcount", "47")
    expect(row(page, "r1n05")).to_be_focused()
    site.delete(["r1n05"])
    expect(row(page, "r1n06")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(row(page, "r1n07")).to_be_focused()


def test_the_focus_stays_while_the_row_is_scrolled_out_of_view(page: Page) -> None:
    enter(page)
    page.locator("podium-table .view").evaluate("view => { view.scrollTop = view.scrollHeight; }")
    expect(row(page, "r4n12")).to_be_in_viewport()
    expect(row(page, "r1n01")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(row(page, "r1n02")).to_be_focused()
    expect(row(page, "r1n02")).to_be_in_viewport()


def test_what_is_chosen_stays_so_while_the_filter_does_not_show_it(page: Page) -> None:
    row(page, "r1n03").locator(".choose").click()
    page.locator("[data-role=filter]").fill("r2")
    expect(table(page)).to_have_attribute("aria-rowcount", "13")
    expect(page.get_by_text("1 node chosen, 1 not shown")).to_be_visible()
    page.locator("[data-role=filter]").fill("")
    expect(row(page, "r1n03")).to_have_attribute("aria-selected", "true")


def test_what_is_old_looks_old_until_the_connection_is_back(page: Page, site: Site, look: Windows) -> None:
    look.expect(UNREACHABLE)
    state = row(page, "r1n01").get_by_role("gridcell", name="power on")
    expect(state).to_have_css("font-style", "normal")
    site.door.kill()
    expect(state).to_have_css("font-style", "italic")
    site.door.start()
    expect(state).to_have_css("font-style", "normal")


def test_a_double_click_opens_the_node(page: Page) -> None:
    row(page, "r1n02").locator(".power").dblclick()
    expect(page).to_have_url(re.compile("#/nodes/r1n02$"))


def test_a_filter_that_no_node_meets_says_so(page: Page) -> None:
    page.locator("[data-role=filter]").fill("name=no-such-node")
    expect(page.locator("podium-table")).to_contain_text("No node meets the filter")


def test_all_nodes_of_a_filter_that_is_wrong_cannot_be_chosen(page: Page) -> None:
    page.locator("[data-role=filter]").fill("power_state=bananas")
    expect(page.get_by_text("48 nodes: this filter is not in force")).to_be_visible()
    expect(page.get_by_label("Choose all nodes that are shown")).to_be_disabled()
    row(page, "r1n01").focus()
    page.keyboard.press("Control+a")
    chosen(page)
    page.locator("[data-role=filter]").fill("power_state=off")
    page.get_by_label("Choose all nodes that are shown").check()
    expect(page.get_by_text("12 nodes chosen")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("dark", [False, True])
def test_the_table_is_there_for_all(site: Site, look: Windows, width: int, dark: bool) -> None:
    page = look(site.url, "#/fleet", width=width, dark=dark)
    row(page, "r1n09").locator(".choose").click()
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_readers_look_and_choose_nothing(serve: Callable[..., Site], look: Windows) -> None:
    site = serve(users=True)
    page = look(site.url, "#/fleet", user="reader", password=PASSWORD)
    expect(row(page, "r1n01")).to_be_visible()
    expect(page.get_by_label("Choose all nodes that are shown")).to_be_hidden()
    row(page, "r1n01").locator(".power").click()
    page.keyboard.press("Control+a")
    chosen(page)
    expect(page.locator("podium-actions button, podium-table button")).to_have_count(0)
