"""The fleet at a glance: counts, and a heat map of all nodes by rack."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from chromium import UNREACHABLE, Windows
from daemons import eventually
from watched import Site


def heat_map(page: Page, text: str) -> Locator:
    """Return the picture of all nodes whose label has this text."""
    return page.get_by_role("img", name=re.compile(text))


def cell(page: Page, name: str) -> tuple[float, float]:
    """Return where the middle of a node's cell is in the window."""
    expect(heat_map(page, "nodes by rack and")).to_be_visible()
    found = page.evaluate(
        """(name) => {
            const { nodes, picture, scroller } = document.querySelector("podium-heatmap");
            const { layout, unit, side } = picture;
            const place = nodes.findIndex((node) => node.name === name);
            const [x, y] = [layout.x[place], layout.y[place]];
            const { left, top } = scroller.getBoundingClientRect();
            return [left + (x + side / 2) / unit, top + (y + side / 2) / unit - scroller.scrollTop];
        }""",
        name,
    )
    return found[0], found[1]


def colour(page: Page, name: str) -> str:
    """Return what colour the lower right of a node's cell has, as soon as it is drawn."""
    found = page.wait_for_function(
        """(name) => {
            const { nodes, picture, scroller } = document.querySelector("podium-heatmap");
            const place = nodes.findIndex((node) => node.name === name);
            if (!picture || place < 0) return null;
            const { layout, unit, side } = picture;
            const [x, y] = [layout.x[place] + side / 2, layout.y[place] + side / 2];
            const copy = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
            const top = scroller.scrollTop * unit;
            copy.drawImage(scroller.querySelector("canvas"), -x - 8 * unit, top - y - 3 * unit);
            const found = copy.getImageData(0, 0, 1, 1).data;
            return found[3] ? found.join() : null;
        }""",
        arg=name,
    )
    return str(found.json_value())


def choose(page: Page, name: str, *modifiers: str) -> None:
    for key in modifiers:
        page.keyboard.down(key)
    page.mouse.click(*cell(page, name))
    for key in modifiers:
        page.keyboard.up(key)


def chosen(page: Page) -> Locator:
    return page.locator("[data-node][aria-selected=true]")


@pytest.fixture
def page(site: Site, look: Windows) -> Page:
    page = look(site.url)
    expect(heat_map(page, "^48 nodes")).to_be_visible()
    is_settled(page)
    return page


def is_settled(page: Page) -> None:
    """Wait for the counts and for what needs attention, which take room from the heat map."""
    expect(page.get_by_role("list", name="The whole fleet").get_by_role("img").first).to_be_visible()
    findings = page.get_by_role("list", name="What needs attention").get_by_role("listitem")
    expect(findings.first).to_be_visible()


def test_the_counts_are_there_as_text(page: Page) -> None:
    counts = page.get_by_role("list", name="The whole fleet")
    expect(counts.get_by_role("link", name="48 nodes")).to_be_visible()
    expect(counts.get_by_role("link", name="28 power on")).to_be_visible()
    expect(counts.get_by_role("link", name="4 error")).to_be_visible()
    expect(counts.get_by_role("link", name="under way")).to_be_hidden()
    expect(counts.get_by_role("img", name="power on: always 28 in the last 1 min")).to_be_visible()


def test_a_plot_shows_how_a_count_went(site: Site, page: Page) -> None:
    site.switch(["r1n01", "r1n02"], "power off")
    expect(page.get_by_role("img", name="power on: between 26 and 28, now 26, in the last")).to_be_visible()


def test_the_heat_map_says_in_words_what_it_shows(page: Page) -> None:
    words = "28 power on, 12 power off, 4 error, 4 unknown, 4 failing. The table has the same"
    expect(heat_map(page, f"48 nodes by rack and power: {words}")).to_be_visible()
    legend = page.get_by_role("list", name="Nodes shown").get_by_role("listitem")
    told = ["power on28", "power off12", "error4", "unknown4", "failing4"]
    expect(legend).to_have_text(told)


def test_a_machine_that_is_switched_behind_ones_back_has_another_colour(site: Site, page: Page) -> None:
    on, off = colour(page, "r1n01"), colour(page, "r1n04")
    assert on != off
    site.switch(["r1n01"], "power off")
    expect(heat_map(page, "27 power on, 13 power off")).to_be_visible()
    eventually(lambda: colour(page, "r1n01") == off, "the colour of what is off")
    assert colour(page, "r1n02") == on


def test_a_rack_that_dies_is_seen_at_once(site: Site, page: Page) -> None:
    before = colour(page, "r2n01")
    site.silence([f"r2n{place:02}" for place in range(1, 13)])
    expect(heat_map(page, "28 power on, 12 power off, .* 15 failing")).to_be_visible()
    eventually(lambda: colour(page, "r2n01") != before, "another colour")


