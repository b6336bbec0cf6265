"""The filter: what is typed, what is shown for it, and what is said of what cannot be understood."""

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from chromium import UNREACHABLE, Windows, axe
from watched import PASSWORD, Site

#: Texts and the nodes that are shown for them, of the fleet that :func:`watched.fleet` describes.
CHOSEN = {
    "r1n[01-03]": ["r1n01", "r1n02", "r1n03"],
    "r2n02,r1n02": ["r1n02", "r2n02"],
    "r[1-2]n07 r4n1?": ["r1n07", "r2n07", "r4n10", "r4n11", "r4n12"],
    "R1N1": ["r1n10", "r1n11", "r1n12"],
    "extra.rack=r1 and (power_state=error or power_state=none)": ["r1n05", "r1n06"],
    "health=critical and name~r2*": ["r2n09"],
    "failing and not name~r[34]*": ["r1n07", "r2n07", "r3n07", "r4n07"],
    "would_enforce": [],
    "maintenance and extra.zone=south": ["r2n10", "r4n10"],
    "properties.cpus>=64 and name in (r1n01, r1n02)": ["r1n01", "r1n02"],
    "description=none and name=r3n03": ["r3n03"],
    "age=none and name~r1*": ["r1n05"],
}


def box(page: Page) -> Locator:
    return page.locator("[data-role=filter]")


def shows(page: Page, *names: str) -> None:
    """Wait until these nodes are in the table, and no others."""
    rows = page.locator("podium-table [data-node]")
    expect(rows).to_have_count(len(names))
    for place, name in enumerate(names):
        expect(rows.nth(place)).to_have_attribute("data-node", name)


def test_what_is_typed_is_what_is_shown(site: Site, look: Windows) -> None:
    page = look(site.url)
    for text, names in CHOSEN.items():
        box(page).fill(text)
        shows(page, *names)
        expect(box(page)).to_have_attribute("aria-invalid", "false")


def test_a_link_that_is_too_long_is_refused_at_once(site: Site, look: Windows) -> None:
    page = look(site.url, "#/fleet?where=a" + "+" * 200_000 + "b")
    expect(page.get_by_text("A filter has at most 2000 characters")).to_be_visible()
    box(page).fill("r1n01")
    shows(page, "r1n01")


def test_keys_that_every_object_of_a_browser_has_are_of_no_node(site: Site, look: Windows) -> None:
    site.change(["r1n02"], {"extra": {"rack": "r1", "constructor": "us"}})
    page = look(site.url)
    box(page).fill("not extra.constructor=none")
    shows(page, "r1n02")
    box(page).fill("name=r1n01 and extra.__proto__=none")
    shows(page, "r1n01")


def test_a_node_comes_into_the_filter_and_goes_as_it_changes(site: Site, look: Windows) -> None:
    page = look(site.url, "#/fleet?where=power_state%3Derror")
    shows(page, "r1n06", "r2n06", "r3n06", "r4n06")
    site.switch(["r2n06"], "power on")
    shows(page, "r1n06", "r3n06", "r4n06")
    site.switch(["r4n01", "r3n06"], "error")
    shows(page, "r1n06", "r3n06", "r4n01", "r4n06")
    site.delete(["r1n06"])
    shows(page, "r3n06", "r4n01", "r4n06")


def test_the_nodes_of_a_conductor_that_is_gone_begin_to_fail_in_the_filter(site: Site, look: Windows) -> None:
    page = look(site.url, "#/fleet?where=failing+and+name~r1n0%3F")
    shows(page, "r1n07")
    site.silence(["r1n03"])
    shows(page, "r1n03", "r1n07")
    site.switch(["r1n07"], "power on")
    shows(page, "r1n03")


def test_a_fault_has_its_place_and_the_servers_words_and_changes_nothing_else(
    site: Site, look: Windows
) -> None:
    page = look(site.url, "#/fleet?where=r1n0%5B1-2%5D")
    shows(page, "r1n01", "r1n02")
    for text, words in (
        ("power_state=off and power_stat=on", "did you mean power_state?"),
        ("health=blue", "none of critical, ok, warning; none is"),
        ("owner=a b", "put values with spaces into quotation marks"),
        ("r1n[3-1]", "is no span such as 1-40"),
    ):
        box(page).fill(text)
        said = page.locator("podium-filter").get_by_role("status")
        expect(said).to_contain_text(words)
        expect(box(page)).to_have_attribute("aria-invalid", "true")
        expect(box(page)).to_have_accessible_description(re.compile(re.escape(words)))
        shows(page, "r1n01", "r1n02")
    assert axe(page) == []
    box(page).fill("health=blue")
    expect(said).to_have_text(re.compile("\n *health=blue\n *\\^{4}$"))  # the place
    box(page).fill("r1n03")
    shows(page, "r1n03")
    expect(said).to_have_text("")


