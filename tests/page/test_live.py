"""What happens to machines is on the screen by itself, also what happened while nothing could be heard."""

from datetime import timedelta

import sqlalchemy as sa
from playwright.sync_api import Locator, Page, expect

from chromium import UNREACHABLE, Windows
from podium.db import api
from podium.db.models import nodes, power_readings, utcnow
from watched import Site, fleet

#: The page's clock stands still but for what a test has pass: the page asks for readings every four seconds,
#: but the more rarely the longer an answer takes.
_STILL = """{
    const begun = Date.now();
    let passed = 0;
    Date.now = () => begun + passed;
    globalThis.pass = (milliseconds) => { passed += milliseconds; };
}"""


def row(page: Page, name: str) -> Locator:
    return page.locator(f'[data-node="{name}"]')


def read_before(site: Site, name: str, age: timedelta) -> None:
    """Have a node have been read that long ago, which the stream of changes does not report."""
    number = sa.select(nodes.c.id).where(nodes.c.name == name).scalar_subquery()
    its = sa.update(power_readings).where(power_readings.c.node_id == number)
    with site.database.write() as connection:
        connection.execute(its.values(checked_at=utcnow() - age))


def test_a_machine_that_somebody_switched_is_shown_as_it_is(site: Site, look: Windows) -> None:
    page = look(site.url)
    expect(row(page, "r1n01")).to_have_attribute("data-state", "power on")
    site.switch(["r1n01"], "power off")
    expect(row(page, "r1n01")).to_have_attribute("data-state", "power off")


def test_a_rack_that_no_longer_answers_says_why(site: Site, look: Windows) -> None:
    page = look(site.url)
    expect(row(page, "r1n01")).to_be_visible()
    site.silence([f"r1n{place:02}" for place in range(1, 13)], "the switch of rack r1 is dead")
    for name in ("r1n01", "r1n12"):
        expect(row(page, name)).to_contain_text("the switch of rack r1 is dead")


def test_machines_come_and_go_in_their_places(site: Site, look: Windows) -> None:
    page = look(site.url)
    expect(row(page, "r1n02")).to_be_visible()
    site.delete(["r1n01"])
    (new, *_) = fleet(1, 1)
    with site.database.write() as connection:
        api.create_nodes(connection, [{**new, "name": "r1n2a"}])
    expect(row(page, "r1n01")).to_have_count(0)
    expect(page.locator("[data-node]").nth(1)).to_have_attribute("data-node", "r1n2a")


def test_a_window_too_many_says_that_it_waits_until_another_is_closed(site: Site, look: Windows) -> None:
    """A browser has six connections to a server by HTTP/1.1, of which streams may not take all."""
    first = look(site.url)
    *live, last = first, *(first.context.new_page() for _ in range(4))
    for page in live:
        if page is not first:
            page.goto("/")
        expect(row(page, "r1n01")).to_be_visible()
    last.goto("/")
    expect(last.get_by_role("alert")).to_contain_text("This window waits")
    expect(last.locator("podium-page")).to_have_attribute("data-connection", "waiting")
    live.pop().close()
    expect(last.locator("podium-page")).to_have_attribute("data-connection", "live")
    site.switch(["r1n01"], "power off")
    for page in (*live, last):
        expect(row(page, "r1n01")).to_have_attribute("data-state", "power off")


def test_what_happened_while_the_api_was_away_is_shown_afterwards(site: Site, look: Windows) -> None:
    look.expect(UNREACHABLE)
    page = look(site.url)
    shell = page.locator("podium-page")
    expect(row(page, "r1n01")).to_have_attribute("data-state", "power on")
    page.evaluate("window.isTheSame = true")
    site.door.kill()
    expect(shell).to_have_attribute("data-connection", "lost")
    site.switch(["r1n01"], "power off")
    site.delete(["r1n02"])
    expect(row(page, "r1n01")).to_have_attribute("data-state", "power on")
    site.door.start()
    expect(row(page, "r1n01")).to_have_attribute("data-state", "power off")
    expect(row(page, "r1n02")).to_have_count(0)
    expect(shell).to_have_attribute("data-connection", "live")
    assert page.evaluate("window.isTheSame")


def test_ages_are_those_of_the_last_reading(site: Site, look: Windows) -> None:
    read_before(site, "r1n01", timedelta(hours=3))
    page = look(site.url)
    page.add_init_script(_STILL)
    page.reload()
    expect(row(page, "r1n01")).to_contain_text("3 h ago")
    expect(page.locator("podium-fleet .filter > [role=status]")).to_have_text("48 nodes")
    read_before(site, "r1n01", timedelta())
    page.evaluate("pass(4000)")
    expect(row(page, "r1n01")).to_contain_text(" s ago")


def test_a_filter_by_an_entry_that_the_page_did_not_know_follows_it(site: Site, look: Windows) -> None:
    page = look(site.url, "#/fleet?where=extra.zone%3Dsouth")
    expect(row(page, "r2n01")).to_be_visible()
    expect(row(page, "r1n01")).to_have_count(0)
    site.change(["r1n01"], {"extra": {"rack": "r1", "zone": "south"}})
    expect(row(page, "r1n01")).to_be_visible()