def test_the_address_says_what_the_colours_mean(page: Page, site: Site, look: Windows) -> None:
    page.get_by_role("button", name="health", exact=True).click()
    expect(heat_map(page, "by rack and health: 44 OK, 0 Warning, 4 Critical")).to_be_visible()
    expect(page.get_by_role("button", name="health", exact=True)).to_have_attribute("aria-pressed", "true")
    colleague = look(site.url, page.url.removeprefix(site.url + "/"))
    expect(heat_map(colleague, "by rack and health")).to_be_visible()


def test_what_is_under_way_is_seen(site: Site, page: Page) -> None:
    page.get_by_role("button", name="under way").click()
    site.conductor.become_slow()
    site.ask("rebooting", "r2n[01-03]")
    expect(heat_map(page, "45 nothing under way, .* 3 rebooting")).to_be_visible()


def test_how_old_readings_are_is_seen(page: Page) -> None:
    page.get_by_role("button", name="age").click()
    expect(heat_map(page, "by rack and age: 44 read within 2 min, .* 4 never read")).to_be_visible()


def test_a_cell_says_which_node_it_is(page: Page) -> None:
    page.mouse.move(*cell(page, "r2n09"))
    expect(page.get_by_text("r2n09 · power on · Critical")).to_be_visible()
    page.mouse.move(1, 1)
    expect(page.get_by_text("r2n09 · power on · Critical")).to_be_hidden()


def test_a_click_chooses_a_node(page: Page) -> None:
    choose(page, "r1n03")
    expect(chosen(page)).to_have_attribute("data-node", "r1n03")
    choose(page, "r1n05", "Control")
    expect(chosen(page)).to_have_count(2)
    choose(page, "r1n02")
    expect(chosen(page)).to_have_attribute("data-node", "r1n02")


def test_a_range_is_chosen_with_shift(page: Page) -> None:
    choose(page, "r1n02")
    choose(page, "r1n05", "Shift")
    expect(chosen(page)).to_have_count(4)


def test_a_double_click_opens_a_node(page: Page) -> None:
    page.mouse.dblclick(*cell(page, "r3n11"))
    expect(page).to_have_url(re.compile("#/nodes/r3n11$"))


def test_what_needs_attention_leads_to_its_nodes(page: Page) -> None:
    findings = page.get_by_role("list", name="What needs attention")
    expect(findings.get_by_text("4 nodes are in critical health")).to_be_visible()
    findings.get_by_role("listitem").filter(has_text="critical health").get_by_role("link").click()
    expect(page.locator("[data-role=filter]")).to_have_value(re.compile("health"))
    expect(heat_map(page, "^4 nodes by rack")).to_be_visible()
    expect(page.get_by_text("4 of 48 nodes")).to_be_visible()


def test_a_count_leads_to_its_nodes(page: Page) -> None:
    page.get_by_role("link", name="12 power off").click()
    expect(heat_map(page, "^12 nodes by rack and power: 0 power on, 12 power off")).to_be_visible()
    page.get_by_role("link", name="48 nodes").click()
    expect(heat_map(page, "^48 nodes by rack")).to_be_visible()


def test_nodes_that_come_and_go_have_a_place(site: Site, page: Page) -> None:
    site.delete([f"r2n{place:02}" for place in range(1, 13)])
    expect(heat_map(page, "^36 nodes")).to_be_visible()
    assert cell(page, "r3n01") > (0, 0)


def test_what_is_no_longer_live_fades(site: Site, page: Page, look: Windows) -> None:
    look.expect(UNREACHABLE)
    site.door.kill()
    expect(page.locator("podium-heatmap .scroller")).to_have_css("opacity", re.compile("^0[.]"))
    site.door.start()
    expect(page.locator("podium-heatmap .scroller")).to_have_css("opacity", "1")


def test_a_narrow_screen_is_not_left_to_the_side(site: Site, look: Windows) -> None:
    page = look(site.url, width=360, height=740)
    expect(heat_map(page, "^48 nodes")).to_be_visible()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360


def test_five_thousand_nodes_are_on_one_screen(serve: Callable[..., Site], look: Windows) -> None:
    page = look(serve(racks=125, each=40).url)
    expect(heat_map(page, "^5,000 nodes")).to_be_visible()
    is_settled(page)
    last_x, last_y = cell(page, "r125n40")
    assert last_x < 1280
    assert last_y < 800
    page.mouse.move(last_x, last_y)
    expect(page.get_by_text("r125n40 · power off")).to_be_visible()