def test_an_address_with_a_fault_says_that_all_nodes_are_shown(site: Site, look: Windows) -> None:
    page = look(site.url, "#/fleet?where=power_stat%3Doff")
    expect(page.get_by_text("48 nodes: this filter is not in force")).to_be_visible()
    box(page).fill("power_state=off")
    expect(page.get_by_text("12 of 48 nodes", exact=True)).to_be_visible()
    box(page).fill("power_stat=off")
    expect(page.get_by_text("12 of 48 nodes: this filter is not in force")).to_be_visible()


def test_a_filter_without_a_connection_is_a_fault_until_the_connection_is_back(
    site: Site, look: Windows
) -> None:
    look.expect(UNREACHABLE)
    page = look(site.url)
    expect(page.locator("podium-fleet .filter > [role=status]")).to_have_text("48 nodes")
    site.door.kill()
    box(page).fill("power_state=error and name~r1*")
    said = page.locator("podium-filter").get_by_role("status")
    expect(said).to_contain_text("podium-api does not answer")
    expect(page.get_by_text("48 nodes: this filter is not in force")).to_be_visible()
    box(page).fill("r1n0? r2n01")
    expect(page.get_by_text("10 of 48 nodes", exact=True)).to_be_visible()
    box(page).fill("power_state=error and name~r1*")
    expect(said).to_contain_text("podium-api does not answer")
    site.door.start()
    shows(page, "r1n06")
    expect(said).to_have_text("")


def test_names_that_no_node_has_are_told_and_hide_nothing(site: Site, look: Windows) -> None:
    page = look(site.url, "#/fleet?where=r1n0%5B1-2%5D")
    shows(page, "r1n01", "r1n02")
    said = page.locator("podium-filter").get_by_role("status")
    for text, words in (
        ("power_stat", "No node has power_stat in its name; conditions look like extra.rack=r1"),
        ("@rack:r1", "extra.rack=r1"),
    ):
        box(page).fill(text)
        expect(said).to_contain_text(words)
        expect(box(page)).to_have_attribute("aria-invalid", "true")
        shows(page, "r1n01", "r1n02")
    box(page).fill("r1n[11-60]")
    shows(page, "r1n11", "r1n12")
    expect(box(page)).to_have_attribute("aria-invalid", "false")


def test_the_help_closes_by_escape_and_by_a_click_elsewhere(site: Site, look: Windows) -> None:
    page = look(site.url)
    panel = page.locator("podium-filter [popover]")
    for close in (lambda: page.keyboard.press("Escape"), lambda: page.locator("[data-node]").last.click()):
        page.locator("podium-filter").get_by_text("Help").click()
        expect(panel).to_be_visible()
        close()
        expect(panel).to_be_hidden()


def test_what_is_secret_is_refused_as_everywhere(site: Site, look: Windows) -> None:
    page = look(site.url)
    box(page).fill("extra.password=geheim")
    said = page.locator("podium-filter").get_by_role("status")
    expect(said).to_have_text("extra.password is, or has, a secret: nodes cannot be found by it")
    expect(box(page)).to_have_attribute("aria-invalid", "true")


def test_the_address_has_the_filter_for_a_colleague_and_a_link_changes_it(site: Site, look: Windows) -> None:
    page = look(site.url, "#/fleet?colour=health")
    box(page).press_sequentially('name="r2n02" or name=r2n03')
    shows(page, "r2n02", "r2n03")
    expect(page).to_have_url(f"{site.url}/#/fleet?colour=health&where=name%3D%22r2n02%22+or+name%3Dr2n03")
    other = look(site.url, page.url.removeprefix(f"{site.url}/"))
    expect(box(other)).to_have_value('name="r2n02" or name=r2n03')
    shows(other, "r2n02", "r2n03")
    other.get_by_role("link", name="r2n03").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("r2n03")
    other.go_back()
    expect(box(other)).to_have_value('name="r2n02" or name=r2n03')
    shows(other, "r2n02", "r2n03")
    other.evaluate("location.hash = '#/fleet?where=r3n03'")
    expect(box(other)).to_have_value("r3n03")
    shows(other, "r3n03")


def test_the_help_has_examples_and_all_fields(serve: Callable[..., Site], look: Windows) -> None:
    site = serve(users=True)
    page = look(site.url, user="reader", password=PASSWORD, width=360)
    page.locator("podium-filter").get_by_text("Help").press("Enter")
    panel = page.locator("podium-filter [popover]")
    expect(panel).to_contain_text("would_enforce")
    assert axe(page) == []
    for example in panel.locator("code").all()[:5]:
        box(page).fill(example.inner_text())
        expect(box(page)).to_have_attribute("aria-invalid", "false")
