"""Asking something of nodes in the page: who may, the question, what comes of it, and what goes wrong."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from chromium import UNREACHABLE, Windows, axe
from watched import PASSWORD, Site


def fleet(look: Windows, site: Site, user: str | None = None, **options: object) -> Page:
    """Show the fleet, once its nodes are loaded."""
    page = look(site.url, "#/fleet", user=user, password=PASSWORD, **options)
    expect(page.locator('[data-node="r1n01"]')).to_be_visible()
    return page


def choose(page: Page, *names: str) -> None:
    for name in names:
        page.locator(f'[data-node="{name}"]').locator(".choose").click()
    expect(page.get_by_text(re.compile(rf"^{len(names)} nodes? chosen"))).to_be_visible()


def choose_all(page: Page) -> None:
    page.get_by_label("Choose all nodes that are shown").check()


def ask(page: Page, action: str) -> Locator:
    """Begin an action, and return the question."""
    page.locator(f'podium-actions [data-action="{action}"]').click()
    question = page.get_by_role("dialog")
    expect(question).to_be_visible()
    return question


def agree(question: Locator, action: str) -> None:
    question.locator(f'[data-action="{action}"]').click()


def test_nodes_are_switched_off_with_a_reason(site: Site, look: Windows) -> None:
    page = fleet(look, site)
    choose(page, "r1n01", "r1n02", "r1n04")
    question = ask(page, "power off")
    expect(question).to_have_accessible_name("Switch 3 nodes off?")
    expect(question).to_contain_text("1 rack: r1")
    expect(question).to_contain_text("Nodes: r1n[01-02,04]")
    expect(question).to_contain_text("On now, and stopped by this: 2 nodes")
    question.get_by_label("Reason").fill("a new board")
    agree(question, "power off")
    expect(question).to_be_hidden()
    expect(page.get_by_text("3 requested")).to_be_visible()
    for name in ("r1n01", "r1n02", "r1n04"):
        expect(page.locator(f'[data-node="{name}"]')).to_have_attribute("data-state", "power off")
    expect(page.locator("podium-actions")).to_contain_text("3 of 3 done")
    page.get_by_role("link", name=re.compile(r"operation \d+")).click()
    expect(page).to_have_url(re.compile(r"#/operations/\d+$"))
    operation = site.door.http.get("/podium/v1/operations").json()["items"][0]
    assert (operation["action"], operation["reason"]) == ("power off", "a new board")


def test_with_the_keyboard_alone_a_node_is_switched_off(site: Site, look: Windows) -> None:
    page = fleet(look, site)
    page.get_by_label("Choose all nodes that are shown").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    button = page.locator('podium-actions [data-action="power off"]')
    for _ in range(20):
        if button.evaluate("button => button === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Reason")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("by hand")
    page.keyboard.press("Enter")
    expect(page.locator('[data-node="r1n01"]')).to_have_attribute("data-state", "power off")
    expect(button).to_be_focused()


def test_for_many_nodes_their_number_is_to_be_typed(serve: Callable[..., Site], look: Windows) -> None:
    site = serve(racks=5)
    page = fleet(look, site)
    choose_all(page)
    question = ask(page, "power on")
    expect(question).to_contain_text("5 racks: r[1-5]")
    expect(question).to_contain_text("Nodes: r[1-5]n[01-12]")
    question.get_by_label("Type 60 to go on").fill("48")
    agree(question, "power on")
    assert question.locator("input:invalid").count() == 1
    expect(question).to_be_visible()
    assert site.door.http.get("/podium/v1/operations").json()["items"] == []
    question.get_by_label("Type 60 to go on").fill("60")
    agree(question, "power on")
    expect(page.get_by_text("60 requested")).to_be_visible()


def test_the_number_is_asked_for_too_where_only_the_api_knows_that_it_must_be(
    serve: Callable[..., Site], look: Windows
) -> None:
    """The limit has become lower since the page was loaded."""
    look.expect("400")
    site = serve(racks=5)
    page = look(site.url, "#/tasks")
    page.route("**/podium/v1/session", lambda route: route.fulfill(json=loosened(route)))
    page.goto(f"{site.url}/#/fleet")
    page.reload()
    expect(page.locator('[data-node="r1n01"]')).to_be_visible()
    choose_all(page)
    question = ask(page, "power on")
    expect(question.get_by_label("Type 60 to go on")).to_have_count(0)
    question.get_by_label("Reason").fill("all hands")
    agree(question, "power on")
    expect(question.get_by_role("alert")).to_contain_text("confirm_above")
    question.get_by_label("Type 60 to go on").fill("60")
    agree(question, "power on")
    expect(page.get_by_text("60 requested")).to_be_visible()
    assert site.door.http.get("/podium/v1/operations").json()["items"][0]["reason"] == "all hands"


def loosened(route: Route) -> Any:
    """Return what the API says of the session, with a limit that no question reaches."""
    return route.fetch().json() | {"confirm_above": 1000}


def test_what_is_refused_is_shown_for_each_reason(site: Site, look: Windows) -> None:
    site.change(["r1n03", "r1n04"], {"disable_power_off": True})
    page = fleet(look, site)
    choose(page, "r1n01", "r1n03", "r1n04")
    agree(ask(page, "power off"), "power off")
    expect(page.get_by_text("1 requested")).to_be_visible()
    refused = page.get_by_text("r1n[03-04]: its disable_power_off is true, so that it is never switched off")
    expect(refused).to_be_visible()
    page.locator("[data-action=dismiss]").click()
    expect(refused).to_be_hidden()


def test_soft_actions_can_be_followed_by_the_hard_one(site: Site, look: Windows) -> None:
    page = fleet(look, site)
    choose(page, "r1n01")
    question = ask(page, "soft power off")
    question.get_by_label("Switch off those still on after the timeout").check()
    agree(question, "soft power off")
    expect(page.get_by_text("1 requested")).to_be_visible()
    assert site.door.http.get("/podium/v1/operations").json()["items"][0]["then_off"] is True


def test_nodes_go_into_maintenance_and_out_of_it(site: Site, look: Windows) -> None:
    page = fleet(look, site)
    choose(page, "r1n01", "r1n10")
    question = ask(page, "maintenance set")
    question.get_by_label("Reason").fill("new disks")
    agree(question, "maintenance set")
    expect(page.locator("podium-actions")).to_contain_text("in maintenance")
    assert site.door.http.get("/podium/v1/nodes/r1n01").json()["maintenance_reason"] == "new disks"
    question = ask(page, "maintenance unset")
    expect(question.get_by_label("Reason")).to_have_count(0)
    agree(question, "maintenance unset")
    expect(page.locator("podium-actions")).to_contain_text("2 out of maintenance")
    assert site.door.http.get("/podium/v1/nodes/r1n10").json()["maintenance"] is False


def test_a_failure_is_told_and_nothing_that_was_typed_is_lost(site: Site, look: Windows) -> None:
    look.expect(UNREACHABLE)
    page = fleet(look, site)
    choose(page, "r1n01")
    question = ask(page, "power off")
    question.get_by_label("Reason").fill("a new board")
    site.door.kill()
    agree(question, "power off")
    expect(question.get_by_role("alert")).to_contain_text("podium-api does not answer")
    expect(question.get_by_label("Reason")).to_have_value("a new board")
    site.door.start()
    agree(question, "power off")
    expect(page.get_by_text("1 requested")).to_be_visible()
    assert len(site.door.http.get("/podium/v1/operations").json()["items"]) == 1


def test_the_words_of_the_api_are_shown(site: Site, look: Windows) -> None:
    look.expect("404", "409", "400")
    page = fleet(look, site)
    choose(page, "r1n01")
    question = ask(page, "maintenance set")
    site.delete(["r1n01"])
    agree(question, "maintenance set")
    expect(question.get_by_role("alert")).to_contain_text("r1n01")


def test_an_answer_that_got_lost_does_not_switch_twice(site: Site, look: Windows) -> None:
    look.expect("ERR_FAILED")
    page = fleet(look, site)
    choose(page, "r1n01")

    def lose(route: object) -> None:
        route.fetch()  # type: ignore[attr-defined]
        route.abort()  # type: ignore[attr-defined]

    page.route("**/podium/v1/operations", lose, times=1)
    question = ask(page, "rebooting")
    agree(question, "rebooting")
    expect(question.get_by_role("alert")).to_be_visible()
    agree(question, "rebooting")
    expect(page.get_by_text("1 requested")).to_be_visible()
    assert len(site.door.http.get("/podium/v1/operations").json()["items"]) == 1


def test_a_session_that_ends_meanwhile_loses_nothing(serve: Callable[..., Site], look: Windows) -> None:
    look.expect("401")
    site = serve(users=True)
    page = fleet(look, site, "operator")
    choose(page, "r1n01")
    question = ask(page, "power off")
    question.get_by_label("Reason").fill("a new board")
    page.context.clear_cookies()
    agree(question, "power off")
    page.get_by_label("Name").fill("operator")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(question.get_by_label("Reason")).to_have_value("a new board")
    agree(question, "power off")
    expect(page).to_have_url(re.compile(r"#/operations/\d+$"))


def test_readers_see_no_buttons(serve: Callable[..., Site], look: Windows) -> None:
    site = serve(users=True)
    page = fleet(look, site, "reader")
    page.locator('[data-node="r1n01"]').click()
    assert page.locator("podium-actions button:visible").count() == 0


def test_one_node_is_acted_on_from_its_own_view_on_a_narrow_screen(site: Site, look: Windows) -> None:
    page = look(site.url, "#/nodes/r1n02", width=360)
    question = ask(page, "power off")
    expect(question).to_have_accessible_name("Switch r1n02 off?")
    agree(question, "power off")
    expect(page.get_by_text("1 requested")).to_be_visible()
    expect(page.locator('[data-node="r1n02"][data-state="power off"]')).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("dark", [False, True])
def test_the_question_is_there_for_all(
    serve: Callable[..., Site], look: Windows, width: int, dark: bool
) -> None:
    page = fleet(look, serve(racks=5), width=width, dark=dark)
    choose_all(page)
    question = ask(page, "soft power off")
    assert axe(page) == []
    question.get_by_label("Type 60 to go on").fill("60")
    agree(question, "soft power off")
    expect(page.get_by_text("60 requested")).to_be_visible()
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
