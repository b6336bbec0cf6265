"""Who may look, where one is, and whether what one sees is live."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from chromium import UNREACHABLE, Windows, axe
from watched import PASSWORD, Site

#: What a browser logs by itself of a login that was refused, and of a session that is over.
REFUSED = "status of 401"


@pytest.fixture
def guarded(serve: Callable[..., Site]) -> Site:
    """A fleet that one has to log in for."""
    return serve(users=True)


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def test_after_a_login_one_is_where_one_wanted_to_go(guarded: Site, look: Windows) -> None:
    page = look(guarded.url, "#/tasks")
    expect(page.get_by_label("Name")).to_be_focused()
    log_in(page, "reader")
    heading(page, "Tasks")
    expect(page).to_have_title("Tasks · Podium")
    expect(page.get_by_role("banner")).to_contain_text("reader · reader")


def test_a_wrong_password_is_refused_and_can_be_mended(guarded: Site, look: Windows) -> None:
    look.expect(REFUSED)
    page = look(guarded.url)
    log_in(page, "reader", "wrong")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Password")).to_be_focused()
    log_in(page, "reader")
    heading(page, "Fleet")


def test_a_token_is_a_way_to_log_in(guarded: Site, look: Windows) -> None:
    admin = look(guarded.url, user="admin", password=PASSWORD).context.request
    asked = {"name": "wall", "role": "reader", "expires_in": 3600}
    made = admin.post("/podium/v1/tokens", data=asked, headers={"Origin": guarded.url})
    page = look(guarded.url)
    assert made.ok, made.text()
    page.get_by_label("Password or token").fill(made.json()["secret"])
    page.locator("[data-action='log in']").click()
    heading(page, "Fleet")


def test_after_a_logout_nothing_of_the_fleet_is_left(guarded: Site, look: Windows) -> None:
    page = look(guarded.url, "#/nodes/r1n01", user="operator", password=PASSWORD)
    heading(page, "r1n01")
    page.locator("[data-action='log out']").click()
    expect(page.get_by_label("Name")).to_be_visible()
    expect(page.locator("body")).not_to_contain_text("r1n01")
    page.reload()
    expect(page.get_by_label("Name")).to_be_visible()


def test_a_session_that_is_over_asks_for_a_login_and_goes_on(guarded: Site, look: Windows) -> None:
    look.expect(REFUSED)
    page = look(guarded.url, "#/operations", user="operator", password=PASSWORD)
    heading(page, "Operations")
    page.context.clear_cookies()
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    expect(page.get_by_role("navigation")).to_be_hidden()
    log_in(page, "operator")
    heading(page, "Operations")
    expect(page.locator("podium-page")).to_have_attribute("data-connection", "live")


def test_a_tab_that_is_looked_at_again_knows_who_logged_in_meanwhile(guarded: Site, look: Windows) -> None:
    look.expect("status of 409")  # of what the page asks for by itself meanwhile
    page = look(guarded.url, user="operator", password=PASSWORD)
    expect(page.get_by_role("banner")).to_contain_text("operator")
    other = {"name": "reader", "password": PASSWORD}
    page.context.request.post("/podium/v1/session", data=other, headers={"Origin": guarded.url})
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_role("banner")).to_contain_text("reader · reader")


def test_who_has_no_role_is_told_whom_to_ask(guarded: Site, look: Windows) -> None:
    page = look(guarded.url)
    log_in(page, "nobody")
    expect(page.get_by_role("heading", name="nobody has no role here")).to_be_visible()
    expect(page.locator("[data-action='log out']")).to_be_visible()


def test_without_logins_nobody_is_asked(site: Site, look: Windows) -> None:
    page = look(site.url)
    heading(page, "Fleet")
    expect(page.locator("[data-action='log out']")).to_have_count(0)


def test_an_address_that_leads_nowhere_says_so(site: Site, look: Windows) -> None:
    page = look(site.url, "#/nonsense")
    expect(page.get_by_role("heading", name="There is nothing at this address")).to_be_visible()
    page.get_by_role("link", name="Show the fleet").click()
    heading(page, "Fleet")


@pytest.mark.parametrize("where", ["#/nodes/.", "#/nodes/..", "#/operations/..", "#/operations/1%2Fcancel"])
def test_an_address_leads_out_of_no_view(site: Site, look: Windows, where: str) -> None:
    page = look(site.url, where)
    expect(page.get_by_role("heading", name="There is nothing at this address")).to_be_visible()


def test_the_views_are_reached_by_keyboard_and_say_where_one_is(site: Site, look: Windows) -> None:
    page = look(site.url)
    heading(page, "Fleet")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Skip to the content")).to_be_focused()
    page.get_by_role("link", name="Conductors").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page.get_by_role("link", name="Conductors")).to_have_attribute("aria-current", "page")
    page.go_back()
    heading(page, "Fleet")


def test_a_lost_connection_is_shown_at_once_and_its_return_too(site: Site, look: Windows) -> None:
    look.expect(UNREACHABLE)
    page = look(site.url)
    shell = page.locator("podium-page")
    expect(shell).to_have_attribute("data-connection", "live")
    site.door.kill()
    expect(page.get_by_role("alert")).to_contain_text("No connection to Podium since")
    expect(shell).to_have_attribute("data-connection", "lost")
    site.door.start()
    expect(shell).to_have_attribute("data-connection", "live")
    expect(page.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 360])
def test_the_login_is_for_everybody(guarded: Site, look: Windows, dark: bool, width: int) -> None:
    page = look(guarded.url, dark=dark, width=width)
    expect(page.get_by_label("Name")).to_be_visible()
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_way_back_from_a_node_to_the_fleet_keeps_the_filter(site: Site, look: Windows) -> None:
    page = look(site.url, "#/fleet?where=r1n02")
    page.locator('[data-node="r1n02"] a').click()
    fleet = page.get_by_role("navigation").get_by_role("link", name="Fleet")
    expect(fleet).to_have_attribute("aria-current", "page")
    fleet.click()
    expect(page.locator("[data-role=filter]")).to_have_value("r1n02")
    fleet.click()
    expect(page.locator("[data-role=filter]")).to_have_value("")
